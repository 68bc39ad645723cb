"""Gives large blocks of memory back to the system as soon as they are let go of.

glibc maps such a block by itself, but from the first that is freed on only those that are larger
still (mallopt(3), M_MMAP_THRESHOLD): after one page of metrics of 8 MiB all others lie in the heap,
between small things that outlive them and hold it at its highest. A program that watches for weeks
would grow with the worst that it has met. Pieces that lie free between others glibc keeps for
good, if it is not asked for them (malloc_trim(3)): 4 to 6 MiB of a panel after each minute.
"""

import ctypes
from typing import Final

from sleeptui.core.ports import Clock

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 64 << 10
"""A piece of an answer, as httpcore reads it, is as large and counts."""
_SPARE_BYTES: Final = 128 << 10
"""At the top of the heap; glibc's own figure, which it would double with the other."""
TRIM_EVERY_S: Final = 60.0
"""Between two times that free pieces are given back: that takes 0.7 ms for 120 MiB."""


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


async def give_back_pieces(clock: Clock) -> None:
    """Give back what lies free between blocks in use, again and again, until cancelled.

    It returns at once where this is another C library.

    Args:
        clock: For the pauses.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return
    while True:
        await clock.sleep(TRIM_EVERY_S)
        trim(0)
