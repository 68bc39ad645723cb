"""The sessions that were recorded: the list, one of them, and the files that are made from it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sleeptui.core.errors import ExportError
from sleeptui.core.session import Session, SessionSummary
from sleeptui.recorder.disk import JOURNAL, is_locked
from sleeptui.recorder.exports.files import MANIFEST, keep, manifest, sha256, sha256_of
from sleeptui.recorder.exports.table import EXPORTERS, files, usual
from sleeptui.recorder.fold import read
from sleeptui.recorder.folder import default_folder, find
from sleeptui.recorder.reader import unreadable
from sleeptui.recorder.summaries import summaries

_RUNNING = "it is still being recorded: this is what was written until now"


class SessionArchive:
    """The port ``Archive`` over a folder of sessions."""

    def __init__(self, folder: str | None) -> None:
        """Over a folder; None: the usual one."""
        self._folder = Path(folder).expanduser() if folder else default_folder()

    def sessions(self) -> Sequence[SessionSummary]:
        """All of them, newest first.

        Raises:
            JournalError: The folder cannot be read, and why.
        """
        return summaries(self._folder)

    def read(self, name: str) -> Session:
        """One session, whole, from its journal alone.

        Args:
            name: Its name, a unique beginning or part of it, ``last``, or a path.

        Raises:
            JournalError: There is none, more than one, or it cannot be read.
        """
        return _read(find(self._folder, name) / JOURNAL)

    def export(
        self, name: str, formats: Sequence[str] = (), to: str | None = None
    ) -> Sequence[str]:
        """Make files from a session's journal; the usual formats where none is named.

        Returns:
            Paths of what was written, the hashes of all of it last.

        Raises:
            JournalError: The journal cannot be read.
            ExportError: A file cannot be written, or there is no such format.
        """
        wanted = tuple(formats) or usual()
        _check(wanted)
        session = find(self._folder, name)
        target = Path(to) if to else session
        made = files(_read(session / JOURNAL), wanted)
        if not made:
            raise ExportError(
                f"{session.name} has nothing for {', '.join(wanted)}",
                hint="it is of no benchmark" if "plan" in wanted else "",
            )
        written = keep(target, made)
        hashes = {path: sha256(data) for path, data in made.items()} | _beside(target, set(made))
        return [*written, *keep(target, {MANIFEST: manifest(hashes)})]

    def text(self, name: str, format_: str) -> bytes:
        """One file of a session as it would be written.

        Raises:
            JournalError: The journal cannot be read.
            ExportError: There is no such format, or it is more than one file.
        """
        _check((format_,))
        exporter = EXPORTERS[format_]
        if not exporter.is_single:
            raise ExportError(
                f"{format_} are several files, which no pipe can take", hint="use --to DIR"
            )
        from sleeptui.recorder.exports.measured import Measured  # noqa: PLC0415 - of statistics

        (data,) = exporter.make(Measured(self.read(name))).values()
        return data


def _read(journal: Path) -> Session:
    """The session; one that is being recorded is not told as one that was cut off.

    Raises:
        JournalError: It cannot be read.
    """
    try:
        is_running = is_locked(journal)  # asked first: one that ends meanwhile is told as it ended
    except OSError as error:
        raise unreadable(journal, error) from error
    session = read(journal)
    return replace(session, partial=_RUNNING) if is_running and session.partial else session


def _check(formats: Sequence[str]) -> None:
    for one in formats:
        if one not in EXPORTERS:
            raise ExportError(
                f"there is no format {one}", hint=f"formats are {', '.join(EXPORTERS)}"
            )


def _beside(folder: Path, made: set[str]) -> dict[str, str]:
    """Hashes of the journal and of exports that were made before, as they lie in the folder."""
    known = {JOURNAL, "results.json", "results.csv", "requests.csv", "report.md", "trace.json"}
    known |= {"session.prom", "plan.toml", "expectations.toml"}
    known |= {f"charts/{one.name}" for one in (folder / "charts").glob("*.svg")}
    try:
        return {
            name: sha256_of(folder / name)
            for name in sorted(known - made)
            if (folder / name).is_file()
        }
    except OSError as error:
        raise ExportError(
            f"the files in {folder} cannot be read for {MANIFEST}: {error.strerror or error}"
        ) from error
