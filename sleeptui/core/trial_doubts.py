"""Whether a sleep has found what its trial is about: requests that were in flight. Pure.

A stream that was over before its server took the sleep says nothing of the mode, and neither does
one of which it cannot be told: the machine, and not the server, would fail.
"""

from collections.abc import Sequence

from sleeptui.core.fates import WITHIN_NS, Class, Window
from sleeptui.core.flights import COUNTED, IN_FLIGHT, Flight
from sleeptui.core.session import Attempt
from sleeptui.core.units import duration

_NEARLY_DONE = 0.8
"""Of its tokens at S0: such a request may end by itself before the sleep takes hold."""
_BY_ITSELF = frozenset({Class.DRAINED, Class.UNCLASSIFIED})


def doubt(sleep: Attempt, window: Window, flights: Sequence[Flight]) -> str:
    """Why what became of the streams may be no doing of the sleep; empty: it is.

    What is beyond doubt (``Flight.is_certain``) counts all the same.
    """
    streams = [one for one in flights if one.cohort in COUNTED]
    of = f"of {len(streams)} requests"
    early = sum(one.cls is Class.FINISHED_EARLY for one in streams)
    if early:
        return f"{early} {of} had ended before the sleep was sent"
    over = sum(_is_over(one, window) for one in streams)
    if over:
        return f"{over} {of} may have been answered before the server took the sleep"
    after = sum(_is_after_wake(one, window) for one in streams)
    if after:
        return f"{after} {of} may have been answered only after the wake"
    done = sum(_is_nearly_done(one) for one in streams)
    if done:
        return f"{done} {of} were nearly answered before the sleep"
    if any(not one.is_expected and not one.is_certain for one in streams):
        return _untold(sleep, window, len(streams))
    return ""


def _is_over(one: Flight, window: Window) -> bool:
    return one.cls in _BY_ITSELF and (one.request.ended_ns or 0) <= (window.over_by or 0)


def _is_after_wake(one: Flight, window: Window) -> bool:
    """It ended late enough for both: on its way since before S1, or let go on by the wake."""
    return (
        one.cls is Class.DRAINED
        and window.w0 is not None
        and (one.request.ended_ns or 0) >= window.w0
    )


def _is_nearly_done(one: Flight) -> bool:
    is_far = one.tokens.before_s0 > _NEARLY_DONE * one.request.max_tokens
    return one.cohort == IN_FLIGHT and is_far


def _untold(sleep: Attempt, window: Window, streams: int) -> str:
    """Of trials in which not all became what the mode promises: whether that can be told."""
    if window.late > WITHIN_NS:
        late = duration(window.late / 1e9)
        return f"too busy to tell: what was under way came up to {late} late"
    requests = sleep.record.in_flight if sleep.record else None
    if requests is not None and requests.total is not None and requests.total < streams:
        return f"the server had {requests.total} of {streams} requests left before the sleep"
    return ""
