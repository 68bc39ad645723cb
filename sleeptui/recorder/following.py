"""A journal that somebody else is writing, as events: what is new in it, until its end."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sleeptui.core.errors import JournalError
from sleeptui.core.events import Event
from sleeptui.core.ports import Clock
from sleeptui.recorder.decoding import BROKEN, BeyondReasonError, decoded
from sleeptui.recorder.disk import JOURNAL, is_locked
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import End
from sleeptui.recorder.playback import Playback
from sleeptui.recorder.reader import CHUNK_BYTES, LINE_LIMIT_BYTES, header_of, unreadable

EVERY_S: Final = 0.25
"""Between two looks at the file."""
SILENT_S: Final = 5.0
"""A writer writes each second. One that holds no lock, or whose file system has none, and has
written nothing for so long is gone."""


class JournalFollower:
    """Implements the port Follower."""

    def __init__(self, clock: Clock) -> None:
        """Looks in steps of this clock."""
        self._clock = clock

    async def follow(self, session: str) -> AsyncIterator[Sequence[Event]]:
        """What is new in a journal, again and again, until its end has come.

        Args:
            session: Path of its folder.

        Raises:
            JournalError: It cannot be read, or its writer is gone without an end.
        """
        path = Path(session) / JOURNAL
        file = await asyncio.to_thread(_opened, path)
        try:
            growing = _Growing(path, file)
            silent_since_s = self._clock.now_s()
            while True:
                is_written = await asyncio.to_thread(_is_written, path)
                found = await asyncio.to_thread(growing.new)
                if found:
                    yield found
                if growing.is_over:
                    return
                if growing.has_grown or is_written:
                    silent_since_s = self._clock.now_s()
                elif self._clock.now_s() - silent_since_s >= SILENT_S:
                    raise JournalError(
                        f"{path} has no end, and nobody writes to it any more",
                        hint="what was written is whole: sleeptui report makes a report of it",
                    )
                if not growing.is_behind:
                    await self._clock.sleep(EVERY_S)
        finally:
            file.close()


class _Growing:
    """The lines of a file that grows; the last may not be whole yet.

    What is not a whole line is read anew each time: a writer takes the part of a line away again
    that a full disk has left.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._offset = 0
        self._most = CHUNK_BYTES
        self._lines: deque[Line] = deque()
        self._playback = Playback(_Drained(self._lines))
        self._number = 0
        self.is_over = False
        """Its end has come."""
        self.has_grown = False
        """Since the look before."""
        self.is_behind = False
        """There may be more than was read."""

    def new(self) -> Sequence[Event]:
        """The events of what has been written since.

        Raises:
            JournalError: It cannot be read, or is no journal.
        """
        try:
            self._file.seek(self._offset)
            chunk = self._file.read(self._most)
        except OSError as error:
            raise unreadable(self._path, error) from error
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self.has_grown, self.is_behind = bool(whole), len(chunk) == self._most
        if self.is_behind and not whole:
            if self._most > LINE_LIMIT_BYTES:
                raise self._bad("is longer than 16 MiB", self._number + 1)
            self._most *= 2  # a line is longer than what was read
        else:
            self._most = CHUNK_BYTES
        self._offset += len(whole)
        for raw in whole.split(b"\n")[:-1]:
            self._take(raw)
        return tuple(self._playback.events())

    def _take(self, raw: bytes) -> None:
        self._number += 1
        if self._number == 1:
            self._lines.append(header_of(raw, self._path))
            return
        try:
            line = decoded(raw)
        except (msgspec.ValidationError, BeyondReasonError):
            return  # of a newer version, or a number beyond reason: the reader tells of it later
        except BROKEN as error:
            raise self._bad("cannot be read", self._number) from error
        self._lines.append(line)
        self.is_over = isinstance(line, End)

    def _bad(self, what: str, number: int) -> JournalError:
        return JournalError(
            f"{self._path}: line {number} {what}",
            hint="the file was changed while it was written",
        )


class _Drained:
    """Lines that are gone once they were given: the way through them can be taken up again."""

    def __init__(self, lines: deque[Line]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Line]:
        while self._lines:
            yield self._lines.popleft()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from error


def _is_written(path: Path) -> bool:
    try:
        return is_locked(path)
    except OSError as error:
        raise unreadable(path, error) from error
