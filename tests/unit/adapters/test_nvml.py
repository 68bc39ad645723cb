"""NvmlProbe on the real binding and a stand-in library: each field and each failure."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pynvml
import pytest
from support import nvml
from support.clock import ManualClock

from sleeptui.adapters.nvml import NvmlProbe
from sleeptui.core.model import GpuProcess, GpuReading

pytestmark = pytest.mark.nvml
GIB = nvml.GIB


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nvml.Machine:
    """One H200, whose library is already loaded into the binding, as if found by the linker."""
    machine = nvml.Machine(tmp_path / "machine")
    machine.gpu(0)
    nvml.load(monkeypatch, machine)
    return machine


@pytest.fixture
async def probe(clock: ManualClock):
    probe = NvmlProbe(clock, deadline_s=30)
    yield probe
    await probe.close()


async def test_everything_of_a_healthy_gpu(machine, probe, clock):
    machine.gpu(0, used=87 * GIB, utilization=42, temperature=61, power_mw=512_250)
    reading = await probe.sample()
    assert reading.at_s == clock.now_s()
    assert reading.problem is None
    (gpu,) = reading.gpus
    assert (gpu.index, gpu.name, gpu.uuid) == (0, "NVIDIA H200", "GPU-00000000")
    assert (gpu.total_bytes, gpu.used_bytes, gpu.reserved_bytes) == (140 * GIB, 87 * GIB, GIB // 2)
    assert gpu.free_bytes == 140 * GIB - 87 * GIB - GIB // 2
    assert gpu.utilization == pytest.approx(0.42)
    assert (gpu.power_w, gpu.power_limit_w) == (512.25, 700.0)
    assert gpu.temperature_c == 61.0
    assert gpu.processes == ()
    assert gpu.problem is None


async def test_changes_are_seen_by_the_next_sample(machine, probe):
    await probe.sample()
    machine.gpu(0, used=60 * GIB)
    machine.process(0, 4711, 57 * GIB)
    gpu = (await probe.sample()).gpus[0]
    assert gpu.used_bytes == 60 * GIB
    assert gpu.processes == (GpuProcess(pid=4711, used_bytes=57 * GIB),)
    machine.end_process(0, 4711)
    assert (await probe.sample()).gpus[0].processes == ()


async def test_processes_belong_to_their_gpu_and_memory_may_be_unknown(machine, probe):
    machine.gpu(1, name="NVIDIA L4")
    machine.process(0, 10, GIB)
    machine.process(0, 11, None)
    machine.process(1, 12, 2 * GIB)
    first, second = (await probe.sample()).gpus
    assert first.processes == (
        GpuProcess(pid=10, used_bytes=GIB),
        GpuProcess(pid=11, used_bytes=None),
    )
    assert second.processes == (GpuProcess(pid=12, used_bytes=2 * GIB),)
    assert second.name == "NVIDIA L4"


@pytest.mark.parametrize(
    ("symbol", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilization"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetEnforcedPowerLimit", "power_limit_w"),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "processes"),
    ],
)
@pytest.mark.parametrize("code", [3, 4, 13], ids=["not supported", "no permission", "no symbol"])
async def test_a_field_that_fails_is_unknown_and_the_others_stay(
    machine, probe, symbol, field, code
):
    whole = (await probe.sample()).gpus[0]
    machine.fail(symbol, code)
    gpu = (await probe.sample()).gpus[0]
    assert getattr(gpu, field) is None
    fields = {"utilization", "power_w", "power_limit_w", "processes", "temperature_c", "used_bytes"}
    for other in fields - {field}:
        assert getattr(gpu, other) == getattr(whole, other), other
    assert gpu.problem is None


async def test_temperature_by_the_new_call_where_the_old_one_is_gone(machine, probe):
    machine.gpu(0, temperature=55)
    machine.fail("nvmlDeviceGetTemperature", 13)
    assert (await probe.sample()).gpus[0].temperature_c == 55.0
    machine.fail("nvmlDeviceGetTemperatureV", 3)
    assert (await probe.sample()).gpus[0].temperature_c is None


@pytest.mark.parametrize("code", [13, 25, 3])
async def test_memory_version_1_where_there_is_no_2(machine, probe, code):
    machine.gpu(0, used=87 * GIB, reserved=GIB)
    machine.fail("nvmlDeviceGetMemoryInfo_v2", code)
    gpu = (await probe.sample()).gpus[0]
    # Version 1 counts the driver's reserve as used.
    assert (gpu.used_bytes, gpu.reserved_bytes) == (88 * GIB, None)
    assert gpu.free_bytes == 52 * GIB


async def test_a_gpu_whose_memory_cannot_be_read_says_so_and_shows_the_rest(machine, probe):
    machine.fail("nvmlDeviceGetMemoryInfo_v2", 3)
    machine.fail("nvmlDeviceGetMemoryInfo", 3)
    gpu = (await probe.sample()).gpus[0]
    assert (gpu.total_bytes, gpu.used_bytes, gpu.free_bytes) == (None, None, None)
    assert gpu.problem == "NVML: Not Supported"
    assert gpu.power_w == 75.5


async def test_an_unknown_error_code_is_worded_by_the_library(machine, probe):
    machine.fail("nvmlDeviceGetMemoryInfo_v2", 77)
    machine.fail("nvmlDeviceGetMemoryInfo", 77)
    assert (await probe.sample()).gpus[0].problem.startswith("NVML: ")


async def test_a_lost_gpu_leaves_the_others_and_comes_back(machine, probe):
    machine.gpu(1)
    await probe.sample()
    machine.fail("nvmlDeviceGetMemoryInfo_v2", 15, gpu=0)
    lost, well = (await probe.sample()).gpus
    assert "lost" in lost.problem
    assert (lost.name, lost.used_bytes, lost.power_w, lost.processes) == (
        "NVIDIA H200",
        None,
        None,
        None,
    )
    assert well.problem is None
    assert well.used_bytes == 3 * GIB
    machine.mend("nvmlDeviceGetMemoryInfo_v2")
    assert [gpu.problem for gpu in (await probe.sample()).gpus] == [None, None]


async def test_when_all_gpus_are_lost_the_library_is_started_anew_later(machine, clock, probe):
    await probe.sample()
    machine.fail("nvmlDeviceGetMemoryInfo_v2", 15)
    for _ in range(3):  # the reading stays the same while nothing is tried
        (gpu,) = (await probe.sample()).gpus
        assert "lost" in gpu.problem
    machine.mend("nvmlDeviceGetMemoryInfo_v2")
    assert (await probe.sample()).gpus[0].problem
    clock.move(10)
    reading = await probe.sample()
    assert reading.gpus[0].problem is None
    assert reading.at_s == clock.now_s()


async def test_a_gpu_without_a_handle_is_listed_with_its_problem(machine, probe):
    machine.gpu(1)
    machine.fail("nvmlDeviceGetHandleByIndex_v2", 15, gpu=0)
    lost, well = (await probe.sample()).gpus
    assert (lost.index, lost.name) == (0, "GPU 0")
    assert "lost" in lost.problem
    assert well.used_bytes is not None


async def test_a_gpu_without_name_is_called_by_its_index(machine, probe):
    machine.fail("nvmlDeviceGetName", 3)
    machine.fail("nvmlDeviceGetUUID", 3)
    gpu = (await probe.sample()).gpus[0]
    assert (gpu.name, gpu.uuid) == ("GPU 0", "")


async def test_a_name_with_escape_sequences_is_cleaned(machine, probe):
    machine.gpu(0, name="NVIDIA\x1b[31m H200\x07")
    assert (await probe.sample()).gpus[0].name == "NVIDIA H200"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4, "No permission"),
        (9, "not loaded"),
        (18, "differ in version"),
        (999, "unknown error"),
        (17, "NVML: "),
    ],
)
async def test_a_driver_that_does_not_start_is_one_sentence(machine, clock, probe, code, words):
    machine.fail("nvmlInitWithFlags", code)
    reading = await probe.sample()
    assert reading.gpus == ()
    assert words in reading.problem
    assert "\n" not in reading.problem
    machine.mend("nvmlInitWithFlags")
    assert (await probe.sample()).problem == reading.problem  # not tried again yet
    clock.move(10)
    assert (await probe.sample()).gpus[0].used_bytes == 3 * GIB


async def test_no_library(machine, monkeypatch, probe):
    nvml.unload(monkeypatch)
    reading = await probe.sample()
    assert reading.problem == "No NVIDIA driver on this machine: libnvidia-ml.so.1 is missing"


async def test_a_library_without_a_symbol(machine, monkeypatch, probe):
    whole = pynvml._nvmlGetFunctionPointer

    def without(name: str):
        if name == "nvmlDeviceGetPowerUsage":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
        return whole(name)

    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer", without)
    gpu = (await probe.sample()).gpus[0]
    assert gpu.power_w is None
    assert gpu.used_bytes is not None


async def test_a_driver_that_is_unloaded_while_we_watch(machine, clock, probe):
    await probe.sample()
    machine.unload_driver()
    assert "not loaded" in (await probe.sample()).gpus[0].problem
    clock.move(10)
    assert "not loaded" in (await probe.sample()).problem
    machine.gpu(0)
    clock.move(10)
    assert (await probe.sample()).gpus[0].problem is None


async def test_a_driver_without_gpus(machine, probe, clock):
    machine.fail("nvmlDeviceGetCount_v2", 999)
    assert "unknown error" in (await probe.sample()).problem
    machine.mend("nvmlDeviceGetCount_v2")
    del machine.lines["gpu 0"]
    machine.fail("nothing", 0)
    clock.move(10)
    assert (await probe.sample()).problem == "The NVIDIA driver sees no GPU"


async def test_names_are_read_once(machine, probe):
    await probe.sample()
    machine.fail("nvmlDeviceGetName", 15)
    machine.fail("nvmlDeviceGetUUID", 15)
    gpu = (await probe.sample()).gpus[0]
    assert (gpu.name, gpu.problem) == ("NVIDIA H200", None)


async def test_a_hanging_driver_does_not_hang_the_panel(machine, clock):
    probe = NvmlProbe(clock, deadline_s=0.05)
    while (await probe.sample()).problem:  # a slow machine may need more than the deadline
        pass
    machine.hang("nvmlDeviceGetPowerUsage", 0.4)
    reading = await probe.sample()
    assert "has not answered for 0 s" in reading.problem
    assert [(gpu.name, gpu.problem) for gpu in reading.gpus] == [("NVIDIA H200", reading.problem)]
    clock.move(3)
    assert "has not answered for 3 s" in (await probe.sample()).problem
    await probe.close()  # does not wait either
    machine.go_on("nvmlDeviceGetPowerUsage")
    while (reading := await probe.sample()).problem:
        pass
    assert reading.gpus[0].power_w == 75.5
    await probe.close()


async def test_samples_at_the_same_time_share_a_reading(machine, probe):
    readings = await asyncio.gather(*(probe.sample() for _ in range(5)))
    assert all(reading is readings[0] for reading in readings)


async def test_a_cancelled_sample_leaves_the_reading_to_others(machine, probe):
    machine.hang("nvmlDeviceGetName", 0.05)
    first = asyncio.create_task(probe.sample())
    second = asyncio.create_task(probe.sample())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert isinstance(await second, GpuReading)


async def test_a_bug_in_the_thread_is_raised_where_it_is_awaited(machine, probe, monkeypatch):
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: "many")
    with pytest.raises(TypeError):
        await probe.sample()


async def test_closing_shuts_the_library_down_and_a_later_sample_opens_it_again(machine, clock):
    probe = NvmlProbe(clock, deadline_s=30, retry_s=0)
    await probe.close()  # nothing open yet
    await probe.sample()
    await probe.close()
    with pytest.raises(pynvml.NVMLError_Uninitialized):
        pynvml.nvmlDeviceGetCount()
    assert (await probe.sample()).gpus[0].problem is None
    await probe.close()


CHILD = """
import asyncio, dataclasses, json, sys
from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.nvml import NvmlProbe
assert "pynvml" not in sys.modules, "imported before it is needed"
async def main():
    probe = NvmlProbe(SystemClock(), deadline_s=30)
    reading = await probe.sample()
    await probe.close()
    print(json.dumps(dataclasses.asdict(reading)))
asyncio.run(main())
"""


def test_the_library_is_found_by_the_linker_and_imported_late(machine, tmp_path):
    machine.process(0, 99, GIB)
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env=nvml.environment(tmp_path / nvml.SONAME, machine),
        capture_output=True,
        text=True,
        check=True,
    )
    (gpu,) = json.loads(done.stdout)["gpus"]
    assert gpu["used_bytes"] == 3 * GIB
    assert gpu["processes"] == [{"pid": 99, "used_bytes": GIB}]


HUNG = """
import asyncio
from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.nvml import NvmlProbe
async def main():
    probe = NvmlProbe(SystemClock(), deadline_s=0.01)
    print((await probe.sample()).problem)
    await probe.close()
asyncio.run(main())
"""


def test_a_driver_that_never_returns_cannot_keep_the_program_from_ending(machine, tmp_path):
    machine.hang("nvmlInitWithFlags", 600)
    done = subprocess.run(
        [sys.executable, "-c", HUNG],
        env=nvml.environment(tmp_path / nvml.SONAME, machine),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "has not answered" in done.stdout
    assert done.stderr == ""


class TestHostMemory:
    async def test_it_is_that_of_the_system(self, machine, probe):
        host = (await probe.sample()).host
        told = psutil.virtual_memory()
        assert host.total_bytes == told.total
        assert abs(host.available_bytes - told.available) < 2 * GIB

    async def test_it_is_told_where_there_is_no_driver(self, monkeypatch, probe):
        nvml.unload(monkeypatch)
        first, second = await probe.sample(), await probe.sample()
        assert first.problem == second.problem
        assert first.host is not None
        assert second.host is not None

    async def test_it_is_new_with_each_reading(self, machine, probe, monkeypatch):
        free = iter((8 * GIB, 3 * GIB))

        def memory() -> SimpleNamespace:
            return SimpleNamespace(total=16 * GIB, available=next(free))

        monkeypatch.setattr(psutil, "virtual_memory", memory)
        seen = [(await probe.sample()).host.available_bytes for _ in range(2)]
        assert seen == [8 * GIB, 3 * GIB]

    async def test_the_gpus_are_shown_where_it_cannot_be_read(self, machine, probe, monkeypatch):
        def nothing() -> None:
            raise FileNotFoundError("/proc/meminfo")

        monkeypatch.setattr(psutil, "virtual_memory", nothing)
        reading = await probe.sample()
        assert reading.host is None
        assert len(reading.gpus) == 1
