"""The log of a server: the output of its container or process."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Input, RichLog, Static

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.home import Home
from sleeptui.core.text import clean, one_line
from sleeptui.tui.pages import leave, work
from sleeptui.tui.widgets.footer import KeysFooter

if TYPE_CHECKING:
    from sleeptui.services.stage import Stage

LINES = 1000
"""Lines that are read and kept."""
_REREAD_S = 1.0


def added(old: Sequence[str], new: Sequence[str]) -> int | None:
    """How many lines at the end of a tail are new; None: the tails do not meet.

    Both are the end of one growing text: ``new`` begins somewhere inside ``old``.
    """
    if not old:
        return None
    for start in range(len(old)):
        kept = len(old) - start
        if kept <= len(new) and old[start] == new[0] and list(old[start:]) == list(new[:kept]):
            return len(new) - kept
    return None


class LogScreen(Screen[None]):
    """Follows the log of one server; read again every second while it is open."""

    CSS_PATH = "log.tcss"
    BINDING_GROUP_TITLE = "Log"
    HELP = "`/` shows only lines that contain a text, `w` wraps, `f` follows the end."
    BINDINGS = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("w", "wrap", "Wrap"),
        Binding("f", "follow", "Follow"),
        Binding("escape,l", "leave", "Back", key_display="esc"),
    ]

    def __init__(self, services: "Stage", server: str) -> None:
        super().__init__()
        self._services = services
        self._server = server
        self._lines: list[str] = []
        self._needle = ""

    def compose(self) -> ComposeResult:
        """A heading, the filter while it is used, the lines."""
        yield Static(id="heading", markup=False)
        yield Input(placeholder="Only lines that contain…", id="needle", compact=True)
        yield RichLog(id="lines", max_lines=LINES, wrap=False, min_width=0)
        yield Static(id="problem", markup=False)
        yield KeysFooter()

    def on_mount(self) -> None:
        """Start to read."""
        self.query_one("#needle").display = False
        self._log().focus()
        self._say("reading")
        work(self, self._read, group="log")

    def action_filter(self) -> None:
        """Open the filter, or go back to it."""
        needle = self.query_one("#needle", Input)
        needle.display = True
        needle.focus()

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        log = self._log()
        log.wrap = not log.wrap
        self._rewrite()

    def on_resize(self) -> None:
        """Who follows the end stays at it."""
        if self._log().auto_scroll:
            self.call_after_refresh(self._log().scroll_end, animate=False)

    def action_follow(self) -> None:
        """Stay at the end as lines come, or stay where the reader is."""
        log = self._log()
        log.auto_scroll = not log.auto_scroll
        if log.auto_scroll:
            log.scroll_end(animate=False)
        self._say_where()

    def action_leave(self) -> None:
        """Close the filter if it is open, else go back."""
        needle = self.query_one("#needle", Input)
        if needle.display:
            needle.display = False
            needle.value = ""
            self._log().focus()
        else:
            leave(self)

    @on(Input.Changed, "#needle")
    def narrow(self, event: Input.Changed) -> None:
        """Show only what contains the text."""
        self._needle = event.value.casefold()
        self._rewrite()

    @on(Input.Submitted, "#needle")
    def keep(self) -> None:
        """Enter keeps the filter and goes to the lines."""
        self._log().focus()

    async def _read(self) -> None:
        while True:
            view = self._services.store.view.server(self._server)
            home = view.home if view is not None else None
            if home is None:
                self._say("its container or process was not found on this machine")
                self._problem(
                    "There is no log to read. It must run on this machine as a container or a "
                    "process that this user may see."
                )
            else:
                await self._read_home(home)
            await self._services.clock.sleep(_REREAD_S)

    async def _read_home(self, home: Home) -> None:
        try:
            lines = await self._services.finder.log_tail(home, LINES)
        except SleeptuiError as error:
            self._problem(str(error))
            return
        self._problem("")
        self._take(lines)
        self._say_where(home)

    def _take(self, lines: Sequence[str]) -> None:
        fresh = added(self._lines, lines)
        old_count = len(self._lines)
        self._lines = list(lines)
        if fresh is None:
            if lines or old_count:
                self._rewrite()
            return
        for line in self._lines[len(self._lines) - fresh :]:
            self._write(line)

    def _rewrite(self) -> None:
        self._log().clear()
        for line in self._lines:
            self._write(line)

    def _write(self, line: str) -> None:
        if self._needle in line.casefold():
            self._log().write(Text(clean(line).expandtabs()))

    def _say_where(self, home: Home | None = None) -> None:
        view = self._services.store.view.server(self._server)
        home = home or (view.home if view is not None else None)
        if home is None:
            return
        process = home.log_path or "its process"
        where = f"container {home.container}" if home.container else process
        follows = "follows" if self._log().auto_scroll else "stands still (f follows)"
        self._say(f"{where} · {len(self._lines)} lines · {follows}")

    def _say(self, what: str) -> None:
        name = one_line(self._server, limit=60)
        self.query_one("#heading", Static).update(one_line(f"Log · {name} · {what}"))

    def _problem(self, sentence: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.update(one_line(sentence, limit=600))
        problem.display = bool(sentence)

    def _log(self) -> RichLog:
        return self.query_one("#lines", RichLog)
