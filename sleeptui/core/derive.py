"""The state table, first half: what a server is in, from all signals that are known of it.

A status code is not a state. ``/is_sleeping`` says "asleep?" (and also when it is only paused),
the metric ``vllm:engine_sleep_state`` says at which level, GPU memory says whether it is true.
Where they disagree the server is suspect, and the evidence lines say what each one said.
"""

from collections.abc import Callable
from dataclasses import replace

from sleeptui.core.canary import Check, Grade, Verification
from sleeptui.core.derive_asleep import LEVEL_OF, asleep
from sleeptui.core.evidence import evidence_of
from sleeptui.core.home import Home
from sleeptui.core.model import Control, Observation, Reach, SleepLevel, SleepMetric, State
from sleeptui.core.operation import Cause, Kind, OperationRecord, Outcome, Phase
from sleeptui.core.signals import Derived, Signals
from sleeptui.core.units import memory as memory_text

DISAGREE_LOOKS = 3
"""Looks in a row after which a disagreement is no longer the lag of the metric."""
_BROKEN = frozenset({Cause.OUT_OF_MEMORY, Cause.WEDGED})
_COMING = "restarting"
"""Docker's word for a container that comes up. One that is created waits until it is started."""
_VERIFIED = frozenset({Kind.SLEEP, Kind.WAKE, Kind.START})
_RUNTIME = {Kind.START: State.STARTING, Kind.STOP: State.STOPPING}


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
    found = next((found for rule in _RULES if (found := rule(signals))), _only_metrics(signals))
    return replace(found, reason=found.reason or _half_seen(signals), evidence=evidence_of(signals))


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
    if operation.phase is Phase.VERIFYING and operation.kind in _VERIFIED:
        return Derived(state=State.VERIFYING)
    if operation.kind in _RUNTIME:
        return Derived(state=_RUNTIME[operation.kind])
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
        case _:  # TIMED_OUT
            return _silent(signals, problem, signals.answered_s)


def _not_listening(signals: Signals, problem: str) -> Derived:
    home = signals.home
    if home is not None and home.container_state == _COMING:
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


def _silent(signals: Signals, problem: str, answered_s: float | None) -> Derived:
    if answered_s is None:
        return Derived(state=State.UNKNOWN, reason=problem, advice="slow is not down: wait")
    if signals.now_s - answered_s < signals.stale_after_s:
        return signals.settled or Derived(state=signals.previous)
    return Derived(
        state=State.STALE,
        reason=problem,
        advice="slow is not down: it may be busy or hung; l shows its log",
    )


def _busy_engine(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is None or not seen.is_sleeping_slow:
        return None
    is_at_rest = seen.metrics is not None and seen.metrics.operations_in_flight == 0
    if not is_at_rest and signals.previous in (State.ASLEEP, State.PAUSED, State.PARTIAL):
        return Derived(state=State.WAKING, reason="somebody else wakes it, or it is stuck")
    if not is_at_rest and signals.previous is State.AWAKE:
        return Derived(
            state=State.FALLING_ASLEEP, reason="somebody else puts it to sleep, or it is stuck"
        )
    return _silent(signals, "/is_sleeping does not answer, /metrics does", signals.told_s)


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
            advice=signals.facts.sleep_mode_advice,
        )
    return None


def _wedged(signals: Signals) -> Derived | None:
    last, seen = signals.last, signals.observation
    if last is None or seen is None:
        return None
    if last.outcome is not Outcome.FAILED or last.cause not in _BROKEN:
        return None
    if seen.is_sleeping is False:
        return _broken_sleep(signals, last) if last.kind is Kind.SLEEP else None
    if last.cause is Cause.OUT_OF_MEMORY and signals.facts.features.failed_wake_recovers:
        return None  # it sleeps as before; its wake can be tried again
    return Derived(
        state=State.WEDGED,
        reason=last.message,
        advice=f"restart it: it does not come back from a failed {last.kind.value}",
    )


def _broken_sleep(signals: Signals, last: OperationRecord) -> Derived | None:
    """A sleep that failed in the engine, which says that it is awake.

    vLLM 0.33 and before may have unmapped the memory by then (``gpu_worker.py`` asserts after
    it), and takes itself for awake: the next prompt would kill it.
    """
    held = signals.memory.total_bytes if signals.memory else None
    if held is None or not signals.awake_bytes:
        return Derived(
            state=State.SUSPECT,
            reason=f"a sleep failed in its engine: {last.message}",
            advice="a test prompt tells whether it lives",
        )
    if held >= signals.thresholds.regrown_fraction * signals.awake_bytes:
        return None
    return Derived(
        state=State.WEDGED,
        reason=f"it says awake and holds {memory_text(held)}: {last.message}",
        advice="restart it: it does not come back from a failed sleep",
    )


def _awake(signals: Signals) -> Derived | None:
    seen = signals.observation
    if seen is None or seen.is_sleeping is None:
        return None
    if signals.disagreeing >= DISAGREE_LOOKS:
        return Derived(
            state=State.SUSPECT,
            reason="/is_sleeping says awake, the metric says asleep",
            advice="a test prompt tells whether it lives; w sets both again",
        )
    last, verification = signals.last, signals.verification
    check = verification.check if verification else Check.UNVERIFIED
    if last is not None and last.cause is Cause.NO_WEIGHTS and check is not Check.VERIFIED:
        return Derived(
            state=State.SUSPECT,
            reason=f"it says awake, its weights were not read again: {last.message}",
            advice="w reads them again; until then its answers are garbage",
        )
    if verification is not None and check is Check.CHANGED:
        return _changed(signals, verification)
    if signals.check_due:
        return Derived(state=State.AWAKE, reason=_woken_outside(signals), advice="v verifies it")
    return Derived(state=State.AWAKE)


def _changed(signals: Signals, verification: Verification) -> Derived:
    """The canary says that its answers are not what they were."""
    verdict = verification.verdict
    if verdict.grade is Grade.NO_ANSWER:
        return Derived(
            state=State.SUSPECT,
            reason=f"it says awake and does not answer: {verdict.words}",
            advice="v asks again; if it stays silent, restart it",
        )
    what = "garbage" if verdict.grade in (Grade.GARBAGE, None) else "not what they were"
    mends = signals.facts.features.reload_weights
    return Derived(
        state=State.SUSPECT,
        reason=f"its answers are {what}: {verdict.words}",
        advice="w reads its weights again; if that does not help, restart it"
        if mends
        else "restart it",
    )


def _woken_outside(signals: Signals) -> str:
    if signals.is_late_wake:
        return "its wake had no answer and took effect later: its answers are not checked"
    if signals.woken_from == SleepLevel.DISCARD:
        return "somebody else woke it from level 2: garbage, unless its weights were read again"
    return "somebody else woke it: its answers are not checked"


def _only_metrics(signals: Signals) -> Derived:
    """/metrics answered and /is_sleeping gave an error: the metric is the better half."""
    seen = signals.observation
    metric = seen.metrics.sleep_metric if seen and seen.metrics else None
    reason = (seen.problem if seen else None) or "only its metrics answer"
    if metric is SleepMetric.AWAKE:
        return Derived(state=State.SUSPECT, reason=reason, advice="l shows its log")
    if metric in (SleepMetric.OFFLOADED, SleepMetric.DISCARDED):
        return Derived(
            state=State.SUSPECT, level=LEVEL_OF[metric], reason=reason, advice="l shows its log"
        )
    return Derived(state=State.UNKNOWN, reason=reason)


_Rule = Callable[[Signals], Derived | None]
_RULES: tuple[_Rule, ...] = (
    _operating,
    _unreached,
    _wedged,
    _busy_engine,
    _uncontrolled,
    asleep,
    _awake,
)
