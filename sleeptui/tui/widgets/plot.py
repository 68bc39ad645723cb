"""Plots of memory and queue over time; the only module that knows plotext.

Plotext draws the curves; colours, bands, scales and labels are laid over them here, because they
come from the theme. Importing it takes 84 ms, so it is imported when the first plot is drawn,
in a thread, after the first frame.
"""

import asyncio
import importlib
import sys
from collections.abc import Sequence
from functools import lru_cache

from textual import events
from textual.message import Message

from sleeptui.tui.compose_plot import Canvas, compose, rows_for
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.pages import work
from sleeptui.tui.present_plot import GUTTER, Plot
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.painted import Painted

_LIBRARY = "plotext"


@lru_cache(maxsize=16)
def canvas(
    values: tuple[float | None, ...], top: float, width: int, height: int, marker: str
) -> Canvas:
    """The area under a curve as rows of characters, from the top; blank where there is none.

    Args:
        values: Two a cell, oldest first; None leaves a gap.
        top: The value at the upper edge.
        width: Cells.
        height: Cells.
        marker: Plotext's marker.
    """
    plotext = importlib.import_module(_LIBRARY)
    plotext.terminal.limit(width=False, height=False)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, height)
    figure.axes(active=False)
    figure.legend(active=False)
    for axis, limit in ((0, len(values) - 1), (1, top)):
        figure.ruler(axis).lim(0, limit)
        figure.ruler(axis).frequency(0)
        figure.ruler(axis).alignment(lim="edge")
    for begin, stretch in _stretches(values):
        places = list(range(begin, begin + len(stretch)))
        signal = figure.signal(places, [min(value, top) for value in stretch], marker=marker)
        figure.draw(signal.lines(active=True).density("full", "both").fillx())
    rows = figure.build().string(colorless=True).split("\n")
    return tuple(row[:width].ljust(width) for row in rows[:height])


def _stretches(values: Sequence[float | None]) -> list[tuple[int, list[float]]]:
    """The stretches without a gap, with the place at which each begins."""
    found: list[tuple[int, list[float]]] = []
    before: float | None = None
    for index, value in enumerate(values):
        if value is not None:
            if before is None:
                found.append((index, []))
            found[-1][1].append(value)
        before = value
    return found


class PlotPanel(Painted):
    """Memory above, queue below, on one time scale."""

    class Fitted(Message):
        """It has another width: plots for the old one do not fit."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id)
        self._glyphs = glyphs
        self._plots: tuple[Plot, ...] = ()
        self._loading = False

    @property
    def cells(self) -> int:
        """Width of a plot without its scale."""
        return max(self.size.width - GUTTER, 0)

    def show(self, plots: tuple[Plot, ...]) -> None:
        """Draw these, if they differ from those that are seen."""
        if plots == self._plots:
            return
        self._plots = plots
        if _LIBRARY in sys.modules and not self._loading:
            self.present()
        elif not self._loading:
            self._loading = True
            work(self, self._load)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """All plots, one below the other."""
        if not self._plots or self._loading or _LIBRARY not in sys.modules:
            return ()
        cells = width - GUTTER
        marker = self._glyphs.marker
        drawn: list[tuple[Plot, list[Canvas]]] = []
        for plot, rows in zip(self._plots, rows_for(height), strict=True):
            fits = rows > 0 and all(len(curve.values) == 2 * cells for curve in plot.curves)
            if fits:
                curves = [
                    canvas(curve.values, plot.top, cells, rows, marker) for curve in plot.curves
                ]
                drawn.append((plot, curves))
        return compose(drawn, cells, self._glyphs)

    def on_resize(self, _event: events.Resize) -> None:
        """Plots are drawn for one width; the base class paints."""
        self.post_message(self.Fitted())

    async def _load(self) -> None:
        await asyncio.to_thread(importlib.import_module, _LIBRARY)
        self._loading = False
        self.present()
