"""The recorded sessions: a row each, a cursor, some of them selected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from sleeptui.core.session import SessionSummary
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_sessions import row
from sleeptui.tui.spans import Line, Span
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.painted import Painted


class SessionList(Painted, can_focus=True):
    """The cursor stays with its session when others come and go.

    Attributes:
        marked: Folders of the selected sessions, in the order of selecting.
    """

    HELP = "The sessions, newest first. Up and down choose one."
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
        """The cursor stands on another session."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """An empty list, drawn with these glyphs."""
        super().__init__(id=id)
        self.marked: tuple[str, ...] = ()
        self._glyphs = glyphs
        self._found: tuple[SessionSummary, ...] = ()
        self._cursor = 0

    @property
    def current(self) -> SessionSummary | None:
        """The session under the cursor."""
        return self._found[self._cursor] if self._found else None

    @property
    def selected(self) -> tuple[SessionSummary, ...]:
        """The selected sessions, in the order of selecting."""
        known = {each.path: each for each in self._found}
        return tuple(known[path] for path in self.marked if path in known)

    def show(self, found: Sequence[SessionSummary]) -> None:
        """Show these."""
        before = self.current
        self._found = tuple(found)
        paths = [each.path for each in found]
        if before is not None and before.path in paths:
            self._cursor = paths.index(before.path)
        else:
            self._cursor = max(min(self._cursor, len(paths) - 1), 0)
        self.present()
        self.post_message(self.Moved())

    def toggle_mark(self) -> None:
        """Select the current session, or no longer; the cursor stays."""
        current = self.current
        if current is None:
            return
        if current.path in self.marked:
            self.marked = tuple(path for path in self.marked if path != current.path)
        else:
            self.marked = (*self.marked, current.path)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """All rows."""
        del height
        made = []
        for number, each in enumerate(self._found):
            spans = row(each, width, self._glyphs, marked=each.path in self.marked)
            made.append(self._lit(spans) if number == self._cursor else spans)
        return made

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by about a page."""
        self._go(self._cursor + by * max(self.size.height - 1, 1))

    def action_edge(self, index: int) -> None:
        """Move the cursor to the first (0) or the last (-1) row."""
        self._go(index % max(len(self._found), 1))

    def on_click(self, event: events.Click) -> None:
        """The row under the mouse becomes the current one."""
        offset = event.get_content_offset(self)
        if offset is not None and self.scroll_offset.y + offset.y < len(self._found):
            self._go(self.scroll_offset.y + offset.y)

    def on_focus(self) -> None:
        """The cursor is bright where keys go."""
        self.present()

    def on_blur(self) -> None:
        """The cursor is pale where keys do not go."""
        self.present()

    def _go(self, index: int) -> None:
        before, self._cursor = self._cursor, max(min(index, len(self._found) - 1), 0)
        if before != self._cursor:
            self.present()
            region = Region(0, self._cursor, self.size.width, 1)
            self.scroll_to_region(region, animate=False, force=True)
            self.post_message(self.Moved())

    def _lit(self, spans: Line) -> Line:
        """The line on the ground of the cursor."""
        back = Tone.CURSOR if self.has_focus else Tone.CURSOR_BLURRED
        return tuple(Span(span.text, span.tone, back) for span in spans)
