"""The processes of a simulated fleet: started, ended, started again."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from unit.sim.test_http import engine, scenario

from sleeptui.core.errors import ProcessError
from sleeptui.core.runtime import Running
from sleeptui.core.settings import ServerSpec
from sleeptui.core.units import GIB
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.fleet import SimFleet, running_fleet
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.runtime import SimRuntimes
from sleeptui.sim.spec import Start

LIMIT_S = 30.0


class World:
    def __init__(self, fleet: SimFleet) -> None:
        self.fleet = fleet
        self.runtimes = SimRuntimes(fleet.address)
        self.spec = fleet.address.servers[0]
        self.runtime = self.runtimes.of(self.spec)

    async def until(self, condition) -> Running:
        async with asyncio.timeout(LIMIT_S):
            while True:
                state = await self.runtime.state(self.spec)
                if condition(state):
                    return state
                await asyncio.sleep(0.01)

    async def listens(self) -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                return (await http.get(f"{self.spec.url}/health")).status_code == 200
            except httpx.ConnectError:
                return False

    async def until_it_listens(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while True:
                if await self.listens():
                    return
                await asyncio.sleep(0.01)


@pytest.fixture
async def world():
    async with running_fleet(scenario(engine(start=Start.STOPPED)), speed=50) as fleet:
        made = World(fleet)
        yield made
        await made.runtimes.close()


async def test_a_life(world):
    before = await world.runtime.state(world.spec)
    assert (before.is_running, before.pids, before.problem) == (False, frozenset(), "")
    assert not await world.listens()

    started = await world.runtime.start(world.spec)
    assert started.is_running
    await world.until_it_listens()
    state = await world.runtime.state(world.spec)
    assert (state.pids, state.what) == (started.pids, started.what)
    assert state.started_wall_s == started.started_wall_s
    output = await world.runtime.output(world.spec)
    assert any("init engine" in line for line in output)
    again = await world.runtime.start(world.spec)
    assert again == started

    stopped = await world.runtime.stop(world.spec, 1.0)
    assert (stopped.is_running, stopped.pids, stopped.exit_code) == (False, frozenset(), 0)
    assert not await world.listens()
    assert (await world.runtime.stop(world.spec, 1.0)) == stopped

    second = await world.runtime.start(world.spec)
    assert second.pids != started.pids
    assert second.started_wall_s > started.started_wall_s
    output = await world.runtime.output(world.spec)
    assert not any("Shutting down" in line for line in output)


async def test_homes_and_gpus_follow(world):
    homes, probe = SimHomes(world.fleet.address), SimGpuProbe(world.fleet.address)
    assert (await homes.homes([world.spec]))[world.spec.name].pids == frozenset()
    assert (await probe.sample()).gpus[0].used_bytes < GIB
    started = await world.runtime.start(world.spec)
    await world.until_it_listens()
    assert (await homes.homes([world.spec]))[world.spec.name].pids == started.pids
    assert (await probe.sample()).gpus[0].used_bytes > 50 * GIB
    await homes.close()
    await probe.close()


async def test_one_that_has_no_room_tells_why(world):
    world.fleet.machine.gpus[0].occupy(100 * GIB)
    await world.runtime.start(world.spec)
    state = await world.until(lambda state: not state.is_running)
    assert state.exit_code == 1
    assert "is less than desired GPU memory utilization" in state.problem


async def test_one_that_dies_ends(world):
    await world.runtime.start(world.spec)
    await world.until_it_listens()
    host = world.fleet.machine.host(world.spec.name)
    await host.set_fault(FaultSetting(fault=Fault.DEATH))
    state = await world.until(lambda state: not state.is_running)
    assert state.exit_code == 1
    assert (await world.runtime.start(world.spec)).is_running


async def test_servers_of_others_are_not_started(world):
    stranger = ServerSpec(name="stranger", url="http://127.0.0.1:1")
    assert world.runtimes.of(stranger) is None
    with pytest.raises(ProcessError, match="no server at"):
        await world.runtime.start(stranger)


async def test_a_fleet_that_is_gone(world):
    address = replace(world.fleet.address, control_url="http://127.0.0.1:1")
    runtime = SimRuntimes(address).of(world.spec)
    for asked in (
        runtime.start(world.spec),
        runtime.stop(world.spec, 1.0),
        runtime.state(world.spec),
        runtime.output(world.spec),
    ):
        with pytest.raises(ProcessError, match="does not answer"):
            await asked


async def test_an_order_that_is_none(world):
    address = world.fleet.address
    async with httpx.AsyncClient(
        base_url=address.control_url,
        headers={"authorization": f"Bearer {address.token}"},
        trust_env=False,
    ) as control:
        answer = await control.post(f"/processes/{world.spec.name}", json={"do": "pause"})
    assert answer.status_code == 400
    assert "'pause'" in answer.json()["error"]
