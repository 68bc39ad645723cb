"""What stands below the GPUs: the fleet table, the detail, the events; and who gets which rows."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from sleeptui.core.model import IN_TRANSITION, FleetView, ServerView
from sleeptui.core.text import one_line
from sleeptui.tui.arrange import Share
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present import Look
from sleeptui.tui.widgets.detail import Detail
from sleeptui.tui.widgets.empty_fleet import EmptyFleet
from sleeptui.tui.widgets.event_log import EventLog
from sleeptui.tui.widgets.fleet_table import FleetTable

_TITLE = 60


class Body(Vertical):
    """Gives a picture to its parts.

    Attributes:
        table: The fleet table, with the cursor and the marks.
    """

    def __init__(self, glyphs: Glyphs, time: Callable[[float], str], looking: str) -> None:
        """Nothing is shown yet.

        Args:
            glyphs: The set in use.
            time: The words of a moment of the picture's clock.
            looking: What goes on until the first server is watched, in words.
        """
        super().__init__(id="body")
        self.table = FleetTable(id="table")
        self._empty = EmptyFleet(glyphs, looking, id="empty")
        self._detail = Detail(glyphs, time, id="detail")
        self._log = EventLog(time, id="log")

    def compose(self) -> ComposeResult:
        """All parts; which are seen depends on size and fleet."""
        yield self.table
        yield self._empty
        yield self._detail
        yield self._log

    def on_mount(self) -> None:
        """Name the parts that keep their names."""
        self._log.border_title = "Events"
        self._empty.border_title = "Fleet"

    def give_out(self, given: Share, *, empty: bool) -> Widget:
        """Give each part its rows. Returns the part that has the keys.

        Args:
            given: The rows.
            empty: No server is watched.
        """
        self._detail.display = given.beside or given.detail > 0
        self._detail.styles.height = "100%" if given.beside else given.detail
        self._log.display = given.log > 1
        self._log.styles.height = given.log
        self.table.display, self._empty.display = not empty, empty
        self.table.styles.height = given.table
        self._empty.styles.height = given.table
        return self._empty if empty else self.table

    def show(self, view: FleetView, rows: tuple[ServerView, ...], look: Look) -> None:
        """Show a picture; ``rows``: the servers of it that are wanted, in their order."""
        every = len(view.servers)
        entitle(self.table, "Fleet" if len(rows) == every else f"Fleet, {len(rows)} of {every}")
        if every:
            self.table.show(rows, look)
        else:
            self._empty.show(view)
        self.show_detail(view, look)
        self._log.show(view, look)

    def show_detail(self, view: FleetView, look: Look) -> None:
        """Show the server under the cursor."""
        name = self.table.current
        if self._detail.display:
            entitle(self._detail, one_line(name or "", _TITLE))
            self._detail.show(view.server(name) if name is not None else None, look)

    def tick(self, view: FleetView, look: Look) -> None:
        """Count the times of transitions on."""
        self.table.tick(look.now_s)
        name = self.table.current
        server = view.server(name) if name is not None else None
        if server is not None and server.state in IN_TRANSITION and self._detail.display:
            self._detail.tick(server, look)


def entitle(part: Widget, title: str, queue: str = "") -> None:
    """Name a part; its name is never markup. Each change paints the part, so only if it differs.

    Args:
        part: The part.
        title: Its name.
        queue: Who waits, shown beside the name; it must not move any row.
    """
    content = Content(title)
    if queue:
        content = Content.assemble(title, (f"  queue: {queue}", "$text-accent not bold"))
    if part.border_title != content.markup:
        part.border_title = content
