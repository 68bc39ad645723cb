"""What the fleet store remembers of one server between two pictures."""

from collections import deque
from dataclasses import dataclass, field, replace

from sleeptui.core.canary import Reference
from sleeptui.core.derive import derive, disagrees
from sleeptui.core.derive_asleep import LEVEL_OF
from sleeptui.core.drift import Drift, drifts
from sleeptui.core.home import Home
from sleeptui.core.idle import Requests
from sleeptui.core.learned import Learned
from sleeptui.core.model import (
    IN_TRANSITION,
    Control,
    EngineMetrics,
    GpuMemory,
    MemorySource,
    Observation,
    Reach,
    ServerFacts,
    ServerView,
    State,
)
from sleeptui.core.operation import (
    ASKING,
    Cause,
    Kind,
    Operation,
    OperationRecord,
    Outcome,
    Phase,
    newest,
)
from sleeptui.core.proof import Proof
from sleeptui.core.rates import TokenRate, mean_ttft
from sleeptui.core.restart import has_other_weights, is_restart
from sleeptui.core.series import Series
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.core.signals import Derived, Signals

HISTORY = 50
"""Ended operations that are kept for each server."""
_UNSETTLED = frozenset({State.DOWN, State.STALE, State.UNKNOWN}) | IN_TRANSITION
_TRANSITIONS = (Kind.SLEEP, Kind.WAKE)


@dataclass(slots=True, kw_only=True, eq=False)
class Track:
    """The store's notebook for one server. Changed by FleetStore only."""

    spec: ServerSpec
    settings: Settings
    derived: Derived = field(default_factory=lambda: Derived(state=State.UNKNOWN))
    since_s: float = 0.0
    previous: State = State.UNKNOWN
    settled: Derived | None = None
    facts: ServerFacts = field(default_factory=ServerFacts)
    weights: ServerFacts = field(default_factory=ServerFacts)
    """The newest facts that tell what it serves."""
    home: Home | None = None
    seen: Observation | None = None
    answered_s: float | None = None
    told_s: float | None = None
    answered_by: str | None = None
    metrics: EngineMetrics | None = None
    load: int | None = None
    disagreeing: int = 0
    memory: GpuMemory | None = None
    weighed: tuple[float, int] | None = None
    """Time and bytes of the newest measurement that no look has come after."""
    on_gpus: set[int] = field(default_factory=set)
    """GPUs on which it was seen to hold memory."""
    awake_bytes: int | None = None
    lowest_asleep_bytes: int | None = None
    asleep_bytes: int | None = None
    residual_bytes: int | None = None
    asked_level: int | None = None
    told_level: int | None = None
    told_asleep: bool = False
    """What /is_sleeping said when it last answered: it does not while a transition runs."""
    last: OperationRecord | None = None
    operations: dict[int, Operation] = field(default_factory=dict)
    history: deque[OperationRecord] = field(default_factory=lambda: deque(maxlen=HISTORY))
    learned: Learned = field(default_factory=Learned)
    drift: tuple[Drift, ...] = ()
    proof: Proof = field(default_factory=Proof)
    has_acted: bool = False
    """A transition of ours began or ended since the look before."""
    last_ttft_s: float | None = None
    restarts: int = 0
    """Noticed since the last one was told."""
    restart_told_s: float = float("-inf")
    problem_told: str = ""
    tokens: TokenRate = field(default_factory=TokenRate)
    memory_series: Series = field(default_factory=Series)
    requests: Requests = field(default_factory=Requests)

    def observe(self, seen: Observation) -> bool:
        """Take in a look. Returns whether the server was restarted since the one before."""
        restarted = is_restart(self.metrics, self.seen, seen, self.answered_s)
        if restarted:
            self._forget()
        before, self.seen = self.seen, seen
        self._pair(before, seen)
        self._notice_others(before, seen)
        if seen.reach is not Reach.ANSWERED:
            self.requests.lose(seen.at_s)
            return restarted
        self.answered_s = seen.at_s
        self.answered_by = self.home.started_at if self.home else None
        if seen.load is not None:
            self.load = seen.load
        if seen.metrics is not None:
            self.disagreeing = self.disagreeing + 1 if disagrees(seen) else 0
            self._take_metrics(seen.at_s, seen.metrics, asleep=bool(seen.is_sleeping))
        elif seen.problem:
            self._lose_queue(seen.at_s)
        if seen.is_sleeping is not None:
            self.told_s = seen.at_s
            was_asleep, self.told_asleep = self.told_asleep, seen.is_sleeping
            if seen.is_sleeping:
                self._found_asleep(seen)
            else:
                self._found_awake(was_asleep=was_asleep)
        return restarted

    @property
    def operation(self) -> Operation | None:
        """The operation to show: transitions before questions, running before waiting, newest."""
        return newest(self.operations.values())

    @property
    def is_ours(self) -> bool:
        """A transition of ours is with it: what it does now is our doing."""
        operation = self.operation
        return operation is not None and operation.acts

    def advance(self, number: int, phase: Phase) -> bool:
        """Take in that an operation entered its next phase; whether it is known."""
        operation = self.operations.get(number)
        if operation is None:
            return False
        self.operations[number] = replace(operation, phase=phase, note="")
        if phase is Phase.VERIFYING:  # a look before it has seen all that we did
            self.has_acted = False
        return True

    def take_late_effect(self, state: State) -> bool:
        """Whether a change to ``state`` is what our last, unanswered request asked for; once."""
        last = self.last
        if last is None or last.cause is not Cause.NO_ANSWER:
            return False
        if (state is State.AWAKE) is not (last.kind is Kind.WAKE):
            return False
        self.last = replace(last, cause=None)
        return True

    def end(self, record: OperationRecord) -> None:
        """Take in an ended operation."""
        operation = self.operations.pop(record.id, None)
        self.has_acted = self.has_acted or (operation is not None and operation.acts)
        self.history.appendleft(record)
        if record.kind is Kind.PROMPT and record.first_token_s is not None:
            self.last_ttft_s = record.first_token_s
        if record.kind is Kind.PROMPT and record.outcome is Outcome.DONE:
            self._lives()
        if record.kind not in ASKING:
            host = self.home.host_bytes if self.home else None
            self.learned = self.learned.after(record, self.process_start_s, host)
        if record.kind not in _TRANSITIONS or record.is_idle:
            return
        self.last = record
        self.proof.end(record)
        if record.kind is Kind.SLEEP:
            self.asked_level = record.level
            if record.outcome is Outcome.DONE and record.level:
                self.residual_bytes = record.residual_bytes
                self.drift = drifts(self.learned.cycles_of(self.process_start_s))

    def begin(self, operation: Operation) -> None:
        """Take in an operation that is queued or begins."""
        self.operations.pop(operation.id, None)
        self.operations[operation.id] = operation
        self.has_acted = self.has_acted or operation.acts

    def know(self, facts: ServerFacts) -> None:
        """Take in what changes only with a restart; other weights are learnt from scratch."""
        if has_other_weights(self.weights, facts):
            self.learned, self.drift = Learned(), ()
        self.facts = facts
        if facts.models:
            self.weights = facts

    def refer(self, reference: Reference) -> None:
        """Take in a new reference."""
        self.learned = replace(self.learned, reference=reference)

    def recall(self, earlier: Learned) -> None:
        """Take in what earlier runs have learnt."""
        self.learned = self.learned.joined(earlier)
        cycles = self.learned.cycles_of(self.process_start_s)
        if cycles:
            self.residual_bytes = cycles[-1].residual_bytes
            self.drift = drifts(cycles)

    @property
    def process_start_s(self) -> float | None:
        """The life of the server: when its process started, as it says."""
        return self.metrics.process_start_s if self.metrics else None

    def weigh(self, memory: GpuMemory | None, at_s: float) -> None:
        """Take in what the server holds on the GPUs now."""
        self.memory = memory
        total = memory.total_bytes if memory else None
        self.memory_series.append(at_s, total)
        if memory is None or total is None or memory.source is not MemorySource.MEASURED:
            return
        self.weighed = at_s, total
        self.on_gpus.update(memory.by_gpu)
        if self.derived.state in (State.AWAKE, State.NO_CONTROL):
            # Less than before may be a sleep under way: the next look decides.
            self.awake_bytes = max(total, self.awake_bytes or 0)
        elif self.seen is not None and self.seen.is_sleeping:
            lowest = self.lowest_asleep_bytes
            self.lowest_asleep_bytes = total if lowest is None else min(lowest, total)
            if (self.asleep_bytes or 0) - total > self.settings.thresholds.settled_bytes:
                self.asleep_bytes = None  # of the drain, or of the way down: it has not grown back

    def signals(self, now_s: float) -> Signals:
        """All that the state is derived from."""
        return Signals(
            observation=self.seen,
            answered_s=self.answered_s,
            answered_by=self.answered_by,
            now_s=now_s,
            stale_after_s=self.settings.sampling.stale_after_s,
            facts=self.facts,
            home=self.home,
            operation=self.operation,
            previous=self.previous,
            settled=self.settled,
            told_s=self.told_s,
            memory=self.memory,
            awake_bytes=self.awake_bytes or self.learned.awake_bytes(self.process_start_s),
            lowest_asleep_bytes=self.lowest_asleep_bytes,
            asleep_bytes=self.asleep_bytes,
            asked_level=self.asked_level,
            told_level=self.told_level,
            last=self.last,
            disagreeing=self.disagreeing,
            verification=self.proof.verification,
            check_due=self.proof.check_due,
            woken_from=self.proof.woken_from,
            is_late_wake=self.proof.is_late_wake,
            thresholds=self.settings.thresholds,
        )

    def become(self, now_s: float) -> State | None:
        """Derive the state anew. Returns the one before it when it changed."""
        derived, before = derive(self.signals(now_s)), self.derived.state
        self.derived = derived
        if derived.state not in _UNSETTLED and not self.is_ours:
            self.previous, self.settled = derived.state, derived
        if derived.state is before:
            return None
        self.since_s = now_s
        return before

    def view(self, now_s: float) -> ServerView:
        """The picture of this server."""
        derived, asleep = self.derived, bool(self.seen and self.seen.is_sleeping)
        return ServerView(
            spec=self.spec,
            state=derived.state,
            since_s=self.since_s,
            level=derived.level,
            verification=self.proof.verification,
            check_due=self.proof.check_due,
            is_doubted=self.proof.is_doubted,
            reason=derived.reason,
            advice=derived.advice,
            evidence=derived.evidence,
            before_stale=self.previous if derived.state is State.STALE else None,
            facts=self.facts,
            control=self.seen.control if self.seen else Control.UNKNOWN,
            home=self.home,
            seen_at_s=self.answered_s,
            metrics=self.metrics,
            queue_frozen=asleep,
            parked=self.load if asleep else None,
            tokens_per_s=None if asleep else self.tokens.per_s(now_s),
            last_ttft_s=self.last_ttft_s,
            memory=self.memory,
            on_gpus=tuple(sorted(self.on_gpus)),
            residual_bytes=self.residual_bytes,
            operation=self.operation,
            history=tuple(self.history),
            expected_s=self.learned.expected_of(self.operation, self.process_start_s),
            cycles=len(self.learned.cycles_of(self.process_start_s)),
            learned=self.learned,
            drift=self.drift,
            memory_series=self.memory_series,
            idle_since_s=self.requests.idle_since_s,
            was_busy=self.requests.was_busy,
            running_series=self.requests.running,
            waiting_series=self.requests.waiting,
        )

    def _notice_others(self, before: Observation | None, seen: Observation) -> None:
        """Notice that somebody else had it asleep and awake again between two looks.

        Seen by the counters of its sleep operations (0.32 and later); its weights may be others.
        """
        ours, self.has_acted = self.has_acted or self.is_ours, self.is_ours
        known = self.metrics
        if before is None or ours or known is None or seen.metrics is None or seen.is_sleeping:
            return
        if known.process_start_s != seen.metrics.process_start_s:
            return
        if (seen.metrics.wake_operations or 0) > (known.wake_operations or 0):
            self.proof.woken_by_others(self.told_level)

    def _lives(self) -> None:
        """It has answered a prompt: a sleep that failed in its engine has done it no harm."""
        last = self.last
        if last is not None and last.kind is Kind.SLEEP and last.cause is Cause.WEDGED:
            self.last = replace(last, cause=None)

    def _pair(self, before: Observation | None, seen: Observation) -> None:
        """Take in what was measured between two looks that say the same.

        One after a look alone may be of another state: somebody else acts between looks. One that
        is told after a look and was taken before it may be of the transition.
        """
        if before is None or before.is_sleeping is not seen.is_sleeping:
            self.asleep_bytes = self.weighed = None
            return
        if self.weighed is None or not (before.at_s <= self.weighed[0] <= seen.at_s - seen.took_s):
            return
        (_, total), self.weighed = self.weighed, None
        if seen.is_sleeping:
            self.asleep_bytes = total
        elif self.derived.state in (State.AWAKE, State.NO_CONTROL) and seen.metrics:
            self.awake_bytes = total
            if self.memory is not None and self.memory.source is MemorySource.MEASURED:
                held, start_s = self.memory.by_gpu, self.process_start_s
                self.learned = self.learned.seen_awake(held, start_s)

    def _found_asleep(self, seen: Observation) -> None:
        metric = seen.metrics.sleep_metric if seen.metrics else None
        told = LEVEL_OF.get(metric, 0) if metric else 0
        self.told_level = max(told, self.told_level or 0) or None
        self.proof.asleep()

    def _found_awake(self, *, was_asleep: bool) -> None:
        """A look said awake: what was known of its sleep is over."""
        told, self.told_level, self.lowest_asleep_bytes = self.told_level, None, None
        if self.is_ours:
            return
        self.asked_level = None
        if was_asleep:
            is_late = self.last is not None and self.last.is_unanswered(Kind.WAKE)
            self.proof.woken_by_others(told, is_late=is_late)
        if self.last is not None:
            self.last = self.last.once_awake(was_asleep=was_asleep)

    def _forget(self) -> None:
        """A new process: nothing that was known of the old one's engine holds."""
        self.restarts += 1
        self.last = None
        self.asked_level = None
        self.told_level, self.told_asleep = None, False
        self.lowest_asleep_bytes = self.asleep_bytes = None
        self.awake_bytes = self.weighed = None
        self.on_gpus.clear()
        self.previous, self.settled = State.UNKNOWN, None
        self.residual_bytes = None
        # Without a start time the cycles of two lives cannot be told apart.
        told = tuple(one for one in self.learned.cycles if one.process_start_s is not None)
        self.learned = replace(self.learned, cycles=told)
        self.drift = ()
        self.proof.forget()
        self.last_ttft_s = None
        self.load = None
        self.tokens.clear()
        self.requests.forget()

    def _lose_queue(self, at_s: float) -> None:
        """/metrics could not be read: what the queue was is not what it is."""
        self.requests.lose(at_s)
        if self.metrics is not None:
            self.metrics = replace(self.metrics, running=None, waiting=None, kv_usage=None)

    def _take_metrics(self, at_s: float, metrics: EngineMetrics, *, asleep: bool) -> None:
        before, self.metrics = self.metrics, metrics
        self.requests.take(at_s, metrics, asleep=asleep)
        self.tokens.add(at_s, metrics.generation_tokens_total)
        if before is not None:
            self.last_ttft_s = mean_ttft(before, metrics) or self.last_ttft_s
