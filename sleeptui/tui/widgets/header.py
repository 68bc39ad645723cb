"""The header: host, fleet and clock on one line."""

from collections.abc import Sequence

from sleeptui.core.model import FleetView
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_log import Heading, header_line
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.painted import Painted


class HeaderLine(Painted):
    """One line that sums up the fleet."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id)
        self._glyphs = glyphs
        self._shown: tuple[FleetView, Heading] | None = None

    def show(self, view: FleetView, heading: Heading) -> None:
        """Show this picture."""
        self._shown = (view, heading)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The one line."""
        del height
        if self._shown is None:
            return ()
        view, heading = self._shown
        return (header_line(view, heading, width, self._glyphs),)
