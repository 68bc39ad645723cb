"""The doctor's findings: rows of several lines, a cursor, more of a row on demand."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region

from sleeptui.services.doctor_finding import Finding
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_doctor import Key, Row, rows
from sleeptui.tui.spans import Line, Span, fit
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.painted import Painted


class FindingList(Painted, can_focus=True):
    """The cursor stays with its finding when others come and go."""

    HELP = "Up and down choose a finding; enter shows how it is known."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First", show=False),
        Binding("end", "edge(-1)", "Last", show=False),
        Binding("enter", "open", "More", key_display="enter"),
    ]

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """An empty list, drawn with these glyphs."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self._findings: tuple[Finding, ...] = ()
        self._opened: frozenset[Key] = frozenset()
        self._rows: list[Row] = []
        self._tops: list[int] = []
        """First line of each row, headings apart."""
        self._cursor = 0

    @property
    def current(self) -> Key | None:
        """What the cursor stands on."""
        return self._rows[self._cursor].key if self._rows else None

    def show(self, findings: tuple[Finding, ...]) -> None:
        """Show these."""
        if findings != self._findings:
            self._findings = findings
            self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - it scrolls
        """All rows under their headings."""
        key = self.current
        self._rows = rows(self._findings, width, self._glyphs, self._opened)
        keys = [row.key for row in self._rows]
        self._cursor = keys.index(key) if key in keys else min(self._cursor, len(keys) - 1)
        self._cursor = max(self._cursor, 0)
        made: list[Line] = []
        self._tops = []
        for number, row in enumerate(self._rows):
            made += row.heading
            self._tops.append(len(made))
            made += [
                self._lit(each, width) if number == self._cursor else each for each in row.lines
            ]
        return made

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by about a page."""
        if self._rows:
            height = max(self.size.height - 1, 1)
            self._go(self._row_at(self._tops[self._cursor] + by * height))

    def action_edge(self, index: int) -> None:
        """Move the cursor to the first (0) or the last (-1) row."""
        self._go(index % max(len(self._rows), 1))

    def action_open(self) -> None:
        """Say more of the row under the cursor, or less again."""
        if self.current is not None:
            self._opened ^= {self.current}
            self.present()
            self._keep_in_sight()

    def on_click(self, event: events.Click) -> None:
        """The row under the mouse becomes the current one; a second click opens it."""
        offset = event.get_content_offset(self)
        if offset is None or not self._rows:
            return
        index = self._row_at(self.scroll_offset.y + offset.y)
        if index == self._cursor:
            self.action_open()
        self._go(index)

    def on_focus(self) -> None:
        """The cursor is bright where keys go."""
        self.present()

    def on_blur(self) -> None:
        """The cursor is pale where keys do not go."""
        self.present()

    def _go(self, index: int) -> None:
        before, self._cursor = self._cursor, max(min(index, len(self._rows) - 1), 0)
        if before != self._cursor:
            self.present()
            self._keep_in_sight()

    def _row_at(self, line: int) -> int:
        """The row that has a line, or the nearest above it."""
        return max((number for number, top in enumerate(self._tops) if top <= line), default=0)

    def _keep_in_sight(self) -> None:
        row = self._rows[self._cursor]
        top = self._tops[self._cursor] - len(row.heading)
        height = min(len(row.heading) + len(row.lines), max(self.size.height, 1))
        region = Region(0, top, self.size.width, height)
        self.scroll_to_region(region, animate=False, force=True)

    def _lit(self, each: Line, width: int) -> Line:
        """The line on the ground of the cursor."""
        back = Tone.CURSOR if self.has_focus else Tone.CURSOR_BLURRED
        filled = fit(each, width, ellipsis=self._glyphs.ellipsis)
        return tuple(Span(span.text, span.tone, back) for span in filled)
