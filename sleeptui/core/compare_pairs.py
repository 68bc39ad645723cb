"""One figure of two sessions side by side, and what can be said of it. Pure.

A ratio is B over A, with an interval that knows of starts of the servers (``core.stats_blocks``).
``same``: the whole interval lies within 5 %, or the ratio does and its interval within the noise
of the values themselves (three deviations, 10 % at most). ``faster`` and ``slower``: the ratio is
beyond 5 %, and the interval leaves no doubt of the side. All else is ``unclear``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sleeptui.core import stats, stats_blocks
from sleeptui.core.drift import LEAST_BYTES
from sleeptui.core.interval import Interval
from sleeptui.core.measure_fates import Reliability
from sleeptui.core.measure_memory import MemoryCycle

NOISE = 0.05
"""A ratio this close to 1 is no difference that matters."""
MOST_NOISE = 0.10
"""An interval that reaches further says nothing, however much the values themselves scatter."""
FEWEST_VALUES = 5
"""On each side, where there are too few starts of the server: with 3, intervals at 95 % cover the
truth in 90 % of cases, with 5 in 95 % (simulated, reference/benchmarking.md 1.5)."""
_DEVIATIONS = 3
_MAD_TO_SD = 1.4826
"""Of values with normal spread: Hampel (1974)."""
_NOTABLE = 0.01
"""Share of a memory figure that is worth a word, where it is more than what measuring wobbles."""
_FIGURES = {
    "freed": "freed_bytes",
    "residual": "residual_bytes",
    "regrown": "regrown_bytes",
    "host memory": "host_bytes",
}
"""Fields of a cycle, by what they are called here."""


class Verdict(StrEnum):
    """What can be said of B beside A."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePair:
    """One interval in both sessions."""

    id: str
    model: str
    """As A calls it."""
    level: int | None
    a: Interval
    b: Interval
    change: float | None
    """Median of B over that of A; None: one of them has none, or is 0."""
    ratio: stats_blocks.Ratio | None
    """The same with its interval; None: there are no values to draw from."""
    verdict: Verdict
    why: str = ""
    """Of an unclear one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPair:
    """One memory figure in both, median over the cycles."""

    what: str
    """freed, residual, regrown, host memory"""
    model: str
    level: int
    a_bytes: float
    b_bytes: float
    a_cycles: int
    b_cycles: int
    is_notable: bool
    """They differ by more than what measuring wobbles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityPair:
    """How often one kind of operation did what it should, in both."""

    kind: str
    model: str
    level: int | None
    a: Reliability
    b: Reliability
    is_notable: bool
    """Their exact intervals do not meet."""


def time_pair(one: Interval, other: Interval, *, is_same: bool = False) -> TimePair:
    """One interval of both, judged; ``is_same``: they are one measurement, not two."""
    change = other.median / one.median if one.median and other.median is not None else None
    has_values = bool(one.n and other.n and one.median)
    ratio = stats_blocks.ratio(other.blocks, one.blocks) if has_values else None
    verdict, why = (Verdict.SAME, "") if is_same else _judge(one, other, ratio)
    return TimePair(
        id=one.id,
        model=one.model,
        level=one.level,
        a=one,
        b=other,
        change=change,
        ratio=ratio,
        verdict=verdict,
        why=why,
    )


def _judge(one: Interval, other: Interval, ratio: stats_blocks.Ratio | None) -> tuple[Verdict, str]:
    if ratio is None:
        return Verdict.UNCLEAR, "one of them has no values, only figures"
    low, high = ratio.low, ratio.high
    is_few = bool(ratio.note) and min(one.n, other.n) < FEWEST_VALUES
    if low is None or high is None or is_few:
        return Verdict.UNCLEAR, f"fewer than {FEWEST_VALUES} values on one side"
    noise = min(max(NOISE, _spread(one), _spread(other)), MOST_NOISE)
    is_close = _within(ratio.value, NOISE)
    if all(_within(end, NOISE if not is_close else noise) for end in (low, high)):
        return Verdict.SAME, ""
    if is_close and not low <= 1 <= high:
        return Verdict.SAME, ""  # a difference, and none that matters
    if is_close or low <= 1 <= high:
        return Verdict.UNCLEAR, "the interval is too wide: more values would tell"
    is_less = ratio.value < 1
    is_time = one.unit == "s"
    return (Verdict.FASTER if is_less == is_time else Verdict.SLOWER), ""


def _within(ratio: float, noise: float) -> bool:
    return 1 / (1 + noise) <= ratio <= 1 + noise


def _spread(one: Interval) -> float:
    """Three standard deviations as a share of the median, from the MAD."""
    if not one.mad or not one.median:
        return 0.0
    return _DEVIATIONS * _MAD_TO_SD * one.mad / one.median


def memory_pairs(
    ours: Sequence[MemoryCycle], theirs: Sequence[MemoryCycle]
) -> Iterator[MemoryPair]:
    """The memory figures of the cycles of one model and level, as far as both have them."""
    for what, name in _FIGURES.items():
        one, other = _known(ours, name), _known(theirs, name)
        if not one or not other:
            continue
        a, b = stats.median(one), stats.median(other)
        yield MemoryPair(
            what=what,
            model=ours[0].model,
            level=ours[0].level,
            a_bytes=a,
            b_bytes=b,
            a_cycles=len(one),
            b_cycles=len(other),
            is_notable=abs(b - a) >= max(LEAST_BYTES, _NOTABLE * abs(a)),
        )


def _known(cycles: Sequence[MemoryCycle], name: str) -> list[int]:
    values = [getattr(cycle, name) for cycle in cycles]
    return [value for value in values if value is not None]


def rate_pair(one: Reliability, other: Reliability) -> ReliabilityPair:
    """How often one kind of operation did what it should, in both."""
    first, second = one.rate, other.rate
    is_apart = bool(first and second and (first.high < second.low or second.high < first.low))
    return ReliabilityPair(
        kind=one.kind, model=one.model, level=one.level, a=one, b=other, is_notable=is_apart
    )
