"""A benchmark as it stands: folded from its events, those of the bus or of a followed journal.

Pure. What is shown while it runs is a summary for the eye; verdicts are made from the journal by
``core.judge``, at the end.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from sleeptui.core.bench import (
    BenchPhase,
    BenchPlanned,
    PhaseBegan,
    PhaseEnded,
    PhaseKind,
    Question,
    VerdictReached,
)
from sleeptui.core.cold import ColdKind
from sleeptui.core.events import (
    Event,
    OperationAdvanced,
    OperationEnded,
    OperationStarted,
    RequestBegan,
    RequestEnded,
)
from sleeptui.core.operation import Fate, Kind, Operation, OperationRecord, Outcome, newest
from sleeptui.core.stats import median
from sleeptui.core.verdict import Verdict

OK, USER_ABORT = "ok", "user_abort"
_IN_FLIGHT = frozenset({"inflight", "queued"})
"""Cohorts whose fate a trial is about."""
_FAILURES = 5
"""So many are kept, the newest; all are counted."""


class Topic(StrEnum):
    """What a row is about; rows of a server come in this order."""

    COLD = "cold"
    WAKE = "wake"
    MEMORY = "memory"
    IN_FLIGHT = "in flight"
    STABILITY = "stability"


class RowKey(NamedTuple):
    """What is counted together."""

    server: str
    topic: Topic
    cold: ColdKind | None = None
    level: int | None = None
    mode: str | None = None
    streams: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """What was measured of one thing so far. Times are to the first token."""

    key: RowKey
    n: int
    """Phases that ended well."""
    failed: int
    last_s: float | None = None
    median_s: float | None = None
    ratio: float | None = None
    """Of a wake: the median of the cold starts over that of the wakes."""
    freed_bytes: int | None = None
    """By the last sleep."""
    residual_bytes: int | None = None
    fates: Mapping[Fate, int] = field(default_factory=dict)
    """Of the requests in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A phase that did not end well."""

    title: str
    cls: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchPicture:
    """How far a benchmark is, and what it has found."""

    planned: BenchPlanned | None = None
    """None: it has not said yet what it will do."""
    began_s: float | None = None
    last_s: float | None = None
    """Of the newest phase or verdict."""
    done: int = 0
    left_s: float | None = None
    """As of ``left_at_s``."""
    left_at_s: float = 0.0
    trail: tuple[BenchPhase, ...] = ()
    """Phases that are open, the innermost last."""
    operation: Operation | None = None
    """That runs."""
    rows: tuple[BenchRow, ...] = ()
    failures: tuple[Failure, ...] = ()
    """The newest."""
    failed: int = 0
    """All of them."""
    is_stopped: bool = False
    """It was ended before its end."""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def is_restoring(self) -> bool:
        """Every server is brought back to how it was found."""
        return any(one.kind is PhaseKind.RESTORE for one in self.trail)

    def elapsed_s(self, now_s: float) -> float:
        """Since it was planned."""
        return 0.0 if self.began_s is None else max(now_s - self.began_s, 0.0)

    def remaining_s(self, now_s: float) -> float | None:
        """Until its end, as it looks now; None: not known."""
        if self.left_s is None:
            return None
        return max(self.left_s - max(now_s - self.left_at_s, 0.0), 0.0)

    def share(self, now_s: float) -> float:
        """How much of it is done, 0 to 1: by time where that can be told, else by steps."""
        if self.verdicts and not self.is_stopped:
            return 1.0
        left_s, gone_s = self.remaining_s(now_s), self.elapsed_s(now_s)
        if left_s is not None and gone_s + left_s > 0 and not self.is_stopped:
            return gone_s / (gone_s + left_s)
        steps = self.planned.steps if self.planned else 0
        return min(self.done / steps, 1.0) if steps else 0.0


class BenchFold:
    """Takes events in, and gives pictures when asked."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._picture = BenchPicture()
        self._open: dict[int, BenchPhase] = {}
        self._operations: dict[int, Operation] = {}
        self._in_flight: set[int] = set()
        self._tallies: dict[RowKey, _Tally] = {}
        self._pending: dict[int, _Pending] = {}
        self._failures: deque[Failure] = deque(maxlen=_FAILURES)

    def apply(self, event: Event) -> bool:
        """Take in an event; whether the picture may have changed by it."""
        match event:
            case BenchPlanned():
                self._planned(event)
            case PhaseBegan():
                self._began(event)
            case PhaseEnded():
                self._ended(event)
            case VerdictReached():
                verdicts = (*self._picture.verdicts, event.verdict)
                self._update(event.at_s, verdicts=verdicts)
            case _:
                return self._done(event)
        return True

    @property
    def picture(self) -> BenchPicture:
        """As it stands."""
        return replace(
            self._picture,
            trail=tuple(self._open.values()),
            operation=newest(self._operations.values()),
            rows=self._rows(),
            failures=tuple(self._failures),
        )

    def _planned(self, event: BenchPlanned) -> None:
        self._update(
            event.at_s,
            planned=event,
            began_s=event.at_s,
            left_s=event.estimate_s,
            left_at_s=event.at_s,
        )

    def _began(self, event: PhaseBegan) -> None:
        self._open[event.phase.id] = event.phase
        self._pending[event.phase.id] = _Pending()
        self._update(event.at_s, done=event.done)
        if event.left_s is not None:
            self._update(event.at_s, left_s=event.left_s, left_at_s=event.at_s)

    def _ended(self, event: PhaseEnded) -> None:
        self._update(event.at_s)
        pending = self._pending.pop(event.id, _Pending())
        phase = self._open.pop(event.id, None)
        if phase is None:  # the journal was followed from its middle
            return
        is_ok, is_stopped = event.cls == OK, event.cls == USER_ABORT
        if is_stopped:
            self._update(event.at_s, is_stopped=True)
        elif not is_ok:
            self._failures.append(Failure(title=phase.title, cls=event.cls, note=event.note))
            self._update(event.at_s, failed=self._picture.failed + 1)
        key = row_key(phase)
        if key is not None and not is_stopped:
            self._tallies.setdefault(key, _Tally()).take(pending, is_ok=is_ok)

    def _done(self, event: Event) -> bool:
        """Operations and requests; whether it was one."""
        match event:
            case OperationStarted():
                self._operations[event.operation.id] = event.operation
            case OperationAdvanced() if known := self._operations.get(event.id):
                self._operations[event.id] = replace(known, phase=event.phase)
            case OperationEnded():
                self._operations.pop(event.record.id, None)
                for each in self._pending.values():
                    each.take(event.record)
            case RequestBegan() if event.cohort in _IN_FLIGHT:
                self._in_flight.add(event.id)
            case RequestEnded() if event.id in self._in_flight:
                self._in_flight.remove(event.id)
                for each in self._pending.values():
                    each.fates[event.fate] += 1
            case _:
                return False
        return True

    def _update(self, at_s: float, **fields: object) -> None:
        self._picture = replace(self._picture, last_s=at_s, **fields)  # type: ignore[arg-type]

    def _rows(self) -> tuple[BenchRow, ...]:
        """By server in the order of their begins, then by topic."""
        servers = list(dict.fromkeys(key.server for key in self._tallies))
        topics = list(Topic)
        ordered = sorted(
            self._tallies,
            key=lambda key: (servers.index(key.server), topics.index(key.topic)),
        )
        return tuple(self._tallies[key].row(key, self._cold(key)) for key in ordered)

    def _cold(self, key: RowKey) -> float | None:
        """What a wake is compared with: the cold starts of its server, the everyday kind first."""
        if key.topic is not Topic.WAKE:
            return None
        found = {
            other.cold: median(tally.times_s)
            for other, tally in self._tallies.items()
            if other.server == key.server and other.topic is Topic.COLD and tally.times_s
        }
        return found.get(ColdKind.CACHED) or next(iter(found.values()), None)


@dataclass(slots=True)
class _Pending:
    """What was measured in the phase that runs: it counts when that has ended well."""

    first_s: float | None = None
    freed_bytes: int | None = None
    residual_bytes: int | None = None
    fates: Counter[Fate] = field(default_factory=Counter)

    def take(self, record: OperationRecord) -> None:
        """An operation has ended."""
        if record.outcome is not Outcome.DONE:
            return
        if record.kind in (Kind.WAKE, Kind.START):
            self.first_s = record.first_token_s
        elif record.kind is Kind.SLEEP:
            self.freed_bytes, self.residual_bytes = record.freed_bytes, record.residual_bytes


@dataclass(slots=True)
class _Tally:
    """What is shown in one row."""

    n: int = 0
    failed: int = 0
    times_s: list[float] = field(default_factory=list)
    freed_bytes: int | None = None
    residual_bytes: int | None = None
    fates: Counter[Fate] = field(default_factory=Counter)

    def take(self, pending: _Pending, *, is_ok: bool) -> None:
        """A phase has ended."""
        self.n += is_ok
        self.failed += not is_ok
        self.fates += pending.fates
        if is_ok:
            if pending.first_s is not None:
                self.times_s.append(pending.first_s)
            self.freed_bytes = pending.freed_bytes or self.freed_bytes
            self.residual_bytes = pending.residual_bytes or self.residual_bytes

    def row(self, key: RowKey, cold_s: float | None) -> BenchRow:
        """As it stands."""
        middle_s = median(self.times_s) if self.times_s else None
        return BenchRow(
            key=key,
            n=self.n,
            failed=self.failed,
            last_s=self.times_s[-1] if self.times_s else None,
            median_s=middle_s,
            ratio=cold_s / middle_s if cold_s and middle_s else None,
            freed_bytes=self.freed_bytes,
            residual_bytes=self.residual_bytes,
            fates=dict(self.fates),
        )


def row_key(phase: BenchPhase) -> RowKey | None:
    """The row that a phase counts for; None: it is none of those that measure."""
    match phase.kind, phase.question:
        case PhaseKind.COLD, _:
            return RowKey(phase.server, Topic.COLD, cold=phase.cold)
        case PhaseKind.CYCLE, Question.STABILITY:
            return RowKey(phase.server, Topic.STABILITY, level=phase.level)
        case ((PhaseKind.CYCLE | PhaseKind.PROOF), Question.MEMORY):
            return RowKey(phase.server, Topic.MEMORY, level=phase.level)
        case PhaseKind.CYCLE, _:
            return RowKey(phase.server, Topic.WAKE, level=phase.level)
        case PhaseKind.TRIAL, _:
            return RowKey(
                phase.server,
                Topic.IN_FLIGHT,
                level=phase.level,
                mode=phase.mode,
                streams=phase.streams,
            )
        case _:
            return None
