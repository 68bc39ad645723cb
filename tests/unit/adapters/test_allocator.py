"""What was large is the system's again, whatever small things lie between."""

import asyncio
import subprocess
import sys

import pytest
from support.clock import ManualClock

from sleeptui.adapters import allocator

SCRIPT = """
import sys
from pathlib import Path
from sleeptui.adapters.allocator import give_back_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "with" and not give_back_large_blocks():
    sys.exit("another C library")
bytes(8 << 20)  # glibc has seen and freed a large one
before = resident()
pages, kept = [], []
for number in range(64):
    pages.append(b"x" * ((1 << 20) + number))
    kept.append(bytes(2000 + number))
del pages
print(resident() - before)
"""


def grown(how):
    """By how many bytes a process has grown when all that was large has gone."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=False
    )
    if "another C library" in done.stderr:
        pytest.skip("this is not glibc")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_grows_by_less_than_one_of_the_large_ones():
    assert grown("with") < 1 << 20
    assert grown("without") > 32 << 20


async def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    assert allocator.give_back_large_blocks() is False
    await allocator.give_back_pieces(ManualClock())


class Library:
    """Counts how often it was asked for free pieces."""

    def __init__(self):
        self.trims = 0

    def malloc_trim(self, spare):
        assert spare == 0
        self.trims += 1


async def test_free_pieces_are_given_back_each_minute(monkeypatch):
    library, clock = Library(), ManualClock()
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: library)
    giving = asyncio.create_task(allocator.give_back_pieces(clock))
    await clock.advance(59.0)
    assert library.trims == 0
    await clock.advance(122.0)
    assert library.trims == 3
    giving.cancel()
    await asyncio.wait({giving})
