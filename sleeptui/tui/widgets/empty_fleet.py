"""What stands where the table would, while no server is watched."""

from collections.abc import Sequence

from sleeptui.core.model import FleetView
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_log import empty_lines
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.painted import Painted


class EmptyFleet(Painted, can_focus=True):
    """What was looked at, what was found, and how to go on."""

    HELP = "No server is watched yet: how to add one, and how to try the simulated fleet."

    def __init__(
        self,
        glyphs: Glyphs,
        looking: str,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """Nothing was found yet; ``looking``: what goes on, in words."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self._looking = looking
        self._view: FleetView | None = None

    def show(self, view: FleetView) -> None:
        """Show this picture."""
        self._view = view
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The words."""
        del height
        if self._view is None:
            return ()
        return empty_lines(self._view, self._looking, self._glyphs, width)
