"""A line of the list of sessions, from the head and the tail of its journal."""

from pathlib import Path

import msgspec

from sleeptui.core.session import SessionSummary
from sleeptui.recorder.disk import JOURNAL, RESERVE, is_locked
from sleeptui.recorder.folder import session_folders
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_operations import OpEnd
from sleeptui.recorder.line_session import SCHEMA, End, Header, Server
from sleeptui.recorder.lines import AnyLine
from sleeptui.recorder.reader import BROKEN, CHUNK_BYTES

HEAD_BYTES = 256 << 10
"""Servers that were found in the first moments are named in it."""
TAIL_BYTES = 64 << 10
_OP_END = f'\n{{"k":"{OpEnd.__struct_config__.tag}"'.encode()
_DECODER = msgspec.json.Decoder(AnyLine)


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
        counted = None if _end(tail) else _count(journal)
        exports = _exports(session)
    except OSError as error:
        return SessionSummary(
            run_id=session.name,
            path=str(session),
            partial=f"it cannot be read: {error.strerror or error}",
        )
    lines = _whole(head)
    header = lines[0] if lines and isinstance(lines[0], Header) else None
    if header is None or header.schema != SCHEMA:
        why = None if is_running else "its first line cannot be read"
        return SessionSummary(
            run_id=session.name,
            path=str(session),
            size_bytes=size,
            is_running=is_running,
            partial=why,
            exports=exports,
        )
    end = _end(tail)
    last_ns = max((one.t for one in _whole(tail)), default=header.t)
    return SessionSummary(
        run_id=header.run_id,
        path=str(session),
        wall_ns=header.wall_ns,
        duration_s=max(0, last_ns - header.t) / 1e9,
        size_bytes=size,
        is_running=is_running,
        partial=None if is_running else _partial(end),
        source=header.source,
        demo=header.demo,
        servers=_servers(lines),
        operations=end.counts.get("op.end", 0) if end else counted,
        exports=exports,
    )


def _partial(end: End | None) -> str | None:
    if end is None:
        return "it has no end: the recording was cut off"
    return "a signal or an error ended the recording" if end.aborted else None


def _ends(journal: Path, size: int) -> tuple[bytes, bytes]:
    """The first and the last bytes, cut to whole lines."""
    with journal.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    if size > TAIL_BYTES:
        tail = tail[tail.find(b"\n") + 1 :]
    return head[: head.rfind(b"\n") + 1], tail[: tail.rfind(b"\n") + 1]


def _whole(data: bytes) -> list[Line]:
    """The lines that can be understood."""
    lines: list[Line] = []
    for raw in data.split(b"\n")[:-1]:
        try:
            lines.append(_DECODER.decode(raw))
        except BROKEN:
            continue
    return lines


def _end(tail: bytes) -> End | None:
    last = _whole(tail[tail.rfind(b"\n", 0, -1) + 1 :])
    return last[0] if last and isinstance(last[0], End) else None


def _servers(lines: list[Line]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for line in lines:
        if isinstance(line, Header):
            names.update(dict.fromkeys(one.name for one in line.targets))
        elif isinstance(line, Server) and not line.gone:
            names[line.s] = None
    return tuple(names)


def _count(journal: Path) -> int:
    """Operations that ended, of a journal without an end."""
    found = 0
    rest = b"\n"
    with journal.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            data = rest + chunk
            found += data.count(_OP_END)
            rest = data[1 - len(_OP_END) :]
    return found


def _exports(session: Path) -> tuple[str, ...]:
    hidden = {JOURNAL, RESERVE}
    return tuple(sorted(one.name for one in session.iterdir() if one.name not in hidden))
