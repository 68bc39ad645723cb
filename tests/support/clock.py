"""A clock that tests turn by hand."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

ROUNDS = 30
"""Passes of the event loop that are enough for all tasks to come to rest."""


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


class ManualClock:
    """Implements the Clock port: time stands still until a test advances it."""

    def __init__(self, now_s: float = 100.0, wall_s: float = 1_790_000_000.0) -> None:
        self._now_s = now_s
        self._offset_s = wall_s - now_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._is_free = False

    def now_s(self) -> float:
        return self._now_s

    def wall_s(self) -> float:
        return self._now_s + self._offset_s

    async def sleep(self, seconds: float) -> None:
        if self._is_free:
            self._now_s += seconds
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._order), woken))
        await woken

    @property
    def is_waited_on(self) -> bool:
        """Somebody sleeps."""
        return any(not woken.done() for _, _, woken in self._sleepers)

    def run_free(self) -> None:
        """From now on nobody waits: every sleep passes at once, those that are under way too."""
        self._is_free = True
        for at_s, _, woken in sorted(self._sleepers, key=lambda item: item[:2]):
            if not woken.done():
                self._now_s = max(self._now_s, at_s)
                woken.set_result(None)
        self._sleepers.clear()

    def move(self, seconds: float) -> None:
        """Let time pass at once, within a step of the code under test; nobody is woken."""
        self._now_s += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass; all that sleep until then are woken in order, and run."""
        until_s = self._now_s + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until_s:
            at_s, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue
            self._now_s = max(self._now_s, at_s)
            woken.set_result(None)
            await settle()
        self._now_s = max(self._now_s, until_s)

    async def until(self, condition: Callable[[], bool], *, limit_s: float = 600.0) -> None:
        """Let time pass until the condition holds.

        Raises:
            TimeoutError: It does not hold after ``limit_s`` of this clock's time.
        """
        end_s = self._now_s + limit_s
        await settle()
        while not condition():
            if self._now_s >= end_s:
                raise TimeoutError(condition)
            self._sleepers = [item for item in self._sleepers if not item[2].done()]
            heapq.heapify(self._sleepers)
            step = self._sleepers[0][0] - self._now_s if self._sleepers else limit_s
            await self.advance(min(max(step, 0.0), limit_s) or 1e-9)
