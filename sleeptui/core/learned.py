"""What is remembered of a server beyond this run: footprints, times, cycles, the reference.

Kept in a small state file by ``services.learning``. It feeds the fit check (what a wake takes),
the expected time of an operation, the drift warning and the comparison after a wake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sleeptui.core.canary import Reference
from sleeptui.core.operation import Kind, Operation, OperationRecord, Outcome

TIMES_KEPT = 9
"""Durations of each kind, newest last: enough for a median that follows a change."""
CYCLES_KEPT = 200
_RUNTIME = frozenset({Kind.START, Kind.STOP})
"""They have no level."""
_TIMED = frozenset({Kind.SLEEP, Kind.WAKE, Kind.SWITCH}) | _RUNTIME
_WAIT = "wait"
FIRST = "first sleep 1"
"""The first level 1 sleep of a process allocates the pinned host copy: a time of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One sleep of ours that ended well."""

    process_start_s: float | None
    """Which life of the server it was in: process_start_time_seconds."""
    level: int
    freed_bytes: int | None = None
    residual_bytes: int | None = None
    host_bytes: int | None = None
    """Host memory that its processes held after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastOperation:
    """The operation of ours that ended last, in short."""

    kind: Kind
    outcome: Outcome
    level: int | None = None
    duration_s: float | None = None
    """The figure that it is known by; of a prompt its first-token time."""
    ended_wall_s: float | None = None
    """Seconds since the epoch."""

    @classmethod
    def of(cls, record: OperationRecord, ended_wall_s: float | None = None) -> "LastOperation":
        """What is kept of a record."""
        is_prompt = record.kind is Kind.PROMPT
        return cls(
            kind=record.kind,
            outcome=record.outcome,
            level=record.level,
            duration_s=record.first_token_s if is_prompt else record.duration_s,
            ended_wall_s=ended_wall_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What is known of one server from before."""

    awake_by_gpu: Mapping[int, int] = field(default_factory=dict)
    """Bytes that it holds awake, by GPU index, as measured; empty: never seen."""
    awake_in_s: float | None = None
    """The life of the server that this was seen in: process_start_time_seconds."""
    times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Seconds by ``sleep 1``, ``wake 2``, ``first sleep 1``, ``start``; newest last."""
    cycles: tuple[Cycle, ...] = ()
    """Newest last, of all its lives."""
    reference: Reference | None = None
    last: LastOperation | None = None
    """Of earlier runs; those of this one are in the history of the server."""

    def cycles_of(self, process_start_s: float | None) -> tuple[Cycle, ...]:
        """Those of one life of the server."""
        return tuple(one for one in self.cycles if one.process_start_s == process_start_s)

    def seen_awake(self, by_gpu: Mapping[int, int], process_start_s: float | None) -> "Learned":
        """With what it was measured to hold awake."""
        if by_gpu == self.awake_by_gpu and process_start_s == self.awake_in_s:
            return self
        return replace(self, awake_by_gpu=by_gpu, awake_in_s=process_start_s)

    def joined(self, earlier: "Learned") -> "Learned":
        """With what earlier runs knew; what this run has seen counts more.

        Cycles without a start time could be of any life: those of earlier runs are left out.
        """
        before = tuple(one for one in earlier.cycles if one.process_start_s is not None)
        return Learned(
            awake_by_gpu=self.awake_by_gpu or earlier.awake_by_gpu,
            awake_in_s=self.awake_in_s if self.awake_by_gpu else earlier.awake_in_s,
            times={
                key: (*earlier.times.get(key, ()), *self.times.get(key, ()))[-TIMES_KEPT:]
                for key in (*earlier.times, *self.times)
            },
            cycles=(*before, *self.cycles)[-CYCLES_KEPT:],
            reference=self.reference or earlier.reference,
            last=self.last or earlier.last,
        )

    def after(
        self,
        record: OperationRecord,
        process_start_s: float | None,
        host_bytes: int | None = None,
    ) -> "Learned":
        """With what an operation has taught, if it ended well.

        Args:
            record: The operation.
            process_start_s: The life of the server that it was in.
            host_bytes: What its processes hold of the host's memory now.
        """
        if record.outcome is not Outcome.DONE or record.kind not in _TIMED:
            return self
        if record.level is None and record.kind not in _RUNTIME:
            return self
        is_untold = _has_drained(record) or record.has_stood_still
        learned = self if is_untold else self._timed(record, process_start_s)
        if record.kind is not Kind.SLEEP or not record.level:
            return learned
        cycle = Cycle(
            process_start_s=process_start_s,
            level=record.level,
            freed_bytes=record.freed_bytes,
            residual_bytes=record.residual_bytes,
            host_bytes=host_bytes,
        )
        return replace(learned, cycles=(*self.cycles, cycle)[-CYCLES_KEPT:])

    def _timed(self, record: OperationRecord, process_start_s: float | None) -> "Learned":
        key = time_key(record.kind, record.level or 0, self, process_start_s)
        times = (*self.times.get(key, ()), record.duration_s)[-TIMES_KEPT:]
        return replace(self, times={**self.times, key: times})

    def expected_s(self, kind: Kind, level: int, process_start_s: float | None) -> float | None:
        """How long the operation took the last times: the median; None: never seen."""
        times = sorted(self.times.get(time_key(kind, level, self, process_start_s), ()))
        return times[len(times) // 2] if times else None

    def expected_of(
        self, operation: Operation | None, process_start_s: float | None
    ) -> float | None:
        """How long an operation that runs took the last times."""
        if operation is None or (operation.level is None and operation.kind not in _RUNTIME):
            return None
        return self.expected_s(operation.kind, operation.level or 0, process_start_s)

    def awake_bytes(self, process_start_s: float | None) -> int | None:
        """What it held awake on all its GPUs in this life of the server; None: not seen."""
        if process_start_s is None or self.awake_in_s != process_start_s:
            return None
        return sum(self.awake_by_gpu.values()) or None


def _has_drained(record: OperationRecord) -> bool:
    """Whether its time is that of the requests it waited for, which the server ends within it."""
    requests = record.in_flight
    return record.mode == _WAIT and requests is not None and bool(requests.total)


def time_key(kind: Kind, level: int, learned: Learned, process_start_s: float | None) -> str:
    """Under what the duration of an operation is kept."""
    if kind is Kind.SLEEP and level == 1:
        pinned = any(one.level == 1 for one in learned.cycles_of(process_start_s))
        return "sleep 1" if pinned else FIRST
    return kind.value if kind in _RUNTIME else f"{kind.value} {level}"
