"""What every Surveyor promises: this machine with a stand-in driver, and the simulated one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from support import nvml

from sleeptui.adapters.machine import LocalSurveyor
from sleeptui.core.environment import env_id
from sleeptui.core.ports import Surveyor
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.probes import SimSurveyor
from sleeptui.sim.scenario import SCENARIOS


@asynccontextmanager
async def this_machine(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Surveyor]:
    machine = nvml.Machine(directory / "machine")
    machine.gpu(0)
    machine.gpu(1)
    nvml.load(monkeypatch, machine)
    yield LocalSurveyor(deadline_s=60)


@asynccontextmanager
async def simulated(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Surveyor]:
    async with running_fleet(SCENARIOS["two-gpus"], speed=20) as fleet:
        yield SimSurveyor(fleet.address)


@asynccontextmanager
async def without_driver(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Surveyor]:
    nvml.unload(monkeypatch)
    yield LocalSurveyor(deadline_s=60)


@asynccontextmanager
async def fleet_gone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Surveyor]:
    async with running_fleet(SCENARIOS["two-gpus"], speed=20) as fleet:
        address = fleet.address
    yield SimSurveyor(address)


@pytest.fixture
async def opened(tmp_path, monkeypatch):
    async with AsyncExitStack() as stack:

        async def open_surveyor(world) -> Surveyor:
            return await stack.enter_async_context(world(tmp_path, monkeypatch))

        yield open_surveyor


@pytest.fixture(params=[pytest.param(this_machine, marks=pytest.mark.nvml), simulated])
async def surveyor(request, opened):
    return await opened(request.param)


async def test_the_cards_of_the_machine(surveyor):
    machine = await surveyor.describe()
    assert machine.problems == ()
    assert [card.index for card in machine.cards] == [0, 1]
    assert len({card.uuid for card in machine.cards}) == 2
    for card in machine.cards:
        assert card.name
        assert card.total_bytes > nvml.GIB
        assert 1 < card.power_limit_w < 5000


async def test_the_machine_around_them(surveyor):
    machine = await surveyor.describe()
    assert machine.host
    assert machine.cpu
    assert machine.ram_bytes > nvml.GIB
    assert (machine.simulated is None) == isinstance(surveyor, LocalSurveyor)


async def test_it_is_the_same_the_second_time(surveyor):
    assert env_id(await surveyor.describe()) == env_id(await surveyor.describe())


@pytest.mark.parametrize("world", [without_driver, fleet_gone])
async def test_a_problem_is_a_sentence_not_an_error(opened, world):
    machine = await (await opened(world)).describe()
    assert machine.cards == ()
    (problem,) = machine.problems
    assert problem
    assert "\n" not in problem
