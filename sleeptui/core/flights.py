"""One request of a trial: its class, and whether that is what its mode promises. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sleeptui.core.fates import BROKEN, Class, Tokens, Window, classify, tokens
from sleeptui.core.session import RequestSeen

IN_FLIGHT = "inflight"
QUEUED = "queued"
COUNTED = frozenset({IN_FLIGHT, QUEUED})
"""Cohorts that a trial is about: its streams, with a token at S0 or without."""
COHORTS = (IN_FLIGHT, QUEUED, "late", "parked", "probe")
_LATER = frozenset({Class.RELEASED, Class.DRAINED, Class.SERVED, Class.RESUMED})
_EXPECTED: Mapping[tuple[str, str], frozenset[Class]] = {
    ("wait", IN_FLIGHT): frozenset({Class.DRAINED}),
    ("wait", QUEUED): frozenset({Class.DRAINED, Class.RELEASED}),
    ("abort", IN_FLIGHT): frozenset({Class.ABORTED}),
    ("abort", QUEUED): frozenset({Class.ABORTED, Class.RELEASED}),
    ("keep", IN_FLIGHT): frozenset({Class.RESUMED_EXACT}),
    ("keep", QUEUED): frozenset({Class.RESUMED_EXACT, Class.RELEASED}),
}
"""What a mode promises; of all other cohorts that they are answered, sooner or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One request of a trial."""

    request: RequestSeen
    cohort: str
    """As it was sent, but a stream without a token at S0 is ``queued``."""
    cls: Class
    is_expected: bool
    """Its mode promises this."""
    is_certain: bool = False
    """It is so whenever something came: an end that is none, an abort, another text."""
    tokens: Tokens
    stall_s: float | None = None
    """How long its user saw nothing because of the sleep; None: it did not hold it up."""


def flight(request: RequestSeen, window: Window, mode: str) -> Flight:
    """A request around a sleep with a mode."""
    cls, counted = classify(request, window), tokens(request, window)
    cohort = request.cohort
    if cohort == IN_FLIGHT and not counted.before_s0:
        cohort = QUEUED
    promised = _EXPECTED.get((mode, cohort), _LATER)
    if mode == "abort" and cohort not in COUNTED:
        promised = promised | {Class.ABORTED}
    is_text = cls is Class.RESUMED_DIFFERS and Class.RESUMED_EXACT in promised
    if Class.RESUMED_EXACT in promised and request.tie:  # no doing of the sleep
        promised = promised | {Class.RESUMED_DIFFERS}
    if cohort == "probe":
        promised = promised | {Class.FINISHED_EARLY}
    return Flight(
        request=request,
        cohort=cohort,
        cls=cls,
        is_expected=cls in promised,
        is_certain=is_text or cls in BROKEN or cls is Class.ABORTED,
        tokens=counted,
        stall_s=_stall(request, cls),
    )


def _stall(request: RequestSeen, cls: Class) -> float | None:
    """Of a frozen one its silence, of a parked one the time to its first token."""
    if cls is Class.RELEASED and request.first_ns is not None:
        begin = request.scheduled_ns or request.sent_ns or request.began_ns
        return (request.first_ns - begin) / 1e9
    return request.max_gap_s if request.gap_covers_sleep else None
