"""Bounded time series, and their reduction to the width of a plot or sparkline."""

from bisect import bisect_left
from collections import deque
from itertools import islice

STILL_S = 0.5
"""Between two points of a value that does not change, at least."""


class Series:
    """Values over monotonic time, newest last; the oldest are forgotten.

    One writer (the fleet store) appends; readers on the same thread ask for points or buckets.
    """

    __slots__ = ("_times", "_values")

    def __init__(self, limit: int = 2400) -> None:
        """At most ``limit`` points are kept: 20 minutes at 2 Hz."""
        self._times: deque[float] = deque(maxlen=limit)
        self._values: deque[float | None] = deque(maxlen=limit)

    def append(self, at_s: float, value: float | None) -> None:
        """Add a value; None marks a gap. Times must not go back; one that does is dropped.

        What stands still is kept twice a second: a recording reads the GPUs ten times as often,
        and must not shorten the past that the plots show.
        """
        if self._times and at_s < self._times[-1]:
            return
        if self._stands_still(at_s, value):
            self._times[-1] = at_s
            return
        self._times.append(at_s)
        self._values.append(value)

    def _stands_still(self, at_s: float, value: float | None) -> bool:
        """Whether the last point can move on to here without a change of any value between."""
        values, times = self._values, self._times
        return len(values) > 1 and value == values[-1] == values[-2] and at_s - times[-2] <= STILL_S

    def __len__(self) -> int:
        return len(self._times)

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self._values[-1] if self._values else None

    @property
    def oldest_s(self) -> float | None:
        """When the oldest value that is kept was added."""
        return self._times[0] if self._times else None

    def points(self, since_s: float) -> list[tuple[float, float | None]]:
        """Time and value, ascending, from ``since_s`` on; n x 2."""
        start = bisect_left(self._times, since_s)
        return list(
            zip(islice(self._times, start, None), islice(self._values, start, None), strict=True)
        )

    def buckets(self, width: int, span_s: float, now_s: float) -> list[float | None]:
        """The highest value of each of ``width`` equal parts of the last ``span_s`` seconds.

        The parts are aligned to whole multiples of their length, so that a repainted
        sparkline moves by whole cells and does not flicker. None where there was nothing.
        """
        if width <= 0:
            return []
        step = span_s / width
        newest = int(now_s / step)
        cells: list[float | None] = [None] * width
        for at_s, value in self.points((newest - width + 1) * step):
            index = int(at_s / step) - newest + width - 1
            if value is None or not 0 <= index < width:
                continue
            seen = cells[index]
            cells[index] = value if seen is None else max(seen, value)
        return cells
