"""Long curves made short enough to draw, without losing a peak or a gap."""

import numpy as np
from numpy.typing import NDArray

from sleeptui.core.session import Curve

Points = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Times in nanoseconds, and values; NaN: a gap."""


def changes(curve: Curve) -> Points:
    """The points at which the value is another than before, the first, and the last."""
    times, values = _arrays(curve)
    if len(values) == 0:
        return times, values
    before, after = values[:-1], values[1:]
    is_other = (before != after) & ~(np.isnan(before) & np.isnan(after))
    is_kept = np.concatenate(([True], is_other))
    is_kept[-1] = True
    return times[is_kept], values[is_kept]


def told(curve: Curve, most: int) -> Points:
    """The changes, where they are not too many; else what ``thinned`` leaves."""
    points = changes(curve)
    return points if len(points[0]) <= most else thinned(curve, most)


def thinned(curve: Curve, most: int) -> Points:
    """At most about ``most`` points: the lowest and the highest of each stretch, and its gap.

    Stretches have the same number of samples, not the same length: there are more samples around
    an operation, and more to see.
    """
    times, values = _arrays(curve)
    count = len(values)
    if count <= most:
        return times, values
    width = -(-count * 4 // most)
    padded = np.full(-(-count // width) * width, np.nan)
    padded[:count] = values
    rows = padded.reshape(-1, width)
    is_gap = np.isnan(rows)
    starts = np.arange(len(rows)) * width
    picked = np.concatenate(
        (
            starts,
            starts + np.where(is_gap, np.inf, rows).argmin(axis=1),
            starts + np.where(is_gap, -np.inf, rows).argmax(axis=1),
            starts + is_gap.argmax(axis=1),
            [count - 1],
        )
    )
    indices = np.unique(picked[picked < count])
    return times[indices], values[indices]


def _arrays(curve: Curve) -> Points:
    """The curve's own memory, not copied."""
    times = np.frombuffer(curve.times_ns, dtype=np.int64) if len(curve) else np.empty(0, np.int64)
    values = np.frombuffer(curve.values, dtype=np.float64) if len(curve) else np.empty(0)
    return times, values
