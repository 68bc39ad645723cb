"""Notices that the terminal is gone, also where no SIGHUP tells.

The kernel signals the session that owns the terminal. A program in another session (``setsid``,
``docker exec``, some tunnels) is told by no one: its writer fails, the queue before it fills, and
it would hang for ever.
"""

import asyncio
import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO})


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


class _Terminal(io.RawIOBase):
    """Writes to a terminal until it is gone; what is written after that is dropped.

    Textual writes from a thread with a short queue before it. An error would end the thread, the
    queue would fill, and the event loop would wait for room in it for ever.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        """It is for output."""
        return True

    def isatty(self) -> bool:
        """Whether it still is a terminal."""
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        """Of the terminal."""
        return self._descriptor

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much as fits; all of it is taken once the terminal is gone."""
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return memoryview(data).nbytes


@contextmanager
def forgiving_output() -> Iterator[None]:
    """Give Textual an output that does not fail when the terminal goes; until the block ends.

    Its driver writes to ``sys.__stderr__``.
    """
    before = sys.__stderr__
    if before is None:
        yield
        return
    buffered = io.BufferedWriter(_Terminal(before.fileno()))
    forgiving = io.TextIOWrapper(buffered, encoding=before.encoding, errors=before.errors)
    sys.__stderr__ = forgiving  # type: ignore[misc]  # final, but where Textual writes to
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]
        forgiving.flush()


def _lead_nowhere(descriptor: int) -> None:
    """Take the standard streams off a terminal that is gone; others they keep."""
    gone = os.fstat(descriptor).st_rdev
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if stream is not None and os.fstat(stream.fileno()).st_rdev == gone:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
