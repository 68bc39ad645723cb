"""Lends the terminal to another sleeptui and takes it back; what is watched goes on meanwhile."""

import asyncio
import os
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from textual.app import App, SuspendNotSupported
from textual.screen import Screen

from sleeptui.tui.suspension import left_to_another

_PATIENCE_S: Final = 5.0


async def lend(app: App[None], arguments: Sequence[str]) -> int | None:
    """Run ``sleeptui`` with these arguments on the terminal of this app, to its end.

    A process of its own: what it does cannot disturb what is measured here. Nothing is painted
    meanwhile. It is told who has lent it the terminal, and ends with that one.

    Returns:
        Its exit code; None: there is no terminal to lend.
    """
    screen: Screen[object] = app.screen
    try:
        # Stopped from over there (ctrl+z), both stop: the shell waits for the whole job.
        with app.batch_update(), app.suspend(), _as_it_is(), left_to_another():
            lent = ("--lent-by", str(os.getpid()))
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sleeptui", *arguments, *lent
            )
            try:
                code = await child.wait()
            finally:
                if child.returncode is None:
                    await _in_any_case(_ended(child))
    except SuspendNotSupported:
        return None
    screen.refresh(layout=True)
    return code


async def _ended(child: Process) -> None:
    """End it in time to put the terminal right; one that does not heed that is killed."""
    child.terminate()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


async def _in_any_case(work: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of some work, however often this is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as again:
            cancelled = again
    task.result()
    if cancelled is not None:
        raise cancelled


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Echo and lines of the terminal are after this block as before: another may be killed in it.

    Textual takes what it finds at its return for what the shell wants back at the end.
    """
    before = None
    if sys.__stdin__ is not None:
        with suppress(termios.error):  # there is none, as in a test
            before = termios.tcgetattr(sys.__stdin__.fileno())
    try:
        yield
    finally:
        if before is not None and sys.__stdin__ is not None:
            with suppress(termios.error):  # it is gone
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, before)
