"""A thread with an event loop of its own, on which timed requests run.

A terminal that repaints holds the panel's event loop for 5 to 50 ms at a time, and a stamp taken
there is late by as much. Here nothing else runs: a stamp is late at most by the interpreter's
switch interval, 5 ms. The driver's blocking calls (``nvml.py``) have such a thread of their own.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Measuring:
    """Runs coroutines on a thread of its own, which the first of them starts."""

    def __init__(self) -> None:
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

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="sleeptui-measuring", daemon=True
            )
            self._thread.start()
        return self._loop


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
