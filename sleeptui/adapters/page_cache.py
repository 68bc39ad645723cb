"""How much of a file the kernel has in memory, and how to change that; Linux only.

``mincore`` over a read-only mapping tells which pages are there and brings none in. It tells the
truth only of files that the asking user may write or owns: of others the kernel answers "all".
"""

import ctypes
import errno
import mmap
import os
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = 1 << 30
"""Bytes that are mapped at a time."""
PIECE = 16 << 20
"""Bytes that are read at a time."""
_PAGE = mmap.PAGESIZE
_TRIES = 3
"""Pages that a processor has just put aside may survive the first time."""

_FOREIGN = {
    0x0BD00BD0: "Lustre",
    0x00C36400: "CephFS",
    0x01021997: "9p",
    0x2FC12FC1: "ZFS",
    0x47504653: "GPFS",
    0x6969: "NFS",
    0x65735546: "FUSE",
    0xFE534D42: "SMB",
    0xFF534D42: "CIFS",
}
"""File systems with a cache of their own, here or elsewhere: our page cache is not all of it."""
_OVERLAY = 0x794C7630


class _StatFs(ctypes.Structure):
    _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_byte * 256))


class _Calls:
    """The C library."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.mmap = libc.mmap
        self.mmap.restype = ctypes.c_void_p
        self.mmap.argtypes = (
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        )
        self.munmap = libc.munmap
        self.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self.mincore = libc.mincore
        self.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
        self.fstatfs = libc.fstatfs
        self.fstatfs.argtypes = (ctypes.c_int, ctypes.POINTER(_StatFs))


def resident_bytes(path: Path) -> int:
    """What of a file is in the page cache, in whole pages but no more than its size.

    Raises:
        OSError: It cannot be read, or not be asked about.
    """
    with _opened(path) as descriptor:
        return _resident(descriptor)


def drop(path: Path) -> int:
    """Drop a file's clean pages; what is still in the page cache after that.

    Pages stay that another process has mapped.

    Raises:
        OSError: It cannot be read, or not be asked about.
    """
    with _opened(path) as descriptor:
        with suppress(OSError):  # what cannot be written is not dirty either
            os.fdatasync(descriptor)
        left = 0
        for _ in range(_TRIES):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            left = _resident(descriptor)
            if not left:
                break
        return left


def read_through(path: Path, is_wanted: Callable[[], bool]) -> None:
    """Read a file once, as long as that is wanted.

    Raises:
        OSError: It cannot be read.
    """
    buffer = bytearray(PIECE)
    with _opened(path) as descriptor:
        while is_wanted() and os.readv(descriptor, [buffer]):
            pass


def foreign(path: Path) -> str | None:
    """The file system of a file, where its cache is not (only) our page cache; None: it is.

    Raises:
        OSError: It cannot be read.
    """
    with _opened(path) as descriptor:
        return _FOREIGN.get(_kind(descriptor))


def is_overlay(path: Path) -> bool:
    """The file lies in an overlay, as a container's do.

    Raises:
        OSError: It cannot be read.
    """
    with _opened(path) as descriptor:
        return _kind(descriptor) == _OVERLAY


def is_told_the_truth(path: Path) -> bool:
    """The kernel tells this user which pages of the file are there (since Linux 5.2).

    Raises:
        OSError: It is not there.
    """
    return path.stat().st_uid == os.geteuid() or os.access(path, os.W_OK)


@contextmanager
def _opened(path: Path) -> "Iterator[int]":
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _kind(descriptor: int) -> int:
    found = _StatFs()
    if _Calls().fstatfs(descriptor, ctypes.byref(found)):
        raise _failed()
    return int(found.f_type) & 0xFFFFFFFF


def _resident(descriptor: int) -> int:
    calls = _Calls()
    size = os.fstat(descriptor).st_size
    found = 0
    for start in range(0, size, WINDOW):
        length = min(WINDOW, size - start)
        pages = _pages(calls, descriptor, start, length)
        found += sum(pages) * _PAGE
        if length % _PAGE and pages[-1]:
            found -= _PAGE - length % _PAGE
    return found


def _pages(calls: _Calls, descriptor: int, start: int, length: int) -> bytes:
    """1 or 0 for each page."""
    address = calls.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
    if address is None or address == ctypes.c_void_p(-1).value:
        raise _failed()
    try:
        vector = ctypes.create_string_buffer(-(-length // _PAGE))
        if calls.mincore(address, length, vector):
            raise _failed()
    finally:
        calls.munmap(address, length)
    # Only the lowest bit of each byte says something.
    return bytes(vector.raw.translate(_LOWEST_BIT))


_LOWEST_BIT = bytes(value & 1 for value in range(256))


def _failed() -> OSError:
    number = ctypes.get_errno() or errno.EIO
    return OSError(number, os.strerror(number))
