"""The event log in full."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from sleeptui.core.model import FleetView, LogEntry
from sleeptui.core.text import one_line
from sleeptui.tui.theme import Palette, Tone

if TYPE_CHECKING:
    from sleeptui.services.panel import Services

_TONES = {"info": Tone.TEXT, "good": Tone.GOOD, "warning": Tone.WARN, "bad": Tone.BAD}
_WORDS = {"info": "", "good": "ok", "warning": "warning", "bad": "bad"}


class EventsScreen(Screen[None]):
    """Every event that the fleet store still has, oldest first; stays at the end as they come."""

    CSS_PATH = "events.tcss"
    BINDING_GROUP_TITLE = "Events"
    HELP = "Everything that happened since the start. Times are local."
    BINDINGS = [Binding("escape", "leave", "Back")]

    def __init__(self, services: "Services") -> None:
        super().__init__(name="events")
        self._services = services
        self._last: LogEntry | None = None
        self._count = 0

    def compose(self) -> ComposeResult:
        """A heading and the table."""
        yield Static(id="heading", markup=False)
        yield DataTable(id="events", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table."""
        table = self._table()
        table.add_column("time", width=12)
        table.add_column("", width=8)
        table.add_column("model", width=20)
        table.add_column("event")
        self.show(self._services.store.view)
        table.focus()

    def show(self, view: FleetView) -> None:
        """A new picture: append what is new."""
        log = view.log
        fresh = log[self._next(log) :]
        if fresh:
            self._append(fresh)
            self._last = fresh[-1]
        self._count += len(fresh)
        self.query_one("#heading", Static).update(f"Events · {self._count}")

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)

    def _next(self, log: tuple[LogEntry, ...]) -> int:
        """Index of the first entry that is not in the table yet."""
        for index in range(len(log) - 1, -1, -1):
            if log[index] is self._last:
                return index + 1
        return 0

    def _append(self, entries: tuple[LogEntry, ...]) -> None:
        table = self._table()
        at_end = table.cursor_row >= table.row_count - 1
        clock = self._services.clock
        began_s = clock.wall_s() - clock.now_s()
        palette = Palette.of(self.app)
        for entry in entries:
            style = palette.style(_TONES.get(entry.severity, Tone.TEXT))
            table.add_row(
                Text(_local(began_s + entry.at_s)),
                Text(_WORDS.get(entry.severity, entry.severity), style=style),
                Text(one_line(entry.server or "", limit=40)),
                Text(one_line(entry.text, limit=1000), style=style),
            )
        if at_end:
            table.move_cursor(row=table.row_count - 1)

    def _table(self) -> DataTable[Text]:
        return self.query_one("#events", DataTable)


def _local(wall_s: float) -> str:
    """Local time of day with milliseconds."""
    stamp = datetime.fromtimestamp(wall_s, tz=UTC).astimezone()
    return stamp.strftime("%H:%M:%S.%f")[:-3]
