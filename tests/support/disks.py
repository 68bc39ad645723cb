"""Disks that take no more, and the lines that are written to them."""

import errno
import os
import sys
from pathlib import Path

import msgspec

from sleeptui.recorder import disk
from sleeptui.recorder.lines import AnyLine, Header, Note, OpEnd, Prom

_decoder = msgspec.json.Decoder(AnyLine)


class FailingOs:
    """``os`` for the module of the journal's file, with errors on demand."""

    def __init__(self):
        self.room: int | None = None
        """Bytes that can still be written; None: any number."""
        self.error = errno.ENOSPC
        self.given = 0
        """What a step of the reserve gives back."""
        self.sync_error: int | None = None
        self.cut_error: int | None = None
        self.syncs = 0

    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, descriptor, data):
        if self.room is None:
            return os.write(descriptor, data)
        if self.room == 0:
            raise OSError(self.error, os.strerror(self.error))
        taken = os.write(descriptor, data[: self.room])
        self.room -= taken
        return taken

    def fdatasync(self, descriptor):
        self.syncs += 1
        if self.sync_error is not None:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        os.fdatasync(descriptor)

    def ftruncate(self, descriptor, size):
        if self.cut_error is not None:
            raise OSError(self.cut_error, os.strerror(self.cut_error))
        before = os.fstat(descriptor)
        os.ftruncate(descriptor, size)
        is_reserve = before.st_nlink == 0
        if is_reserve and size < before.st_size and self.room is not None:
            self.room += self.given

    def posix_fallocate(self, descriptor, start, size):
        if self.room is not None and self.error != errno.EFBIG:
            raise OSError(self.error, os.strerror(self.error))
        os.posix_fallocate(descriptor, start, size)


def failing(monkeypatch) -> FailingOs:
    fake = FailingOs()
    monkeypatch.setattr(disk, "os", fake)
    return fake


class Nanoseconds:
    """A clock that is turned by hand."""

    def __init__(self):
        self.ns = 1_000_000_000

    def __call__(self) -> int:
        return self.ns

    def forward(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


def header(run_id="20261123T093000Z-a-7f3c", **more) -> Header:
    return Header(t=1, run_id=run_id, wall_ns=1_795_000_000_000_000_000, tool="test", **more)


def prom(t=2, **more) -> Prom:
    return Prom(t=t, s="a", took_ns=5, **more)


def note(t=3, text="something") -> Note:
    return Note(t=t, severity="info", text=text)


def op_end(op=1, t=4) -> OpEnd:
    return OpEnd(
        t=t, s="a", op=op, name="sleep", outcome="done", cls="ok", began_ns=3, duration_s=0.5
    )


def content(folder: Path) -> list:
    """Its lines; fails where one is torn or out of order."""
    data = (folder / disk.JOURNAL).read_bytes()
    assert data.endswith(b"\n")
    found = [_decoder.decode(raw) for raw in data.split(b"\n")[:-1]]
    assert [line.n for line in found] == list(range(len(found)))
    return found


def words(folder: Path) -> list[str]:
    """Kinds of its lines."""
    return [line.__struct_config__.tag for line in content(folder)]


PYTHON = sys.executable
