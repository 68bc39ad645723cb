"""The thread that writes: nobody waits for it, nobody is left waiting."""

import os
import stat
import threading
from concurrent.futures import Future

import pytest
from support.disks import content, failing, header, note, op_end, prom, words

from sleeptui.core.errors import JournalError
from sleeptui.recorder import writer as module
from sleeptui.recorder.redact import Redactor
from sleeptui.recorder.writer import Writer

SOON_S = 30.0
"""A bound for a machine that stalls, never waited for."""


@pytest.fixture
def open_writer(tmp_path):
    made = []

    def make(**more):
        made.append(Writer(tmp_path, header(), **more))
        return made[-1]

    yield make
    for writer in made:
        writer.close(aborted=False)


class StuckDisk:
    """Writes that wait until they are let go."""

    def __init__(self, monkeypatch):
        self.fake = failing(monkeypatch)
        self.is_entered = threading.Event()
        self.is_free = threading.Event()
        self.fake.write = self.write

    def hold(self):
        self.is_free.clear()

    def write(self, descriptor, data):
        if b'"k":"header"' not in data:
            self.is_entered.set()
            assert self.is_free.wait(SOON_S)
        return os.write(descriptor, data)


def test_the_header_is_on_the_disk_before_anything_else(open_writer, tmp_path):
    writer = open_writer()
    assert words(tmp_path) == ["header"]
    assert writer.folder == tmp_path
    assert writer.problem == ""
    assert stat.S_IMODE((tmp_path / "journal.jsonl").stat().st_mode) == 0o600


def test_all_that_is_put_is_written_in_order(open_writer, tmp_path):
    writer = open_writer()
    for at in range(500):
        writer.put(prom(t=at) if at % 3 else note(t=at))
    assert writer.written().result(SOON_S) is True
    assert [line.t for line in content(tmp_path)[1:]] == list(range(500))
    writer.close(aborted=False)
    assert words(tmp_path)[-1] == "end"


def test_a_sample_alone_comes_too(open_writer, tmp_path):
    writer = open_writer()
    writer.put(prom())
    writer.close(aborted=True)
    assert words(tmp_path) == ["header", "prom", "end"]
    assert content(tmp_path)[-1].aborted


def test_it_looks_after_the_disk_where_nothing_comes(open_writer, monkeypatch):
    writer = open_writer()
    turns = threading.Semaphore(0)
    monkeypatch.setattr(writer._pen, "wait_s", lambda _every_s: 0.0)
    monkeypatch.setattr(writer._pen, "settle", lambda _every_s: turns.release())
    writer.put(prom())
    for _ in range(2):  # one for the sample, then one for nothing
        assert turns.acquire(timeout=SOON_S)


def test_what_comes_after_the_end_is_nobodys(open_writer, tmp_path):
    writer = open_writer()
    writer.close(aborted=False)
    writer.put(note())
    writer.close(aborted=False)
    assert writer.written().result(0) is False
    assert words(tmp_path) == ["header", "end"]


def test_a_line_that_the_disk_did_not_take_is_not_told_as_written(open_writer, monkeypatch):
    fake = failing(monkeypatch)
    told = []
    writer = open_writer(told=told.append)
    fake.room = 0
    writer.put(op_end())
    assert writer.written().result(SOON_S) is False
    assert told[-1] == writer.problem != ""
    fake.room = None
    writer.put(op_end())
    assert writer.written().result(SOON_S) is True


def test_who_gave_up_waiting_is_left_alone(open_writer):
    writer = open_writer()
    done = writer.written()
    done.cancel()
    assert writer.written().result(SOON_S) is True


def test_a_stuck_disk_stops_nobody_and_samples_beyond_the_queue_are_counted(
    open_writer, tmp_path, monkeypatch
):
    disk = StuckDisk(monkeypatch)
    monkeypatch.setattr(module, "QUEUE_LIMIT", 10)
    writer = open_writer()
    writer.put(op_end(1))
    assert disk.is_entered.wait(SOON_S)
    for at in range(15):
        writer.put(prom(t=at))
        writer.put(op_end(at + 2))
    assert writer.problem.endswith("is too slow: samples are dropped")
    disk.is_free.set()
    assert writer.written().result(SOON_S) is True
    writer.close(aborted=False)
    found = content(tmp_path)
    assert words(tmp_path).count("op.end") == 16
    assert found[-1].dropped == {"prom": 10}
    assert writer.problem == ""


def test_a_disk_that_never_answers_does_not_keep_the_program(open_writer, tmp_path, monkeypatch):
    disk = StuckDisk(monkeypatch)
    writer = open_writer()
    writer.put(op_end())
    assert disk.is_entered.wait(SOON_S)
    left = writer.written()
    writer.close(aborted=False, limit_s=0.01)
    assert writer.problem.endswith("does not answer: the end is not written")
    assert not left.done()
    disk.is_free.set()
    assert left.result(SOON_S) is True


def test_after_a_defect_nobody_waits(open_writer, monkeypatch, tmp_path):
    writer = open_writer()
    hooked = []
    monkeypatch.setattr(threading, "excepthook", hooked.append)
    is_ready = threading.Event()

    def broken(_line):
        assert is_ready.wait(SOON_S)
        raise AssertionError("a defect")

    monkeypatch.setattr(writer._pen, "write", broken)
    writer.put(op_end())
    waiting = [writer.written(), Future(), writer.written()]
    waiting[2].cancel()
    writer.put(op_end())
    is_ready.set()
    assert waiting[0].result(SOON_S) is False
    writer.close(aborted=False)
    assert writer.problem == "the writer of the journal has failed: nothing more is recorded"
    assert len(hooked) == 1
    assert words(tmp_path) == ["header"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(JournalError, match="cannot be written to .*No such file"):
        Writer(tmp_path / "none", header())


def test_a_header_that_does_not_fit_leaves_nothing_behind(tmp_path, monkeypatch):
    failing(monkeypatch).room = 10
    folder = tmp_path / "session"
    folder.mkdir()
    with pytest.raises(JournalError, match="No space left") as caught:
        Writer(folder, header())
    assert caught.value.hint
    assert not folder.exists()


def test_secrets_are_cleared_on_the_way(open_writer, tmp_path):
    writer = open_writer(redactor=Redactor(["my-secret-word"]))
    writer.put(note(text="it is my-secret-word"))
    writer.close(aborted=False)
    assert b"secret" not in (tmp_path / "journal.jsonl").read_bytes()
