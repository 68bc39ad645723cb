"""A comparison as JSON, schema ``sleeptui.compare``: fields are only added within a version."""

from typing import TypedDict

from sleeptui.core.compare import Comparison
from sleeptui.core.compare_pairs import MemoryPair, ReliabilityPair, TimePair
from sleeptui.core.interval import Interval
from sleeptui.core.measure_fates import Reliability
from sleeptui.core.session import Session


class SideJson(TypedDict):
    """One of the two sessions."""

    run_id: str
    began_wall_s: float
    """Seconds since the epoch."""
    duration_s: float
    tool: str
    source: str | None
    """The tool that an imported one comes from."""
    demo: str | None
    """The simulated fleet that it was recorded on."""
    partial: str | None
    """Why it is not whole; null: it is."""
    env_id: str
    journal_sha256: str


class DifferenceJson(TypedDict):
    """Something around them that is not the same."""

    what: str
    model: str | None
    """Of whose server; null: of the machine or the recording."""
    a: str
    b: str


class FiguresJson(TypedDict):
    """An interval in one session."""

    server: str
    model: str
    n: int
    lives: int
    """Starts of the server that the values come from."""
    median: float | None
    low: float | None
    high: float | None
    """Of the median."""
    confidence: float


class IntervalJson(TypedDict):
    """An interval that both have."""

    id: str
    model: str
    """As A calls it."""
    level: int | None
    unit: str
    a: FiguresJson
    b: FiguresJson
    ratio: float | None
    """Median of B over that of A."""
    low: float | None
    high: float | None
    """Of the ratio."""
    confidence: float | None
    draws: int | None
    seed: int | None
    """Of its bootstrap."""
    note: str
    verdict: str
    """faster, slower, same, unclear: B beside A."""
    why: str
    """It is unclear."""


class MemoryJson(TypedDict):
    """A memory figure that both have: medians over cycles."""

    what: str
    """freed, residual, regrown, host memory"""
    model: str
    level: int
    a_bytes: float
    b_bytes: float
    a_cycles: int
    b_cycles: int
    differs: bool


class RateJson(TypedDict):
    """How often an operation did what it should."""

    k: int | None
    n: int | None
    low: float | None
    high: float | None
    """Exact, 95 %, two-sided."""
    at_least: float | None
    """One-sided."""
    classes: dict[str, int]
    """All attempts."""


class ReliabilityJson(TypedDict):
    """The same in both."""

    kind: str
    model: str
    level: int | None
    a: RateJson
    b: RateJson
    differs: bool
    """Their intervals do not meet."""


class LoneJson(TypedDict):
    """An interval that one of them has."""

    side: str
    """a, b"""
    id: str
    model: str
    level: int | None
    n: int


class ComparisonJson(TypedDict):
    """All of it."""

    a: SideJson
    b: SideJson
    forced: bool
    unlike: list[str]
    """Why they should not be compared; only where it was forced."""
    models: dict[str, str]
    """Name in B to name in A."""
    differences: list[DifferenceJson]
    intervals: list[IntervalJson]
    memory: list[MemoryJson]
    reliability: list[ReliabilityJson]
    only_in_one: list[LoneJson]


def of(comparison: Comparison, *, forced: bool) -> ComparisonJson:
    """All of a comparison."""
    return ComparisonJson(
        a=_side(comparison.a),
        b=_side(comparison.b),
        forced=forced,
        unlike=list(comparison.unlike),
        models=dict(comparison.models),
        differences=[
            DifferenceJson(what=one.what, model=one.model, a=one.a, b=one.b)
            for one in comparison.differences
        ],
        intervals=[_interval(pair) for pair in comparison.times],
        memory=[_memory(pair) for pair in comparison.memory],
        reliability=[_reliability(pair) for pair in comparison.reliability],
        only_in_one=[
            LoneJson(side=one.side.lower(), id=one.id, model=one.model, level=one.level, n=one.n)
            for one in comparison.lone
        ],
    )


def _side(session: Session) -> SideJson:
    return SideJson(
        run_id=session.run_id,
        began_wall_s=session.wall_ns / 1e9,
        duration_s=session.duration_s,
        tool=session.tool,
        source=session.source,
        demo=session.demo,
        partial=session.partial,
        env_id=session.env_id,
        journal_sha256=session.journal_sha256,
    )


def _interval(pair: TimePair) -> IntervalJson:
    ratio = pair.ratio
    return IntervalJson(
        id=pair.id,
        model=pair.model,
        level=pair.level,
        unit=pair.a.unit,
        a=_figures(pair.a),
        b=_figures(pair.b),
        ratio=pair.change,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        confidence=ratio.confidence if ratio else None,
        draws=ratio.draws if ratio else None,
        seed=ratio.seed if ratio else None,
        note=ratio.note if ratio else "",
        verdict=pair.verdict.value,
        why=pair.why,
    )


def _figures(one: Interval) -> FiguresJson:
    return FiguresJson(
        server=one.server,
        model=one.model,
        n=one.n,
        lives=one.lives,
        median=one.median,
        low=one.low,
        high=one.high,
        confidence=one.confidence,
    )


def _memory(pair: MemoryPair) -> MemoryJson:
    return MemoryJson(
        what=pair.what,
        model=pair.model,
        level=pair.level,
        a_bytes=pair.a_bytes,
        b_bytes=pair.b_bytes,
        a_cycles=pair.a_cycles,
        b_cycles=pair.b_cycles,
        differs=pair.is_notable,
    )


def _reliability(pair: ReliabilityPair) -> ReliabilityJson:
    return ReliabilityJson(
        kind=pair.kind,
        model=pair.model,
        level=pair.level,
        a=_rate(pair.a),
        b=_rate(pair.b),
        differs=pair.is_notable,
    )


def _rate(one: Reliability) -> RateJson:
    rate = one.rate
    return RateJson(
        k=rate.k if rate else None,
        n=rate.n if rate else None,
        low=rate.low if rate else None,
        high=rate.high if rate else None,
        at_least=rate.at_least if rate else None,
        classes=dict(one.classes),
    )
