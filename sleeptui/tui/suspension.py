"""Suspend, resume, resize: ctrl+z, signals of the terminal, a terminal that is gone meanwhile.

Textual does it within the signal's handler, in the middle of whatever is painted: it then waits
for a lock that the interrupted code holds, for ever. It also resumes its terminal at every
SIGCONT, and the kernel sends one right behind the SIGHUP of a closed terminal: an app that has
ended would read the end of file for ever. And one resize that comes while another is dealt with is
told before it: the older size stays. Here signals wait for the event loop.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from textual import events
from textual.app import App, SuspendNotSupported
from textual.geometry import Size

_Handler = Callable[[int, FrameType | None], object] | signal.Handlers
_STOP_AND_GO = (signal.SIGTSTP, signal.SIGCONT)


class Suspension:
    """Stops an app and brings it back, with its terminal given back in between."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._is_told = False
        """The loop will hear of a continuation that has been dealt with."""

    def begin(self) -> None:
        """Take the signals over from Textual; after the app has started."""
        loop = asyncio.get_running_loop()
        for number, do in zip(_STOP_AND_GO, (self._stop_alone, self._come_back), strict=True):
            loop.add_signal_handler(number, do)
        # Textual sets its own handler again at each resume; the loop hears of the signal beside it.
        loop.add_signal_handler(signal.SIGWINCH, self._resized)

    def end(self) -> None:
        """Nothing is resumed any more: the app ends."""
        loop = asyncio.get_running_loop()
        for number in (*_STOP_AND_GO, signal.SIGWINCH):
            loop.remove_signal_handler(number)

    def suspend(self) -> bool:
        """Give the terminal back to the shell and stop, until the shell continues the job.

        The whole job stops, as at the kernel's own ctrl+z: also ``make`` that has started this
        program, or the panel that has lent it the terminal; the shell waits for all of them.

        Returns:
            False: it was not stopped. The kernel does not stop a job that no shell looks after:
            nobody could continue it.
        """
        return self._stop(lambda: os.killpg(os.getpgrp(), signal.SIGTSTP))

    def _stop_alone(self) -> None:
        """Somebody has asked this process to stop."""
        self._stop(lambda: os.kill(os.getpid(), signal.SIGTSTP))

    def _stop(self, stop: Callable[[], None]) -> bool:
        continued: list[int] = []
        with (
            suppress(SuspendNotSupported),
            self._app.suspend(),  # paints all anew at its end: the shell has written meanwhile
            handled(signal.SIGTSTP, signal.SIG_DFL),
            handled(signal.SIGCONT, lambda number, _: continued.append(number)),
        ):
            stop()
        self._is_told = bool(continued)
        return self._is_told

    def _come_back(self) -> None:
        """It goes on: after a stop that could not be seen coming, the terminal is the shell's."""
        is_known, self._is_told = self._is_told, False
        if is_known or sys.__stdin__ is None or not os.isatty(sys.__stdin__.fileno()):
            return
        with suppress(SuspendNotSupported), self._app.suspend():
            pass

    def _resized(self) -> None:
        """The terminal has another size: the one that it has now counts."""
        if sys.__stdin__ is None:
            return
        with suppress(OSError):  # it is gone
            size = Size(*os.get_terminal_size(sys.__stdin__.fileno()))
            self._app.post_message(events.Resize(size, size))


@contextmanager
def left_to_another() -> Iterator[None]:
    """Stop and go on as any program does: the terminal is with another one in this block."""
    with ExitStack() as stack:
        for number in _STOP_AND_GO:
            stack.enter_context(handled(number, signal.SIG_DFL))
        yield


@contextmanager
def handled(number: signal.Signals, handler: _Handler) -> Iterator[None]:
    """What a signal does until the block ends."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
