"""How the state of a server is known: what each signal says, a line each."""

from typing import TYPE_CHECKING

from sleeptui.core.canary import Verification
from sleeptui.core.home import Home
from sleeptui.core.model import Control, Observation, Reach, SleepMetric
from sleeptui.core.operation import STOOD_STILL_S, Kind, OperationRecord
from sleeptui.core.units import duration
from sleeptui.core.units import memory as memory_text

if TYPE_CHECKING:
    from sleeptui.core.signals import Signals  # made with the first server

LAST = "our last:"
"""How the line begins that tells of our own last operation."""


def evidence_of(signals: "Signals") -> tuple[str, ...]:
    """What each signal says, a line each."""
    return tuple(
        line
        for line in (
            *said_by_server(signals.observation),
            _said_by_memory(signals),
            _said_by_home(signals.home),
            said_by_canary(signals.verification),
            _said_by_last(signals.last),
        )
        if line
    )


def said_by_server(seen: Observation | None) -> tuple[str, ...]:
    """What its control routes and its metric say, a line each."""
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


def said_of_times(still_s: float) -> tuple[str, ...]:
    """That this program was stopped for so long during an operation; nothing where it was not."""
    if still_s <= STOOD_STILL_S:
        return ()
    still = duration(still_s)
    return (f"no time of it was measured: sleeptui stood still for {still} meanwhile",)


def _said_by_memory(signals: "Signals") -> str:
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


def said_by_canary(verification: Verification | None) -> str:
    """What the canary says; "" where there was none."""
    if verification is None:
        return ""
    verdict = verification.verdict
    decodes = "decodes" if verdict.decodes else "does not decode"
    if verification.is_inconclusive:
        return f"canary: not known, {verdict.words}"
    grade = f"{verdict.grade.value}, " if verdict.grade is not None else ""
    return f"canary: {decodes}; {grade}{verdict.words}"


def _said_by_last(last: OperationRecord | None) -> str:
    if last is None:
        return ""
    level = f" L{last.level}" if last.kind is Kind.SLEEP and last.level is not None else ""
    return f"{LAST} {last.kind.value}{level}, {last.outcome.value}"
