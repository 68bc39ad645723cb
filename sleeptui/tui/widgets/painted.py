"""The base of the dashboard's widgets: lines of spans, of which only the changed are painted."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip

from sleeptui.tui.spans import BLANK, Line
from sleeptui.tui.theme import Palette


class PlainScrollBar(ScrollBarRender):
    """A scrollbar of colours alone, its ends on whole cells."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8


class Painted(ScrollView, can_focus=False):
    """Shows the lines that ``lines`` returns; scrolls where they are more than its height.

    A picture comes in a few times a second and mostly differs in a few figures: lines that are
    equal to those on the screen are left alone, and nothing is laid out anew.
    """

    DEFAULT_CSS = """
    Painted {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        background: transparent;
    }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._palette: Palette | None = None
        self._is_new = True

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """What to show in that many cells."""
        raise NotImplementedError

    def present(self) -> None:
        """Ask for the lines and paint those that have changed."""
        size = self.scrollable_content_region.size
        if not self.is_mounted or not size.width or not size.height:
            return
        before, lines = self._lines, self._ask(size)
        if self.virtual_size.height != len(lines):
            self.virtual_size = Size(0, len(lines))
        top = self.scroll_offset.y
        changed: list[Region] = []
        for index in range(max(len(lines), len(before))):
            old = before[index] if index < len(before) else BLANK
            new = lines[index] if index < len(lines) else BLANK
            if old != new:
                self._strips.pop(index, None)
                changed.append(Region(0, index - top, size.width, 1))
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """One line, for Textual, which paints a new widget before it tells of the size."""
        if self._is_new:
            self._ask(self.scrollable_content_region.size)
        index = self.scroll_offset.y + y
        strip = self._strips.get(index)
        if strip is None:
            content = self._lines[index] if index < len(self._lines) else BLANK
            strip = self._strips[index] = self.strip(content, self.size.width)
        return strip

    def _ask(self, size: Size) -> list[Line]:
        """Ask for the lines; they are those that are seen from now on."""
        self._is_new = False
        self._lines = list(self.lines(size.width, size.height))
        return self._lines

    def strip(self, content: Line, width: int, back: str = "") -> Strip:
        """A line in the colours of the theme, ``width`` cells, over this widget's background.

        Args:
            content: The line.
            width: Cells.
            back: Tone behind spans that have none of their own.
        """
        palette = self.palette
        base = self.rich_style
        ground = base + palette.style("text", back) if back else base
        segments = [
            Segment(span.text, base + palette.style(span.tone, span.back or back))
            for span in content
        ]
        return Strip(segments).adjust_cell_length(width, ground)

    def use_plain_scrollbar(self) -> None:
        """Draw the scrollbar without block characters."""
        # Declared a class variable, but Textual's own documentation sets it on one bar.
        self.vertical_scrollbar.renderer = PlainScrollBar  # type: ignore[misc]

    @property
    def palette(self) -> Palette:
        """The colours of the theme."""
        if self._palette is None:
            self._palette = Palette.of(self.app)
        return self._palette

    def notify_style_update(self) -> None:
        """Colours may have changed: paint everything with the new ones."""
        super().notify_style_update()
        self._palette = None
        self._strips.clear()
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Lines depend on the width."""
        self._strips.clear()
        self.present()
        self.refresh()
