import asyncio
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from textual.drivers._writer_thread import WriterThread

from sleeptui.adapters.hangup import forgiving_output, on_hangup

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watched on Linux only")
PROGRAM = """
import asyncio, os, sys
from sleeptui.adapters.hangup import forgiving_output, on_hangup

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


def test_output_to_a_terminal_that_is_gone_is_dropped(terminal, monkeypatch):
    ours, theirs = terminal
    stream = os.fdopen(os.dup(theirs), "w", encoding="utf-8")
    monkeypatch.setattr(sys, "__stderr__", stream)
    with forgiving_output():
        assert sys.__stderr__ is not stream
        assert sys.__stderr__.isatty()
        assert sys.__stderr__.fileno() == stream.fileno()
        print("seen", file=sys.__stderr__, flush=True)
        assert os.read(ours, 100) == b"seen\r\n"
        os.close(ours)
        for _ in range(100):
            print("nobody reads this" * 100, file=sys.__stderr__, flush=True)
    assert sys.__stderr__ is stream
    stream.close()


def test_other_errors_of_the_output_are_told(monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "__stderr__", full)
        with pytest.raises(OSError, match="No space"), forgiving_output():
            print("x", file=sys.__stderr__, flush=True)


def test_without_an_output_there_is_nothing_to_forgive(monkeypatch):
    monkeypatch.setattr(sys, "__stderr__", None)
    with forgiving_output():
        assert sys.__stderr__ is None


def test_a_full_terminal_that_goes_frees_who_waits_to_write(terminal, monkeypatch):
    """Seen in the panel: the writer's thread had died, and its queue was full for ever."""
    ours, theirs = terminal
    stream = os.fdopen(os.dup(theirs), "w", encoding="utf-8")
    monkeypatch.setattr(sys, "__stderr__", stream)
    with forgiving_output():
        writer = WriterThread(sys.__stderr__)
        writer.start()
        begun = threading.Event()

        def paint() -> None:
            for frame in range(200):
                writer.write("x" * 2000)
                if frame == 10:
                    begun.set()

        painter = threading.Thread(target=paint, daemon=True)
        painter.start()
        assert begun.wait(20)
        os.close(ours)
        painter.join(20)
        assert not painter.is_alive()
        writer.stop()
    stream.close()
