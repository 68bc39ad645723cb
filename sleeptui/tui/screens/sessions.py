"""The sessions: what was recorded, a picture of the chosen one, what can be made of it."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import WorkerError

from sleeptui.core.compare import Comparison, compare
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.model import FleetView
from sleeptui.core.recording import Recording
from sleeptui.core.sentences import sentences
from sleeptui.core.session import Session, SessionSummary
from sleeptui.core.text import one_line
from sleeptui.services import compare_words
from sleeptui.tui import toasts
from sleeptui.tui.arrange import ROOMY_FROM
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.lending import lend
from sleeptui.tui.notices import Notice, Severity
from sleeptui.tui.pages import is_left, leave, work
from sleeptui.tui.present_plot import Plot
from sleeptui.tui.present_session_plot import plots_of
from sleeptui.tui.present_sessions import heading
from sleeptui.tui.screens.comparison import ComparisonScreen
from sleeptui.tui.widgets.footer import KeysFooter
from sleeptui.tui.widgets.painted import Painted
from sleeptui.tui.widgets.plot import PlotPanel
from sleeptui.tui.widgets.session_list import SessionList
from sleeptui.tui.widgets.session_words import SessionWords

if TYPE_CHECKING:
    from sleeptui.core.ports import Archive
    from sleeptui.services.stage import Stage

_WIDE_FROM: Final = 100
"""Cells of the screen from which words and plots stand side by side."""
_RELOOK_S: Final = 3.0
"""While one is being recorded, its line is read anew so often."""
_TEXT_LIMIT: Final = 600
_LIST_LEAST: Final = 3
_LIST_SHARE: Final = 0.3
"""Of the screen's rows, at most so many for the list."""


class SessionsScreen(Screen[None]):
    """Reads journals in threads, one at a time; the panel goes on behind it."""

    CSS_PATH = "sessions.tcss"
    BINDING_GROUP_TITLE = "Sessions"
    HELP = "What was recorded. Space selects two sessions to compare."
    BINDINGS = [
        Binding("enter,o", "replay", "Replay", key_display="enter"),
        Binding("e", "export", "Export"),
        Binding("space", "select", "Select"),
        Binding("c", "compare", "Compare"),
        Binding("escape", "leave", "Back", key_display="esc"),
    ]

    def __init__(self, services: "Stage", glyphs: Glyphs) -> None:
        super().__init__(name="sessions")
        self._services = services
        self._glyphs = glyphs
        self._session: tuple[str, Session] | None = None
        """Folder and content of the one that was read last."""
        self._is_reading = False
        self._problem = ""
        self._rows = 0
        self._recorded: tuple[str, bool] | None = None
        self._is_exporting = False
        self._is_comparing = False
        self._is_lent = False

    def compose(self) -> ComposeResult:
        """The list, and the picture of the session under its cursor."""
        yield Static("Sessions", id="heading", markup=False)
        with Container(id="body"):
            yield SessionList(self._glyphs, id="list")
            with Container(id="picture"):
                yield PlotPanel(self._glyphs, id="plots")
                yield SessionWords(self._glyphs, id="words")
        yield KeysFooter()

    def on_mount(self) -> None:
        """Look what there is."""
        if self._services.settings.ascii:
            self.add_class("-ascii")
            for part in self.query(Painted):
                part.use_plain_scrollbar()
        self._list.focus()
        self._recorded = _recording_of(self._services.store.recording)
        self._look_again()

    async def on_unmount(self) -> None:
        """A replay that lies over this ends first: it writes to the terminal until it has ended."""
        for lent in [each for each in self.workers if each.node is self and each.group == "replay"]:
            lent.cancel()
            with suppress(WorkerError):
                await lent.wait()

    def on_resize(self, event: events.Resize) -> None:
        """Side by side where there is room."""
        self.set_class(event.size.width >= _WIDE_FROM, "-wide")
        self.set_class(event.size.height >= ROOMY_FROM, "-roomy")
        self._give_out_rows()

    @on(SessionList.Moved)
    @on(PlotPanel.Fitted)
    def follow(self) -> None:
        """Show the session under the cursor, in the width that there is."""
        self._read_on()

    def show(self, view: FleetView) -> None:
        """A new picture: a recording that has begun or ended is one more session."""
        recorded = _recording_of(view.recording)
        if recorded != self._recorded:
            self._recorded = recorded
            self._look_again()

    def action_leave(self) -> None:
        """Go back."""
        leave(self)

    def action_select(self) -> None:
        """Select it for a comparison, or no longer."""
        self._list.toggle_mark()

    def action_replay(self) -> None:
        """Replay it on this terminal; this panel goes on watching behind it."""
        current = self._list.current
        if current is not None and not self._is_lent:
            self._is_lent = True
            work(self, partial(self._replay, current), group="replay")

    def action_export(self) -> None:
        """Make all files of it."""
        current, archive = self._list.current, self._services.archive
        if current is None or archive is None or self._is_exporting:
            return
        self._is_exporting = True
        self._say("Export", f"{current.run_id}: the report and all files are being made")
        work(self, partial(self._export, archive, current), group="export")

    def action_compare(self) -> None:
        """Compare the two that are selected, or the selected one with this."""
        chosen = {each.path: each for each in self._list.selected}
        if self._list.current is not None and len(chosen) == 1:
            chosen.setdefault(self._list.current.path, self._list.current)
        if len(chosen) != 2:  # noqa: PLR2004 - a pair
            self._say("Compare", "Select two sessions with space, then press c")
            return
        archive = self._services.archive
        if archive is not None and not self._is_comparing:
            self._is_comparing = True
            # The older one is what the newer one is compared with.
            older, newer = sorted(chosen.values(), key=lambda each: each.wall_ns or 0)
            self._say("Compare", f"{newer.run_id} with {older.run_id}: reading")
            work(self, partial(self._compare, archive, older, newer), group="compare")

    async def _replay(self, wanted: SessionSummary) -> None:
        settings = self._services.settings
        options = ["--theme", self.app.theme, *(["--ascii"] if settings.ascii else [])]
        try:
            code = await lend(self.app, ["replay", wanted.path, *options])
        finally:
            self._is_lent = False
        if code != 0:
            self._say("Replay", f"In another terminal: sleeptui replay {wanted.run_id}")

    async def _compare(
        self, archive: "Archive", older: SessionSummary, newer: SessionSummary
    ) -> None:
        try:
            found = await asyncio.to_thread(
                lambda: compare(archive.read(older.path), archive.read(newer.path))
            )
        except SleeptuiError as error:
            self._say("Compare", str(error), bad=True)
        else:
            self._show_comparison(found)
        finally:
            self._is_comparing = False

    def _show_comparison(self, found: Comparison) -> None:
        if found.unlike:
            hint = f"sleeptui compare {found.a.run_id} {found.b.run_id} --force does it"
            self._say("Not alike", sentences("; ".join(found.unlike), hint), bad=True)
            return
        said = compare_words.lines(found)
        screen = ComparisonScreen(said, ascii_only=self._services.settings.ascii)
        self.app.push_screen(screen)

    def _look_again(self) -> None:
        work(self, self._look, group="look", exclusive=True)

    async def _look(self) -> None:
        """List the sessions; again and again while one is being recorded."""
        archive = self._services.archive
        if archive is None:
            return
        while True:
            try:
                found = await asyncio.to_thread(archive.sessions)
            except SleeptuiError as error:
                self._head(str(error))
                return
            self._head(heading(found, self._glyphs))
            self._rows = len(found)
            self._give_out_rows()
            self._list.show(found)
            if not any(each.is_running for each in found):
                return
            await asyncio.sleep(_RELOOK_S)

    def _give_out_rows(self) -> None:
        """As many rows as there are sessions, up to a share of the screen."""
        most = max(int(self.size.height * _LIST_SHARE), _LIST_LEAST)
        self._list.styles.height = min(max(self._rows, _LIST_LEAST), most)

    def _read_on(self) -> None:
        """Show what is known of the current session, and read it if that is not all."""
        if is_left(self):  # asked for before, and come to now
            return
        current = self._list.current
        known = self._session if current and self._session else None
        session = known[1] if known and current and known[0] == current.path else None
        self.query_one(SessionWords).show(
            current, session, self._problem if session is None else ""
        )
        if current is not None and not self._is_reading and self._services.archive is not None:
            self._is_reading = True
            work(self, partial(self._read, self._services.archive), group="read")

    async def _read(self, archive: "Archive") -> None:
        """Read the current one, until it is the one that was read: the cursor may have moved."""
        drawn: tuple[str, int] | None = None
        try:
            while (current := self._list.current) is not None:
                wanted = (current.path, self._cells)
                if wanted == drawn:
                    return
                drawn = wanted
                if self._session is None or self._session[0] != current.path:
                    await self._take(archive, current)
                await self._draw(current)
        finally:
            self._is_reading = False

    async def _take(self, archive: "Archive", wanted: SessionSummary) -> None:
        self._session, self._problem = None, ""
        self.query_one(PlotPanel).show(())
        try:
            self._session = (wanted.path, await asyncio.to_thread(archive.read, wanted.path))
        except SleeptuiError as error:
            self._problem = str(error)

    async def _draw(self, wanted: SessionSummary) -> None:
        session = self._session[1] if self._session and self._session[0] == wanted.path else None
        if self._list.current != wanted:
            return
        self.query_one(SessionWords).show(wanted, session, self._problem)
        plots: tuple[Plot, ...] = ()
        if session is not None and session.gpus and self._cells:
            plots = await asyncio.to_thread(plots_of, session, self._cells)
        if self._list.current == wanted:
            self.query_one(PlotPanel).show(plots)

    async def _export(self, archive: "Archive", wanted: SessionSummary) -> None:
        try:
            made = await asyncio.to_thread(archive.export, wanted.path)
        except SleeptuiError as error:
            self._say("Export", str(error), bad=True)
        else:
            self._say("Export", f"{len(made)} files are in {wanted.path}")
        finally:
            self._is_exporting = False

    @property
    def _cells(self) -> int:
        return self.query_one(PlotPanel).cells

    @property
    def _list(self) -> SessionList:
        return self.query_one(SessionList)

    def _head(self, text: str) -> None:
        self.query_one("#heading", Static).update(one_line(text, _TEXT_LIMIT))

    def _say(self, title: str, text: str, *, bad: bool = False) -> None:
        severity: Severity = "error" if bad else "information"
        notice = Notice(title=title, text=one_line(text, _TEXT_LIMIT), severity=severity)
        toasts.say(self.app, notice)


def _recording_of(recording: Recording | None) -> tuple[str, bool] | None:
    """Which recording there is, and whether it runs."""
    return None if recording is None else (recording.path, recording.ended_s is None)
