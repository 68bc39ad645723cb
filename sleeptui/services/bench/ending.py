"""When a benchmark ends before its last step: it is told to, or its time is over."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sleeptui.core.ports import Clock
from sleeptui.services.deadline import end

USER_ABORT = "user_abort"
TIME_OVER = "time_over"
T = TypeVar("T")


class Stopping(Exception):
    """No further step is begun; the servers are brought back."""


class Ending:
    """Waits for the order to stop, and for the end of the time, whichever comes first.

    Attributes:
        cls: Why it ends early; empty: it does not.
    """

    def __init__(self, stop: asyncio.Event, clock: Clock, limit_s: float | None) -> None:
        """``limit_s`` counts from now; None: as long as it takes."""
        self._stop = stop
        self._clock = clock
        self._end_s = None if limit_s is None else clock.now_s() + limit_s
        self.cls = ""

    def check(self) -> None:
        """Raise Stopping if it is to end."""
        if self._stop.is_set():
            self.cls = USER_ABORT
        elif self._end_s is not None and self._clock.now_s() >= self._end_s:
            self.cls = TIME_OVER
        if self.cls:
            raise Stopping

    async def unless(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, which is cancelled when it is to end.

        Raises:
            Stopping: It was.
        """
        task = asyncio.ensure_future(work)
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._stop.wait())]
        if self._end_s is not None:
            left_s = max(self._end_s - self._clock.now_s(), 0.0)
            waits.append(asyncio.ensure_future(self._clock.sleep(left_s)))
        try:
            await asyncio.wait({task, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                await end(one)
            was_over = task.done()
            await end(task)
        if was_over:
            return task.result()
        self.cls = USER_ABORT if self._stop.is_set() else TIME_OVER
        raise Stopping
