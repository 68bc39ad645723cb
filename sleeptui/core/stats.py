"""Statistics, each with its source.

Pure Python: sessions have hundreds of values, not millions. The tests check all of it against
SciPy and NumPy.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, lgamma, log, log1p, sqrt
from random import Random
from statistics import NormalDist

DRAWS = 10_000
"""Of a bootstrap."""
SEED = 20_261_123
"""Of every bootstrap that is given no other: the same figures each time."""
FEWEST_LIVES = 6
"""Restarts below which a block bootstrap promises more than it holds: of intervals at 95 %, 77 %
cover the truth at 3 blocks, 92 % at 6 (simulated, reference/benchmarking.md 1.5)."""
TOO_FEW_LIVES = "too few restarts for an interval"
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
class Ratio:
    """A ratio of two medians with its interval; None: too few values for any."""

    value: float
    low: float | None
    high: float | None
    confidence: float
    draws: int
    seed: int
    blocks: tuple[int, int]
    """Above and below the line."""
    note: str = ""
    """What the interval does not tell."""


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
    return _middle(sorted(values))


def _middle(ordered: Sequence[float]) -> float:
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


def median_of_blocks(
    blocks: Sequence[Sequence[float]],
    confidence: float = 0.95,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Median:
    """The median with a percentile bootstrap interval that draws blocks anew, not values.

    Values of one block (one life of a process) are not independent: taken as if they were, an
    interval of 95 % covered the truth in 60 % of cases. B. Efron and R. J. Tibshirani, "An
    Introduction to the Bootstrap" (1993), 13.3; A. C. Davison and D. V. Hinkley (1997), 3.8.
    """
    kept = [block for block in blocks if block]
    every = [value for block in kept for value in block]
    if len(every) < 2:  # noqa: PLR2004 - one value has no spread
        return Median(value=median(every), low=None, high=None, confidence=0.0)
    resampled = sorted(_medians(kept, draws, Random(seed)))  # noqa: S311 - statistics
    low, high = _between(resampled, confidence)
    return Median(value=median(every), low=low, high=high, confidence=confidence)


def ratio(
    above: Sequence[Sequence[float]],
    below: Sequence[Sequence[float]],
    confidence: float = 0.95,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Ratio:
    """The ratio of two medians, with a percentile bootstrap interval that draws blocks anew.

    Efron and Tibshirani (1993), 13.3, with the blocks of ``median_of_blocks``. Where a side has
    one block its values are drawn instead: what another start would have changed is then not in
    the interval, and the note says so.

    Args:
        above: Values by block (life of the process), at least one value.
        below: The same for the other side; its values are above 0.
        confidence: Of the interval, 0 to 1.
        draws: How many samples are drawn.
        seed: Makes the same interval each time.

    Raises:
        ValueError: A value below the line is 0 or less.
    """
    if any(value <= 0 for block in below for value in block):
        raise ValueError(below)
    kept = [[block for block in blocks if block] for blocks in (above, below)]
    one, other = ([value for block in blocks for value in block] for blocks in kept)
    counts = len(kept[0]), len(kept[1])
    value = median(one) / median(other)
    if len(one) < 2 or len(other) < 2:  # noqa: PLR2004 - one value has no spread
        return Ratio(
            value=value,
            low=None,
            high=None,
            confidence=0.0,
            draws=0,
            seed=seed,
            blocks=counts,
            note="one value has no interval",
        )
    random = Random(seed)  # noqa: S311 - statistics
    tops = _medians(kept[0], draws, random)
    bottoms = _medians(kept[1], draws, random)
    drawn = sorted(top / bottom for top, bottom in zip(tops, bottoms, strict=True))
    low, high = _between(drawn, confidence)
    return Ratio(
        value=value,
        low=low,
        high=high,
        confidence=confidence,
        draws=draws,
        seed=seed,
        blocks=counts,
        note=TOO_FEW_LIVES if min(counts) < FEWEST_LIVES else "",
    )


def _between(ordered: Sequence[float], confidence: float) -> tuple[float, float]:
    tail = 50 * (1 - confidence)
    return _quantile(ordered, tail), _quantile(ordered, 100 - tail)


def _medians(blocks: Sequence[Sequence[float]], draws: int, random: Random) -> list[float]:
    """Medians of resampled blocks; of resampled values where there is one block."""
    if len(blocks) == 1:
        return _medians_of_one(sorted(blocks[0]), draws, random)
    pairs = sorted((value, number) for number, block in enumerate(blocks) for value in block)
    numbers = range(len(blocks))
    drawn = []
    for _ in range(draws):
        times = Counter(random.choices(numbers, k=len(blocks)))
        drawn.append(_middle([value for value, one in pairs for _ in range(times[one])]))
    return drawn


def _medians_of_one(ordered: Sequence[float], draws: int, random: Random) -> list[float]:
    """Medians of n values drawn from n, without drawing them.

    The k-th smallest of n uniform numbers follows a beta law (k, n - k + 1), so that one number
    tells which value would be in the middle: 10 000 draws of 5 000 values take 20 ms, not 20 s.
    """
    count = len(ordered)
    half = (count + 1) // 2
    drawn = []
    for _ in range(draws):
        place = random.betavariate(half, count - half + 1)
        lower = ordered[min(floor(place * count), count - 1)]
        if count % 2 == 0:  # the next one is the smallest of those that are left above
            place += (1 - place) * (1 - random.random() ** (1 / (count - half)))
            lower = (lower + ordered[min(floor(place * count), count - 1)]) / 2
        drawn.append(lower)
    return drawn


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
    return Percentile(value=_quantile(sorted(values), percent))


def values_needed(percent: float) -> int:
    """How many values carry a percentile: 29 for p90, 59 for p95, 299 for p99."""
    return ceil(log(_TAIL) / log(max(percent, 100 - percent) / 100))


def _quantile(ordered: Sequence[float], percent: float) -> float:
    place = (len(ordered) - 1) * percent / 100
    index = floor(place)
    if index + 1 >= len(ordered):
        return ordered[-1]
    return ordered[index] + (ordered[index + 1] - ordered[index]) * (place - index)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third, by linear interpolation. They describe; they claim nothing."""
    ordered = sorted(values)
    return _quantile(ordered, 25), _quantile(ordered, 75)


def mad(values: Sequence[float]) -> float:
    """The median of the distances from the median: F. R. Hampel, JASA 69 (1974)."""
    middle = median(values)
    return median([abs(value - middle) for value in values])


def mean_std(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the population's standard deviation (ddof 0), as vLLM's benchmarks have it."""
    mean = sum(values) / len(values)
    return mean, sqrt(sum((value - mean) ** 2 for value in values) / len(values))


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
        return sum(map(_exactly, range(k, n + 1)))
    return 1 - sum(map(_exactly, range(k)))


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
