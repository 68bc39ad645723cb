"""The fleet table: a row per server, a cursor, a selection; paints only cells that changed."""

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from sleeptui.core.model import IN_TRANSITION, ServerView, State
from sleeptui.tui.columns import MARKS, Column, columns_for, marks
from sleeptui.tui.present import Look
from sleeptui.tui.spans import Line, Span
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.painted import Painted

_COUNTING = IN_TRANSITION | {State.STALE}


class FleetTable(Painted, can_focus=True):
    """Rows of servers with fixed columns.

    It draws its lines itself, because Textual's DataTable paints the whole table when one cell
    changes. The cursor and the selection are kept by server name, so they stay with their
    server when rows are sorted, filtered, added or removed.

    Attributes:
        marked: Names of the selected servers.
    """

    HELP = "The fleet. Up and down choose a model; commands act on it, or on all selected."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First", show=False),
        Binding("end", "edge(-1)", "Last", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands on another server."""

        server: str

    class HeadingPressed(Message):
        """The mouse was pressed on the headings."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.marked: frozenset[str] = frozenset()
        self._rows: tuple[ServerView, ...] = ()
        self._look = Look(now_s=0.0)
        self._columns: tuple[Column, ...] = ()
        self._cursor = 0
        self._cells: dict[int, tuple[Line, ...]] = {}

    @property
    def current(self) -> str | None:
        """The server under the cursor."""
        return self._rows[self._cursor].name if self._rows else None

    def show(self, rows: tuple[ServerView, ...], look: Look) -> None:
        """Show these servers, in this order."""
        name = self.current
        self._rows, self._look = rows, look
        names = [row.name for row in rows]
        before = self._cursor
        if name in names:
            self._cursor = names.index(name)
        else:
            self._cursor = max(min(self._cursor, len(rows) - 1), 0)
        if self.virtual_size.height != len(rows) + 1:
            self.virtual_size = Size(0, len(rows) + 1)
            self._forget()
        if before != self._cursor:
            self._strips.clear()
            self.call_after_refresh(self._keep_in_sight)
        self.present()
        if self.current != name and self.current is not None:
            self.post_message(self.Moved(self.current))

    def tick(self, now_s: float) -> None:
        """Count on: the elapsed times, between two pictures."""
        self._look = replace(self._look, now_s=now_s)
        for index in self._in_sight():
            if self._rows[index].state in _COUNTING:
                self._update(index)

    def toggle_mark(self) -> None:
        """Add the current server to the selection, or take it out; the cursor moves on."""
        name = self.current
        if name is not None:
            self.marked ^= {name}
            self._update(self._cursor)
            self.action_move(1)

    def clear_marks(self) -> None:
        """Select nothing."""
        self.marked = frozenset()
        self.present()

    def present(self) -> None:
        """Paint the cells in sight that have changed."""
        if not self.is_mounted or not self.size.width:
            return
        columns = columns_for(self.scrollable_content_region.width)
        if columns != self._columns:
            self._columns = columns
            self._forget()
        in_sight = self._in_sight()
        for index in [index for index in self._cells if index not in in_sight]:
            del self._cells[index]
            self._strips.pop(index, None)
        for index in in_sight:
            self._update(index)

    def render_line(self, y: int) -> Strip:
        """The headings, or a row."""
        width = self.size.width
        if y == 0:
            return self.strip(self._headings(), width)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._rows):
            return self.strip((), width)
        strip = self._strips.get(index)
        if strip is None:
            cells = self._cells.get(index) or self._make(index)
            self._cells[index] = cells
            strip = self._strips[index] = self.strip(_joined(cells), width, self._back(index))
        return strip

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._go(self._cursor + by * max(self.size.height - 2, 1))

    def action_edge(self, index: int) -> None:
        """Move the cursor to the first (0) or the last (-1) row."""
        self._go(index % max(len(self._rows), 1))

    def on_click(self, event: events.Click) -> None:
        """The row under the mouse becomes the current one."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            self.post_message(self.HeadingPressed())
            return
        index = self.scroll_offset.y + offset.y - 1
        if index < len(self._rows):
            self._go(index)

    def on_resize(self, _event: events.Resize) -> None:
        """The cursor stays in sight; the base class paints."""
        self.call_after_refresh(self._keep_in_sight)

    def on_focus(self) -> None:
        """The cursor is bright where keys go."""
        self._repaint_row(self._cursor)

    def on_blur(self) -> None:
        """The cursor is pale where keys do not go."""
        self._repaint_row(self._cursor)

    def _go(self, index: int) -> None:
        if not self._rows:
            return
        before, self._cursor = self._cursor, max(min(index, len(self._rows) - 1), 0)
        if before == self._cursor:
            return
        for row in (before, self._cursor):
            self._update(row)
            self._repaint_row(row)
        self._keep_in_sight()
        self.post_message(self.Moved(self._rows[self._cursor].name))

    def _keep_in_sight(self) -> None:
        region = Region(0, self._cursor, self.size.width, 2)  # the headings hide a row
        self.scroll_to_region(region, animate=False, force=True)

    def _in_sight(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(top + max(self.size.height - 1, 0), len(self._rows)))

    def _make(self, index: int) -> tuple[Line, ...]:
        view = self._rows[index]
        look = self._look
        current, marked = index == self._cursor, view.name in self.marked
        cells = [column.text(view, look) for column in self._columns]
        return (marks(view, look, current=current, marked=marked), *cells)

    def _update(self, index: int) -> None:
        """Make a row anew and paint the cells that differ."""
        before, after = self._cells.get(index, ()), self._make(index)
        if before == after:
            return
        self._cells[index] = after
        self._strips.pop(index, None)
        y = index - self.scroll_offset.y + 1
        if not before:
            self.refresh(Region(0, y, self.size.width, 1))
            return
        places = ((0, MARKS), *((column.x, column.width) for column in self._columns))
        self.refresh(
            *(
                Region(x, y, width, 1)
                for (x, width), old, new in zip(places, before, after, strict=True)
                if old != new
            )
        )

    def _repaint_row(self, index: int) -> None:
        self._strips.pop(index, None)
        self.refresh(Region(0, index - self.scroll_offset.y + 1, self.size.width, 1))

    def _back(self, index: int) -> str:
        if index != self._cursor:
            return ""
        return Tone.CURSOR if self.has_focus else Tone.CURSOR_BLURRED

    def _headings(self) -> Line:
        return _joined(((Span(" " * MARKS),), *(column.heading() for column in self._columns)))

    def _forget(self) -> None:
        self._cells.clear()
        self._strips.clear()
        self.refresh()


def _joined(cells: tuple[Line, ...]) -> Line:
    """Marks and cells as one line, a blank between cells."""
    spans: list[Span] = [*cells[0]]
    for number, cell in enumerate(cells[1:]):
        if number:
            spans.append(Span(" "))
        spans.extend(cell)
    return tuple(spans)
