"""What can be chosen on the benchmark page: the plans, and benchmarks that run elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from sleeptui.core.session import SessionSummary
from sleeptui.services.bench_watch import Offer
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_benchmark import row
from sleeptui.tui.spans import Line, Span
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.painted import Painted


class PlanList(Painted, can_focus=True):
    """A row each, and a cursor."""

    HELP = "The plans, then benchmarks that run elsewhere. Up and down choose one."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands on another row."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """An empty list, drawn with these glyphs."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self._rows: tuple[Offer | SessionSummary, ...] = ()
        self._cursor = 0

    @property
    def current(self) -> Offer | SessionSummary | None:
        """What is under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def show(self, offers: Sequence[Offer], running: Sequence[SessionSummary]) -> None:
        """Show these."""
        self._rows = (*offers, *running)
        self._cursor = max(min(self._cursor, len(self._rows) - 1), 0)
        self.styles.height = len(self._rows)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """All rows."""
        del height
        made = []
        for number, each in enumerate(self._rows):
            spans = row(each, width, self._glyphs)
            made.append(self._lit(spans) if number == self._cursor else spans)
        return made

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(self._cursor + by)

    def on_click(self, event: events.Click) -> None:
        """The row under the mouse becomes the current one."""
        offset = event.get_content_offset(self)
        if offset is not None and self.scroll_offset.y + offset.y < len(self._rows):
            self._go(self.scroll_offset.y + offset.y)

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
            self.post_message(self.Moved())

    def _lit(self, spans: Line) -> Line:
        """The line on the ground of the cursor."""
        back = Tone.CURSOR if self.has_focus else Tone.CURSOR_BLURRED
        return tuple(Span(span.text, span.tone, back) for span in spans)
