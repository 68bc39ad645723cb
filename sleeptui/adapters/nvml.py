"""NVML: the GPUs of this machine, through nvidia-ml-py (module ``pynvml``).

Every call goes through one gateway (``nvml_gateway.py``); each field fails for itself, so a GPU
without a power sensor still shows its memory.

Indices are NVML's own, in PCI bus order; ``CUDA_VISIBLE_DEVICES`` does not matter here.

A healthy driver answers in 1 to 33 us a call (measured on an H200), but one that loses a GPU can
block for seconds. So a reading is taken on a daemon thread: a late one is reported as such, no
second one is started behind it, and it cannot keep the program from ending.
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sleeptui.adapters.measuring import Measuring
from sleeptui.adapters.nvml_gateway import GONE, Failure, ask, text_of, value_of
from sleeptui.core.model import GpuProcess, GpuReading, GpuSample, HostMemory
from sleeptui.core.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    """What does not change while the driver is open."""

    index: int
    name: str
    uuid: str
    handle: Any
    """NVML's opaque handle, or the failure to get one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    total: int
    used: int
    reserved: int | None


class NvmlProbe:
    """Reads all GPUs; core.ports.GpuProbe."""

    def __init__(self, clock: Clock, *, deadline_s: float = 1.0, retry_s: float = 10.0) -> None:
        """Nothing is loaded before the first sample.

        Args:
            clock: Stamps the readings.
            deadline_s: How long ``sample`` waits for the driver. The first one may take longer
                where the driver is not kept loaded (no persistence mode).
            retry_s: At most so often a missing driver is looked for again.
        """
        self._clock = clock
        self._deadline_s = deadline_s
        self._driver = _Driver(clock, retry_s)
        self._thread = Measuring()
        self._reading: asyncio.Future[GpuReading] | None = None
        self._asked_s = 0.0

    async def sample(self) -> GpuReading:
        """All GPUs now; callers at the same time share one reading. Never raises."""
        reading = self._reading
        if reading is None or reading.done():
            self._asked_s = self._clock.now_s()
            reading = self._reading = self._thread.begin(self._read())
        await asyncio.wait({reading}, timeout=self._deadline_s)
        return reading.result() if reading.done() else self._silent()

    async def close(self) -> None:
        """Let go of the driver; not while it hangs, as that would hang here too."""
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            return
        self._driver.close()
        await self._thread.close()

    async def _read(self) -> GpuReading:
        """Runs on the thread."""
        return replace(self._driver.read(), host=_host_memory())

    def _silent(self) -> GpuReading:
        now_s = self._clock.now_s()
        problem = f"The NVIDIA driver has not answered for {now_s - self._asked_s:.0f} s"
        gpus = tuple(
            GpuSample(index=device.index, name=device.name, uuid=device.uuid, problem=problem)
            for device in self._driver.devices
        )
        return GpuReading(at_s=now_s, gpus=gpus, problem=problem)


class _Driver:
    """The open driver; used from one thread at a time."""

    def __init__(self, clock: Clock, retry_s: float) -> None:
        self.devices: tuple[_Device, ...] = ()
        self._clock = clock
        self._retry_s = retry_s
        self._nvml: Any = None
        self._open = False
        self._tried_s: float | None = None
        self._closed = GpuReading(at_s=0.0)
        """What is known while the driver is not open: why, and of which GPUs."""

    def read(self) -> GpuReading:
        """All GPUs now; blocks as long as the driver does."""
        at_s = self._clock.now_s()
        if not self._open and not self._try_to_open(at_s):
            return replace(self._closed, at_s=at_s)
        samples = []
        gone = 0
        for device in self.devices:
            sample, failure = self._sample(device)
            samples.append(sample)
            gone += failure is not None and failure.code in GONE
        reading = GpuReading(at_s=at_s, gpus=tuple(samples))
        if gone == len(samples):
            # Nothing answers: only a fresh start of the library can help.
            self.close()
            self._closed = reading
        return reading

    def close(self) -> None:
        """Let go of the library, if it is open."""
        if self._open:
            self._open = False
            ask(self._nvml, self._nvml.nvmlShutdown)

    def _try_to_open(self, now_s: float) -> bool:
        if self._tried_s is not None and now_s - self._tried_s < self._retry_s:
            return False
        self._tried_s = now_s
        if self._nvml is None:
            # Late: 0.03 s that the first frame must not wait for.
            import pynvml  # noqa: PLC0415

            self._nvml = pynvml
        nvml = self._nvml
        begun = ask(nvml, nvml.nvmlInit)
        if isinstance(begun, Failure):
            self._closed = GpuReading(at_s=now_s, problem=begun.sentence)
            return False
        self._open = True
        count = ask(nvml, nvml.nvmlDeviceGetCount)
        if isinstance(count, Failure) or count == 0:
            none = "The NVIDIA driver sees no GPU"
            problem = count.sentence if isinstance(count, Failure) else none
            self._closed = GpuReading(at_s=now_s, problem=problem)
            self.close()
            return False
        self.devices = tuple(self._device(index) for index in range(count))
        return True

    def _device(self, index: int) -> _Device:
        nvml = self._nvml
        handle = ask(nvml, lambda: nvml.nvmlDeviceGetHandleByIndex(index))
        if isinstance(handle, Failure):
            return _Device(index=index, name=f"GPU {index}", uuid="", handle=handle)
        name = value_of(ask(nvml, lambda: nvml.nvmlDeviceGetName(handle)))
        uuid = value_of(ask(nvml, lambda: nvml.nvmlDeviceGetUUID(handle)))
        return _Device(
            index=index,
            name=text_of(name) or f"GPU {index}",
            uuid=text_of(uuid),
            handle=handle,
        )

    def _sample(self, device: _Device) -> tuple[GpuSample, Failure | None]:
        """A GPU's sample, and what kept its memory from being read: the field that all need."""
        nvml, handle = self._nvml, device.handle
        memory = handle if isinstance(handle, Failure) else self._memory(handle)
        if isinstance(memory, Failure) and memory.code in GONE:
            return _without_values(device, memory), memory
        known = None if isinstance(memory, Failure) else memory
        use = value_of(ask(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        power = value_of(ask(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle)))
        limit = value_of(ask(nvml, lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle)))
        sample = GpuSample(
            index=device.index,
            name=device.name,
            uuid=device.uuid,
            total_bytes=known.total if known else None,
            used_bytes=known.used if known else None,
            reserved_bytes=known.reserved if known else None,
            utilization=None if use is None else use / 100,
            power_w=None if power is None else power / 1000,
            power_limit_w=None if limit is None else limit / 1000,
            temperature_c=self._temperature(handle),
            processes=self._processes(handle),
            problem=memory.sentence if isinstance(memory, Failure) else None,
        )
        return sample, memory if isinstance(memory, Failure) else None

    def _memory(self, handle: object) -> _Memory | Failure:
        """Memory v2; v1, which counts the driver's reserve as used, where a driver has no v2."""
        nvml = self._nvml
        info = ask(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2))
        if not isinstance(info, Failure):
            return _Memory(total=info.total, used=info.used, reserved=info.reserved)
        if info.code in GONE:
            return info
        old = ask(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        if isinstance(old, Failure):
            return old
        return _Memory(total=old.total, used=old.used, reserved=None)

    def _temperature(self, handle: object) -> float | None:
        """The old call, which every driver below CUDA 14 has; the new one where it is gone."""
        nvml, core = self._nvml, self._nvml.NVML_TEMPERATURE_GPU
        for name in ("nvmlDeviceGetTemperature", "nvmlDeviceGetTemperatureV"):
            call = getattr(nvml, name, None)
            if call is None:
                continue
            value = value_of(ask(nvml, partial(call, handle, core)))
            if value is not None:
                return float(value)
        return None

    def _processes(self, handle: object) -> tuple[GpuProcess, ...] | None:
        nvml = self._nvml
        # By its versioned name: the other one raises an error outside the NVMLError tree.
        found = value_of(ask(nvml, lambda: nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)))
        if found is None:
            return None
        return tuple(GpuProcess(pid=one.pid, used_bytes=one.usedGpuMemory) for one in found)


def _host_memory() -> HostMemory | None:
    """Memory of this machine, 0.1 ms; None where /proc does not tell."""
    import psutil  # noqa: PLC0415 - late, the first frame does not wait for it

    try:
        memory = psutil.virtual_memory()
    except (OSError, KeyError, ValueError):
        return None
    return HostMemory(total_bytes=memory.total, available_bytes=memory.available)


def _without_values(device: _Device, failure: Failure) -> GpuSample:
    return GpuSample(
        index=device.index, name=device.name, uuid=device.uuid, problem=failure.sentence
    )
