"""Two sessions side by side: what differs around them, and each figure that both have. Pure."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sleeptui.core.compare_env import Difference, differences, gpu_types
from sleeptui.core.compare_models import pair_models
from sleeptui.core.compare_pairs import (
    MemoryPair,
    ReliabilityPair,
    TimePair,
    memory_pairs,
    rate_pair,
    time_pair,
)
from sleeptui.core.compare_series import imported
from sleeptui.core.interval import Interval
from sleeptui.core.measure import intervals
from sleeptui.core.measure_fates import Reliability, reliability
from sleeptui.core.measure_memory import WEIGHED, MemoryCycle, memory
from sleeptui.core.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lone:
    """An interval that only one of the sessions has."""

    side: str
    """A, B"""
    id: str
    model: str
    level: int | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of it."""

    a: Session
    b: Session
    unlike: tuple[str, ...] = ()
    """Why the two should not be compared, a sentence each."""
    differences: tuple[Difference, ...] = ()
    times: tuple[TimePair, ...] = ()
    memory: tuple[MemoryPair, ...] = ()
    reliability: tuple[ReliabilityPair, ...] = ()
    lone: tuple[Lone, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    """Name in B to name in A."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Item(Generic[T]):
    """Something of one server that may have its like in the other session."""

    what: Hashable
    server: str
    model: str
    thing: T


def compare(a: Session, b: Session, *, force: bool = False) -> Comparison:
    """Compare two sessions.

    Args:
        a: What is compared with, the older one as a rule.
        b: What is compared.
        force: Pair also models that are not the same.
    """
    models = pair_models(a, b, force=force).pairs
    is_same = bool(a.journal_sha256) and a.journal_sha256 == b.journal_sha256
    ours, theirs = _times(a), _times(b)
    times = _paired(ours, theirs, models)
    matched = {id(one) for pair in times for one in pair}
    lone = [
        Lone(side=side, id=one.id, model=one.model, level=one.level, n=one.n)
        for side, those in (("A", ours), ("B", theirs))
        for one in (item.thing for item in those if id(item.thing) not in matched)
    ]
    return Comparison(
        a=a,
        b=b,
        unlike=(*_unlike(a, b), *pair_models(a, b).unlike),
        differences=differences(a, b, models),
        times=tuple(time_pair(*pair, is_same=is_same) for pair in times),
        memory=tuple(
            figure
            for pair in _paired(_cycles(a), _cycles(b), models)
            for figure in memory_pairs(*pair)
        ),
        reliability=tuple(rate_pair(*pair) for pair in _paired(_rates(a), _rates(b), models)),
        lone=tuple(lone),
        models=models,
    )


def _unlike(a: Session, b: Session) -> Iterator[str]:
    """What makes figures of two sessions things of two kinds; models are told elsewhere."""
    if a.source != b.source:
        yield f"A was {_origin(a)}, B was {_origin(b)}: their figures are not the same things"
    if _is_simulated(a) != _is_simulated(b):
        one, other = ("A", "B") if _is_simulated(a) else ("B", "A")
        yield f"{one} was recorded on a simulated fleet, {other} on real servers"
    ours, theirs = gpu_types(a), gpu_types(b)
    if ours and theirs and ours != theirs:
        yield f"A was measured on {' and '.join(ours)}, B on {' and '.join(theirs)}"


def _origin(session: Session) -> str:
    return "recorded by sleeptui" if session.source is None else f"imported from {session.source}"


def _is_simulated(session: Session) -> bool:
    return session.demo is not None or session.machine.simulated is not None


def _paired(
    ours: Sequence[_Item[T]], theirs: Sequence[_Item[T]], models: Mapping[str, str]
) -> list[tuple[T, T]]:
    """The same thing of the same model in both, in A's order.

    Where several servers serve a model: those of the same name, then the others in their order.
    """
    left: dict[Hashable, list[_Item[T]]] = defaultdict(list)
    for other in theirs:
        if other.model in models:
            left[models[other.model], other.what].append(other)
    found: dict[int, tuple[T, T]] = {}
    for is_named in (True, False):
        for number, one in enumerate(ours):
            those = left[one.model, one.what]
            fits = [two for two in those if two.server == one.server or not is_named]
            if number not in found and fits:
                found[number] = (one.thing, fits[0].thing)
                those.remove(fits[0])
    return [found[number] for number in sorted(found)]


def _times(session: Session) -> list[_Item[Interval]]:
    return [
        _Item(
            what=(one.id, one.level, one.arm, one.unit),
            server=one.server,
            model=one.model,
            thing=one,
        )
        for one in (*intervals(session), *imported(session))
        if one.median is not None
    ]


def _cycles(session: Session) -> list[_Item[Sequence[MemoryCycle]]]:
    groups: dict[tuple[str, str, int], list[MemoryCycle]] = defaultdict(list)
    for cycle in memory(session):
        if cycle.cls in WEIGHED:
            groups[cycle.server, cycle.model, cycle.level].append(cycle)
    return [
        _Item(what=level, server=server, model=model, thing=tuple(cycles))
        for (server, model, level), cycles in groups.items()
    ]


def _rates(session: Session) -> list[_Item[Reliability]]:
    return [
        _Item(what=(one.kind, one.level), server=one.server, model=one.model, thing=one)
        for one in reliability(session)
    ]
