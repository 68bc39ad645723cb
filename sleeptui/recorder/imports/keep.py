"""An imported file as a session: a journal of its series, the file itself beside it."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from platform import python_version

from sleeptui import __version__
from sleeptui.core.errors import JournalError
from sleeptui.core.model import ServerFacts
from sleeptui.core.text import one_line
from sleeptui.recorder.folder import create
from sleeptui.recorder.imports.foreign import Foreign
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import Facts, Header, Note, Series, Server, Target
from sleeptui.recorder.writer import Writer

ORIGINAL = "original"
"""Name of the file, with its own ending."""
_ENDINGS = frozenset({".json", ".jsonl"})
_LONGEST_S = 10 * 366 * 86400.0
"""Of a run; more is no duration."""


def keep(found: Foreign, content: bytes, path: Path, sessions: Path) -> Path:
    """Make a session of it.

    Args:
        found: What the file tells.
        content: The file's bytes.
        path: Where it was.
        sessions: The folder of all sessions.

    Returns:
        The session's folder.

    Raises:
        JournalError: It cannot be written, and why.
    """
    began_s, notes = _begin(found, path)
    duration_ns = round(min(max(found.duration_s, 0.0), _LONGEST_S) * 1e9)
    folder = create(sessions, (*found.source.split(), found.model), wall_s=began_s)
    name = ORIGINAL + (path.suffix if path.suffix in _ENDINGS else ".json")
    _copy(folder / name, content)
    header = Header(
        t=0,
        run_id=folder.name,
        wall_ns=round(began_s * 1e9),
        tool=f"sleeptui {__version__}",
        python=python_version(),
        source=found.source,
        plan=dict(found.plan),
    )
    # All of it happened before: the journal's clock stands at the end of what was measured.
    writer = Writer(folder, header, now_ns=lambda: duration_ns)
    origin = f"{one_line(path.name)}, sha256 {sha256(content).hexdigest()}, is kept as {name}"
    for line in _lines(found, (origin, *found.notes, *notes), duration_ns):
        writer.put(line)
    writer.close(aborted=False)
    if writer.problem:
        raise JournalError(f"the import of {one_line(str(path))} is not whole: {writer.problem}")
    return folder


def _begin(found: Foreign, path: Path) -> tuple[float, tuple[str, ...]]:
    """When it began, and what must be said of that."""
    if found.began_s is not None and 0 <= found.began_s < _LONGEST_S * 20:
        return found.began_s, ()
    try:
        return path.stat().st_mtime, ("the file tells no date: its own is taken",)
    except OSError as error:
        raise JournalError(f"{one_line(str(path))} cannot be read: {error.strerror}") from error


def _copy(path: Path, content: bytes) -> None:
    """The file as it was, for this user alone."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror or error}") from error


def _lines(found: Foreign, notes: tuple[str, ...], end_ns: int) -> Iterator[Line]:
    if found.model:
        yield Server(t=0, s=found.model, target=Target(name=found.model, url=""))
        yield Facts(t=0, s=found.model, facts=ServerFacts(models=(found.model,)))
    for note in notes:
        yield Note(t=0, severity="info", text=note)
    for one in found.series:
        yield Series(
            t=end_ns,
            name=one.name,
            run=one.run,
            unit=one.unit,
            values=one.values,
            stats=dict(one.stats),
            note=one.note,
        )
