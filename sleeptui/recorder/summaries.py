"""A line of the list of sessions, from the head and the tail of its journal."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from sleeptui.core.errors import JournalError
from sleeptui.core.session import SessionSummary
from sleeptui.core.text import one_line
from sleeptui.core.verdict import Word
from sleeptui.recorder.decoding import BROKEN, decoded
from sleeptui.recorder.disk import JOURNAL, is_locked
from sleeptui.recorder.folder import session_folders
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_bench import VerdictLine
from sleeptui.recorder.line_session import End, Header, Server
from sleeptui.recorder.reader import CHUNK_BYTES, header_of, lacks

HEAD_BYTES = 256 << 10
"""Servers that were found in the first moments are named in it."""
TAIL_BYTES = 256 << 10
"""The last line is in it, however long the answer is that it tells of."""
_OP_END = b'\n{"k":"op.end"'
_SERVER = b'{"k":"server"'
_VERDICT = b'{"k":"verdict"'


def summaries(folder: Path) -> list[SessionSummary]:
    """All sessions of a folder, newest first; one that cannot be read says why.

    Raises:
        JournalError: The folder cannot be read.
    """
    return [summary(one) for one in session_folders(folder)]


def summary(session: Path) -> SessionSummary:
    """One session. Never raises: what is wrong with it is in ``partial``."""
    journal = session / JOURNAL
    try:
        # Asked first: a recording that ends in between is then told as running, not as cut off.
        is_running = is_locked(journal)
        size = journal.stat().st_size
        head, tail = _ends(journal, size)
        exports = _exports(session)
    except OSError as error:
        return _unread(session, f"it cannot be read: {error.strerror or error}")
    try:
        header = header_of(head.partition(b"\n")[0], journal)
    except JournalError as error:
        return _unread(session, error.message, is_running=is_running, size=size)
    last = next(_backwards(tail), header)
    end = last if isinstance(last, End) else None
    return SessionSummary(
        run_id=one_line(session.name),  # by which it is found, also where somebody renamed it
        path=str(session),
        wall_ns=header.wall_ns,
        duration_s=max(0, last.t - header.t) / 1e9,
        size_bytes=size,
        is_running=is_running,
        partial=None if is_running else "; ".join(lacks(end)) or None,
        source=_clean(header.source),
        demo=_clean(header.demo),
        plan=_clean(str(name)) if (name := header.plan.get("name")) else None,
        verdicts=_verdicts(tail),
        servers=_servers(header, head),
        operations=end.counts.get("op.end", 0) if end else _count(journal),
        exports=exports,
    )


def _unread(session: Path, why: str, *, is_running: bool = False, size: int = 0) -> SessionSummary:
    return SessionSummary(
        run_id=one_line(session.name),
        path=str(session),
        size_bytes=size,
        is_running=is_running,
        partial=None if is_running else why,
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else one_line(text)


def _ends(journal: Path, size: int) -> tuple[bytes, bytes]:
    """The first and the last bytes."""
    with journal.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        return head, file.read()


def _backwards(data: bytes) -> Iterator[Line]:
    """Whole lines that can be understood, the last one first."""
    for raw in reversed(data.split(b"\n")[:-1]):
        try:
            yield decoded(raw)
        except BROKEN:
            continue


def _servers(header: Header, head: bytes) -> tuple[str, ...]:
    """Those that were configured, and those that were found in the first moments."""
    found = b"".join(one + b"\n" for one in head.split(b"\n") if one.startswith(_SERVER))
    names = dict.fromkeys(one.name for one in header.targets)
    for line in reversed(list(_backwards(found))):
        if isinstance(line, Server) and not line.gone:
            names[line.s] = None
    return tuple(one_line(name) for name in names)


def _verdicts(tail: bytes) -> Mapping[str, int]:
    """How many have which word; of those of one expectation and server the newest counts."""
    found = b"".join(one + b"\n" for one in tail.split(b"\n") if one.startswith(_VERDICT))
    lines = [line.verdict for line in _backwards(found) if isinstance(line, VerdictLine)]
    newest = {(one.expectation.id, one.server): one.word for one in reversed(lines)}
    counted = Counter(newest.values())
    return {word.value: counted[word] for word in Word if counted[word]}


def _count(journal: Path) -> int | None:
    """Operations that ended, of a journal without an end; None: it cannot be read any more."""
    found = 0
    rest = b""
    try:
        with journal.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                data = rest + chunk
                found += data.count(_OP_END)
                rest = data[1 - len(_OP_END) :]
    except OSError:
        return None
    return found


def _exports(session: Path) -> tuple[str, ...]:
    names = [one.name for one in session.iterdir()]
    return tuple(sorted(one_line(one) for one in names if one != JOURNAL and one[0] != "."))
