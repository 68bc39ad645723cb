"""What came of all that was tried: operations, requests around a sleep, canaries. Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sleeptui.core.canary import Grade
from sleeptui.core.fates import Window, classify
from sleeptui.core.flights import COHORTS, Flight
from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.operation import InFlight, Kind
from sleeptui.core.plausible import Gate
from sleeptui.core.session import Attempt, RequestSeen, Session
from sleeptui.core.stats import Proportion, binomial
from sleeptui.core.trials import Trial, trials

UNFINISHED = "unfinished"
_NOT_TRIED = ("user_abort", UNFINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How often one kind of operation did what it should."""

    server: str
    model: str
    kind: str
    level: int | None = None
    rate: Proportion | None = None
    """None: nothing that counts was tried."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """All attempts, also those that do not count: the user's own stops, what was never sent, and
    what ran when the recording ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FateRow:
    """Sleeps of one mode and level, and what became of the requests in flight."""

    mode: str
    level: int
    sleeps: int
    running: int
    """By the server's own figures, all together; sleeps that did not tell count 0."""
    fates: Mapping[str, int] = field(default_factory=dict)
    """Of our own requests, by the words of ``core.fates.Class``."""
    finished: Mapping[str, int] = field(default_factory=dict)
    """Rise of the server's counters by finish reason, over all clients."""
    worst_stall_s: float | None = None
    """The longest silence of one of ours that the sleep lies in."""
    server: str = ""
    """Of trials of a benchmark; empty: sleeps by hand, of all servers."""
    streams: int | None = None
    """Requests that were to be in flight in each trial."""
    invalid: int = 0
    """Trials that do not count."""
    expected: Proportion | None = None
    """How many of ``fates`` became what the mode promises; None: there is none to judge."""
    cohorts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Fates of the others: late, parked, probe; also of those of ``fates`` that were queued."""
    differs: tuple[int, int] = (0, 0)
    """Of answers without a sleep: how many differ when they are asked for again, of how many."""
    checks: tuple[int, int] = (0, 0)
    """Comparisons with the server's counters that agree, of how many."""

    @property
    def requests(self) -> int:
        """Ours."""
        return sum(self.fates.values())


def classes(session: Session) -> Mapping[int, str]:
    """The class of each attempt, by its id: as recorded, and checked against the link."""
    gate = Gate(session)
    return {attempt.id: gate.class_of(attempt) for attempt in session.attempts}


def reliability(session: Session) -> tuple[Reliability, ...]:
    """By server, kind and level, in the order of their first attempt.

    It counts what was sent to the server and whose end is known. A measurement that was disturbed
    is a success all the same.
    """
    gate = Gate(session)
    counts: dict[tuple[str, str, str, int | None], Counter[str]] = defaultdict(Counter)
    for attempt in session.attempts:
        key = (attempt.server, attempt.model, attempt.kind, attempt.level)
        counts[key][gate.class_of(attempt)] += 1
    found = []
    for (server, model, kind, level), those in counts.items():
        good = those[OK] + those[DISTURBED]
        tried = sum(n for cls, n in those.items() if _is_tried(cls))
        found.append(
            Reliability(
                server=server,
                model=model,
                kind=kind,
                level=level,
                rate=binomial(good, tried) if tried else None,
                classes=dict(sorted(those.items())),
            )
        )
    return tuple(found)


def _is_tried(cls: str) -> bool:
    return cls not in _NOT_TRIED and not cls.startswith("invalid")


def canaries(session: Session) -> Mapping[str, Mapping[str, int]]:
    """Grades of the canaries by server; ``nothing to compare with`` and ``busy`` are none."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for seen in session.canaries:
        verification = seen.verification
        grade = verification.verdict.grade
        word = grade.value if grade else "nothing to compare with"
        if verification.is_inconclusive:
            word = "busy"
        counts[seen.server][word] += 1
    order = (*(grade.value for grade in Grade), "nothing to compare with", "busy")
    return {
        server: {word: those[word] for word in order if those[word]}
        for server, those in counts.items()
    }


def in_flight(session: Session) -> tuple[FateRow, ...]:
    """The matrix of modes and fates, for the sleeps that found requests in flight.

    Trials of a benchmark have rows of their own. A request counts once, at the first sleep that
    caught it.
    """
    every = trials(session)
    tried = {one.sleep.id for one in every if one.sleep is not None}
    return (*_by_hand(session, tried), *_of_trials(every))


def _by_hand(session: Session, tried: Collection[int]) -> Iterator[FateRow]:
    rows: dict[tuple[str, int], list[tuple[Attempt, list[RequestSeen]]]] = defaultdict(list)
    caught, wakes = _caught(session), _wakes(session)
    for sleep in _sent_sleeps(session):
        requests = sleep.record.in_flight if sleep.record else None
        if sleep.id in tried:
            continue
        if sleep.id in caught or (requests and requests.total):
            those = caught.get(sleep.id, [])
            rows[sleep.mode or "wait", sleep.level or 0].append((sleep, those))
    for (mode, level), found in sorted(rows.items()):
        yield _row(mode, level, found, wakes)


def _of_trials(every: Sequence[Trial]) -> Iterator[FateRow]:
    groups: dict[tuple[int, str, int, int], list[Trial]] = defaultdict(list)
    places = {name: place for place, name in enumerate(dict.fromkeys(one.server for one in every))}
    for one in every:
        groups[places[one.server], one.mode, one.level, one.streams].append(one)
    for _, those in sorted(groups.items(), key=lambda item: item[0]):
        yield _trial_row(those)


def _trial_row(those: Sequence[Trial]) -> FateRow:
    first, good = those[0], [one for one in those if not one.invalid]
    flights = [flight for one in those for flight in one.around]
    streams = [flight for one in those for flight in one.streams_seen]
    checked = [check for one in good for check in one.checks if check.agrees is not None]
    judged = sum(len(one.counted) for one in those)
    finished: Counter[str] = Counter()
    for one in good:
        requests = one.sleep.record.in_flight if one.sleep and one.sleep.record else None
        finished.update(_risen(requests))
    return FateRow(
        mode=first.mode,
        level=first.level,
        sleeps=len(good),
        running=len(streams),
        fates=_classes(streams),
        finished=dict(sorted(finished.items())),
        worst_stall_s=max((one.stall_s for one in streams if one.stall_s), default=None),
        server=first.server,
        streams=first.streams,
        invalid=len(those) - len(good),
        expected=binomial(sum(one.expected for one in those), judged) if judged else None,
        cohorts={
            cohort: fates
            for cohort in COHORTS[1:]
            if (fates := _classes(one for one in flights if one.cohort == cohort))
        },
        differs=first.differs,
        checks=(sum(bool(check.agrees) for check in checked), len(checked)),
    )


def _classes(flights: Iterable[Flight]) -> Mapping[str, int]:
    return dict(sorted(Counter(one.cls.value for one in flights).items()))


def _risen(requests: InFlight | None) -> Mapping[str, int]:
    """The rise of the server's counters around a sleep."""
    return {} if requests is None else {why: round(n) for why, n in requests.finished.items() if n}


def _sent_sleeps(session: Session) -> Iterator[Attempt]:
    for attempt in session.attempts:
        if attempt.kind == Kind.SLEEP and attempt.sent_ns is not None:
            yield attempt


def _caught(session: Session) -> Mapping[int, list[RequestSeen]]:
    """The requests that were open when a sleep of their server was sent, by the first such one."""
    sleeps: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for sleep in _sent_sleeps(session):
        sleeps[sleep.server].append((sleep.sent_ns or 0, sleep.id))
    for those in sleeps.values():
        those.sort()
    found: dict[int, list[RequestSeen]] = defaultdict(list)
    for request in session.requests:
        those, sent_ns = sleeps.get(request.server, []), request.sent_ns
        if sent_ns is None:
            continue
        index = bisect_right(those, sent_ns, key=lambda one: one[0])
        if index < len(those):
            asleep_ns, number = those[index]
            if request.ended_ns is None or request.ended_ns > asleep_ns:
                found[number].append(request)
    return found


def _row(
    mode: str,
    level: int,
    those: list[tuple[Attempt, list[RequestSeen]]],
    wakes: Mapping[tuple[str, int | None], Attempt],
) -> FateRow:
    fates: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    running, stalls = 0, []
    for sleep, caught in those:
        wake = wakes.get((sleep.server, sleep.cycle))
        window = Window.of(sleep, wake)
        fates.update(classify(one, window).value for one in caught)
        stalls += [one.max_gap_s for one in caught if one.gap_covers_sleep and one.max_gap_s]
        requests = sleep.record.in_flight if sleep.record else None
        if requests:
            running += requests.total or 0
            finished.update(_risen(requests))
    return FateRow(
        mode=mode,
        level=level,
        sleeps=len(those),
        running=running,
        fates=dict(sorted(fates.items())),
        finished=dict(sorted(finished.items())),
        worst_stall_s=max(stalls, default=None),
    )


def _wakes(session: Session) -> Mapping[tuple[str, int | None], Attempt]:
    return {
        (attempt.server, attempt.cycle): attempt
        for attempt in session.attempts
        if attempt.kind == Kind.WAKE and attempt.cls in (OK, DISTURBED)
    }
