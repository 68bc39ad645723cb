"""The detail of one server: plots, and the words beside or below them."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Container

from sleeptui.core.model import ServerView
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present import Look
from sleeptui.tui.present_detail import detail_lines
from sleeptui.tui.present_plot import plots_of
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.painted import Painted
from sleeptui.tui.widgets.plot import PlotPanel

_REDRAW_S = 1.0
"""Plots of the same server are drawn at most this often: one takes some milliseconds."""


class DetailText(Painted, can_focus=True):
    """How the state is known, what was done; scrolls."""

    HELP = "How the state of this model is known, and what was done with it last."

    def __init__(self, clock: Callable[[float], str], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """No server yet.

        Args:
            clock: Monotonic time to the time of day.
            id: Textual's id.
        """
        super().__init__(id=id)
        self._clock = clock
        self._shown: tuple[ServerView, Look] | None = None

    def show(self, view: ServerView | None, look: Look) -> None:
        """Show this server."""
        other = self._shown is None or view is None or self._shown[0].name != view.name
        self._shown = (view, look) if view is not None else None
        if other:
            self.scroll_home(animate=False, immediate=True)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The words."""
        del height
        if self._shown is None:
            return ()
        view, look = self._shown
        return detail_lines(view, look, width, self._clock)


class Detail(Container):
    """Plots and words of the current server."""

    def __init__(
        self,
        glyphs: Glyphs,
        clock: Callable[[float], str],
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """No server yet.

        Args:
            glyphs: The set in use.
            clock: Monotonic time to the time of day.
            id: Textual's id.
        """
        super().__init__(id=id)
        self._plots = PlotPanel(glyphs, id="plots")
        self._text = DetailText(clock, id="words")
        self._server: str | None = None
        self._drawn = (-_REDRAW_S, 0, 0)

    def compose(self) -> ComposeResult:
        """Plots, then words."""
        yield self._plots
        yield self._text

    def show(self, view: ServerView | None, look: Look) -> None:
        """Show this server; nothing is drawn while this is not seen."""
        if not self.is_mounted or not self.display:
            return
        self._text.show(view, look)
        cells = self._plots.cells
        if view is None or cells == 0:
            return
        operations = len(view.history) + (view.operation is not None)
        at_s, width, seen = self._drawn
        same = self._server == view.name and width == cells and operations == seen
        if same and abs(look.now_s - at_s) < _REDRAW_S:
            return
        self._server = view.name
        self._drawn = (look.now_s, cells, operations)
        self._plots.show(plots_of(view, look, cells))

    def tick(self, view: ServerView, look: Look) -> None:
        """Count on: the elapsed times, between two pictures."""
        self._text.show(view, look)
