"""What an expectation can be about: the table of metrics, and the figure that each takes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sleeptui.core import judge_rates
from sleeptui.core.bench import ENDED_EARLY
from sleeptui.core.cold import ColdKind
from sleeptui.core.interval import Interval
from sleeptui.core.judge_figures import Estimate, Facts, Figure, Missing
from sleeptui.core.memory_figures import FIGURES, HOST, RESIDUAL, WAKE, growth
from sleeptui.core.verdict import Expectation

RATIO = "cold.ttft/wake.ttft"
_DISCARD = 2
_KINDS = (ColdKind.CACHED, ColdKind.DISK, ColdKind.VIRGIN, ColdKind.UNKNOWN)
"""The fairest partner of a wake first: the restart of every day."""
_SOFTER = {
    ColdKind.DISK.value: "its cold starts were from the disk",
    ColdKind.VIRGIN.value: "its cold starts were first starts",
    ColdKind.UNKNOWN.value: "what its cold starts started from is not known",
}
_STAGED = {"wake.call": "wake.ready_l2"}
"""A wake from level 2 is its steps together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One thing that can be expected of a server."""

    statistic: str
    """median, slope, rate: how its figure is made."""
    has_level: bool = False
    """It is judged at each level by itself."""
    about: str = ""
    """Words by which the notes of a plan tell that it is left out."""
    can_compare: bool = False
    """It can be held against a baseline."""
    take: Callable[[Facts, str, Expectation], Figure]


def _ratio(facts: Facts, server: str, expected: Expectation) -> Figure:
    found = {
        one.arm: one
        for one in facts.ratios
        if (one.id, one.server, one.level) == (RATIO, server, expected.level)
    }
    arm = next((kind.value for kind in _KINDS if kind.value in found), None)
    if arm is None:
        starts = facts.series(server, "cold.ttft", None)
        wakes = facts.series(server, "wake.ttft", expected.level)
        return _missing(wakes if any(one.n for one in starts) else starts)
    one = found[arm]
    return Estimate(
        value=one.ratio.value,
        low=one.ratio.low,
        high=one.ratio.high,
        confidence=one.ratio.confidence,
        n=one.below.n,
        blocks=min(one.ratio.blocks),
        is_factor=True,
        note="; ".join(filter(None, (_SOFTER.get(arm, ""), one.ratio.note))),
    )


def _median(facts: Facts, server: str, expected: Expectation) -> Figure:
    name = expected.metric
    if expected.level == _DISCARD:
        name = _STAGED.get(name, name)
    those = facts.series(server, name, expected.level)
    if expected.needs_baseline:
        return _beside(facts, those)
    one = max(those, key=lambda one: one.n, default=None)
    if one is None or one.median is None:
        return _missing(those)
    return Estimate(
        value=one.median,
        low=one.low,
        high=one.high,
        confidence=one.confidence,
        n=one.n,
        blocks=one.lives,
        is_factor=one.unit == "s",
        note="; ".join(filter(None, (_SOFTER.get(one.arm, ""), one.note))),
    )


def _beside(facts: Facts, those: Sequence[Interval]) -> Figure:
    """This session over the baseline, as ``compare`` has it."""
    comparison = facts.comparison
    unlike, times = (comparison.unlike, comparison.times) if comparison else ((), ())
    if unlike:
        return Missing(reason=f"the baseline cannot be compared with: {unlike[0]}")
    if not any(one.n for one in those):
        return _missing(those)
    pair = next(
        (
            pair
            for pair in times
            for one in those
            if pair.b.n
            and (pair.b.server, pair.id, pair.level, pair.b.arm, pair.b.model)
            == (one.server, one.id, one.level, one.arm, one.model)
        ),
        None,
    )
    if pair is None or pair.ratio is None:
        return Missing(reason="the baseline has not measured it")
    return Estimate(
        value=pair.ratio.value,
        low=pair.ratio.low,
        high=pair.ratio.high,
        confidence=pair.ratio.confidence,
        n=min(pair.a.n, pair.b.n),
        blocks=min(pair.ratio.blocks),
        is_factor=True,
        note=pair.ratio.note,
    )


def _missing(those: Sequence[Interval]) -> Missing:
    counts: dict[str, int] = {}
    for one in those:
        for cls, count in one.others.items():
            counts[cls] = counts.get(cls, 0) + count
    if not counts:
        return Missing()
    told = ", ".join(f"{count} {cls}" for cls, count in sorted(counts.items()))
    reason = f"none of {sum(counts.values())} counts: {told}"
    return Missing(reason=reason, is_invalid=not ENDED_EARLY.issuperset(counts))


def _grows(what: str) -> Callable[[Facts, str, Expectation], Figure]:
    def take(facts: Facts, server: str, expected: Expectation) -> Figure:
        """How it grows from cycle to cycle."""
        found = growth(facts.session, server, what, expected.level)
        return Missing() if found is None else found

    return take


_TIME = Metric(statistic="median", has_level=True, can_compare=True, about="level", take=_median)
_COLD = replace(_TIME, has_level=False, about="cold starts")
_MEMORY = Metric(statistic="median", has_level=True, about="memory figures", take=_median)

METRICS: Mapping[str, Metric] = {
    RATIO: Metric(statistic="median", has_level=True, about="cold starts", take=_ratio),
    "cold.health": _COLD,
    "cold.ttft": _COLD,
    "sleep.call": _TIME,
    "wake.call": _TIME,
    "wake.ttft": _TIME,
    "wake.steady": _TIME,
    **dict.fromkeys(FIGURES, _MEMORY),
    "memory.proof": Metric(
        statistic="rate", about="the proof by use", take=judge_rates.proof_by_use
    ),
    "memory.residual_slope": Metric(
        statistic="slope", about="memory figures", take=_grows(RESIDUAL)
    ),
    "memory.host_slope": Metric(statistic="slope", about="memory figures", take=_grows(HOST)),
    "wake.slope": Metric(statistic="slope", take=_grows(WAKE)),
    "in_flight.expected": Metric(statistic="rate", about="in flight", take=judge_rates.expected),
    "in_flight.answered": Metric(statistic="rate", about="in flight", take=judge_rates.answered),
    "stability.cycles": Metric(statistic="rate", about="level", take=judge_rates.cycles),
    "stability.canary": Metric(
        statistic="rate", about="the check of its answers", take=judge_rates.canaries
    ),
    "stability.alive": Metric(statistic="rate", take=judge_rates.alive),
}
"""By the name in an expectations file."""
