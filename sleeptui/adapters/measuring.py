"""A thread with an event loop of its own, on which timed requests run.

A terminal that repaints holds the panel's event loop for 5 to 50 ms at a time, and a stamp taken
there is late by as much. Here nothing else runs: a stamp is late at most by the interpreter's
switch interval, which is set to 1 ms (it comes with 5 ms). The driver's blocking calls
(``nvml.py``) have such a thread of their own.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sleeptui.core.completion import TokenEvent
from sleeptui.core.ports import LoopMeter

SWITCH_S = 0.001
_T = TypeVar("_T")


class Measuring:
    """Runs coroutines on a thread of its own, which the first of them starts."""

    def __init__(self, meter: LoopMeter | None = None) -> None:
        """Nothing is started; ``meter`` measures how late stamps are."""
        self._meter = meter
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run ``work`` over there; returns its result or raises its error.

        Cancelling the caller cancels the work; it cleans up over there, after this has raised.
        """
        return await self.begin(work)

    def begin(self, work: Coroutine[Any, Any, _T]) -> "asyncio.Future[_T]":
        """Start ``work`` over there; the future belongs to the caller's loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._started()))

    async def timed(self, work: Coroutine[Any, Any, _T]) -> tuple[_T, float | None]:
        """As ``run``; also how late stamps were there meanwhile, at most; None: not measured."""
        return await self.run(self._timed(work))

    async def close(self) -> None:
        """Cancel what still runs, wait for its clean-up, and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_cancel_the_rest(), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()

    async def _timed(self, work: Coroutine[Any, Any, _T]) -> tuple[_T, float | None]:
        if self._meter is None:
            return await work, None
        with self._meter.measuring() as lateness:
            result = await work
        return result, lateness.worst_s

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            sys.setswitchinterval(SWITCH_S)
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="sleeptui-measuring", daemon=True
            )
            self._thread.start()
        return self._loop


def telling(on_token: Callable[[TokenEvent], None]) -> Callable[[TokenEvent], None]:
    """Hands pieces of an answer over from the measuring loop to that of the caller."""
    here = asyncio.get_running_loop()

    def tell(event: TokenEvent) -> None:
        """Hand one over."""
        here.call_soon_threadsafe(on_token, event)

    return tell


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
