"""Deadlines on the clock of the services, which tests turn by hand."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sleeptui.core.ports import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work`` if it comes in time.

    Raises:
        TimeoutError: It did not; ``work`` was cancelled and has ended.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        alarm.cancel()
        await end(task)
    raise TimeoutError


async def end(task: asyncio.Future[Any]) -> None:
    """Cancel a task, if it still runs, and wait until it has ended.

    It may fail at that very moment, and is then not to complain that nobody has asked why: who
    wanted its result has gone.
    """
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
