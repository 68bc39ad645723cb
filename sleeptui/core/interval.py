"""An interval: a series of values of one kind, and the figures that it carries. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sleeptui.core import stats, stats_blocks

OK = "ok"
DISTURBED = "disturbed"
"""It did what it should; only its times are not worth anything."""
NOISY = 0.10
"""Deviation as a share of the mean that is worth a word, as pyperf has it."""
SLOW_START = 3
"""Deviations (MAD) by which the first value must lie above the others to be worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value."""

    value_s: float
    attempt_id: int
    at_ns: int
    """When the attempt began."""
    life: int
    cycle: int | None = None
    nth: int = 0
    cls: str = OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """One series and its figures; None: there is no value, or too few for it."""

    id: str
    server: str
    model: str
    level: int | None = None
    arm: str = ""
    """Of a cold start: from what it started (``core.cold.ColdKind``)."""
    unit: str = "s"
    samples: tuple[Sample, ...] = ()
    """Those that count, in the order of the session."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Attempts that do not, by class."""
    lives: int = 0
    """Of the process, among the samples."""
    median: float | None = None
    low: float | None = None
    high: float | None = None
    """Of the median's interval."""
    confidence: float = 0.0
    method: str = ""
    """How the interval was made: ``order statistics``, ``Student's t on logarithms`` …"""
    mad: float | None = None
    q1: float | None = None
    q3: float | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    """Of the population (ddof 0)."""
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    percentile_note: str = ""
    """Why some of the percentiles are not there."""
    outliers: tuple[str, ...] = ()
    """``out`` or ``far`` for each sample, or empty. They count all the same."""
    note: str = ""
    """What the interval does not tell."""
    warnings: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Samples that count."""
        return len(self.samples)

    @property
    def values(self) -> tuple[float, ...]:
        """The samples' values."""
        return tuple(sample.value_s for sample in self.samples)

    @property
    def blocks(self) -> tuple[tuple[float, ...], ...]:
        """Values by life of the process: what an interval must take together."""
        by_life: dict[int, list[float]] = defaultdict(list)
        for sample in self.samples:
            by_life[sample.life].append(sample.value_s)
        return tuple(tuple(values) for _, values in sorted(by_life.items()))


def measured(
    bare: Interval,
) -> Interval:
    """The interval with its figures, made from its samples.

    The interval of the median is exact for independent values. Values of one life of a process
    are not: from 3 lives on the interval is that of lives (``core.stats_blocks``); with fewer it
    holds for these lives only, and ``note`` says so.
    """
    if not bare.samples:
        return bare
    values = bare.values
    middle, method, note = _middle(bare.blocks, values)
    mean, std = stats.mean_std(values)
    first, third = stats.quartiles(values)
    p90, p95, p99 = (stats.percentile(values, percent) for percent in (90, 95, 99))
    return replace(
        bare,
        lives=len(bare.blocks),
        median=middle.value,
        low=middle.low,
        high=middle.high,
        confidence=middle.confidence,
        method=method,
        mad=stats.mad(values),
        q1=first,
        q3=third,
        min=min(values),
        max=max(values),
        mean=mean,
        std=std,
        p90=p90.value,
        p95=p95.value,
        p99=p99.value,
        percentile_note="; ".join(one.reason for one in (p90, p95, p99) if one.reason),
        outliers=stats.outliers(values),
        note=note,
        warnings=_warnings(values, mean, std),
    )


def _middle(
    blocks: Sequence[Sequence[float]], values: Sequence[float]
) -> tuple[stats.Median, str, str]:
    """Median, how its interval was made, what that does not tell."""
    found = stats_blocks.median_of_blocks(blocks)
    if found is not None:
        return *found, ""
    lives, note = len(blocks), ""
    if lives < len(values):
        note = f"{stats_blocks.TOO_FEW_LIVES} that holds beyond {_these(lives)}"
    return stats.median_interval(values), "order statistics", note


def _these(lives: int) -> str:
    return "this one start of the server" if lives == 1 else f"these {lives} starts of the server"


def _warnings(values: Sequence[float], mean: float, std: float) -> tuple[str, ...]:
    found = []
    if mean > 0 and std >= NOISY * mean:
        found.append(f"standard deviation is {std / mean * 100:.0f} % of the mean")
    rest = values[1:]
    if len(rest) > SLOW_START:
        spread = stats.mad(rest)
        if spread and values[0] - stats.median(rest) > SLOW_START * spread:
            found.append("the first value is slower than the others")
    return tuple(found)
