"""Lends the terminal to another sleeptui and takes it back; what is watched goes on meanwhile."""

import asyncio
import signal
import sys
from collections.abc import Sequence

from textual.app import App, SuspendNotSupported
from textual.screen import Screen

from sleeptui.tui.suspension import handled


async def lend(app: App[None], arguments: Sequence[str]) -> int | None:
    """Run ``sleeptui`` with these arguments on the terminal of this app, to its end.

    A process of its own: what it does cannot disturb what is measured here. Nothing is painted
    meanwhile.

    Returns:
        Its exit code; None: there is no terminal to lend.
    """
    screen: Screen[object] = app.screen
    try:
        # Stopped from over there (ctrl+z), both stop: the shell waits for the whole job.
        with app.batch_update(), app.suspend(), handled(signal.SIGTSTP, signal.SIG_DFL):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sleeptui", *arguments
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
