"""What each cycle of a session did to memory, and what grows from cycle to cycle. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sleeptui.core.drift import FEWEST, LEAST_BYTES
from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.measure import has_drained
from sleeptui.core.operation import Kind
from sleeptui.core.plausible import Gate
from sleeptui.core.session import Attempt, Session, Standing
from sleeptui.core.stats import Slope, median, theil_sen

_POINTS = 400
"""Of a slope, evenly taken from more: it looks at each pair of two."""
_SLOWER = 0.05
"""Growth of a time over all cycles, as a share of its median, that is worth a word."""
WEIGHED = (OK, DISTURBED)
"""A loop that was late spoils times, not bytes."""
_PINNED = 2
"""Level 1 sleeps of a life that may still take host memory for the pinned copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCycle:
    """One sleep and the wake after it; None: not measured."""

    server: str
    model: str
    life: int
    cycle: int
    level: int
    at_ns: int
    attempt_id: int
    """The sleep."""
    cls: str
    """Of the sleep."""
    held_bytes: int | None = None
    """By the server before the sleep."""
    freed_bytes: int | None = None
    """On its GPUs, by everybody: device truth."""
    freed_frac: float | None = None
    """Of what it held."""
    residual_bytes: int | None = None
    """Held by it asleep."""
    regrown_bytes: int | None = None
    """Held after the wake less held before the sleep."""
    asleep_bytes: int | None = None
    """Held at the begin of the wake less held after the sleep: what came back meanwhile."""
    host_bytes: int | None = None
    """Fall of what the machine has available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A slope over the cycles of one life and level of a server (Theil-Sen, Sen's interval)."""

    server: str
    model: str
    life: int
    level: int
    what: str
    """residual, host memory, sleep time, wake time"""
    unit: str
    """B, s; a cycle."""
    cycles: int
    slope: Slope
    grown: float
    """Slope times cycles."""
    is_notable: bool
    """Its interval lies above 0, and it is more than the noise of measuring."""


def memory(session: Session) -> tuple[MemoryCycle, ...]:
    """Each sleep that was answered, in the order of the session."""
    wakes = {
        (attempt.server, attempt.cycle): attempt
        for attempt in session.attempts
        if attempt.kind == Kind.WAKE and attempt.cls in WEIGHED
    }
    return tuple(
        _cycle(attempt, wakes.get((attempt.server, attempt.cycle)))
        for attempt in session.attempts
        if attempt.kind == Kind.SLEEP and attempt.level and attempt.done_ns is not None
    )


def _cycle(sleep: Attempt, wake: Attempt | None) -> MemoryCycle:
    record = sleep.record
    held = _held(sleep.pre)
    again = _held(wake.post) if wake else None
    freed = record.freed_bytes if record else None
    residual = record.residual_bytes if record else None
    late = wake.record.residual_bytes if wake and wake.record else None
    return MemoryCycle(
        server=sleep.server,
        model=sleep.model,
        life=sleep.life,
        cycle=sleep.cycle or 0,
        level=sleep.level or 0,
        at_ns=sleep.began_ns,
        attempt_id=sleep.id,
        cls=sleep.cls,
        held_bytes=held,
        freed_bytes=freed,
        freed_frac=freed / held if freed is not None and held else None,
        residual_bytes=residual,
        regrown_bytes=again - held if again is not None and held is not None else None,
        asleep_bytes=late - residual if late is not None and residual is not None else None,
        host_bytes=record.host_bytes if record else None,
    )


def _held(standing: Standing | None) -> int | None:
    """What the server itself was measured to hold."""
    if standing is None or standing.source != "measured":
        return None
    return standing.held_bytes


def trends(session: Session, cycles: Iterable[MemoryCycle] | None = None) -> tuple[Trend, ...]:
    """What there are cycles enough for: 6 of one level in one life.

    Args:
        session: The session.
        cycles: What ``memory`` says of it, where that is at hand.
    """
    found = []
    for (server, model, life, level), what, unit, points in _series(session, cycles):
        if len(points) < FEWEST:
            continue
        slope = theil_sen(_thinned(points))
        grown = slope.value * (points[-1][0] - points[0][0])
        least = float(LEAST_BYTES)
        if unit == "s":
            least = _SLOWER * median([value for _, value in points])
        found.append(
            Trend(
                server=server,
                model=model,
                life=life,
                level=level,
                what=what,
                unit=unit,
                cycles=len(points),
                slope=slope,
                grown=grown,
                is_notable=slope.low > 0 and grown >= least,
            )
        )
    return tuple(found)


_Group = tuple[str, str, int, int]
_Points = list[tuple[float, float]]


def _series(
    session: Session, cycles: Iterable[MemoryCycle] | None
) -> Iterator[tuple[_Group, str, str, _Points]]:
    """Number of the cycle within its life and level, and what was measured in it."""
    groups: dict[_Group, list[MemoryCycle]] = defaultdict(list)
    for one in memory(session) if cycles is None else cycles:
        if one.cls in WEIGHED:
            groups[one.server, one.model, one.life, one.level].append(one)
    for group, those in groups.items():
        yield group, "residual", "B", _points([one.residual_bytes for one in those])
        late = those[_PINNED:] if group[-1] == 1 else those
        yield group, "host memory", "B", _points([one.host_bytes for one in late])
    times: dict[tuple[_Group, str], list[float]] = defaultdict(list)
    gate = Gate(session)
    for attempt in session.attempts:
        if gate.class_of(attempt) != OK or attempt.record is None or not attempt.level:
            continue
        if has_drained(attempt):  # that is a time of requests
            continue
        if attempt.kind == Kind.WAKE or (attempt.kind == Kind.SLEEP and attempt.nth > 1):
            group = (attempt.server, attempt.model, attempt.life, attempt.level)
            times[group, f"{attempt.kind} time"].append(attempt.record.duration_s)
    for (group, what), values in times.items():
        yield group, what, "s", _points(values)


def _points(values: Sequence[float | None]) -> _Points:
    return [(float(x), float(value)) for x, value in enumerate(values) if value is not None]


def _thinned(points: _Points) -> _Points:
    step = len(points) / _POINTS
    return points if step <= 1 else [points[int(index * step)] for index in range(_POINTS)]
