"""Trials with requests in flight: what became of each request, and whether the server agrees. Pure.

The requests that count are the streams that were open when the sleep was sent. Those that were
sent later, and the open-loop probe, are told beside them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.fates import BROKEN, Class, Tokens, Window, classify, tokens
from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, CountsSeen, PhaseSeen, RequestSeen, Session
from sleeptui.core.trial_checks import Check, Heard, checks

IN_FLIGHT = "inflight"
QUEUED = "queued"
COUNTED = frozenset({IN_FLIGHT, QUEUED})
"""Cohorts that a trial is about: its streams, with a token at S0 or without."""
COHORTS = (IN_FLIGHT, QUEUED, "late", "parked", "probe")
_NO_VALUE = ("invalid", "user_abort", "time_over", "unfinished")
"""Classes of a phase that says nothing of the server."""
_NEARLY_DONE = 0.8
"""Of its tokens at S0: such a request may end by itself before the sleep takes hold."""
_LATER = frozenset({Class.RELEASED, Class.DRAINED, Class.SERVED, Class.RESUMED})
_EXPECTED: Mapping[tuple[str, str], frozenset[Class]] = {
    ("wait", IN_FLIGHT): frozenset({Class.DRAINED}),
    ("wait", QUEUED): frozenset({Class.DRAINED, Class.RELEASED}),
    ("abort", IN_FLIGHT): frozenset({Class.ABORTED}),
    ("abort", QUEUED): frozenset({Class.ABORTED, Class.RELEASED}),
    ("keep", IN_FLIGHT): frozenset({Class.RESUMED_EXACT}),
    ("keep", QUEUED): frozenset({Class.RESUMED_EXACT, Class.RELEASED}),
}
"""What a mode promises; of all other cohorts that they are answered, sooner or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One request of a trial."""

    request: RequestSeen
    cohort: str
    """As it was sent, but a stream without a token at S0 is ``queued``."""
    cls: Class
    is_expected: bool
    """Its mode promises this."""
    tokens: Tokens
    stall_s: float | None = None
    """How long its user saw nothing because of the sleep; None: it did not hold it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One sleep with requests in flight, and the wake after it."""

    phase: BenchPhase
    server: str
    mode: str
    level: int
    streams: int
    """Requests that were to be in flight."""
    sleep: Attempt | None = None
    wake: Attempt | None = None
    flights: tuple[Flight, ...] = ()
    checks: tuple[Check, ...] = ()
    cls: str = "ok"
    """Of its phase."""
    invalid: str = ""
    """Why it does not count; empty: it does."""
    differs: tuple[int, int] = (0, 0)
    """Of requests that were asked twice without a sleep: how many answers differed, of how many."""

    def of(self, *cohorts: str) -> tuple[Flight, ...]:
        """The requests of some cohorts."""
        return tuple(one for one in self.flights if one.cohort in cohorts)

    @property
    def counted(self) -> tuple[Flight, ...]:
        """Those that it is about; without what could not be judged for want of a control."""
        return tuple(one for one in self.of(*COUNTED) if one.cls is not Class.RESUMED)

    @property
    def expected(self) -> int:
        """How many of ``counted`` became what the mode promises."""
        return sum(one.is_expected for one in self.counted)

    @property
    def broken(self) -> tuple[Flight, ...]:
        """Lost, hung, refused, cut or failed ones, of all cohorts: none may be."""
        return tuple(one for one in self.flights if one.cls in BROKEN)

    @property
    def mismatches(self) -> tuple[Check, ...]:
        """Checks that do not agree."""
        return tuple(one for one in self.checks if one.agrees is False)


def trials(session: Session) -> tuple[Trial, ...]:
    """All trials of a benchmark, in their order; none where it is a session by hand."""
    phases = [one for one in session.phases if one.phase.kind is PhaseKind.TRIAL]
    if not phases:
        return ()
    requests: dict[int, list[RequestSeen]] = defaultdict(list)
    for request in session.requests:
        if request.phase is not None:
            requests[request.phase].append(request)
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in session.attempts:
        if attempt.phase is not None:
            attempts[attempt.phase].append(attempt)
    counts: dict[int, list[CountsSeen]] = defaultdict(list)
    for one in session.counts:
        counts[one.phase or 0].append(one)
    noise = _noise(session)
    return tuple(
        _trial(
            seen,
            requests[seen.phase.id],
            attempts[seen.phase.id],
            counts[seen.phase.id],
            noise.get((seen.phase.server, seen.phase.streams or 0), (0, 0)),
        )
        for seen in phases
    )


def _noise(session: Session) -> Mapping[tuple[str, int], tuple[int, int]]:
    """How many answers without a sleep differ from the first one, by server and streams."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    phases = {
        one.phase.id: (one.phase.server, one.phase.streams or 0)
        for one in session.phases
        if one.phase.kind is PhaseKind.CONTROL
    }
    for request in session.requests:
        key = phases.get(request.phase or 0)
        if key is not None and request.equal is not None:
            differ, of = found.get(key, (0, 0))
            found[key] = differ + (not request.equal), of + 1
    return found


def _trial(
    seen: PhaseSeen,
    requests: Sequence[RequestSeen],
    attempts: Sequence[Attempt],
    counts: Sequence[CountsSeen],
    noise: tuple[int, int],
) -> Trial:
    phase = seen.phase
    sleep = _first(attempts, Kind.SLEEP, 0)
    wake = _first(attempts, Kind.WAKE, sleep.began_ns) if sleep else None
    window, mode = Window.of(sleep, wake), phase.mode or "wait"
    asked = [one for one in requests if one.server == phase.server and one.cohort in COHORTS]
    flights = tuple(_flight(one, window, mode) for one in asked)
    heard = Heard(
        streams=phase.streams or 0,
        mode=mode,
        level=phase.level or 0,
        window=window,
        requests=tuple(one for one in requests if one.server == phase.server),
        classes=tuple((one.cohort, one.cls, one.tokens, one.request) for one in flights),
        counts={one.moment: one for one in counts},
    )
    return Trial(
        phase=phase,
        server=phase.server,
        mode=mode,
        level=phase.level or 0,
        streams=phase.streams or 0,
        sleep=sleep,
        wake=wake,
        flights=flights,
        checks=checks(heard),
        cls=seen.cls,
        invalid=_invalid(seen, sleep, flights),
        differs=noise,
    )


def _first(attempts: Iterable[Attempt], kind: Kind, after_ns: int) -> Attempt | None:
    return next(
        (
            one
            for one in attempts
            if one.kind == kind and one.sent_ns is not None and one.began_ns >= after_ns
        ),
        None,
    )


def _flight(request: RequestSeen, window: Window, mode: str) -> Flight:
    cls, counted = classify(request, window), tokens(request, window)
    cohort = request.cohort
    if cohort == IN_FLIGHT and not counted.before_s0:
        cohort = QUEUED
    promised = _EXPECTED.get((mode, cohort), _LATER)
    if mode == "abort" and cohort not in COUNTED:
        promised = promised | {Class.ABORTED}
    if Class.RESUMED_EXACT in promised and request.tie:  # no doing of the sleep
        promised = promised | {Class.RESUMED_DIFFERS}
    if cohort == "probe":
        promised = promised | {Class.FINISHED_EARLY}
    return Flight(
        request=request,
        cohort=cohort,
        cls=cls,
        is_expected=cls in promised,
        tokens=counted,
        stall_s=_stall(request, cls),
    )


def _stall(request: RequestSeen, cls: Class) -> float | None:
    """Of a frozen one its silence, of a parked one the time to its first token."""
    if cls is Class.RELEASED and request.first_ns is not None:
        begin = request.scheduled_ns or request.sent_ns or request.began_ns
        return (request.first_ns - begin) / 1e9
    return request.max_gap_s if request.gap_covers_sleep else None


def _invalid(seen: PhaseSeen, sleep: Attempt | None, flights: Sequence[Flight]) -> str:
    if seen.cls.startswith(_NO_VALUE):
        return seen.note or seen.cls
    if sleep is None:
        return "no sleep was sent"
    streams = [one.cls for one in flights if one.cohort in COUNTED]
    early, back = streams.count(Class.FINISHED_EARLY), streams.count(Class.GIVEN_UP)
    if early:
        return f"{early} of {len(streams)} requests had ended before the sleep was sent"
    if back:
        return f"{back} of {len(streams)} requests were taken back"
    done = sum(
        one.tokens.before_s0 > _NEARLY_DONE * one.request.max_tokens
        for one in flights
        if one.cohort == IN_FLIGHT
    )
    return (
        f"{done} of {len(streams)} requests were nearly answered before the sleep" if done else ""
    )
