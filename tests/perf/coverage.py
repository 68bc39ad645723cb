"""How often the intervals that are printed hold the truth, on data whose truth is known.

``python -m tests.perf coverage``: a table, and whether each interval of 95 % holds it in at least
90 % of cases. Blocks are starts of a server: each has its own speed, so that its values are not
independent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, exp
from random import Random

from sleeptui.core import stats, stats_blocks
from sleeptui.core.drift import CONFIDENCE

RUNS = 1_000
LEAST = 0.90
BLOCKS = (3, 6, 10)
WAKES = 4
"""Of a block; cold starts are one a block."""
CYCLES = 8
COLD = 60.0
RISE = 0.5
"""True slope of what rises from cycle to cycle."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How values scatter: standard deviations of their logarithms."""

    name: str
    between: float
    within: float
    is_skewed: bool = False

    def effect(self, dice: Random, spread: float) -> float:
        """One deviation."""
        return spread * (dice.expovariate(1) - 1) if self.is_skewed else dice.gauss(0, spread)

    def blocks(self, dice: Random, count: int, each: int, centre: float) -> list[list[float]]:
        """Values by block."""
        found = []
        for _ in range(count):
            here = self.effect(dice, self.between)
            found.append([centre * exp(here + self.effect(dice, self.within)) for _ in range(each)])
        return found

    def middle(self) -> float:
        """The true median of one value."""
        if not self.is_skewed:
            return 1.0
        dice = Random(1)
        drawn = [self.blocks(dice, 1, 1, 1.0)[0][0] for _ in range(100_000)]
        return stats.median(drawn)


NOISES = (
    Noise(name="3 % between, 1 % within", between=0.03, within=0.01),
    Noise(name="10 % between, 3 % within", between=0.10, within=0.03),
    Noise(name="1 % between, 3 % within", between=0.01, within=0.03),
    Noise(name="3 %, 1 %, skewed", between=0.03, within=0.01, is_skewed=True),
    Noise(name="10 %, 3 %, skewed", between=0.10, within=0.03, is_skewed=True),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method on one kind of data."""

    method: str
    data: str
    blocks: int
    covered: float
    width: float
    """Mean, as a share of the value; of a slope in its unit."""
    is_ours: bool = True
    """It is printed; else it stands there to compare with."""
    least: float = LEAST

    def __str__(self) -> str:
        mark = "" if not self.is_ours else " ok" if self.covered >= self.least else " SHORT"
        return (
            f"{self.method:44} {self.data:26} {self.blocks:3} {self.covered:6.1%}"
            f" {self.width:8.3f}{mark}"
        )


Interval = tuple[float, float]


def rows(runs: int = RUNS) -> list[Row]:
    """The whole table."""
    found = []
    for noise in NOISES:
        truth = noise.middle()
        for blocks in BLOCKS:
            found += _of_medians(noise, blocks, truth, runs)
    found += [_of_slopes(lives, cycles, runs) for lives, cycles in ((6, CYCLES), (1, 59), (1, 10))]
    found += [_of_rates(count) for count in (4, 10, 30, 59)]
    found += [_of_one_life(count, runs) for count in (6, 20)]
    return found


def _of_medians(noise: Noise, blocks: int, truth: float, runs: int) -> list[Row]:
    dice = Random(f"{noise.name} {blocks}")
    bootstraps = runs // 4

    def wakes() -> list[list[float]]:
        return noise.blocks(dice, blocks, WAKES, 1.0)

    def median() -> Interval:
        found = stats_blocks.median_of_blocks(wakes())
        assert found is not None
        return found[0].low or 0.0, found[0].high or 0.0

    def ratio() -> Interval:
        found = stats_blocks.ratio(noise.blocks(dice, blocks, 1, COLD), wakes())
        return (found.low or 0.0) / COLD, (found.high or 0.0) / COLD

    def other() -> Interval:
        found = stats_blocks.ratio(wakes(), wakes())
        return found.low or 0.0, found.high or 0.0

    def drawn() -> Interval:
        return _bootstrap(wakes(), dice)

    def flat() -> Interval:
        found = stats.median_interval([value for block in wakes() for value in block])
        return found.low or 0.0, found.high or 0.0

    make = _row(noise.name, blocks)
    return [
        make("median", median, truth, runs),
        make("cold start / wake", ratio, 1.0, runs),
        make("one session / another", other, 1.0, runs),
        make("(median by block bootstrap)", drawn, truth, bootstraps, is_ours=False),
        make("(median of all values, as if independent)", flat, truth, runs, is_ours=False),
    ]


def _row(data: str, blocks: int) -> Callable[..., Row]:
    def make(
        method: str, draw: Callable[[], Interval], truth: float, runs: int, *, is_ours: bool = True
    ) -> Row:
        drawn = [draw() for _ in range(runs)]
        held = sum(low <= truth <= high for low, high in drawn)
        width = sum(high - low for low, high in drawn) / runs
        return Row(
            method=method,
            data=data,
            blocks=blocks,
            covered=held / runs,
            width=width,
            is_ours=is_ours,
        )

    return make


def _bootstrap(blocks: list[list[float]], dice: Random, draws: int = 400) -> Interval:
    """What is not printed: the percentile bootstrap of blocks."""
    medians = sorted(
        stats.median([value for block in dice.choices(blocks, k=len(blocks)) for value in block])
        for _ in range(draws)
    )
    return stats.quantile(medians, 2.5), stats.quantile(medians, 97.5)


def _of_slopes(lives: int, cycles: int, runs: int) -> Row:
    dice = Random(f"slope {lives} {cycles}")

    def draw() -> Interval:
        points = [
            [(float(x), here + RISE * x + dice.gauss(0, 4)) for x in range(cycles)]
            for here in (dice.gauss(0, 100) for _ in range(lives))
        ]
        found = stats.slope_within(points, CONFIDENCE)
        return found.low, found.high

    make = _row(f"{cycles} cycles a life", lives)
    return make(f"slope, at {CONFIDENCE:.1%}", draw, RISE, runs)


def _of_rates(count: int) -> Row:
    """Exact: the worst that the interval covers over all true rates, and the mean width.

    As verdicts have it: one-sided where nothing failed.
    """
    bounds = [stats.binomial(k, count) for k in range(count + 1)]
    ends = [(bound.at_least if bound.k == count else bound.low, bound.high) for bound in bounds]
    worst = min(
        sum(
            comb(count, k) * p**k * (1 - p) ** (count - k)
            for k, (low, high) in enumerate(ends)
            if low <= p <= high
        )
        for p in (step / 400 for step in range(1, 400))
    )
    width = sum(high - low for low, high in ends) / len(ends)
    name = "k of n (worst rate)"
    return Row(method=name, data=f"n = {count}", blocks=1, covered=worst, width=width)


def _of_one_life(count: int, runs: int) -> Row:
    dice = Random(f"values {count}")

    def draw() -> Interval:
        found = stats.median_interval([dice.lognormvariate(0, 0.03) for _ in range(count)])
        return found.low or 0.0, found.high or 0.0

    return _row(f"{count} values of one life", 1)("median", draw, 1.0, runs)


def measure() -> tuple[str, bool]:
    """The table, the worst of what is printed, and whether it holds."""
    table = rows()
    for row in table:
        print(row)
    ours = [row for row in table if row.is_ours]
    worst = min(ours, key=lambda row: row.covered)
    line = (
        f"intervals of 95 % hold the truth in {worst.covered:.1%} of cases or more (bar"
        f" {LEAST:.0%}; the worst: {worst.method}, {worst.data}, {worst.blocks} blocks)"
    )
    return line, all(row.covered >= row.least for row in ours)
