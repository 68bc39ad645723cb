"""Trials with requests in flight: what became of each request, and whether the server agrees. Pure.

The requests that count are the streams that were open when the sleep was sent. Those that were
sent later, and the open-loop probe, are told beside them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.fates import BROKEN, Class, Window
from sleeptui.core.flights import COHORTS, COUNTED, Flight, flight
from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, CountsSeen, PhaseSeen, RequestSeen, Session
from sleeptui.core.trial_checks import Check, Heard, checks
from sleeptui.core.trial_doubts import doubt

_NO_VALUE = ("invalid", "user_abort", "time_over", "unfinished")
"""Classes of a phase that says nothing of the server."""


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
    is_doubtful: bool = False
    """It does not only because of when things came: what is beyond doubt counts all the same."""
    differs: tuple[int, int] = (0, 0)
    """Of requests that were asked twice without a sleep: how many answers differed, of how many."""

    def of(self, *cohorts: str) -> tuple[Flight, ...]:
        """The requests of some cohorts."""
        return tuple(one for one in self.flights if one.cohort in cohorts)

    @property
    def streams_seen(self) -> tuple[Flight, ...]:
        """Those that it is about; of one that does not count only what went wrong beyond doubt."""
        those = self.of(*COUNTED)
        if not self.invalid:
            return those
        wrong = (one for one in those if one.is_certain and not one.is_expected)
        return tuple(wrong) if self.is_doubtful else ()

    @property
    def counted(self) -> tuple[Flight, ...]:
        """Of these, without what could not be judged for want of a control."""
        return tuple(one for one in self.streams_seen if one.cls is not Class.RESUMED)

    @property
    def around(self) -> tuple[Flight, ...]:
        """Of all cohorts, those that are to be answered; else as ``streams_seen``."""
        if not self.invalid:
            return self.flights
        return self.broken if self.is_doubtful else ()

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
    mode = phase.mode or "wait"
    asked = [one for one in requests if one.server == phase.server and one.cohort in COHORTS]
    window = Window.of(sleep, wake).heard(one for one in asked if one.cohort in COUNTED)
    flights = tuple(flight(one, window, mode) for one in asked)
    invalid = _invalid(seen, sleep, flights)
    doubts = doubt(sleep, window, flights) if sleep is not None and not invalid else ""
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
        invalid=invalid or doubts,
        is_doubtful=bool(doubts),
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


def _invalid(seen: PhaseSeen, sleep: Attempt | None, flights: Sequence[Flight]) -> str:
    """Why it does not count, whatever became of its requests."""
    if seen.cls.startswith(_NO_VALUE):
        return seen.note or seen.cls
    if sleep is None:
        return "no sleep was sent"
    streams = [one.cls for one in flights if one.cohort in COUNTED]
    back = streams.count(Class.GIVEN_UP)
    return f"{back} of {len(streams)} requests were taken back" if back else ""
