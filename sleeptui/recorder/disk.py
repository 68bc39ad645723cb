"""The file of a journal: whole lines or nothing, a lock, and a little room kept for a full disk."""

import errno
import fcntl
import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

log = logging.getLogger(__name__)

JOURNAL = "journal.jsonl"
RESERVE_BYTES = 256 << 10
STEP_BYTES = 32 << 10
"""The reserve is given back in steps: what fills the disk would take all of it at once."""
_MOVED = "the journal was moved: it is still written, wherever it is now"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class JournalFile:
    """A journal that is open for appending, locked for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        """In a folder that has none yet.

        Raises:
            OSError: It cannot be made there.
        """
        self.folder = folder
        self._sha = hashlib.sha256()
        self._size = 0
        self._is_torn = False
        self._descriptor = os.open(
            folder / JOURNAL,
            os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
        )
        try:
            _lock(self._descriptor)
            sync_folder(folder)
        except OSError:
            os.close(self._descriptor)
            raise
        self._reserve = _Reserve(folder)
        self._reserve.refill()

    @property
    def sha256(self) -> str:
        """Of all bytes that were written."""
        return self._sha.hexdigest()

    @property
    def reserve_bytes(self) -> int:
        """What can still be given back to a full disk."""
        return self._reserve.size

    def append(self, data: bytes) -> None:
        """Write a line, whole; after an error the file is as it was before.

        Raises:
            OSError: It cannot be written.
        """
        if self._is_torn:
            self._cut()
        written = 0
        try:
            while written < len(data):  # one write, but where the disk took only a part of it
                written += os.write(self._descriptor, data[written:] if written else data)
        except OSError:
            self._is_torn = written > 0
            if self._is_torn:
                self._cut()
            raise
        self._size += written
        self._sha.update(data)

    def give(self, error: OSError) -> bool:
        """Give a part of the reserve back to the disk; False: no help, or nothing is left."""
        return error.errno in _FULL and self._reserve.give()

    def has_room(self) -> bool:
        """There is room for samples again: the reserve is whole, and as much is free beside it."""
        return self._reserve.refill()

    def sync(self) -> None:
        """Force what was written to the disk.

        Raises:
            OSError: The disk did not take it.
        """
        os.fdatasync(self._descriptor)

    def strayed(self) -> str:
        """What became of it, if it is not where it was made; empty: it is, or nobody can tell."""
        try:
            own = os.fstat(self._descriptor)
            if own.st_nlink == 0:
                return "the journal was deleted: what is recorded is lost"
            there = os.stat(self.folder / JOURNAL)  # noqa: PTH116 - that of a file, not of a path
        except FileNotFoundError:
            return _MOVED
        except OSError:
            return ""
        return "" if os.path.samestat(own, there) else _MOVED

    def close(self) -> None:
        """Let go of the file, its lock and the reserve. What the disk did not take was told."""
        self._reserve.remove()
        with suppress(OSError):
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Close it and leave nothing behind: nothing could be written."""
        self.close()
        with suppress(OSError):
            (self.folder / JOURNAL).unlink()
            self.folder.rmdir()

    def _cut(self) -> None:
        """Take the part of a line away again."""
        os.ftruncate(self._descriptor, self._size)
        self._is_torn = False


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk.

    Raises:
        OSError: The disk did not take them.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot do it
            raise
    finally:
        os.close(descriptor)


def is_locked(journal: Path) -> bool:
    """A recording writes to it now.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = os.open(journal, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EWOULDBLOCK, errno.EACCES}
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    try:
        # Waits for those who look whether it is locked: they hold it for microseconds.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise  # where there are no locks, a running session looks like one that was cut off


class _Reserve:
    """A file without a name that only takes room: gone after a crash; best effort, no errors."""

    def __init__(self, folder: Path) -> None:
        self._size = 0
        self._descriptor: int | None = None
        try:
            self._descriptor, name = mkstemp(prefix=".reserve-", dir=folder)
            Path(name).unlink()
        except OSError:
            log.warning("no reserve for a full disk in %s", folder)

    @property
    def size(self) -> int:
        """What can still be given."""
        return self._size

    def refill(self) -> bool:
        """Make it whole; False: there is not twice the room of it."""
        if self._descriptor is None:
            return False
        try:
            os.posix_fallocate(self._descriptor, 0, 2 * RESERVE_BYTES)
        except OSError:
            self._cut(self._descriptor, self._size)  # the attempt may have taken some
            return False
        return self._cut(self._descriptor, RESERVE_BYTES)

    def give(self) -> bool:
        """Make it smaller by a step; False: nothing is left of it."""
        if self._descriptor is None or self._size <= 0:
            return False
        return self._cut(self._descriptor, self._size - STEP_BYTES)

    def remove(self) -> None:
        """Give all of it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._size = 0

    def _cut(self, descriptor: int, size: int) -> bool:
        try:
            os.ftruncate(descriptor, size)
        except OSError:
            self._size = 0
            return False
        self._size = size
        return True
