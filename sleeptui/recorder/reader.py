"""A journal from the disk: line by line, never the whole file in memory.

What a crash leaves is read as far as it is whole, and said so; what cannot be a crash is an error.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec

from sleeptui.core.errors import JournalError
from sleeptui.recorder.decoding import BROKEN, BeyondReasonError, decoded
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import SCHEMA, VERSION, End, Header
from sleeptui.recorder.lines import AnyLine

CHUNK_BYTES = 1 << 20
LINE_LIMIT_BYTES = 16 << 20
_KINDS = frozenset(one.__struct_config__.tag for one in get_args(AnyLine))


class _Probe(msgspec.Struct):
    """What every line of every version has."""

    k: str
    n: int = -1
    t: int = 0


class _Head(msgspec.Struct):
    """What says whether the first line can be understood."""

    schema: str
    v: int


_PROBE = msgspec.json.Decoder(_Probe)
_HEAD = msgspec.json.Decoder(_Head)


class Reading:
    """One way through a journal; what it is worth is known when the last line has been given.

    ::

        reading = Reading(path)
        for line in reading:
            ...
        reading.partial
    """

    def __init__(self, path: Path) -> None:
        """Over the journal at ``path``; opened when the first line is asked for."""
        self._path = path
        self._hash = hashlib.sha256()
        self._next_n = 0
        self.lines = 0
        """Whole lines, those of unknown kinds too."""
        self.size_bytes = 0
        """Of all that was read."""
        self.end: End | None = None
        """The last line; None: it has not come."""
        self.torn_bytes = 0
        """Behind the last whole line, zeros at the end not counted."""
        self.skipped = 0
        """Lines of kinds that this version does not know."""
        self.findings: list[str] = []
        """What is wrong with it, beside what is torn or missing at its end."""

    @property
    def sha256(self) -> str:
        """Of all bytes of the file, as they were read."""
        return self._hash.hexdigest()

    @property
    def partial(self) -> str | None:
        """Why the session is not whole, in one sentence; None: it is."""
        found = list(self.findings)
        if self.torn_bytes:
            found.append("its last line is torn")
        return "; ".join([*found, *lacks(self.end)]) or None

    def __iter__(self) -> Iterator[Line]:
        """The lines, in order.

        Raises:
            JournalError: It cannot be opened, is no journal, was written by a newer version, or a
                line that is not the last cannot be understood.
        """
        with _opened(self._path) as file:
            yield from self._lines(file)
        if self.lines == 0:
            what = "ends within its first line" if self.torn_bytes else "is empty"
            raise JournalError(f"{self._path} {what}", hint="nothing was recorded in it")

    def _lines(self, file: BinaryIO) -> Iterator[Line]:
        rest = b""
        chunk = self._chunk(file)
        while chunk:
            following = self._chunk(file)
            data = rest + chunk
            cut = data.rfind(b"\n") + 1
            rest = data[cut:]
            if len(rest) > LINE_LIMIT_BYTES:
                raise self._bad("is longer than 16 MiB")
            yield from self._block(data[:cut], is_last=not (following or rest.strip(b"\0")))
            self._hash.update(rest if not following else b"")
            chunk = following
        self.torn_bytes += len(rest.rstrip(b"\0"))

    def _chunk(self, file: BinaryIO) -> bytes:
        try:
            chunk = file.read(CHUNK_BYTES)
        except OSError as error:
            raise unreadable(self._path, error) from error
        self.size_bytes += len(chunk)
        return chunk

    def _block(self, data: bytes, *, is_last: bool) -> Iterator[Line]:
        """Lines of a block of whole lines; ``is_last``: nothing comes behind it."""
        start = 0
        for raw in data.split(b"\n")[:-1]:
            line: Line | None
            try:
                line = decoded(raw) if self.lines else header_of(raw, self._path)
            except BROKEN as error:
                if is_last and start + len(raw) + 1 == len(data):
                    self.torn_bytes += len(raw.rstrip(b"\0"))
                    break
                self._skip(raw, error)
                line = None
            if line is not None:
                self._check(line, data, start)
                yield line
            self.lines += 1
            start += len(raw) + 1
        self._hash.update(data)

    def _check(self, line: Line, data: bytes, start: int) -> None:
        if line.n != self._next_n and self.end is None:
            self._find("lines are missing")
        self._next_n = line.n + 1
        if self.end is not None:
            self._find("something was written behind its end")
        elif isinstance(line, End):
            self.end = line
            before = self._hash.copy()
            before.update(data[:start])
            if line.sha256 != before.hexdigest() or line.lines != self.lines:
                self._find("it was changed after it was written: its hash does not match")
        elif isinstance(line, Header) and self.lines:
            self._find("it has a second header")

    def _find(self, what: str) -> None:
        if what not in self.findings:
            self.findings.append(what)

    def _skip(self, raw: bytes, error: Exception) -> None:
        """A line that is not understood: skipped if its kind is new, or a number beyond reason.

        A server that tells such a number must not make the whole recording unreadable.

        Raises:
            JournalError: It is broken.
        """
        try:
            probe = _PROBE.decode(raw)
        except BROKEN:
            raise self._bad("cannot be read") from error
        if isinstance(error, BeyondReasonError):
            self._find("a number that is beyond reason was left out, with its line")
        elif probe.k in _KINDS:
            raise self._bad(f"({probe.k}) cannot be understood") from error
        self.skipped += 1
        self._next_n = probe.n + 1

    def _bad(self, what: str) -> JournalError:
        return JournalError(
            f"{self._path}: line {self.lines + 1} {what}",
            hint="the file was changed after it was written; the lines before it are whole",
        )


def lacks(end: End | None) -> Sequence[str]:
    """What a session with this end, or none, is not whole for; nothing: it is."""
    if end is None:
        return ("it has no end: the recording was cut off",)
    missing = sum(end.dropped.values())
    told = {
        "a signal or an error ended the recording": end.aborted,
        f"{missing:,} sample{'s' if missing > 1 else ''} could not be written": missing > 0,
    }
    return tuple(words for words, is_so in told.items() if is_so)


def header_of(raw: bytes, path: Path) -> Header:
    """The header that the first line of a journal is.

    Raises:
        JournalError: A newer version has written it, or it is no journal.
    """
    foreign = JournalError(
        f"{path} is not a journal of sleeptui",
        hint="other results can be read with `sleeptui import`",
    )
    try:
        head = _HEAD.decode(raw)
    except BROKEN:
        raise foreign from None
    if head.schema == SCHEMA and head.v > VERSION:
        raise JournalError(
            f"{path} was written by a newer sleeptui"
            f" (journal version {head.v}; this one reads {VERSION})",
            hint="update sleeptui",
        )
    try:
        line = decoded(raw)
    except BROKEN:
        raise foreign from None
    if not isinstance(line, Header) or head.schema != SCHEMA or head.v < 1:
        raise foreign
    return line


def unreadable(path: Path, error: OSError) -> JournalError:
    """What is told of a file that cannot be read."""
    if error.errno == errno.ENOENT:
        return JournalError(f"there is no journal at {path}", hint="`sleeptui sessions` lists all")
    return JournalError(f"{path} cannot be read: {error.strerror or error}")


def _opened(path: Path) -> BinaryIO:
    """An ordinary file: a pipe would wait for ever.

    Raises:
        JournalError: It cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise JournalError(f"{path} cannot be read: it is not a file")
    return os.fdopen(descriptor, "rb", buffering=0)
