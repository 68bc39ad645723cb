"""Requests around a sleep: how many there were, and what became of them. Words are pure."""

from collections.abc import Mapping, Sequence

from sleeptui.core.model import EngineMetrics, SleepMode
from sleeptui.core.operation import Fate, InFlight
from sleeptui.services.ledger import WHOLE, Request, fates

ENDS_WITHIN_S = 0.5
"""How long the ends of our own streams may be under way after the server's answer."""


def counted(
    before: EngineMetrics | None, after: EngineMetrics | None, ours: Sequence[Request] = ()
) -> InFlight:
    """What the looks before and after a sleep tell, and how our own requests stand now."""
    return InFlight(
        running=before.running if before else None,
        waiting=before.waiting if before else None,
        finished=_rise(before, after),
        ours=fates(ours),
    )


def has_counters(metrics: EngineMetrics | None) -> bool:
    """Whether its ends of requests are counted at all."""
    return metrics is not None and bool(metrics.requests_total)


def is_settled(requests: InFlight) -> bool:
    """Whether all that were in flight have an end by the server's counters."""
    return not requests.total or sum(requests.finished.values()) >= requests.total


def fate_words(requests: InFlight, mode: SleepMode) -> str:
    """``of 8 in flight 8 were aborted``; "" where nothing was in flight, or it is not known."""
    total, finished = requests.total, requests.finished
    if not total:
        return ""
    ended = sum(finished.values())
    completed = sum(number for reason, number in finished.items() if reason in WHOLE)
    aborted = finished.get("abort", 0)
    other = ended - completed - aborted
    parts = []
    if completed:
        parts.append(f"{completed} completed")
    if aborted:
        parts.append(f"{aborted} {_were(aborted)} aborted")
    if other:
        parts.append(f"{other} ended otherwise")
    if mode is not SleepMode.ABORT and ended < total:
        left = total - ended
        parts.append(f"{left} {'waits' if left == 1 else 'wait'} for the wake")
    if not parts:
        return f"{total} {_were(total)} in flight"
    if ended > total:
        return f"{total} {_were(total)} in flight, since then {', '.join(parts)}"
    return f"of {total} in flight {', '.join(parts)}"


def request_lines(requests: InFlight, mode: SleepMode, *, is_counted: bool) -> tuple[str, ...]:
    """What was in flight, what the server counted since, and how ours stand, a line each."""
    lines = [_before(requests), _since(requests.finished, is_counted=is_counted)]
    if requests.ours:
        lines.append(f"requests of ours: {_told(requests.ours)}")
    total = requests.total
    if mode is SleepMode.ABORT and total and is_counted and not is_settled(requests):
        missing = total - sum(requests.finished.values())
        lines.append(f"requests: {missing} not accounted for")
    return tuple(line for line in lines if line)


def _before(requests: InFlight) -> str:
    if requests.total is None:
        return "requests: its queue could not be read"
    if not requests.total:
        return "requests: none in flight before it"
    return f"requests: {requests.running} running and {requests.waiting} waiting before it"


def _since(finished: Mapping[str, int], *, is_counted: bool) -> str:
    if finished:
        told = ", ".join(f"{number} {reason}" for reason, number in sorted(finished.items()))
        return f"request_success_total: {told} since then"
    return "" if is_counted else "request_success_total: not in its metrics"


def _told(ours: Mapping[Fate, int]) -> str:
    return ", ".join(f"{number} {fate.value}" for fate, number in sorted(ours.items()))


def _rise(before: EngineMetrics | None, after: EngineMetrics | None) -> Mapping[str, int]:
    if before is None or after is None:
        return {}
    earlier = before.requests_total
    risen = {
        reason: round(total - earlier.get(reason, 0.0))
        for reason, total in after.requests_total.items()
    }
    return {reason: number for reason, number in risen.items() if number > 0}


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
