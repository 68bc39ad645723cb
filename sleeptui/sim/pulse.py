"""Lets requests wait for their engine, which has no tasks of its own."""

import asyncio
from collections.abc import Callable

from sleeptui.core.ports import Clock
from sleeptui.sim.engine import Engine


class Pulse:
    """Wakes what waits for an engine, when its time has come or when something happened."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._waiters: set[asyncio.Future[None]] = set()

    def advance(self) -> float:
        """Bring the engine up to now, and say when that is."""
        now_s = self._clock.now_s()
        self._engine.advance(now_s)
        return now_s

    def kick(self) -> None:
        """Something happened: all that wait look again."""
        for waiter in self._waiters:
            _set(waiter)
        self._waiters.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Carry the engine on until the condition holds."""
        while True:
            self.advance()
            if condition():
                self.kick()
                return
            await self.pause_until(self._engine.next_event_s())

    async def sleep_until(self, due_s: float) -> None:
        """Wait until a moment, whatever happens."""
        await self._clock.sleep(max(due_s - self._clock.now_s(), 0.0))

    async def pause_until(self, due_s: float | None) -> None:
        """Wait until a moment or the next kick; None: only for a kick."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.add(waiter)
        timer = None
        if due_s is not None:
            delay_s = max(due_s - self._clock.now_s(), 0.0)
            timer = loop.call_later(delay_s, _set, waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
            if timer is not None:
                timer.cancel()


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
