"""Statistics, each with its source."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A slope with its interval, in units of y by x."""

    value: float
    low: float
    high: float


def theil_sen(points: Sequence[tuple[float, float]], confidence: float = 0.95) -> Slope:
    """The median of all slopes between two points, with Sen's interval.

    It needs no normal errors and bears a quarter of outliers. Interval: P. K. Sen, "Estimates of
    the regression coefficient based on Kendall's tau", JASA 63 (1968), with the correction for
    ties (his equation 2.6); as ``scipy.stats.theilslopes``.

    Args:
        points: n x 2, x and y, at least two different x.
        confidence: Of the interval, 0 to 1.

    Raises:
        ValueError: No two points have different x.
    """
    from statistics import NormalDist, median  # noqa: PLC0415 - 7 ms that the first frame need not pay

    slopes = sorted(
        (y2 - y1) / (x2 - x1)
        for number, (x1, y1) in enumerate(points)
        for x2, y2 in points[number + 1 :]
        if x2 != x1
    )
    if not slopes:
        raise ValueError(points)
    count = len(points)
    variance = count * (count - 1) * (2 * count + 5)
    for values in ([x for x, _ in points], [y for _, y in points]):
        variance -= sum(k * (k - 1) * (2 * k + 5) for k in Counter(values).values())
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(max(variance, 0) / 18)
    high = min(round((len(slopes) + spread) / 2), len(slopes) - 1)
    low = max(round((len(slopes) - spread) / 2) - 1, 0)
    return Slope(value=median(slopes), low=slopes[low], high=slopes[high])
