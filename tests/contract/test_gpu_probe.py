"""What every GpuProbe promises: NVML on a stand-in driver, and the simulated fleet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from support import nvml

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.nvml import NvmlProbe
from sleeptui.core.ports import GpuProbe
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.probes import SimGpuProbe
from sleeptui.sim.scenario import SCENARIOS

MOST_GIB = 1024


@asynccontextmanager
async def on_nvml(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GpuProbe]:
    machine = nvml.Machine(directory / "machine")
    machine.gpu(0, used=87 * nvml.GIB, utilization=40)
    machine.gpu(1, used=nvml.GIB)
    machine.process(0, 4711, 86 * nvml.GIB)
    nvml.load(monkeypatch, machine)
    yield NvmlProbe(SystemClock(), deadline_s=30)


@asynccontextmanager
async def simulated(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GpuProbe]:
    async with running_fleet(SCENARIOS["two-gpus"], speed=20) as fleet:
        yield SimGpuProbe(fleet.address)


@asynccontextmanager
async def without_driver(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GpuProbe]:
    nvml.unload(monkeypatch)
    yield NvmlProbe(SystemClock(), deadline_s=30)


@asynccontextmanager
async def fleet_gone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GpuProbe]:
    async with running_fleet(SCENARIOS["two-gpus"], speed=20) as fleet:
        address = fleet.address
    yield SimGpuProbe(address)


@pytest.fixture
async def opened(tmp_path, monkeypatch):
    async with AsyncExitStack() as stack:

        async def open_probe(world) -> GpuProbe:
            return await stack.enter_async_context(world(tmp_path, monkeypatch))

        yield open_probe


@pytest.fixture(params=[pytest.param(on_nvml, marks=pytest.mark.nvml), simulated])
async def probe(request, opened):
    probe = await opened(request.param)
    yield probe
    await probe.close()


@pytest.fixture(params=[without_driver, fleet_gone])
async def blind_probe(request, opened):
    probe = await opened(request.param)
    yield probe
    await probe.close()


async def test_gpus_come_in_the_order_of_their_indices(probe):
    reading = await probe.sample()
    assert reading.problem is None
    assert [gpu.index for gpu in reading.gpus] == [0, 1]
    assert all(gpu.name for gpu in reading.gpus)
    assert len({gpu.uuid for gpu in reading.gpus}) == 2


async def test_figures_are_in_bytes_watts_degrees_and_fractions(probe):
    for gpu in (await probe.sample()).gpus:
        assert gpu.problem is None
        assert 1 < gpu.total_bytes / nvml.GIB < MOST_GIB
        assert 0 < gpu.used_bytes <= gpu.total_bytes
        assert gpu.used_bytes + gpu.free_bytes + (gpu.reserved_bytes or 0) == gpu.total_bytes
        assert 0 <= gpu.utilization <= 1
        assert 1 < gpu.power_w <= gpu.power_limit_w < 5000
        assert 0 < gpu.temperature_c < 150


async def test_processes_hold_no_more_than_is_used(probe):
    gpus = (await probe.sample()).gpus
    assert any(gpu.processes for gpu in gpus)
    for gpu in gpus:
        assert sum(process.used_bytes for process in gpu.processes) <= gpu.used_bytes
        assert all(process.pid > 0 for process in gpu.processes)


async def test_stamps_are_of_the_loops_clock_and_ascend(probe):
    clock = SystemClock()
    before = clock.now_s()
    first, second = await probe.sample(), await probe.sample()
    assert before <= first.at_s <= second.at_s <= clock.now_s()


async def test_the_memory_of_the_machine_is_told(probe):
    host = (await probe.sample()).host
    assert 0 < host.available_bytes < host.total_bytes


async def test_many_samples_at_once(probe):
    readings = await asyncio.gather(*(probe.sample() for _ in range(10)))
    assert all(len(reading.gpus) == 2 for reading in readings)


async def test_a_problem_is_a_sentence_not_an_error(blind_probe):
    reading = await blind_probe.sample()
    assert reading.gpus == ()
    assert reading.problem
    assert "\n" not in reading.problem
    assert reading.at_s > 0
