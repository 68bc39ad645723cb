"""The state table, of a server that says that it sleeps: how deep, and whether it is true."""

from sleeptui.core.model import SleepMetric, SleepMode, State
from sleeptui.core.operation import Cause, Kind
from sleeptui.core.signals import Derived, Signals
from sleeptui.core.units import GIB
from sleeptui.core.units import memory as memory_text

GROWN_BYTES = GIB
"""A sleeping engine makes no step and takes no memory: one that takes more was woken in part."""

LEVEL_OF = {SleepMetric.OFFLOADED: 1, SleepMetric.DISCARDED: 2, SleepMetric.NONE: 0}
"""The level that the metric tells."""


def asleep(signals: Signals) -> Derived | None:
    """The rule for a server whose /is_sleeping says true; None: it does not."""
    seen = signals.observation
    if seen is None or not seen.is_sleeping:
        return None
    metric = seen.metrics.sleep_metric if seen.metrics else None
    level = LEVEL_OF.get(metric) if metric is not None else signals.asked_level
    last = signals.last
    if last is not None and last.cause in (Cause.STOPPED_MIDWAY, Cause.NO_WEIGHTS):
        return Derived(
            state=State.PARTIAL,
            level=level,
            reason=last.message,
            advice="w tries the wake again",
        )
    if metric is SleepMetric.AWAKE and (pending := _pending(signals)) is not None:
        return pending
    if metric is SleepMetric.NONE and signals.told_level:
        level = signals.told_level  # a level 0 on top changes the metric and nothing else
    elif metric is SleepMetric.AWAKE or level == 0:
        return _paused(signals)
    if signals.facts.sleep_enabled is False:
        return Derived(
            state=State.SUSPECT,
            level=level,
            reason="it says asleep, but sleep mode is off: nothing was freed",
            advice=f"w wakes it; {signals.facts.sleep_mode_advice}",
        )
    return _asleep_by_memory(signals, level)


def _pending(signals: Signals) -> Derived | None:
    """Our sleep got no answer in time: the engine still waits for its requests, then sleeps.

    A wake now would let requests run and leave the sleep armed, which then strikes while they do.
    """
    last, seen = signals.last, signals.observation
    if last is None or last.kind is not Kind.SLEEP or last.cause is not Cause.NO_ANSWER:
        return None
    if last.level and _is_low(signals):
        return Derived(state=State.ASLEEP, level=last.level)
    running = seen.metrics.running if seen is not None and seen.metrics else None
    if not last.level or last.mode != SleepMode.WAIT or running == 0:
        return None
    return Derived(
        state=State.DRAINING,
        level=last.level,
        reason="our sleep got no answer and still waits for requests in flight",
        advice="wait: it falls asleep when they have ended",
    )


def _is_low(signals: Signals) -> bool:
    """It holds much less than awake."""
    held, awake = signals.asleep_bytes, signals.awake_bytes
    share = signals.thresholds.regrown_fraction
    return held is not None and bool(awake) and held < share * (awake or 0)


def _paused(signals: Signals) -> Derived:
    if signals.told_level:
        # Up to 0.30 the metric turns to awake when only a part was woken.
        return Derived(
            state=State.PARTIAL,
            level=signals.told_level,
            reason="its metric says awake, /is_sleeping says asleep: only a part was woken",
            advice="w wakes the rest",
        )
    if _is_low(signals):
        held, awake = memory_text(signals.asleep_bytes), memory_text(signals.awake_bytes)
        return Derived(
            state=State.PARTIAL,
            reason=f"it holds {held} of {awake}: only a part was woken",
            advice="w wakes the rest",
        )
    return Derived(state=State.PAUSED, level=0, reason="requests wait, memory stays")


def _above_ceiling(signals: Signals, level: int | None) -> Derived | None:
    held, ceiling = signals.asleep_bytes, signals.thresholds.residual_bytes
    if held is None or ceiling is None or held <= ceiling:
        return None
    return Derived(
        state=State.SUSPECT,
        level=level,
        reason=f"asleep it holds {memory_text(held)}, more than its ceiling {memory_text(ceiling)}",
        advice="restart it to get the memory back, or raise thresholds.residual_mib",
    )


def _grown_back(held: int, level: int | None) -> Derived:
    return Derived(
        state=State.PARTIAL,
        level=level,
        reason=f"its memory has grown back to {memory_text(held)}",
        advice="w wakes the rest",
    )


def _asleep_by_memory(signals: Signals, level: int | None) -> Derived:
    held = signals.asleep_bytes
    limit = signals.thresholds.regrown_fraction * (signals.awake_bytes or 0)
    lowest = signals.lowest_asleep_bytes  # None: not weighed since it fell asleep
    if held is None or lowest is None or not limit or held <= limit:
        last = signals.last
        if last is not None and last.kind is Kind.SLEEP and last.cause is Cause.NOTHING_FREED:
            return Derived(state=State.SUSPECT, level=level, reason=last.message, advice=last.hint)
        grown = held is not None and lowest is not None and held - lowest > GROWN_BYTES
        if last is not None and last.cause is Cause.OUT_OF_MEMORY:
            return Derived(
                state=State.PARTIAL if grown else State.ASLEEP,
                level=level,
                reason=last.message,
                advice="free memory on its GPU, then w tries the wake again",
            )
        if held is not None and grown:
            return _grown_back(held, level)
        return _above_ceiling(signals, level) or Derived(state=State.ASLEEP, level=level)
    if lowest <= limit:
        return _grown_back(held, level)
    return Derived(
        state=State.SUSPECT,
        level=level,
        reason=f"it says asleep and still holds {memory_text(held)}",
        advice="wake it, look at its log, and check --enable-sleep-mode",
    )
