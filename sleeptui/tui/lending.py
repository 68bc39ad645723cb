"""Lends the terminal to another sleeptui and takes it back; what is watched goes on meanwhile."""

import asyncio
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from textual.app import App, SuspendNotSupported
from textual.screen import Screen

from sleeptui.tui.suspension import left_to_another


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
                    child.terminate()
                    await child.wait()
    except SuspendNotSupported:
        return None
    screen.refresh(layout=True)
    return code


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
