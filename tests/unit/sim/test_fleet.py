"""Simulated fleets that differ by their seed alone."""

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
