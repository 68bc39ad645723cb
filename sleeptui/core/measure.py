"""What a session has measured: intervals, each a series of values with what they carry. Pure.

Ids and their meaning: ``wake.call`` (level 1) and ``wake.ready_l2`` (level 2, all steps) from the
request written to the last answer complete, ``wake.ready_l2.weights`` … its steps; ``wake.ttft``
from the request of a wake to the first token of the canary; ``sleep.call``, ``sleep.first`` (the
first level 1 sleep of a process: it allocates the pinned host memory), ``sleep.drained`` (it waited
for requests), ``sleep.mem`` (after it, until the memory stood still); ``switch`` from the first
request to the first token of the new model, ``switch.total``, ``switch.sleep``, ``switch.wake``;
``server.op.sleep``, ``server.op.wake`` as the server itself has timed them; ``prompt.ttft`` and
``prompt.parked`` (its server slept, or was being woken, before the first token).

Only attempts that are ``ok`` give values. All others are counted, by class.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sleeptui.core import stats
from sleeptui.core.interval import OK, Interval, Sample, measured
from sleeptui.core.operation import Kind
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
    ratio: stats.Ratio


class _Key(NamedTuple):
    server: str
    id: str
    level: int | None
    model: str


_ORDER = (
    "sleep.first",
    "sleep.call",
    "sleep.drained",
    "sleep.mem",
    "wake.call",
    "wake.ready_l2",
    *(f"wake.ready_l2.{step}" for step in STEPS),
    "wake.ttft",
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
    gate = Gate(session)
    asleep = _sleeping(session)
    taken: dict[_Key, list[Sample]] = defaultdict(list)
    others: dict[_Key, Counter[str]] = defaultdict(Counter)
    for attempt in session.attempts:
        cls = gate.class_of(attempt)
        for name, value in _values(attempt, asleep):
            level = None if attempt.kind in (Kind.SWITCH, Kind.PROMPT) else attempt.level
            key = _Key(attempt.server, name, level, attempt.model)
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
                samples=tuple(taken.get(key, ())),
                others=dict(sorted(others.get(key, Counter()).items())),
            )
        )
        for key in _ordered(session, taken.keys() | others.keys(), taken)
    )


def ratios(session: Session, every: Iterable[Interval] | None = None) -> tuple[Comparison, ...]:
    """What the intervals of one server say of each other.

    ``sleep.first/sleep.call``: what the pinned memory costs; ``wake.l2/wake.l1``: what it costs to
    drop the weights, to the first token.

    Args:
        session: The session.
        every: Its intervals, where they are at hand.
    """
    known = list(intervals(session) if every is None else every)

    def of(server: str, model: str, name: str, level: int) -> Interval | None:
        """The interval of that name, if there is one."""
        wanted = (server, model, name, level)
        return next(
            (one for one in known if (one.server, one.model, one.id, one.level) == wanted), None
        )

    found = []
    for server, model in dict.fromkeys((one.server, one.model) for one in known):
        pairs = (
            ("sleep.first/sleep.call", ("sleep.first", 1), ("sleep.call", 1)),
            ("wake.l2/wake.l1", ("wake.ttft", 2), ("wake.ttft", 1)),
        )
        for name, top, bottom in pairs:
            above, below = of(server, model, *top), of(server, model, *bottom)
            if above and below and above.n and (below.min or 0) > 0:
                ratio = stats.ratio(above.blocks, below.blocks)
                found.append(
                    Comparison(
                        id=name, server=server, model=model, above=above, below=below, ratio=ratio
                    )
                )
    return tuple(found)


def _values(attempt: Attempt, asleep: "_Asleep") -> Iterator[tuple[str, float | None]]:
    """Id and value of what one attempt has timed; None: it should have, and has not."""
    match attempt.kind:
        case Kind.SLEEP:
            yield from _of_sleep(attempt)
        case Kind.WAKE:
            yield from _of_wake(attempt)
        case Kind.SWITCH:
            yield from _of_switch(attempt)
        case Kind.PROMPT:
            first_s = attempt.record.first_token_s if attempt.record else None
            is_parked = asleep.during(attempt, first_s or 0.0)
            yield "prompt.parked" if is_parked else "prompt.ttft", first_s
        case _:
            return


def _of_sleep(attempt: Attempt) -> Iterator[tuple[str, float | None]]:
    record, drained = attempt.record, has_drained(attempt)
    seconds = record.duration_s if record else None
    name = "sleep.drained" if drained else "sleep.call"
    if attempt.level == 1 and attempt.nth == 1:
        name, seconds = "sleep.first", None if drained else seconds  # a time of two things at once
    yield name, seconds
    if record and attempt.cls == OK:
        parts = {part.name: part.duration_s for part in record.parts}
        if "memory" in parts:
            yield "sleep.mem", parts["memory"]
        if record.server_s is not None and name == "sleep.call":
            yield "server.op.sleep", record.server_s


def _of_wake(attempt: Attempt) -> Iterator[tuple[str, float | None]]:
    record = attempt.record
    is_staged = attempt.level == _DISCARD
    name = "wake.ready_l2" if is_staged else "wake.call"
    yield name, record.duration_s if record else None
    yield "wake.ttft", record.first_token_s if record else None
    if record and attempt.cls == OK:
        if is_staged:
            for part in record.parts:
                if part.name in STEPS:
                    yield f"wake.ready_l2.{part.name}", part.duration_s
        if record.server_s is not None:
            yield "server.op.wake", record.server_s


def _of_switch(attempt: Attempt) -> Iterator[tuple[str, float | None]]:
    record = attempt.record
    yield "switch", record.first_token_s if record else None
    yield "switch.total", record.duration_s if record else None
    if record and attempt.cls == OK:
        for kind in ("sleep", "wake"):
            seconds = [part.duration_s for part in record.parts if part.name.startswith(f"{kind} ")]
            if seconds:
                yield f"switch.{kind}", sum(seconds)


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
            _ORDER.index(key.id),
            key.level or 0,
        ),
    )
