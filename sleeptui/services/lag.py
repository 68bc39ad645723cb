"""The longest stall of the event loop while an operation runs."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HEARTBEAT_S = 0.02
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(slots=True, kw_only=True, eq=False)
class LagReading:
    """What was seen since the measuring began."""

    worst_s: float = 0.0
    """How late the latest heartbeat came; 0 for a loop that was never held up."""


class LagMeter:
    """A heartbeat that runs only while somebody measures: a quiet panel stays quiet.

    Time stamps of an operation are as good as the loop that takes them. It reads the machine's
    clock, not the services' clock: a stall is real even where time is turned by hand. That clock
    goes on while the machine itself is suspended, which the monotonic one does not.
    """

    def __init__(self) -> None:
        self._readings: list[LagReading] = []
        self._beat: asyncio.TimerHandle | None = None
        self._due_s = 0.0

    @contextmanager
    def measuring(self) -> Iterator[LagReading]:
        """Measure until the block ends; the reading is complete then."""
        reading = LagReading()
        self._readings.append(reading)
        if self._beat is None:
            self._schedule()
        try:
            yield reading
        finally:
            self._take()
            self._readings.remove(reading)
            if not self._readings and self._beat is not None:
                self._beat.cancel()
                self._beat = None

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._due_s = _now_s() + HEARTBEAT_S
        self._beat = loop.call_later(HEARTBEAT_S, self._strike)

    def _strike(self) -> None:
        self._take()
        self._schedule()

    def _take(self) -> None:
        late_s = _now_s() - self._due_s
        for reading in self._readings:
            reading.worst_s = max(reading.worst_s, late_s)


def _now_s() -> float:
    """Seconds since the machine has started, with those in which it was suspended."""
    return time.clock_gettime(_CLOCK)
