"""Reads the GPUs again and again, faster around an operation."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sleeptui.core.events import GpuSampled
from sleeptui.core.model import GpuReading
from sleeptui.core.ports import Clock, GpuProbe
from sleeptui.services.bus import Bus
from sleeptui.services.nap import Naps

NO_GPU_INTERVAL_S = 5.0
"""How often to try where there is no NVML: a driver may be loaded later."""


class GpuSampler:
    """One loop for all GPUs. Everybody who needs a reading gets it from here."""

    def __init__(
        self, *, probe: GpuProbe, bus: Bus, clock: Clock, interval_s: float, fast_interval_s: float
    ) -> None:
        self._probe = probe
        self._bus = bus
        self._naps = Naps(clock)
        self._interval_s = interval_s
        self._fast_interval_s = fast_interval_s
        self._hurried = 0
        self._longest_s: list[float] = []
        self._waiters: list[asyncio.Future[GpuReading]] = []

    def set_interval(self, seconds: float) -> None:
        """Read at another rate from now on."""
        self._interval_s = seconds
        self._naps.end_all()

    async def run(self) -> None:
        """Read until cancelled; a reading that is late skips its turn."""
        while True:
            reading = await self.sample()
            await self._naps.nap(self._gap_s(reading))

    async def sample(self) -> GpuReading:
        """Read now, and publish it."""
        reading = await self._probe.sample()
        waiters, self._waiters = self._waiters, []
        self._bus.publish(GpuSampled(at_s=reading.at_s, reading=reading))
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(reading)
        return reading

    async def next(self) -> GpuReading:
        """The next reading of the loop."""
        waiter: asyncio.Future[GpuReading] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return await waiter

    @contextmanager
    def fast(self) -> Iterator[None]:
        """Read at the fast interval until the block ends; blocks may overlap."""
        self._hurried += 1
        self._naps.end_all()
        try:
            yield
        finally:
            self._hurried -= 1

    @contextmanager
    def at_least_every(self, seconds: float) -> Iterator[None]:
        """Read no less often than that until the block ends."""
        self._longest_s.append(seconds)
        self._naps.end_all()
        try:
            yield
        finally:
            self._longest_s.remove(seconds)

    def _gap_s(self, reading: GpuReading) -> float:
        if reading.problem is not None:
            return max(self._interval_s, NO_GPU_INTERVAL_S)
        fast: tuple[float, ...] = (self._fast_interval_s,) if self._hurried else ()
        return min((self._interval_s, *self._longest_s, *fast))
