"""Pauses between looks that can be cut short."""

import asyncio

from sleeptui.core.ports import Clock


class Naps:
    """Lets loops pause, and wakes them all when there is a reason to look at once.

    A new sampling rate, or an operation that begins, must not wait for the end of an old pause.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sleepers: set[asyncio.Future[None]] = set()

    async def nap(self, seconds: float) -> None:
        """Pause for ``seconds`` or until ``end_all``."""
        sleeper = asyncio.ensure_future(self._clock.sleep(seconds))
        self._sleepers.add(sleeper)
        try:
            await asyncio.wait({sleeper})
        finally:
            self._sleepers.discard(sleeper)
            sleeper.cancel()

    def end_all(self) -> None:
        """End every pause that runs now."""
        for sleeper in self._sleepers:
            sleeper.cancel()
