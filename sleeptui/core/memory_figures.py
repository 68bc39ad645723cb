"""Figures of memory over the cycles of a session, with their intervals, and what grows. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.drift import CONFIDENCE, LEAST_BYTES
from sleeptui.core.interval import DISTURBED, OK, Interval, Sample, measured
from sleeptui.core.measure import has_drained
from sleeptui.core.measure_memory import MemoryCycle
from sleeptui.core.operation import Kind
from sleeptui.core.places import Place, Places
from sleeptui.core.plausible import Gate
from sleeptui.core.session import Attempt, Session
from sleeptui.core.stats import Slope, median, slope_within

FIGURES = {
    "memory.freed": ("freed_bytes", "B"),
    "memory.freed_frac": ("freed_frac", ""),
    "memory.residual": ("residual_bytes", "B"),
    "memory.regrown": ("regrown_bytes", "B"),
    "memory.asleep": ("asleep_bytes", "B"),
    "memory.host": ("host_bytes", "B"),
}
"""By id: the field of a cycle, and its unit (none: a share)."""
RESIDUAL, HOST, WAKE = "residual", "host memory", "wake time"
"""What may grow from cycle to cycle."""
LEAST_HOST_BYTES = 256 << 20
"""Growth of the host's memory over all cycles that is worth a word: others use it too."""
SLOWER = 0.05
"""Growth of a time over all cycles, as a share of its median, that is worth a word."""
_FEWEST = 3
"""Cycles of a life that say anything of a slope."""
_POINTS = 400
_PINNED = 2
_WEIGHED = (OK, DISTURBED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How one figure of a server grows over the cycles of its lives."""

    what: str
    unit: str
    """B, s; a cycle."""
    slope: Slope
    confidence: float
    cycles: int
    """All together."""
    lives: int
    span: float
    """Cycles of the longest life, less one."""
    least: float
    """Less is noise."""

    @property
    def grown(self) -> float:
        """Over the longest life."""
        return self.slope.value * self.span

    @property
    def is_notable(self) -> bool:
        """Its interval lies above 0, and it is more than the noise of measuring."""
        return self.slope.low > 0 and self.grown >= self.least


def memory_intervals(session: Session, cycles: Iterable[MemoryCycle]) -> tuple[Interval, ...]:
    """What sleeps do to memory, by server and level; those with requests in flight are left out.

    Args:
        session: The session.
        cycles: What ``measure_memory.memory`` says of it.
    """
    places = Places(session)
    counted = {one.id for one in session.attempts if places.of(one) is not Place.IN_FLIGHT}
    groups: dict[tuple[str, str, int], list[MemoryCycle]] = defaultdict(list)
    for cycle in cycles:
        if cycle.attempt_id in counted:
            groups[cycle.server, cycle.model, cycle.level].append(cycle)
    return tuple(
        found
        for key, those in sorted(groups.items())
        for name in FIGURES
        if (found := _interval(name, key, those)).n
    )


def _interval(name: str, key: tuple[str, str, int], cycles: Sequence[MemoryCycle]) -> Interval:
    field, unit = FIGURES[name]
    samples = tuple(
        Sample(
            value_s=float(getattr(one, field)),
            attempt_id=one.attempt_id,
            at_ns=one.at_ns,
            life=one.life,
            cycle=one.cycle,
        )
        for one in cycles
        if one.cls in _WEIGHED and getattr(one, field) is not None
    )
    server, model, level = key
    return measured(
        Interval(id=name, server=server, model=model, level=level, unit=unit, samples=samples)
    )


def growth(session: Session, server: str, what: str, level: int | None = None) -> Growth | None:
    """How a figure grows over the cycles of a server; None: too few cycles say.

    Lives lie at different heights, and tell of one slope together. Where the session has many
    cycles in a row (stability), those alone count: the first cycles of a life still settle.

    Args:
        session: The session.
        server: Its name.
        what: RESIDUAL, HOST or WAKE.
        level: Of the sleeps; None: all, each for itself.
    """
    kind = Kind.WAKE if what == WAKE else Kind.SLEEP
    groups: dict[tuple[int, int | None], list[Attempt]] = defaultdict(list)
    for one in _cycles(session, server, kind):
        if level in (None, one.level):
            groups[one.life, one.level].append(one)
    points = [_points(session, what, those) for those in groups.values()]
    points = [those for those in points if len(those) >= _FEWEST]
    if not points:
        return None
    slope = slope_within(points, CONFIDENCE)
    values = [value for those in points for _, value in those]
    least = {RESIDUAL: float(LEAST_BYTES), HOST: float(LEAST_HOST_BYTES)}
    return Growth(
        what=what,
        unit="s" if what == WAKE else "B",
        slope=slope,
        confidence=CONFIDENCE,
        cycles=len(values),
        lives=len({life for life, _ in groups}),
        span=max(those[-1][0] - those[0][0] for those in points),
        least=least.get(what, SLOWER * median(values)),
    )


def _cycles(session: Session, server: str, kind: Kind) -> list[Attempt]:
    """The operations of that kind that count, of many cycles in a row where there are such."""
    gate, places = Gate(session), Places(session)
    own = [
        one
        for one in session.attempts
        if (one.server, one.kind) == (server, kind)
        and one.level
        and one.record is not None
        and places.of(one) is not Place.IN_FLIGHT
        and not has_drained(one)
        and gate.class_of(one) in ((OK,) if kind is Kind.WAKE else _WEIGHED)
    ]
    many = [
        one
        for one in own
        if places.is_in(one, PhaseKind.CYCLE) and places.question(one.phase) is Question.STABILITY
    ]
    return many or own


def _points(session: Session, what: str, those: Sequence[Attempt]) -> list[tuple[float, float]]:
    if what == HOST:
        pinned_ns = _pinned_ns(session, those[0])
        those = [one for one in those if one.began_ns > pinned_ns]
    step = max(len(those) / _POINTS, 1.0)
    kept = range(len(those)) if step == 1 else [int(n * step) for n in range(_POINTS)]
    return [
        (float(x), value) for x in kept if (value := _value(session, what, those[x])) is not None
    ]


def _pinned_ns(session: Session, of: Attempt) -> int:
    """Until when a process allocates its pinned copy: with its first level 1 sleep, or the second.

    The copy stays, and sleeps at level 2 that lie around that one would tell of growth too.
    """
    return max(
        (
            one.began_ns
            for one in session.attempts
            if (one.server, one.life, one.kind, one.level) == (of.server, of.life, Kind.SLEEP, 1)
            and one.nth <= _PINNED
        ),
        default=-1,
    )


def _value(session: Session, what: str, one: Attempt) -> float | None:
    if what == HOST:
        return _host_used(session, one.began_ns)
    if what == WAKE:
        return one.record.duration_s if one.record else None
    return one.record.residual_bytes if one.record else None


def _host_used(session: Session, at_ns: int) -> float | None:
    """What the machine has not available any more, just before; its height says nothing."""
    curve = session.host_available
    place = bisect_right(curve.times_ns, at_ns) - 1
    if place < 0 or isnan(curve.values[place]):
        return None
    return -curve.values[place]
