"""When a server is as fast after a wake as it was before the sleep. Pure.

The first request after a wake can be slow: caches are cold, clocks are low. Steady is the first
of three requests in a row that are no slower than those before the sleep, but for noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sleeptui.core.completion import Completion
from sleeptui.core.stats import mad, median

IN_A_ROW = 3
SHARE = 0.10
"""Slower by this is still as fast …"""
DEVIATIONS = 3.0
"""… and so is what lies within so many median absolute deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one request was answered."""

    ttft_s: float
    """Sent to first token."""
    tpot_s: float | None = None
    """Between two tokens, on average; None: it had but one, or their number is not known."""


def pace_of(completion: Completion) -> Pace | None:
    """The pace of an answer; None: no token came, or it did not end as it should."""
    first_s, last_s = completion.first_token_s, completion.last_token_s
    if first_s is None or completion.error is not None or completion.finish_reason is None:
        return None
    rest = (completion.completion_tokens or 0) - 1
    tpot_s = (last_s - first_s) / rest if last_s is not None and rest > 0 else None
    return Pace(ttft_s=first_s - completion.sent_s, tpot_s=tpot_s)


def steady_from(before: Sequence[Pace], after: Sequence[Pace | None]) -> int | None:
    """Index of the first request from which on it is as fast as before; None: not seen.

    Args:
        before: Requests before the sleep; none: nothing can be said.
        after: Requests after the wake, in order; None: one that was not answered.
    """
    if not before:
        return None
    ttft_s = _limit([pace.ttft_s for pace in before])
    per_token = [pace.tpot_s for pace in before if pace.tpot_s is not None]
    tpot_s = _limit(per_token) if per_token else None
    row = 0
    for index, pace in enumerate(after):
        row = row + 1 if pace is not None and _is_within(pace, ttft_s, tpot_s) else 0
        if row == IN_A_ROW:
            return index - IN_A_ROW + 1
    return None


def _limit(values: Sequence[float]) -> float:
    middle = median(values)
    return middle + max(SHARE * middle, DEVIATIONS * mad(values))


def _is_within(pace: Pace, ttft_s: float, tpot_s: float | None) -> bool:
    is_soon = pace.ttft_s <= ttft_s
    return is_soon and (tpot_s is None or pace.tpot_s is None or pace.tpot_s <= tpot_s)
