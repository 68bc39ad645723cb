"""Bounded time series, and their reduction to the width of a plot or sparkline."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from math import isnan, nan

STILL_S = 0.5
"""Between two points of a value that does not change, at least."""


class Series:
    """Values over monotonic time, newest last; the oldest are forgotten.

    One writer (the fleet store) appends; readers on the same thread ask for points or buckets.
    It takes its memory at its first value, and no more for the rest of its life: a program that
    watches for weeks must not grow, and numbers as objects would take four times as much.
    """

    __slots__ = ("_limit", "_next", "_size", "_times", "_values")

    def __init__(self, limit: int = 2400) -> None:
        """At most ``limit`` points are kept: 20 minutes at 2 Hz, in 38 KiB."""
        self._limit = limit
        self._size = self._next = 0
        # Rings: the next point goes to ``_next``, over the oldest. NaN stands for a gap.
        self._times = self._values = array("d")

    def append(self, at_s: float, value: float | None) -> None:
        """Add a value; None marks a gap. Times must not go back; one that does is dropped.

        What stands still is kept twice a second: a recording reads the GPUs ten times as often,
        and must not shorten the past that the plots show.
        """
        if self._size and at_s < self._times[self._next - 1]:
            return
        if self._stands_still(at_s, value):
            self._times[self._next - 1] = at_s
            return
        if not self._times:
            self._times = array("d", [0.0]) * self._limit
            self._values = self._times[:]
        self._times[self._next] = at_s
        self._values[self._next] = nan if value is None else value
        self._next = (self._next + 1) % self._limit
        self._size = min(self._size + 1, self._limit)

    def _stands_still(self, at_s: float, value: float | None) -> bool:
        """Whether the last point can move on to here without a change of any value between."""
        if self._size <= 1 or at_s - self._times[self._next - 2] > STILL_S:
            return False
        return value == self.last == _known(self._values[self._next - 2])

    def __len__(self) -> int:
        return self._size

    @property
    def last(self) -> float | None:
        """The newest value."""
        return _known(self._values[self._next - 1]) if self._size else None

    @property
    def oldest_s(self) -> float | None:
        """When the oldest value that is kept was added."""
        return self._times[self._next - self._size] if self._size else None

    def points(self, since_s: float) -> list[tuple[float, float | None]]:
        """Time and value, ascending, from ``since_s`` on; n x 2."""
        found: list[tuple[float, float | None]] = []
        for begin, end in self._stretches():
            start = bisect_left(self._times, since_s, begin, end)
            kept = zip(self._times[start:end], self._values[start:end], strict=True)
            found += [(at_s, _known(value)) for at_s, value in kept]
        return found

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Where the points lie in the rings, the older ones first."""
        oldest = self._next - self._size
        if oldest < 0:
            yield oldest + self._limit, self._limit
        yield max(oldest, 0), self._next

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


def _known(value: float) -> float | None:
    return None if isnan(value) else value
