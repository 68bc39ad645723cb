"""Lines to the file, in order: numbers, counts, and what happens while the disk takes none."""

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from sleeptui.recorder.disk import JournalFile
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import Anomaly, End, Header
from sleeptui.recorder.redact import Redactor

WAITING_LIMIT = 100_000
"""Lines in memory while the disk is full; some 100 MB. A recording has a few a second."""
RETRY_S = 1.0
_UNWRITABLE = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
"""Half a character in a name that is no UTF-8, mostly."""


class Pen:
    """Writes lines; used by the writer's thread alone, but ``overflowed``."""

    def __init__(
        self,
        file: JournalFile,
        redactor: Redactor,
        *,
        now_ns: Callable[[], int],
        told: Callable[[str], None],
    ) -> None:
        """Over ``file``; ``told`` is called with the problem, empty when it is over."""
        self._file = file
        self._redactor = redactor
        self._encoder = msgspec.json.Encoder()
        self._now_ns = now_ns
        self._told = told
        self._n = 0
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._overflow: Counter[str] = Counter()
        self._overflow_told = 0
        self._waiting: deque[Line] = deque()
        self._trouble: str | None = None
        self._gap_from: datetime | None = None
        self._gap_dropped = 0
        self._lost = 0
        self._strayed = ""
        self._has_ended = False
        self._is_unsynced = False
        self._must_sync = False
        self._synced_s = now_ns() / 1e9
        self._tried_s = self._synced_s

    @property
    def is_level(self) -> bool:
        """All that was given is with the operating system."""
        return not self._waiting

    def begin(self, header: Header) -> None:
        """Write the first line and force it to the disk.

        Raises:
            OSError: It cannot be written.
        """
        self._append(header)
        self._file.sync()
        self._must_sync = self._is_unsynced = False

    def overflowed(self, line: Line) -> None:
        """A sample had no place in the queue. On the thread that puts."""
        if self._overflow.total() == self._overflow_told:
            self._told(f"the disk {_mount(self._file.folder)} is too slow: samples are dropped")
        self._overflow[kind_of(line)] += 1

    def write(self, line: Line) -> None:
        """Write it; a sample that cannot be is dropped, everything else is kept."""
        if line.DROPPABLE and self._trouble is not None:
            self._drop(line)
            return
        if not self._waiting and self._try(line):
            return
        if line.DROPPABLE:
            self._drop(line)
        elif len(self._waiting) >= WAITING_LIMIT:
            self._lose(line)
            self._tell()
        else:
            self._waiting.append(line)
            self._flush()

    def wait_s(self, every_s: float) -> float | None:
        """How long nothing has to be done where nothing comes; None: for ever."""
        if self._trouble is not None:
            return RETRY_S
        if self._is_unsynced:
            return max(0.0, self._synced_s + every_s - self._now_s())
        return None

    def settle(self, every_s: float) -> None:
        """Force to the disk what is due, and see whether a full disk has room again."""
        now_s = self._now_s()
        self._tell_overflow()
        if self._trouble is not None and now_s - self._tried_s >= RETRY_S:
            self._tried_s = now_s
            self._recover()
        if self._is_unsynced and (self._must_sync or now_s - self._synced_s >= every_s):
            self._sync()

    def end(self, *, aborted: bool) -> None:
        """Write what waits and the last line, and force it to the disk."""
        self._tell_overflow()
        self._flush()
        self._has_ended = True
        while self._waiting:
            self._lose(self._waiting.popleft())
        last = End(
            t=self._now_ns(),
            lines=self._n,
            sha256=self._file.sha256,
            aborted=aborted,
            counts=dict(self._counts),
            dropped=dict(self._dropped + Counter(self._overflow)),
        )
        is_whole = self._try(last) and self._sync()
        if self._lost or not is_whole:
            what = f"{self._lost} lines are lost" if self._lost else "its end may be lost"
            self._told(f"{self._trouble}: the session is not whole, {what}")

    def _append(self, line: Line) -> None:
        line.n = self._n
        kind, encoded = self._encoded(line)
        self._file.append(encoded + b"\n")
        self._n += 1
        self._counts[kind] += 1
        if kind != kind_of(line):
            self._dropped[kind_of(line)] += 1
        self._is_unsynced = True
        self._must_sync |= line.SYNCED

    def _encoded(self, line: Line) -> tuple[str, bytes]:
        """Its kind and its JSON; of one that cannot be JSON, those of a line that tells so."""
        try:
            return kind_of(line), self._redactor.clear(line, self._encoder.encode(line))
        except _UNWRITABLE as error:
            note = f"a line of kind {kind_of(line)} cannot be written: {type(error).__name__}"
            told = Anomaly(n=line.n, t=line.t, code="unwritable", detail=note)
            return kind_of(told), self._encoder.encode(told)

    def _try(self, line: Line) -> bool:
        """Write it; what is kept may use the reserve."""
        while True:
            try:
                self._append(line)
            except OSError as error:
                if not line.DROPPABLE and self._file.give(error):
                    continue
                self._failed(error)
                return False
            return True

    def _flush(self) -> None:
        while self._waiting and self._try(self._waiting[0]):
            self._waiting.popleft()
        self._tell()

    def _drop(self, line: Line) -> None:
        self._dropped[kind_of(line)] += 1
        self._gap_dropped += 1

    def _lose(self, line: Line) -> None:
        self._dropped[kind_of(line)] += 1
        self._lost += 1

    def _failed(self, error: OSError) -> None:
        """The disk does not take it: samples are dropped from now on."""
        begins = self._trouble is None
        what = (error.strerror or str(error)).lower().removesuffix(" on device")
        self._trouble = f"{what} on {_mount(self._file.folder)}"
        if begins and not self._has_ended:
            self._gap_from = datetime.now().astimezone()
            self._tried_s = self._now_s()
            note = f"{self._trouble}: samples are dropped from here on"
            self._waiting.append(Anomaly(t=self._now_ns(), code="disk_full", detail=note))
            self._flush()

    def _recover(self) -> None:
        self._flush()
        if self._waiting or not self._file.has_room() or not self._sync():
            return
        note = f"samples are written again; {self._gap_dropped} were not"
        if self._try(Anomaly(t=self._now_ns(), code="disk_full", detail=note)):
            self._trouble = None
            self._gap_dropped = 0
            self._tell()

    def _now_s(self) -> float:
        return self._now_ns() / 1e9

    def _sync(self) -> bool:
        self._synced_s = self._now_s()
        try:
            self._file.sync()
        except OSError as error:
            self._failed(error)
            return False
        self._is_unsynced = self._must_sync = False
        strayed = self._file.strayed()
        if strayed != self._strayed:
            self._strayed = strayed
            self._tell()
        return True

    def _tell_overflow(self) -> None:
        dropped = self._overflow.total()
        if dropped > self._overflow_told:
            note = f"{dropped - self._overflow_told} samples were not written: the disk is too slow"
            self._overflow_told = dropped
            self.write(Anomaly(t=self._now_ns(), code="dropped", detail=note))
            self._tell()

    def _tell(self) -> None:
        if self._trouble is None or self._gap_from is None:
            self._told(self._strayed)
            return
        told = f"{self._trouble}: samples are dropped since {self._gap_from:%H:%M}"
        if self._waiting:
            told += f"; {len(self._waiting)} lines wait to be written"
        if self._lost:
            told += f", {self._lost} are lost"
        self._told(told)


def kind_of(line: Line) -> str:
    """``k`` of a line."""
    return str(line.__struct_config__.tag)


def _mount(folder: Path) -> str:
    """The file system that a folder is on."""
    place = folder.resolve()
    while not place.is_mount() and place != place.parent:
        place = place.parent
    return str(place)
