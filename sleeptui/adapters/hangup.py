"""Notices that the terminal is gone, also where no SIGHUP tells.

The kernel signals the session that owns the terminal. A program in another session (``setsid``,
``docker exec``, some tunnels) is told by no one: its writer fails, the queue before it fills, and
it would hang for ever.
"""

import asyncio
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_hangup(descriptor: int, call: Callable[[], object]) -> Iterator[None]:
    """Call back once, on the running loop, when the terminal hangs up; until the block ends.

    From then on the standard streams lead nowhere, so that what is still written fails no more.
    Elsewhere than on Linux nothing is watched: a nested epoll is the one way that leaves the
    input to its reader and needs no thread.

    Args:
        descriptor: Of the terminal.
        call: What to do.
    """
    if sys.platform != "linux":
        yield
        return
    loop = asyncio.get_running_loop()
    with select.epoll() as hung:
        hung.register(descriptor, 0)  # a hang-up is reported without being asked for

        def gone() -> None:
            """The terminal has hung up: told once."""
            loop.remove_reader(hung.fileno())
            _lead_nowhere(descriptor)
            call()

        loop.add_reader(hung.fileno(), gone)
        try:
            yield
        finally:
            loop.remove_reader(hung.fileno())


def _lead_nowhere(descriptor: int) -> None:
    """Take the standard streams off a terminal that is gone; others they keep."""
    gone = os.fstat(descriptor).st_rdev
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if stream is not None and os.fstat(stream.fileno()).st_rdev == gone:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
