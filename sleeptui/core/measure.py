"""What a session has measured: intervals, each a series of values with what they carry. Pure.

Ids and their meaning: ``wake.call`` (level 1) and ``wake.ready_l2`` (level 2, all steps) from the
request written to the last answer complete, ``wake.ready_l2.weights`` … its steps; ``wake.ttft``
from the request of a wake to the first token of the canary; ``sleep.call``, ``sleep.first`` (the
first level 1 sleep of a process: it allocates the pinned host memory), ``sleep.drained`` (it waited
for requests), ``sleep.mem`` (after it, until the memory stood still); ``switch`` from the first
request to the first token of the new model, ``switch.total``, ``switch.sleep``, ``switch.wake``;
``server.op.sleep``, ``server.op.wake`` as the server itself has timed them; ``prompt.ttft`` and
``prompt.parked`` (its server slept, or was being woken, before the first token).

Of a benchmark these are of its steady cycles only; ``wake.first`` and ``wake.first.ttft`` are of
the first cycle of a process, ``sleep.in_flight`` and ``wake.in_flight`` of its trials, and
``wake.steady`` is from the request of a wake to the first of three requests that are as fast as
before the sleep. Starts: ``cold.health`` from the begin to the first good look at /health,
``cold.ttft`` to the first token, ``cold.container`` to the runtime's own stamp, ``cold.phases.*``
as the server's log tells; the arm is the kind of cold start that is proven.

Only attempts that are ``ok`` give values. All others are counted, by class.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

from sleeptui.core import stats_blocks
from sleeptui.core.interval import OK, Interval, Sample, measured
from sleeptui.core.measure_cold import Steadiness, arm_of, of_start
from sleeptui.core.operation import Kind
from sleeptui.core.places import Place, Places
from sleeptui.core.plausible import Gate
from sleeptui.core.session import Attempt, Session

NOT_MEASURED = "not measured"
"""It ended well, and this interval could not be taken: no canary, requests that it waited for."""
STEPS = ("call", "weights", "reload", "kv_cache", "reset")
_DISCARD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One interval over another of the same session."""

    id: str
    server: str
    model: str
    above: Interval
    below: Interval
    ratio: stats_blocks.Ratio
    level: int | None = None
    """Where the id does not name it."""
    arm: str = ""
    """Kind of cold start."""


class _Key(NamedTuple):
    server: str
    id: str
    level: int | None
    model: str
    arm: str


_ORDER = (
    "cold.health",
    "cold.ttft",
    "cold.container",
    "cold.phases",
    "sleep.first",
    "sleep.call",
    "sleep.drained",
    "sleep.in_flight",
    "sleep.mem",
    "wake.first",
    "wake.first.ttft",
    "wake.call",
    "wake.ready_l2",
    *(f"wake.ready_l2.{step}" for step in STEPS),
    "wake.ttft",
    "wake.steady",
    "wake.in_flight",
    "switch",
    "switch.total",
    "switch.sleep",
    "switch.wake",
    "server.op.sleep",
    "server.op.wake",
    "prompt.ttft",
    "prompt.parked",
)


def intervals(session: Session) -> tuple[Interval, ...]:
    """All that was timed, by server as the session has them, sleeps first."""
    gate, context = Gate(session), _context(session)
    taken: dict[_Key, list[Sample]] = defaultdict(list)
    others: dict[_Key, Counter[str]] = defaultdict(Counter)
    for attempt in session.attempts:
        cls = gate.class_of(attempt)
        if cls == OK:
            cls = context.places.spoiled(attempt) or OK
        for name, value in _values(attempt, context):
            level = attempt.level if attempt.kind in (Kind.SLEEP, Kind.WAKE) else None
            arm = arm_of(attempt) if attempt.kind == Kind.START else ""
            key = _Key(attempt.server, name, level, attempt.model, arm)
            if cls != OK:
                others[key][cls] += 1
            elif value is None:
                others[key][NOT_MEASURED] += 1
            else:
                taken[key].append(_sample(attempt, value))
    return tuple(
        measured(
            Interval(
                id=key.id,
                server=key.server,
                model=key.model,
                level=key.level,
                arm=key.arm,
                samples=tuple(taken.get(key, ())),
                others=dict(sorted(others.get(key, Counter()).items())),
            )
        )
        for key in _ordered(session, taken.keys() | others.keys(), taken)
    )


def ratios(session: Session, every: Iterable[Interval] | None = None) -> tuple[Comparison, ...]:
    """What the intervals of one server say of each other.

    ``cold.ttft/wake.ttft``: how much sooner it answers after a wake than after a cold start, by
    level and kind of start; ``sleep.first/sleep.call``: what the pinned memory costs;
    ``wake.l2/wake.l1``: what it costs to drop the weights, to the first token.

    Args:
        session: The session.
        every: Its intervals, where they are at hand.
    """
    known = list(intervals(session) if every is None else every)
    found = []
    for server, model in dict.fromkeys((one.server, one.model) for one in known):
        own = {
            (one.id, one.level, one.arm): one
            for one in known
            if (one.server, one.model) == (server, model)
        }
        arms = dict.fromkeys(arm for name, _, arm in own if name == "cold.ttft")
        pairs: list[tuple[str, _Series, _Series]] = [
            ("cold.ttft/wake.ttft", ("cold.ttft", None, arm), ("wake.ttft", level, ""))
            for arm in arms
            for level in (1, _DISCARD)
        ]
        pairs.append(("sleep.first/sleep.call", ("sleep.first", 1, ""), ("sleep.call", 1, "")))
        pairs.append(("wake.l2/wake.l1", ("wake.ttft", _DISCARD, ""), ("wake.ttft", 1, "")))
        for name, top, bottom in pairs:
            above, below = own.get(top), own.get(bottom)
            if above and below and above.n and (below.min or 0) > 0:
                found.append(_comparison(name, above, below))
    return tuple(found)


_Series = tuple[str, int | None, str]


def _comparison(name: str, above: Interval, below: Interval) -> Comparison:
    return Comparison(
        id=name,
        server=above.server,
        model=above.model,
        above=above,
        below=below,
        ratio=stats_blocks.ratio(above.blocks, below.blocks),
        level=below.level if above.arm else None,
        arm=above.arm,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Context:
    """What the value of an attempt depends on beyond itself."""

    asleep: "_Asleep"
    places: Places
    steady: Steadiness


def _context(session: Session) -> _Context:
    places = Places(session)
    return _Context(asleep=_sleeping(session), places=places, steady=Steadiness(session, places))


def _values(attempt: Attempt, context: _Context) -> Iterator[tuple[str, float | None]]:
    """Id and value of what one attempt has timed; None: it should have, and has not."""
    match attempt.kind:
        case Kind.SLEEP:
            yield from _of_sleep(attempt, context.places.of(attempt))
        case Kind.WAKE:
            yield from _of_wake(attempt, context)
        case Kind.SWITCH:
            yield from _of_switch(attempt)
        case Kind.START if not context.places.is_aside(attempt):
            yield from of_start(attempt)
        case Kind.PROMPT:
            first_s = attempt.record.first_token_s if attempt.record else None
            is_parked = context.asleep.during(attempt, first_s or 0.0)
            yield "prompt.parked" if is_parked else "prompt.ttft", first_s
        case _:
            return


def _of_sleep(attempt: Attempt, place: Place) -> Iterator[tuple[str, float | None]]:
    record, drained = attempt.record, has_drained(attempt)
    seconds = record.duration_s if record else None
    name = "sleep.drained" if drained else "sleep.call"
    if place is Place.IN_FLIGHT:
        yield "sleep.in_flight", seconds
        return
    if attempt.level == 1 and attempt.nth == 1:
        name, seconds = "sleep.first", None if drained else seconds  # a time of two things at once
    elif place is not Place.STEADY:
        return
    yield name, seconds
    if record and attempt.cls == OK:
        parts = {part.name: part.duration_s for part in record.parts}
        if "memory" in parts:
            yield "sleep.mem", parts["memory"]
        if record.server_s is not None and name == "sleep.call":
            yield "server.op.sleep", record.server_s


def _of_wake(attempt: Attempt, context: _Context) -> Iterator[tuple[str, float | None]]:
    record, place = attempt.record, context.places.of(attempt)
    seconds, first_s = (record.duration_s, record.first_token_s) if record else (None, None)
    is_staged = attempt.level == _DISCARD
    match place:
        case Place.ASIDE:
            return
        case Place.IN_FLIGHT:
            yield "wake.in_flight", seconds
            return
        case Place.FIRST:
            yield "wake.first", seconds
            yield "wake.first.ttft", first_s
            return
        case _:
            yield "wake.ready_l2" if is_staged else "wake.call", seconds
            yield "wake.ttft", first_s
    if record and attempt.cls == OK:
        if is_staged:
            for part in record.parts:
                if part.name in STEPS:
                    yield f"wake.ready_l2.{part.name}", part.duration_s
        if record.server_s is not None:
            yield "server.op.wake", record.server_s
        yield from context.steady.of(attempt)


def _of_switch(attempt: Attempt) -> Iterator[tuple[str, float | None]]:
    record = attempt.record
    yield "switch", record.first_token_s if record else None
    yield "switch.total", record.duration_s if record else None
    if record and attempt.cls == OK:
        for kind in ("sleep", "wake"):
            seconds = [part.duration_s for part in record.parts if part.name.startswith(f"{kind} ")]
            if seconds:
                yield f"switch.{kind}", fsum(seconds)


def has_drained(attempt: Attempt) -> bool:
    """Whether its time is that of the requests that it waited for."""
    requests = attempt.record.in_flight if attempt.record else None
    return attempt.mode == "wait" and requests is not None and bool(requests.total)


class _Asleep(NamedTuple):
    """When each server slept, as its states tell, or was being woken by us."""

    spans: Mapping[str, tuple[tuple[int, int], ...]]

    def during(self, attempt: Attempt, for_s: float) -> bool:
        """Whether its server slept within so many seconds from when it was sent."""
        sent_ns = attempt.sent_ns or attempt.began_ns
        until_ns = sent_ns + round(for_s * 1e9)
        spans = self.spans.get(attempt.server, ())
        return any(began <= until_ns and sent_ns < ended for began, ended in spans)


def _sleeping(session: Session) -> _Asleep:
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for span in session.states:
        if span.state in ("asleep", "paused"):
            spans[span.server].append((span.began_ns, span.ended_ns))
    for one in session.attempts:
        if one.kind == Kind.WAKE and one.sent_ns is not None and one.done_ns is not None:
            spans[one.server].append((one.sent_ns, one.done_ns))
    return _Asleep({server: tuple(those) for server, those in spans.items()})


def _sample(attempt: Attempt, value_s: float) -> Sample:
    return Sample(
        value_s=value_s,
        attempt_id=attempt.id,
        at_ns=attempt.began_ns,
        life=attempt.life,
        cycle=attempt.cycle,
        nth=attempt.nth,
    )


def _ordered(session: Session, keys: Iterable[_Key], taken: Mapping[_Key, object]) -> list[_Key]:
    """By server, then as in the list of ids; a step that no wake of the level took is left out."""
    servers = {server.name: number for number, server in enumerate(session.servers)}
    return sorted(
        (key for key in keys if key in taken or "ready_l2." not in key.id),
        key=lambda key: (
            servers.get(key.server, len(servers)),
            key.server,
            key.model,
            _rank(key.id),
            key.level or 0,
            key.arm,
            key.id,
        ),
    )


def _rank(name: str) -> int:
    return _ORDER.index("cold.phases" if name.startswith("cold.phases.") else name)
