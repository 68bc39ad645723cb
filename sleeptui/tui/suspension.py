"""Suspend and resume, without coming back to life on a terminal that is gone.

Textual resumes its terminal at every SIGCONT. The kernel sends one right behind the SIGHUP of a
closed terminal, so that an app that has ended would start its input thread again and read the end
of file for ever.
"""

import os
import signal
import sys
from types import FrameType


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


def end() -> None:
    """Nothing is resumed any more: the app ends."""
    for number in (signal.SIGCONT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
