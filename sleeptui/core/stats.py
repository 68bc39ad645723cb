"""Statistics, each with its source.

Pure Python: sessions have hundreds of values, not millions. The tests check all of it against
SciPy and NumPy. What is drawn in blocks (lives of a process) is in ``core.stats_blocks``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, fsum, lgamma, log, log1p, sqrt
from statistics import NormalDist

_TAIL = 0.05
_MANY = 10**12
_EXACT = 10_000
"""Values up to which the ranks of a median's interval are counted exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A slope with its interval, in units of y by x."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """A median with its interval; None: too few values for any."""

    value: float
    low: float | None
    high: float | None
    confidence: float
    """That the interval has, 0 to 1: with fewer than 6 values less than was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """k of n with exact bounds."""

    k: int
    n: int
    low: float
    high: float
    """Of the two-sided interval."""
    at_least: float
    """One-sided: with this confidence the truth is not below."""
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """A percentile, where the sample carries it."""

    value: float | None
    reason: str = ""
    """Why there is none."""


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle. At least one value."""
    return middle(sorted(values))


def middle(ordered: Sequence[float]) -> float:
    """The median of values that are in order."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Median:
    """The median with the interval between two order statistics: exact, whatever the distribution.

    W. J. Conover, "Practical Nonparametric Statistics", 3rd ed., 3.2: the number of values below
    the true median is binomial (n, 1/2). With n = 5 the widest interval, min to max, has 93.8 %;
    then that is what it says. The values must be independent of each other.

    Args:
        values: At least one.
        confidence: That the interval must have at least, 0 to 1.
    """
    ordered = sorted(values)
    count = len(ordered)
    rank, reached = _rank(count, confidence)
    known = count > 1
    return Median(
        value=median(ordered),
        low=ordered[rank - 1] if known else None,
        high=ordered[count - rank] if known else None,
        confidence=reached if known else 0.0,
    )


def _rank(count: int, confidence: float) -> tuple[int, float]:
    """Which values from both ends bound the median, from 1, and the confidence of that."""
    if count > _EXACT:  # by the normal law: the ranks are the same, or differ by one
        rank = floor(count / 2 - 1.96 * sqrt(count) / 2)
        return max(rank, 1), confidence
    whole, rank, coefficient, below = 1 << count, 0, 1, 0
    tail = whole * round((1 - confidence) * _MANY) // (2 * _MANY)  # as whole numbers: 2^n is long
    while below + coefficient <= tail:
        below += coefficient
        coefficient = coefficient * (count - rank) // (rank + 1)
        rank += 1
    if rank == 0:
        return 1, 1 - 2 / whole
    return rank, 1 - 2 * below / whole


def percentile(values: Sequence[float], percent: float) -> Percentile:
    """A percentile by linear interpolation, where the sample carries it.

    NumPy's and vLLM's default: R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical
    Packages", The American Statistician 50 (1996), definition 7. It is carried when the largest
    (smallest) value lies beyond it with 95 %: S. S. Wilks (1941), n at least log 0.05 / log p.

    Args:
        values: Any number.
        percent: 0 to 100, both excluded.
    """
    needed = values_needed(percent)
    if len(values) < needed:
        reason = f"p{percent:g} needs {needed} values, there are {len(values)}"
        return Percentile(value=None, reason=reason)
    return Percentile(value=quantile(sorted(values), percent))


def values_needed(percent: float) -> int:
    """How many values carry a percentile: 29 for p90, 59 for p95, 299 for p99."""
    return ceil(log(_TAIL) / log(max(percent, 100 - percent) / 100))


def quantile(ordered: Sequence[float], percent: float) -> float:
    """A percentile of values that are in order, by linear interpolation."""
    place = (len(ordered) - 1) * percent / 100
    index = floor(place)
    if index + 1 >= len(ordered):
        return ordered[-1]
    return ordered[index] + (ordered[index + 1] - ordered[index]) * (place - index)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third, by linear interpolation. They describe; they claim nothing."""
    ordered = sorted(values)
    return quantile(ordered, 25), quantile(ordered, 75)


def mad(values: Sequence[float]) -> float:
    """The median of the distances from the median: F. R. Hampel, JASA 69 (1974)."""
    middle = median(values)
    return median([abs(value - middle) for value in values])


def mean_std(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the population's standard deviation (ddof 0), as vLLM's benchmarks have it.

    ``fsum`` is the same on every Python; ``sum`` of floats is compensated from 3.12 on.
    """
    mean = fsum(values) / len(values)
    return mean, sqrt(fsum((value - mean) ** 2 for value in values) / len(values))


def outliers(values: Sequence[float]) -> tuple[str, ...]:
    """A word for each value: ``far``, ``out``, or none. They are labelled, never left out.

    J. W. Tukey, "Exploratory Data Analysis" (1977): beyond 1.5 (out) or 3 (far) times the range
    between the quartiles. Where that labels nothing, B. Iglewicz and D. C. Hoaglin (1993): a
    modified z above 3.5 (out). Fewer than 5 values have no outliers.
    """
    if len(values) < 5:  # noqa: PLR2004 - quartiles of four are two of them
        return ("",) * len(values)
    first, third = quartiles(values)
    middle, spread = median(values), mad(values)

    def _label(value: float) -> str:
        beyond = max(first - value, value - third)
        if beyond > 3 * (third - first):
            return "far"
        z = 0.6745 * abs(value - middle) / spread if spread else 0.0
        return "out" if beyond > 1.5 * (third - first) or z > 3.5 else ""  # noqa: PLR2004

    return tuple(_label(value) for value in values)


def binomial(k: int, n: int, confidence: float = 0.95) -> Proportion:
    """Bounds of a proportion: exact, C. J. Clopper and E. S. Pearson, Biometrika 26 (1934).

    As ``scipy.stats.binomtest(k, n).proportion_ci(confidence)``. 10 of 10 are at least 74 %, 59
    of 59 at least 95 % (one-sided).

    Raises:
        ValueError: k is not within 0 and n, or n is 0.
    """
    if not 0 <= k <= n or n == 0:
        raise ValueError(k, n)
    tail = (1 - confidence) / 2
    return Proportion(
        k=k,
        n=n,
        low=_bound(k, n, tail),
        high=1 - _bound(n - k, n, tail),
        at_least=_bound(k, n, 1 - confidence),
        confidence=confidence,
    )


def _bound(k: int, n: int, tail: float) -> float:
    """The p at which k or more of n have the probability ``tail``, by bisection."""
    if k == 0:
        return 0.0
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        low, high = (middle, high) if _at_least(k, n, middle) < tail else (low, middle)


def _at_least(k: int, n: int, p: float) -> float:
    """The probability of k or more of n, k at least 1."""
    whole = lgamma(n + 1)

    def _exactly(i: int) -> float:
        ways = whole - lgamma(i + 1) - lgamma(n - i + 1)
        return exp(ways + i * log(p) + (n - i) * log1p(-p))

    if k > n // 2:
        return fsum(map(_exactly, range(k, n + 1)))
    return 1 - fsum(map(_exactly, range(k)))


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
    return slope_within([points], confidence)


def slope_within(
    groups: Sequence[Sequence[tuple[float, float]]], confidence: float = 0.95
) -> Slope:
    """The median of all slopes between two points of one group, with Sen's interval.

    Groups that lie at different heights (lives of a process) tell of one slope together: R. M.
    Hirsch, J. R. Slack and R. A. Smith, "Techniques of trend analysis for monthly water quality
    data", Water Resources Research 18 (1982), where the groups are seasons; the interval with
    the sum of the groups' variances is R. O. Gilbert's (1987), 17.3.

    Args:
        groups: Of each n x 2, x and y.
        confidence: Of the interval, 0 to 1.

    Raises:
        ValueError: No two points of a group have different x.
    """
    slopes = sorted(
        (y2 - y1) / (x2 - x1)
        for points in groups
        for number, (x1, y1) in enumerate(points)
        for x2, y2 in points[number + 1 :]
        if x2 != x1
    )
    if not slopes:
        raise ValueError(groups)
    variance = sum(max(_variance(points), 0) for points in groups)
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(variance / 18)
    high = min(round((len(slopes) + spread) / 2), len(slopes) - 1)
    low = max(round((len(slopes) - spread) / 2) - 1, 0)
    return Slope(value=median(slopes), low=slopes[low], high=slopes[high])


def _variance(points: Sequence[tuple[float, float]]) -> int:
    """18 times that of Kendall's S, with its correction for ties."""
    count = len(points)
    variance = count * (count - 1) * (2 * count + 5)
    for values in ([x for x, _ in points], [y for _, y in points]):
        variance -= sum(k * (k - 1) * (2 * k + 5) for k in Counter(values).values())
    return variance
