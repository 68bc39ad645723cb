import os
import pty
import sys
import termios
import threading
from pathlib import Path

import pytest
from textual.drivers._writer_thread import WriterThread

from sleeptui.adapters.output import forgiving_output

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux only")


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    yield ours, theirs
    for descriptor in (ours, theirs):
        try:
            os.close(descriptor)
        except OSError:
            assert descriptor == ours  # closed by the test


@pytest.fixture
def shown(terminal, monkeypatch):
    """The standard error stream leads to the terminal."""
    stream = os.fdopen(os.dup(terminal[1]), "w", encoding="utf-8")
    monkeypatch.setattr(sys, "__stderr__", stream)
    yield stream
    stream.close()


def shows(descriptor, text):
    """Whether the terminal shows this next; several writes come in one piece or in several."""
    got = b""
    while len(got) < len(text):
        got += os.read(descriptor, 100)
    return got == text


def never():
    raise AssertionError("nothing was dropped")


def test_output_to_a_terminal_that_is_gone_is_dropped(terminal, shown):
    ours, _theirs = terminal
    with forgiving_output(never):
        assert sys.__stderr__ is not shown
        assert sys.__stderr__.isatty()
        assert sys.__stderr__.fileno() == shown.fileno()
        print("seen", file=sys.__stderr__, flush=True)
        assert shows(ours, b"seen\r\n")
        os.close(ours)
        for _ in range(100):
            print("nobody reads this" * 100, file=sys.__stderr__, flush=True)
    assert sys.__stderr__ is shown


def test_other_errors_of_the_output_are_told(monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "__stderr__", full)
        with pytest.raises(OSError, match="No space"), forgiving_output(never):
            print("x", file=sys.__stderr__, flush=True)


def test_without_an_output_there_is_nothing_to_forgive(monkeypatch):
    monkeypatch.setattr(sys, "__stderr__", None)
    with forgiving_output(never):
        assert sys.__stderr__ is None


def test_a_full_terminal_that_goes_frees_who_waits_to_write(terminal, shown):
    """Seen in the panel: the writer's thread had died, and its queue was full for ever."""
    ours, _theirs = terminal
    with forgiving_output(never):
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


def test_a_terminal_that_takes_nothing_holds_nobody_up_and_is_painted_anew(terminal, shown):
    ours, theirs = terminal
    back = threading.Event()
    with forgiving_output(back.set):
        print("before", file=sys.__stderr__, flush=True)
        assert shows(ours, b"before\r\n")
        termios.tcflow(theirs, termios.TCOOFF)
        writer = WriterThread(sys.__stderr__)
        writer.start()
        for _ in range(200):
            writer.write("x" * 2000)
        assert not back.is_set()
        writer.stop()  # all was taken, and dropped
        assert not back.is_set()
        termios.tcflow(theirs, termios.TCOON)
        print("after", file=sys.__stderr__, flush=True)
        assert back.is_set()
        assert shows(ours, b"\x18\x1b\\after\r\n")
        assert os.get_blocking(theirs), "the file that others share stays as it is"


def test_a_reader_that_is_slow_gets_everything(terminal, shown):
    ours, _ = terminal
    got = bytearray()

    def read() -> None:
        while not got.endswith(b"end\r\n"):
            got.extend(os.read(ours, 512))

    reader = threading.Thread(target=read)
    reader.start()
    with forgiving_output(never):
        for number in range(200):
            print(f"{number:03d}" * 100, file=sys.__stderr__, flush=True)
        print("end", file=sys.__stderr__, flush=True)
    reader.join(20)
    assert got.count(b"\r\n") == 201
