"""The end of the event log."""

from collections.abc import Callable, Sequence

from sleeptui.core.model import FleetView
from sleeptui.tui.present import Look
from sleeptui.tui.present_log import log_line, server_cells
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.painted import Painted


class EventLog(Painted):
    """As many of the newest events as it has rows, the newest at the bottom."""

    def __init__(self, clock: Callable[[float], str], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """A log without events.

        Args:
            clock: Monotonic time to the time of day.
            id: Textual's id.
        """
        super().__init__(id=id)
        self._clock = clock
        self._shown: tuple[FleetView, Look] | None = None

    def show(self, view: FleetView, look: Look) -> None:
        """Show this picture."""
        self._shown = (view, look)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The newest events."""
        if self._shown is None:
            return ()
        view, look = self._shown
        newest = view.log[-height:]
        server = server_cells(newest, width)
        return [log_line(entry, look, width, self._clock, server) for entry in newest]
