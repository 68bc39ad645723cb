"""Simulated fleets that differ by their seed alone."""

import asyncio
import gc
import socket
from collections.abc import Callable

import pytest

from sleeptui.sim.fleet import SimFleet, running_fleet
from sleeptui.sim.scenario import SCENARIOS


async def seen(take: Callable[[SimFleet], object], **options: object) -> object:
    async with running_fleet(SCENARIOS["exp1"], speed=4.0, **options) as fleet:
        assert fleet.speed == 4.0
        return take(fleet)


def pace(fleet: SimFleet) -> float:
    return fleet.engine("code").latency.pace


async def test_another_seed_is_another_fleet():
    usual, first, second = [await seen(pace, seed=seed) for seed in ("", "1", "2")]
    assert len({usual, first, second}) == 3
    assert await seen(pace) == usual
    assert await seen(pace, seed="1") == first


async def test_requests_have_a_speed_of_their_own():
    def step_s(fleet: SimFleet) -> float:
        return fleet.engine("code").latency.step_s(1)

    real = await seen(step_s, requests_speed=1.0)
    assert real == pytest.approx(4 * await seen(step_s))


def _listening(ports: set[int]) -> list[socket.socket]:
    gc.collect()
    sockets = (one for one in gc.get_objects() if isinstance(one, socket.socket))
    open_ = [one for one in sockets if one.fileno() >= 0 and one.family == socket.AF_INET]
    return [one for one in open_ if one.getsockname()[1] in ports]


@pytest.mark.parametrize("turns", [0, 1, 3, 7])
async def test_all_ports_are_let_go_where_the_end_is_cut_off(turns):
    ready = asyncio.Event()
    ports: set[int] = set()

    async def run() -> None:
        async with running_fleet(SCENARIOS["exp1"]) as fleet:
            ports.add(fleet._control.port)
            ports.update(host.listener.port for host in fleet.machine.hosts.values())
            ready.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(run())
    await ready.wait()
    assert len(_listening(ports)) == len(ports) == 3
    running.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    assert not _listening(ports)
