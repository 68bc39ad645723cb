"""The system's clocks."""

import asyncio
import time


class SystemClock:
    """The real time, behind core.ports.Clock."""

    def now_s(self) -> float:
        """Monotonic seconds, CLOCK_MONOTONIC: the clock of asyncio's loop, comparable with it."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since the epoch, UTC; jumps when the system's clock is set."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less lets the other tasks run once."""
        await asyncio.sleep(seconds)
