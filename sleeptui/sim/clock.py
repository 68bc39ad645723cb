"""Real time for a simulated fleet (``sim`` does not reach into ``adapters``)."""

import asyncio
import time


class RealClock:
    """core.ports.Clock on the clocks of the machine."""

    def now_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall_s(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
