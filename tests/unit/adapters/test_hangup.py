import asyncio
import os
import pty
import subprocess
import sys

import pytest

from sleeptui.adapters.hangup import on_hangup

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watched on Linux only")
PROGRAM = """
import asyncio, os, sys
from sleeptui.adapters.hangup import on_hangup

async def main():
    gone = asyncio.Event()
    with on_hangup(0, gone.set):
        os.write(int(sys.argv[1]), b"ready")
        await gone.wait()
        print("nobody reads this", flush=True)
        os.write(int(sys.argv[1]), b"ended")

asyncio.run(main())
"""


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    yield ours, theirs
    for descriptor in (ours, theirs):
        try:
            os.close(descriptor)
        except OSError:
            assert descriptor == ours  # closed by the test


async def test_the_end_of_the_terminal_is_told_once(terminal):
    ours, theirs = terminal
    told = []
    gone = asyncio.Event()
    with on_hangup(theirs, lambda: (told.append(1), gone.set())):
        os.close(ours)
        await asyncio.wait_for(gone.wait(), 20)
        for _ in range(10):
            await asyncio.sleep(0)
    assert told == [1]


async def test_what_is_typed_is_left_to_its_reader(terminal):
    ours, theirs = terminal
    told = []
    with on_hangup(theirs, lambda: told.append(1)):
        os.write(ours, b"typed\n")
        assert await asyncio.to_thread(os.read, theirs, 100) == b"typed\n"
    os.close(ours)
    for _ in range(10):
        await asyncio.sleep(0)
    assert told == []


def test_without_a_signal_and_with_more_to_write(terminal):
    """A session of its own: the kernel tells it nothing."""
    ours, theirs = terminal
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(writing)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        pass_fds=[writing],
        start_new_session=True,
    )
    try:
        os.close(writing)
        assert os.read(reading, 100) == b"ready"
        os.close(ours)
        assert child.wait(timeout=20) == 0
        assert os.read(reading, 100) == b"ended"
    finally:
        child.kill()
        child.wait()
        os.close(reading)
