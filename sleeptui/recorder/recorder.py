"""Opens recordings: a folder, a header, a writer, and a scribe over it."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sleeptui.core.errors import JournalError
from sleeptui.core.model import ServerView
from sleeptui.core.ports import Clock
from sleeptui.core.settings import Settings
from sleeptui.recorder.folder import create, default_folder
from sleeptui.recorder.header import header_of
from sleeptui.recorder.line import ns
from sleeptui.recorder.redact import Redactor, secrets_of
from sleeptui.recorder.scribe import Scribe
from sleeptui.recorder.writer import Writer


class Recorder:
    """Implements the port Journals: sessions in the folder of the settings."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is made before ``open``."""
        self._settings = settings
        self._clock = clock

    async def open(self, view: Callable[[str], ServerView | None]) -> Scribe:
        """Begin a session in a new folder, with its header on the disk.

        Args:
            view: The picture of a server after the event that is heard.

        Raises:
            JournalError: It cannot be written there, and why.
        """
        redactor = Redactor(secrets_of(self._settings, os.environ))
        writer = await asyncio.to_thread(self._begin, redactor)
        return Scribe(
            writer,
            path=str(writer.folder),
            clock=self._clock,
            view=view,
            text=self._settings.recording.text,
            hide=redactor.add_prompt,
        )

    def _begin(self, redactor: Redactor) -> Writer:
        settings, wall_s = self._settings, self._clock.wall_s()
        folder = settings.recording.folder
        names = [spec.name for spec in settings.servers]
        session = create(
            default_folder() if folder is None else Path(folder),
            [settings.demo] if settings.demo else names,
            wall_s=wall_s,
        )
        header = header_of(settings, run_id=session.name, now_ns=self._now_ns(), wall_ns=ns(wall_s))
        try:
            return Writer(session, header, redactor=redactor, now_ns=self._now_ns)
        except JournalError:
            with suppress(OSError):
                session.rmdir()
            raise

    def _now_ns(self) -> int:
        return ns(self._clock.now_s())
