"""The thread that writes a journal: what is put in never blocks and never raises.

It gathers samples for a moment, so that hundreds of lines a second do not cost as many switches
of threads; what is evidence wakes it at once.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from sleeptui.core.errors import JournalError
from sleeptui.recorder.disk import JournalFile
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import Header
from sleeptui.recorder.pen import Pen
from sleeptui.recorder.redact import Redactor

log = logging.getLogger(__name__)

QUEUE_LIMIT = 20_000
"""Lines that wait for the disk: half a minute of 64 servers. Samples beyond are dropped."""
GATHER_S = 0.05
"""How long a sample may wait for others: at 0.02 a line cost twice as much of the processor."""
SYNC_EVERY_S = 1.0
CLOSE_LIMIT_S = 10.0
"""A disk that does not answer must not keep the program from ending."""


@dataclass(frozen=True, slots=True, eq=False)
class _Barrier:
    done: Future[bool]


@dataclass(frozen=True, slots=True, eq=False)
class _Close:
    aborted: bool


class Writer:
    """One journal on its way to the disk."""

    def __init__(
        self,
        folder: Path,
        header: Header,
        *,
        redactor: Redactor | None = None,
        told: Callable[[str], None] | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Make the journal in ``folder``, with its header on the disk.

        Args:
            folder: Exists, without a journal.
            header: The first line.
            redactor: Clears what is written of secrets.
            told: Called with ``problem`` when it has changed, on any thread.
            now_ns: Monotonic clock, for the lines that the writer adds itself.

        Raises:
            JournalError: It cannot be written there, and why.
        """
        self._told = told
        self._problem = ""
        self._telling = threading.Lock()
        try:
            self._file = JournalFile(folder)
        except OSError as error:
            raise _refused(folder, error) from error
        self._pen = Pen(self._file, redactor or Redactor(), now_ns=now_ns, told=self._tell)
        try:
            self._pen.begin(header)
        except OSError as error:
            self._file.abandon()
            raise _refused(folder, error) from error
        self._queue: SimpleQueue[Line | _Barrier | _Close] = SimpleQueue()
        self._urgent = threading.Event()
        self._closing: _Close | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def folder(self) -> Path:
        """The session's folder."""
        return self._file.folder

    @property
    def problem(self) -> str:
        """What it cannot take, in one sentence; empty: all is well."""
        return self._problem

    def put(self, line: Line) -> None:
        """Queue a line, which belongs to the writer from now on; never blocks, never raises."""
        if self._is_closed:
            return
        if not line.DROPPABLE:
            self._queue.put(line)
            self._urgent.set()
        elif self._queue.qsize() < QUEUE_LIMIT:
            self._queue.put(line)
        else:
            self._pen.overflowed(line)

    def written(self) -> Future[bool]:
        """Done when all that was put before is with the operating system, not yet on the disk.

        Its result is False where the disk did not take all of it: it is kept and tried again.
        """
        done: Future[bool] = Future()
        if self._is_closed:
            done.set_result(False)
            return done
        self._queue.put(_Barrier(done))
        self._urgent.set()
        return done

    def close(self, *, aborted: bool, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Write the end and wait until the disk has it; blocks. Never raises; ``problem`` tells.

        Args:
            aborted: A signal or an error ended the recording.
            limit_s: How long to wait for the disk.
        """
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(_Close(aborted))
            self._urgent.set()
        self._thread.join(limit_s)
        if self._thread.is_alive():
            self._tell(f"the disk of {self.folder} does not answer: the end is not written")

    def _run(self) -> None:
        try:
            while self._closing is None:
                self._turn()
            self._pen.end(aborted=self._closing.aborted)
        finally:
            self._stop()

    def _turn(self) -> None:
        """Wait for something to write, or for the time to force it to the disk."""
        try:
            first = self._queue.get(timeout=self._pen.wait_s(SYNC_EVERY_S))
        except Empty:
            self._pen.settle(SYNC_EVERY_S)
            return
        if isinstance(first, Line) and first.DROPPABLE:
            self._urgent.wait(GATHER_S)
        self._urgent.clear()
        self._take(first)
        for _ in range(self._queue.qsize()):
            self._take(self._queue.get())
        self._pen.settle(SYNC_EVERY_S)

    def _take(self, item: Line | _Barrier | _Close) -> None:
        match item:
            case _Barrier():
                if item.done.set_running_or_notify_cancel():
                    item.done.set_result(self._pen.is_level)
            case _Close():
                self._closing = item
            case _:
                self._pen.write(item)

    def _stop(self) -> None:
        """Also after a defect of ours: nobody may wait for a thread that is gone."""
        if self._closing is None:
            self._is_closed = True
            self._tell("the writer of the journal has failed: nothing more is recorded")
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if isinstance(item, _Barrier) and item.done.set_running_or_notify_cancel():
                item.done.set_result(False)
        self._file.close()

    def _tell(self, problem: str) -> None:
        with self._telling:
            if problem == self._problem:
                return
            self._problem = problem
        if problem:
            log.warning("recording: %s", problem)
        if self._told is not None:
            self._told(problem)


def _refused(folder: Path, error: OSError) -> JournalError:
    return JournalError(
        f"the session cannot be written to {folder}: {error.strerror or error}",
        hint="choose another folder with --record DIR",
    )
