"""Notices that the program that has lent its terminal to this one is gone.

One that is killed takes nobody along: what it has started would keep a terminal that the shell
has taken back by then, and fail at the next key.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_end_of(lender: int | None, call: Callable[[], object]) -> Iterator[None]:
    """Call back once, on the running loop, when the parent of this process ends; in this block.

    Elsewhere than on Linux nothing is watched.

    Args:
        lender: Process id of the parent as it has told it; None: nobody has lent anything.
        call: What to do.
    """
    if lender is None:
        yield
        return
    loop, watched = asyncio.get_running_loop(), _opened(lender)
    if os.getppid() != lender:  # asked when it is open: it cannot end unnoticed in between
        loop.call_soon(call)
    if watched is None:
        yield
        return

    def gone() -> None:
        """It has ended: told once."""
        loop.remove_reader(watched)
        call()

    loop.add_reader(watched, gone)
    try:
        yield
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def _opened(pid: int) -> int | None:
    """A handle that can be read once the process has ended; None: there is none."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # it has ended, or a sandbox has no such call
        return None
