"""Output to a terminal that may be gone, or that takes nothing for a while.

Textual writes from a thread with a short queue before it. An error would end the thread, and a
terminal that is not read (a lost connection, a stopped tmux) would hold it up: the queue would
fill, and the event loop, with all looks and the recording on it, would wait for room in it.
"""

import errno
import io
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO})
STALL_S = 1.0
"""A terminal that takes nothing for so long is written to no more until it takes something."""
_MEND = b"\x18\x1b\\"
"""Ends a control sequence that was cut off in the middle: cancel, string terminator."""
_RESTORED = b"".join(
    (
        *(b"\x1b[?%dl" % mode for mode in (1000, 1003, 1015, 1006, 1004, 2004, 2048)),
        b"\x1b[<u\x1b[?1049l\x1b[?7h\x1b[?25h",
    )
)
"""What Textual's driver says last: no mouse, no focus, no bracketed paste, no reports of sizes, the
keys as they were, the screen of the shell, lines that wrap, a cursor."""
RESTORE_S = 5.0
"""How long the end waits for a terminal that takes nothing, to put it right."""


class _Terminal(io.RawIOBase):
    """Writes to a terminal; drops what it cannot take.

    It has an open file of its own, which does not block: the one that the shell and other
    programs share stays as it is.
    """

    def __init__(self, descriptor: int, is_back: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._is_back = is_back
        self._own = _unblocked(descriptor)
        self._is_stalled = False

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
        """Write all of it, or drop what does not go: it always takes all."""
        size = memoryview(data).nbytes
        try:
            if self._own is None:
                return os.write(self._descriptor, data)
            if self._takes():
                self._write(self._own, memoryview(data).cast("B"))
        except OSError as error:
            if error.errno not in _GONE:
                raise
        return size

    def restore(self) -> None:
        """Put it right where it did not take the end: the shell that comes back needs that."""
        if self._own is None or not self._is_stalled or not _is_ready(self._own, RESTORE_S):
            return
        with suppress(OSError):  # it has gone meanwhile
            self._write(self._own, memoryview(_MEND + _RESTORED))

    def close(self) -> None:
        """Close the file of its own."""
        super().close()
        if self._own is not None:
            os.close(self._own)
            self._own = None

    def _takes(self) -> bool:
        """Whether it takes output; once it does so again, all must be painted anew."""
        if not self._is_stalled or self._own is None:
            return True
        if not _is_ready(self._own, 0.0):
            return False
        self._is_stalled = False
        self._write(self._own, memoryview(_MEND))
        self._is_back()
        return not self._is_stalled

    def _write(self, own: int, left: memoryview) -> None:
        until_s = time.monotonic() + STALL_S
        while left:
            try:
                left = left[os.write(own, left) :]
                until_s = time.monotonic() + STALL_S
            except BlockingIOError:
                if not _is_ready(own, until_s - time.monotonic()):
                    self._is_stalled = True
                    return


@contextmanager
def forgiving_output(is_back: Callable[[], object]) -> Iterator[None]:
    """Give Textual an output that neither fails nor blocks for long; until the block ends.

    Its driver writes to ``sys.__stderr__``.

    Args:
        is_back: Called from the thread that writes, when the terminal takes output again after
            some was dropped.
    """
    before = sys.__stderr__
    if before is None:
        yield
        return
    terminal = _Terminal(before.fileno(), is_back)
    forgiving = io.TextIOWrapper(
        io.BufferedWriter(terminal), encoding=before.encoding, errors=before.errors
    )
    sys.__stderr__ = forgiving  # type: ignore[misc]  # final, but where Textual writes to
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]
        with closing(forgiving):
            forgiving.flush()
            terminal.restore()


def _unblocked(descriptor: int) -> int | None:
    """The same terminal, opened anew; None: it is none, or may not be opened."""
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(os.ttyname(descriptor), flags)
    except OSError:
        return None


def _is_ready(descriptor: int, limit_s: float) -> bool:
    """Whether it can be written to, or is gone, within so long."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(max(limit_s, 0.0) * 1000))
