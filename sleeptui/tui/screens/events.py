"""The event log in full."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import DataTable, Static

from sleeptui.core.model import FleetView, LogEntry
from sleeptui.core.text import one_line
from sleeptui.tui.pages import leave
from sleeptui.tui.theme import Palette
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.footer import KeysFooter

if TYPE_CHECKING:
    from sleeptui.services.stage import Stage

_TONES = {"info": Tone.TEXT, "good": Tone.GOOD, "warning": Tone.WARN, "bad": Tone.BAD}
_TIME, _WORD, _MODEL, _NARROW_MODEL = 12, 7, 20, 14
_WIDE_FROM = 100
"""Cells of the screen from which the column of the models is wide."""
_LEAST_TEXT = 20
_WORDS = {"info": "", "good": "ok", "warning": "warning", "bad": "bad"}


class EventsScreen(Screen[None]):
    """Every event that the fleet store still has, oldest first; stays at the end as they come."""

    CSS_PATH = "events.tcss"
    BINDING_GROUP_TITLE = "Events"
    HELP = "Everything that happened since the start. Times are local."
    BINDINGS = [Binding("escape", "leave", "Back")]

    def __init__(self, services: "Stage") -> None:
        super().__init__(name="events")
        self._services = services
        self._last: LogEntry | None = None
        self._count = 0
        self._entries: list[LogEntry] = []
        self._width = 0

    def compose(self) -> ComposeResult:
        """A heading and the table."""
        yield Static(id="heading", markup=False)
        yield DataTable(id="events", cursor_type="row", zebra_stripes=True)
        yield KeysFooter()

    def on_mount(self) -> None:
        """Fill the table."""
        self._lay_out()
        self.show(self._services.store.view)
        self._table().focus()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._anew())

    def on_unmount(self) -> None:
        """Be forgotten: what listens to a signal of Textual is kept for ever."""
        self.app.theme_changed_signal.unsubscribe(self)

    def on_resize(self, event: events.Resize) -> None:
        """Break the texts anew; the reader stays at the event."""
        if event.size.width != self._width:
            self._anew()

    def show(self, view: FleetView) -> None:
        """A new picture: append what is new."""
        log = view.log
        if self._is_another(log):
            self._entries, self._count, self._last = [], 0, None
            self._lay_out()
        fresh = log[self._next(log) :]
        if fresh:
            row = None if self._is_at_end() else self._table().cursor_row
            self._entries += fresh
            self._append(fresh, stay=row)
            self._last = fresh[-1]
        self._count += len(fresh)
        self.query_one("#heading", Static).update(f"Events · {self._count}")

    def action_leave(self) -> None:
        """Go back."""
        leave(self)

    def _anew(self) -> None:
        """Fill the table again: for another width, or in the colours of another theme."""
        row = self._table().cursor_row
        at_end = self._is_at_end()
        self._lay_out()
        self._append(self._entries, stay=None if at_end else row)

    def _is_another(self, log: tuple[LogEntry, ...]) -> bool:
        """Whether this is not the log that is shown, grown: a replay has jumped."""
        last = self._last
        if last is None or any(entry is last for entry in log):
            return False
        return not log or log[0].at_s < last.at_s

    def _next(self, log: tuple[LogEntry, ...]) -> int:
        """Index of the first entry that is not in the table yet."""
        for index in range(len(log) - 1, -1, -1):
            if log[index] is self._last:
                return index + 1
        return 0

    def _lay_out(self) -> None:
        """Columns as the width of the screen allows; a text is as many lines as it takes."""
        self._width = self.size.width
        table = self._table()
        table.clear(columns=True)
        model = _MODEL if self._width >= _WIDE_FROM else _NARROW_MODEL
        columns = (("time", _TIME), ("", _WORD), ("model", model))
        for title, width in columns:
            table.add_column(title, width=width)
        edges = 2 * table.cell_padding * (len(columns) + 1) + table.scrollbar_size_vertical
        left = self._width - sum(width for _, width in columns) - edges
        table.add_column("event", width=max(left, _LEAST_TEXT))

    def _is_at_end(self) -> bool:
        table = self._table()
        return table.cursor_row >= table.row_count - 1

    def _append(self, entries: Sequence[LogEntry], *, stay: int | None) -> None:
        """Add rows; ``stay`` at a row, or (None) go to the last."""
        table = self._table()
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
                height=None,
            )
        row = table.row_count - 1 if stay is None else stay
        table.move_cursor(row=row, animate=False)
        if stay is None:  # again, once the heights of the new rows are known
            self.call_after_refresh(table.move_cursor, row=row, animate=False, scroll=True)

    def _table(self) -> DataTable[Text]:
        return self.query_one("#events", DataTable)


def _local(wall_s: float) -> str:
    """Local time of day with milliseconds."""
    stamp = datetime.fromtimestamp(wall_s, tz=UTC).astimezone()
    return stamp.strftime("%H:%M:%S.%f")[:-3]
