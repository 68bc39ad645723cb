"""The signals that end a program on a terminal, heard from before it has anything to show."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

SIGNALLED = 128
"""A program that a signal ended says so: 128 and the signal's number."""
HUNG_UP = SIGNALLED + signal.SIGHUP
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What a user, a service manager or a terminal that goes sends."""


class Ending:
    """Why the program ends.

    Attributes:
        code: The exit code; None: nothing has ended it yet.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self._end: Callable[[int], object] | None = None

    def order(self, code: int) -> None:
        """End it. Whoever is impatient and orders it again changes nothing: all ends in time."""
        if self.code is None:
            self.code = code
            if self._end is not None:
                self._end(code)

    @contextmanager
    def ends(self, end: Callable[[int], object]) -> Iterator[None]:
        """What runs in this block, and how it is ended with an exit code."""
        self._end = end
        try:
            yield
        finally:
            self._end = None


@contextmanager
def ending(mark: Callable[[], object] = lambda: None) -> Iterator[Ending]:
    """Hear signals on the running loop until the block ends; none of them ends the program.

    Args:
        mark: What SIGUSR1 does, which would end it too.
    """
    loop = asyncio.get_running_loop()
    told = Ending()
    with ExitStack() as stack:
        for number in ENDING:
            loop.add_signal_handler(number, told.order, SIGNALLED + number)
            stack.callback(loop.remove_signal_handler, number)
        loop.add_signal_handler(signal.SIGUSR1, mark)
        stack.callback(loop.remove_signal_handler, signal.SIGUSR1)
        yield told
