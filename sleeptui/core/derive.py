"""The state table, first half: what a server is in, from all signals that are known of it.

A status code is not a state. ``/is_sleeping`` says "asleep?" (and also when it is only paused),
the metric ``vllm:engine_sleep_state`` says at which level, GPU memory says whether it is true.
Where they disagree the server is suspect, and the evidence lines say what each one said.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sleeptui.core.model import (
    Check,
    Control,
    GpuMemory,
    Home,
    Observation,
    Reach,
    ServerFacts,
    SleepMetric,
    State,
)
from sleeptui.core.operation import Cause, Kind, Operation, OperationRecord, Outcome, Phase
from sleeptui.core.settings import Thresholds
from sleeptui.core.units import memory as memory_text

DISAGREE_LOOKS = 3
"""Looks in a row after which a disagreement is no longer the lag of the metric."""
_LEVEL = {SleepMetric.OFFLOADED: 1, SleepMetric.DISCARDED: 2, SleepMetric.NONE: 0}
_BROKEN = frozenset({Cause.OUT_OF_MEMORY, Cause.WEDGED})
_COMING = frozenset({"created", "restarting"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """All that is known of one server when its state is asked for."""

    observation: Observation | None = None
    """The newest look."""
    answered_s: float | None = None
    """When it last answered."""
    answered_by: str | None = None
    """Start of the process or container that was its home when it last answered."""
    now_s: float = 0.0
    stale_after_s: float = 5.0
    facts: ServerFacts = ServerFacts()
    home: Home | None = None
    operation: Operation | None = None
    """Our transition that runs on it."""
    previous: State = State.UNKNOWN
    """The last state that was not a transition of ours, down or stale."""
    memory: GpuMemory | None = None
    awake_bytes: int | None = None
    """What it held when it was last seen awake."""
    lowest_asleep_bytes: int | None = None
    """The least it held since it fell asleep."""
    asked_level: int | None = None
    """The level of our last sleep, since when it has not been awake."""
    last: OperationRecord | None = None
    """Our last sleep or wake of it, since its start."""
    disagreeing: int = 0
    """Looks in a row in which /is_sleeping and the metric disagreed."""
    check: Check = Check.UNVERIFIED
    thresholds: Thresholds = Thresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """The state of a server, and why."""

    state: State
    level: int | None = None
    reason: str = ""
    advice: str = ""
    evidence: tuple[str, ...] = ()


def disagrees(observation: Observation) -> bool:
    """Whether /is_sleeping denies what the metric says.

    The other way round (asleep, metric awake) is what a pause looks like.
    """
    metric = observation.metrics.sleep_metric if observation.metrics else None
    return observation.is_sleeping is False and metric in (
        SleepMetric.OFFLOADED,
        SleepMetric.DISCARDED,
    )


def derive(signals: Signals) -> Derived:
    """The state from the signals; the first rule that applies decides."""
    evidence = _evidence(signals)
    for rule in _RULES:
        found = rule(signals)
        if found is not None:
            return replace(found, reason=found.reason or _half_seen(signals), evidence=evidence)
    return Derived(state=State.UNKNOWN, evidence=evidence)


def _half_seen(signals: Signals) -> str:
    """What is wrong with a server whose state can be read."""
    seen = signals.observation
    if seen is None or seen.reach is not Reach.ANSWERED or seen.problem is None:
        return ""
    return f"its queue is not known: {seen.problem}" if seen.metrics is None else seen.problem


def _operating(signals: Signals) -> Derived | None:
    operation = signals.operation
    if operation is None or operation.phase in (Phase.QUEUED, Phase.MAKING_ROOM):
        return None
    if operation.kind is Kind.SLEEP:
        draining = operation.phase is Phase.DRAINING
        state = State.DRAINING if draining else State.FALLING_ASLEEP
        return Derived(state=state, level=operation.level)
    if operation.kind is Kind.WAKE:
        reloading = operation.phase is Phase.RELOADING
        return Derived(state=State.RELOADING if reloading else State.WAKING)
    return None


def _unreached(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is None:
        return Derived(state=State.UNKNOWN, reason="not looked at yet")
    problem = seen.problem or seen.reach.value
    match seen.reach:
        case Reach.ANSWERED:
            return None
        case Reach.REFUSED:
            return _not_listening(signals, problem)
        case Reach.UNHEALTHY:
            return Derived(
                state=State.DOWN,
                reason="its engine is dead: /health answers 503",
                advice="restart it",
            )
        case Reach.NOT_VLLM:
            return Derived(state=State.DOWN, reason=problem, advice="check the address")
        case Reach.TIMED_OUT:
            return _silent(signals, problem)


def _not_listening(signals: Signals, problem: str) -> Derived:
    home = signals.home
    if home is not None and home.container_state in _COMING:
        return Derived(state=State.STARTING, reason=f"container is {home.container_state}")
    if home is not None and home.container_state not in (None, "running"):
        return Derived(
            state=State.DOWN,
            reason=f"container {home.container} is {home.container_state}",
            advice="start the container; l shows its log",
        )
    if home is not None and home.pids:
        return _deaf(signals, home, problem)
    return Derived(state=State.DOWN, reason=problem, advice="is the server running?")


def _deaf(signals: Signals, home: Home, problem: str) -> Derived:
    """Its process runs and does not answer: it starts, it has failed, or it is no vLLM."""
    if signals.answered_by is not None and signals.answered_by == home.started_at:
        return Derived(
            state=State.DOWN,
            reason=f"{problem}, though its process still runs",
            advice="l shows its log; restart it",
        )
    seen = signals.observation
    # Docker's forwarder takes connections while the server in the container starts.
    if seen is not None and seen.is_broken_off and home.container is None:
        return Derived(state=State.DOWN, reason=problem, advice="is this the port of vLLM?")
    return Derived(state=State.STARTING, reason=f"its process runs, and {problem}")


def _silent(signals: Signals, problem: str) -> Derived | None:
    if signals.answered_s is None:
        return Derived(state=State.UNKNOWN, reason=problem, advice="slow is not down: wait")
    age_s = signals.now_s - signals.answered_s
    if age_s < signals.stale_after_s:
        return Derived(state=signals.previous)
    return Derived(
        state=State.STALE,
        reason=problem,
        advice="slow is not down: it may be busy or hung; l shows its log",
    )


def _busy_engine(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is None or not seen.is_sleeping_slow:
        return None
    if signals.previous in (State.ASLEEP, State.PAUSED, State.PARTIAL):
        return Derived(state=State.WAKING, reason="somebody else wakes it, or it is stuck")
    return Derived(state=State.FALLING_ASLEEP, reason="somebody else puts it to sleep")


def _uncontrolled(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is not None and seen.control is Control.NO_DEV_MODE:
        return Derived(
            state=State.NO_CONTROL,
            reason="its sleep routes are off",
            advice="start it with VLLM_SERVER_DEV_MODE=1",
        )
    if seen is not None and seen.is_sleeping is False and signals.facts.sleep_enabled is False:
        return Derived(
            state=State.NO_CONTROL,
            reason="sleep mode is off: a sleep would free nothing",
            advice="start it with --enable-sleep-mode",
        )
    return None


def _wedged(signals: Signals) -> Derived | None:
    last, seen = signals.last, signals.observation
    if last is None or seen is None or seen.is_sleeping is False:
        return None
    if last.outcome is not Outcome.FAILED or last.cause not in _BROKEN:
        return None
    if last.cause is Cause.OUT_OF_MEMORY and signals.facts.features.failed_wake_recovers:
        return Derived(
            state=State.PARTIAL,
            reason=last.message,
            advice="free memory on its GPU, then w tries the wake again",
        )
    return Derived(
        state=State.WEDGED,
        reason=last.message,
        advice="restart it: it does not come back from a failed wake",
    )


def _asleep(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is None or not seen.is_sleeping:
        return None
    metric = seen.metrics.sleep_metric if seen.metrics else None
    level = _LEVEL.get(metric) if metric is not None else signals.asked_level
    held = signals.memory.total_bytes if signals.memory else None
    last = signals.last
    if last is not None and last.cause is Cause.STOPPED_MIDWAY:
        return Derived(
            state=State.PARTIAL,
            level=level,
            reason=last.message,
            advice="w tries the wake again",
        )
    if metric is SleepMetric.AWAKE or level == 0:
        return _paused(signals, held)
    if signals.facts.sleep_enabled is False:
        return Derived(
            state=State.SUSPECT,
            level=level,
            reason="it says asleep, but sleep mode is off: nothing was freed",
            advice="w wakes it; start it with --enable-sleep-mode",
        )
    return _asleep_by_memory(signals, level, held)


def _paused(signals: Signals, held: int | None) -> Derived:
    share = signals.thresholds.regrown_fraction
    if held is not None and signals.awake_bytes and held < share * signals.awake_bytes:
        return Derived(
            state=State.PARTIAL,
            reason=f"it holds {memory_text(held)} of {memory_text(signals.awake_bytes)}:"
            " only a part was woken",
            advice="w wakes the rest",
        )
    return Derived(state=State.PAUSED, level=0, reason="requests wait, memory stays")


def _asleep_by_memory(signals: Signals, level: int | None, held: int | None) -> Derived:
    limit = signals.thresholds.regrown_fraction * (signals.awake_bytes or 0)
    lowest = signals.lowest_asleep_bytes  # None: not weighed since it fell asleep
    if held is None or lowest is None or not limit or held <= limit:
        last = signals.last
        if last is not None and last.kind is Kind.SLEEP and last.cause is Cause.NOTHING_FREED:
            return Derived(state=State.SUSPECT, level=level, reason=last.message, advice=last.hint)
        return Derived(state=State.ASLEEP, level=level)
    if lowest <= limit:
        return Derived(
            state=State.PARTIAL,
            level=level,
            reason=f"its memory has grown back to {memory_text(held)}",
            advice="w wakes the rest",
        )
    return Derived(
        state=State.SUSPECT,
        level=level,
        reason=f"it says asleep and still holds {memory_text(held)}",
        advice="wake it, look at its log, and check --enable-sleep-mode",
    )


def _awake(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is None or seen.is_sleeping is None:
        return None
    if signals.disagreeing >= DISAGREE_LOOKS:
        return Derived(
            state=State.SUSPECT,
            reason="/is_sleeping says awake, the metric says asleep",
            advice="send a test prompt; a sleep and a wake set both again",
        )
    if signals.check is Check.CHANGED:
        return Derived(state=State.SUSPECT, reason="its answers have changed", advice="restart it")
    return Derived(state=State.AWAKE)


def _only_metrics(signals: Signals) -> Derived | None:
    """/metrics answered and /is_sleeping gave an error: the metric is the better half."""
    seen = signals.observation
    if seen is None:
        return None
    metric = seen.metrics.sleep_metric if seen.metrics else None
    reason = seen.problem or "only its metrics answer"
    if metric is SleepMetric.AWAKE:
        return Derived(state=State.SUSPECT, reason=reason, advice="l shows its log")
    if metric in (SleepMetric.OFFLOADED, SleepMetric.DISCARDED):
        return Derived(
            state=State.SUSPECT, level=_LEVEL[metric], reason=reason, advice="l shows its log"
        )
    return Derived(state=State.UNKNOWN, reason=reason)


_Rule = Callable[[Signals], Derived | None]
_RULES: tuple[_Rule, ...] = (
    _operating,
    _unreached,
    _busy_engine,
    _uncontrolled,
    _wedged,
    _asleep,
    _awake,
    _only_metrics,
)


def _evidence(signals: Signals) -> tuple[str, ...]:
    """What each signal says, a line each."""
    return tuple(
        line
        for line in (
            *_said_by_server(signals.observation),
            _said_by_memory(signals),
            _said_by_home(signals.home),
            _said_by_last(signals.last),
        )
        if line
    )


def _said_by_server(seen: Observation | None) -> tuple[str, ...]:
    if seen is None:
        return ()
    if seen.reach is not Reach.ANSWERED:
        return (f"look: {seen.problem or seen.reach.value}",)
    lines = []
    if seen.is_sleeping_slow:
        lines.append("/is_sleeping: no answer while /metrics answers")
    elif seen.is_sleeping is not None:
        lines.append(f"/is_sleeping: {str(seen.is_sleeping).lower()}")
    if seen.is_paused is not None:
        lines.append(f"/is_paused: {str(seen.is_paused).lower()}")
    if seen.metrics is not None and seen.metrics.sleep_metric is not None:
        metric = seen.metrics.sleep_metric
        shown = "all zero" if metric is SleepMetric.NONE else metric.value
        lines.append(f"engine_sleep_state: {shown}")
    if seen.control is Control.NO_DEV_MODE:
        lines.append("/is_sleeping: 404")
    return tuple(lines)


def _said_by_memory(signals: Signals) -> str:
    if signals.memory is None:
        return "GPU memory: not visible for its processes"
    text = f"GPU memory: {memory_text(signals.memory.total_bytes)}"
    if signals.awake_bytes is not None:
        text += f" of {memory_text(signals.awake_bytes)} awake"
    return f"{text}, {signals.memory.source.value}"


def _said_by_home(home: Home | None) -> str:
    if home is None:
        return ""
    if home.container is not None:
        return f"container {home.container}: {home.container_state or 'found'}"
    return f"local processes: {len(home.pids)}"


def _said_by_last(last: OperationRecord | None) -> str:
    if last is None:
        return ""
    level = f" L{last.level}" if last.kind is Kind.SLEEP and last.level is not None else ""
    return f"our last: {last.kind.value}{level}, {last.outcome.value}"
