"""Suspend and resume, without coming back to life on a terminal that is gone.

Textual resumes its terminal at every SIGCONT. The kernel sends one right behind the SIGHUP of a
closed terminal, so that an app that has ended would start its input thread again and read the end
of file for ever.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from textual.app import App, SuspendNotSupported

_Handler = Callable[[int, FrameType | None], object] | signal.Handlers


def suspend(app: App[None]) -> bool:
    """Give the terminal back to the shell and stop, until the shell continues the job.

    The whole job stops, as at the kernel's own ctrl+z: also ``make`` that has started this
    program, or the panel that has lent it the terminal; the shell waits for all of them.

    Returns:
        False: it was not stopped. The kernel does not stop a job that no shell looks after: nobody
        could continue it.
    """
    continued: list[int] = []
    with (
        suppress(SuspendNotSupported),
        app.suspend(),
        handled(signal.SIGTSTP, signal.SIG_DFL),
        handled(signal.SIGCONT, lambda number, _: continued.append(number)),
    ):
        os.killpg(os.getpgrp(), signal.SIGTSTP)
    return bool(continued)


@contextmanager
def handled(number: signal.Signals, handler: _Handler) -> Iterator[None]:
    """What a signal does until the block ends."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def resume_only_on_a_terminal() -> None:
    """Let Textual's driver resume only while there is a terminal; after the app has started."""
    resume = signal.getsignal(signal.SIGCONT)
    if not callable(resume):
        return

    def guarded(number: int, frame: FrameType | None) -> None:
        """Pass the signal on, if there still is a terminal."""
        if sys.__stdin__ is not None and os.isatty(sys.__stdin__.fileno()):
            resume(number, frame)

    signal.signal(signal.SIGCONT, guarded)


def paint_all_when_resumed(app: App[None]) -> None:
    """Paint everything anew when it was stopped by a signal: the shell has written meanwhile."""
    app.app_resume_signal.subscribe(app, lambda _: app.refresh(layout=True))


def end() -> None:
    """Nothing is resumed any more: the app ends."""
    for number in (signal.SIGCONT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
