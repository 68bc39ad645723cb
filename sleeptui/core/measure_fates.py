"""What came of all that was tried: operations, requests around a sleep, canaries. Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sleeptui.core.canary import Grade
from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.operation import Fate, Kind
from sleeptui.core.plausible import Gate
from sleeptui.core.session import Attempt, RequestSeen, Session
from sleeptui.core.stats import Proportion, binomial

UNFINISHED = "unfinished"
_NOT_TRIED = ("user_abort", UNFINISHED)
_WITHIN_NS = 250_000_000
"""After the answer to a sleep: an end that comes so soon belongs to it."""


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
    """Of our own requests: drained, aborted, resumed, released, truncated, errored, hung."""
    finished: Mapping[str, int] = field(default_factory=dict)
    """Rise of the server's counters by finish reason, over all clients."""
    worst_stall_s: float | None = None
    """The longest silence of one of ours that the sleep lies in."""

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

    A request counts once, at the first sleep that caught it.
    """
    rows: dict[tuple[str, int], list[tuple[Attempt, list[RequestSeen]]]] = defaultdict(list)
    caught, wakes = _caught(session), _wakes(session)
    for sleep in _sent_sleeps(session):
        requests = sleep.record.in_flight if sleep.record else None
        if sleep.id in caught or (requests and requests.total):
            those = caught.get(sleep.id, [])
            rows[sleep.mode or "wait", sleep.level or 0].append((sleep, those))
    return tuple(_row(mode, level, those, wakes) for (mode, level), those in sorted(rows.items()))


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
        fates.update(fate_of(one, sleep, wake) for one in caught)
        stalls += [one.max_gap_s for one in caught if one.gap_covers_sleep and one.max_gap_s]
        requests = sleep.record.in_flight if sleep.record else None
        if requests:
            running += requests.total or 0
            finished.update({why: round(n) for why, n in requests.finished.items() if n})
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


def fate_of(request: RequestSeen, sleep: Attempt, wake: Attempt | None) -> str:
    """What became of a request that was open when its server was put to sleep.

    The first rule that matches, as in the experiment on requests in flight: errored, aborted,
    truncated, drained, resumed, released, unclassified; ``hung`` where it was still open when the
    recording ended.
    """
    if request.ended_ns is None:
        return "hung"
    if request.fate == Fate.ABORTED or request.finish_reason == "abort":
        return "aborted"
    if request.error is not None or request.finish_reason == "error":
        return "errored"
    if request.finish_reason is None or not request.terminated:
        return "truncated"
    answered_ns = sleep.done_ns or sleep.ended_ns
    if answered_ns is not None and request.ended_ns <= answered_ns + _WITHIN_NS:
        return "drained"
    woken_ns = wake.sent_ns if wake else None
    if woken_ns is None or request.ended_ns < woken_ns:
        return "unclassified"
    is_new = request.first_ns is None or request.first_ns >= woken_ns
    return "released" if is_new else "resumed"
