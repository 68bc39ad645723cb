"""What records and what was recorded, imported when it is first asked for."""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sleeptui.core.model import ServerView
from sleeptui.core.ports import Archive, Clock, Journal
from sleeptui.core.settings import Settings

if TYPE_CHECKING:
    # Its classes take longest to make; the first frame shows no session.
    from sleeptui.core.session import Session, SessionSummary

_RECORDER = "sleeptui.recorder.recorder"


class LateJournals:
    """Opens recordings; what they need is imported with the first."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is made before ``open``."""
        self._settings = settings
        self._clock = clock

    async def open(self, view: Callable[[str], ServerView | None]) -> Journal:
        """Begin a session in a new folder.

        Raises:
            JournalError: It cannot be written there, and why.
        """
        await asyncio.to_thread(importlib.import_module, _RECORDER)
        from sleeptui.recorder.recorder import Recorder  # noqa: PLC0415

        return await Recorder(self._settings, self._clock).open(view)


class LateArchive:
    """The recorded sessions; what reads them is imported, in the caller's thread, when asked."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read yet."""
        self._settings = settings

    def sessions(self) -> "Sequence[SessionSummary]":
        """All of them, newest first.

        Raises:
            JournalError: The folder cannot be read, and why.
        """
        return self._opened().sessions()

    def read(self, name: str) -> "Session":
        """One session.

        Raises:
            JournalError: It cannot be read, and why.
        """
        return self._opened().read(name)

    def export(self, name: str) -> Sequence[str]:
        """Make files from a session, in a process of its own.

        Drawing here would hold the interpreter, and what it imports would stay: 100 MiB.

        Raises:
            ExportError: They were not made, and why.
        """
        from sleeptui.recorder.report_process import made  # noqa: PLC0415

        return made(name)

    def _opened(self) -> Archive:
        from sleeptui.recorder.archive import SessionArchive  # noqa: PLC0415

        return SessionArchive(self._settings.recording.folder)


class LateReporter:
    """Makes the files of a recording that has ended."""

    async def report(self, session: str) -> None:
        """Make them beside its journal.

        Raises:
            ExportError: They were not made, and why.
        """
        from sleeptui.recorder.report_process import ReportProcess  # noqa: PLC0415

        await ReportProcess().report(session)
