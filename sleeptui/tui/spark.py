"""Sparklines: a series as one row of bars, moved only by whole cells."""

from collections.abc import Collection, Sequence

from sleeptui.core.series import Series

SPAN_S = 120.0
"""Time that a sparkline shows."""
HOLD_S = 15.0
"""An unknown stretch no longer than this is bridged: sleeping servers are looked at less often."""
Cells = list[float | None]


def bars(cells: Sequence[float | None], top: float, levels: str) -> str:
    """The cells as bars, unknown as a blank.

    Args:
        cells: Values, oldest first.
        top: The value of a full bar; values above it are full.
        levels: Glyphs from zero to full.
    """
    if top <= 0:
        return "".join(" " if cell is None else levels[0] for cell in cells)
    full = len(levels) - 1
    return "".join(
        " " if cell is None else levels[min(max(round(cell / top * full), 0), full)]
        for cell in cells
    )


def held(cells: Cells, most: int) -> Cells:
    """Unknown cells get the last known value, for at most ``most`` cells in a row."""
    filled: Cells = []
    last: float | None = None
    missing = 0
    for cell in cells:
        missing = missing + 1 if cell is None else 0
        if cell is not None:
            last = cell
        filled.append(last if missing <= most else None)
    return filled


class Sparks:
    """Sparklines of many series; only the newest cell is computed anew.

    The whole series is read when a cell ends, once in ten seconds for a usual width.
    """

    def __init__(self, span_s: float = SPAN_S) -> None:
        self._span_s = span_s
        self._known: dict[tuple[str, int], tuple[Series, int, Cells]] = {}

    def cells(self, key: str, series: Series, width: int, now_s: float) -> Cells:
        """``width`` values of the last span, oldest first.

        Args:
            key: What the series is of; unique among all that ask.
            series: Where the values are.
            width: Cells.
            now_s: Monotonic time.
        """
        if width <= 0:
            return []
        step_s = self._span_s / width
        newest = int(now_s / step_s)
        known = self._known.get((key, width))
        if known is None or known[0] is not series or known[1] != newest:
            cells = series.buckets(width, self._span_s, now_s)
            self._known[key, width] = (series, newest, cells)
        else:
            cells = known[2]
            values = [value for _, value in series.points(newest * step_s) if value is not None]
            cells[-1] = max(values, default=None)
        return held(cells, int(HOLD_S / step_s))

    def forget(self, keep: Collection[str]) -> None:
        """Drop the series of what is not in ``keep``; what is asked for again is read again."""
        for known in [known for known in self._known if known[0] not in keep]:
            del self._known[known]
