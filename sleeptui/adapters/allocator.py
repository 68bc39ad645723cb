"""Gives large blocks of memory back to the system as soon as they are let go of.

glibc maps such a block by itself, but from the first that is freed on only those that are larger
still (mallopt(3), M_MMAP_THRESHOLD): after one page of metrics of 8 MiB all others lie in the heap,
between small things that outlive them and hold it at its highest. A program that watches for weeks
would grow with the worst that it has met.
"""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 64 << 10
"""A piece of an answer, as httpcore reads it, is as large and counts."""
_SPARE_BYTES: Final = 128 << 10
"""At the top of the heap; glibc's own figure, which it would double with the other."""


def give_back_large_blocks() -> bool:
    """Fix the sizes; for the whole process, from now on.

    Returns:
        False: this is another C library, which has no such sizes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # Each of the two switches off that glibc changes both.
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)) and bool(
        mallopt(_M_TRIM_THRESHOLD, _SPARE_BYTES)
    )
