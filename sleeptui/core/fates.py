"""What becomes of one request when its server is put to sleep: the table of classes. Pure.

Moments: S0 the sleep is sent, S1 it is answered, W0 the wake is sent, W1 its last answer came. In
between lies T, when the server took the sleep: by its own figure, so long before S1.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from sleeptui.core.operation import GIVEN_UP, Fate
from sleeptui.core.session import Attempt, RequestSeen

WITHIN_NS = 250_000_000
"""After the answer to a sleep: what comes so soon was on its way. Where the server does not say
when it took the sleep, it is taken to be under way for so long."""


class Class(StrEnum):
    """What became of a request; the first rule of the table that matches decides."""

    HUNG = "hung"
    """Open at the deadline, while its server answered another one."""
    LOST = "lost"
    """Open at the deadline, and its server answered nobody."""
    GIVEN_UP = "given_up"
    """Taken back by us, because the benchmark was stopped: says nothing of the server."""
    REFUSED = "refused"
    """An error status before anything else."""
    ERRORED = "errored"
    """An error within the stream."""
    ABORTED = "aborted"
    """Ended by the server: ``finish_reason`` abort."""
    TRUNCATED = "truncated"
    """The stream closed without its end, or the connection broke."""
    FINISHED_EARLY = "finished_early"
    """Over before S0: the sleep did not catch it."""
    SERVED = "served"
    """Sent after W1, and answered whole."""
    DRAINED = "drained"
    """Answered whole by S1."""
    RESUMED_EXACT = "resumed_exact"
    """Frozen by the sleep, went on after the wake, with the text of its control."""
    RESUMED_DIFFERS = "resumed_differs"
    """As before, with another text."""
    RESUMED = "resumed"
    """As before; there is nothing to compare with."""
    RELEASED = "released"
    """No token before W0, then answered whole."""
    UNCLASSIFIED = "unclassified"
    """None of the others, such as the end of an answer while its server was asleep."""


BROKEN = frozenset({Class.HUNG, Class.LOST, Class.REFUSED, Class.ERRORED, Class.TRUNCATED})
"""No mode of a sleep excuses these."""
RESUMED = frozenset({Class.RESUMED, Class.RESUMED_EXACT, Class.RESUMED_DIFFERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A sleep and the wake after it; None: it did not come to that."""

    s0: int | None = None
    s1: int | None = None
    w0: int | None = None
    w1: int | None = None
    taken: int | None = None
    """T, at the latest; None: not known."""
    late: int = 0
    """So many nanoseconds later than it should something may have reached the server, or us."""

    @property
    def on_its_way(self) -> int:
        """How long after S1 may come what was sent before it."""
        return WITHIN_NS + self.late

    @property
    def over_by(self) -> int | None:
        """An answer that has ended by then may have been whole before the server took the sleep."""
        if self.s0 is None:
            return None
        taken = self.s0 + WITHIN_NS if self.taken is None else self.taken
        return taken + self.late

    def heard(self, requests: Iterable[RequestSeen]) -> "Window":
        """With the lateness of stamps of requests in it."""
        late_s = max((one.late_s for one in requests if one.late_s is not None), default=0.0)
        return replace(self, late=max(self.late, round(late_s * 1e9)))

    @classmethod
    def of(cls, sleep: Attempt | None, wake: Attempt | None) -> "Window":
        """From the operations: without an answer the end of the operation stands for it.

        Where sleeptui has waited itself for the requests to end, the sleep begins with that.
        """
        taken, late = _taken(sleep) if sleep else (None, 0)
        return cls(
            s0=_asked(sleep) if sleep else None,
            taken=taken,
            late=late,
            s1=(sleep.done_ns or sleep.ended_ns) if sleep else None,
            w0=wake.sent_ns if wake else None,
            w1=(wake.done_ns or wake.ended_ns) if wake else None,
        )


def _asked(sleep: Attempt) -> int | None:
    return sleep.began_ns if _has_drained(sleep) and sleep.sent_ns is not None else sleep.sent_ns


def _has_drained(sleep: Attempt) -> bool:
    return sleep.record is not None and any(part.name == "drain" for part in sleep.record.parts)


def _taken(sleep: Attempt) -> tuple[int | None, int]:
    """T, and how late things were around a sleep: request and answer under way, our own loop.

    A server that is short of time, or we, make the call longer than the server's figure for it.
    """
    late = round((sleep.record.stamp_lag_s or 0.0) * 1e9) if sleep.record else 0
    if _has_drained(sleep):
        return _asked(sleep), late
    server_s = sleep.record.server_s if sleep.record else None
    if server_s is None or sleep.done_ns is None or sleep.sent_ns is None:
        return None, late
    taken = max(sleep.done_ns - round(server_s * 1e9), sleep.sent_ns)
    return taken, max(late, taken - sleep.sent_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """When the tokens of a request came."""

    before_s0: int
    s0_s1: int
    asleep: int
    w0_w1: int
    after_w1: int
    asleep_chunks: int = 0
    """Pieces that came while it was asleep, but for those that were on their way: odd."""


def classify(request: RequestSeen, window: Window) -> Class:
    """The class of a request around a sleep."""
    return next(
        (found for rule in (_taken_back, _broken, _finished) if (found := rule(request, window))),
        Class.UNCLASSIFIED,
    )


def _taken_back(request: RequestSeen, _window: Window) -> Class | None:
    if request.fate == Fate.LOST:
        return Class.LOST
    if request.fate == Fate.HUNG or request.ended_ns is None:
        return Class.HUNG
    return Class.GIVEN_UP if request.error == GIVEN_UP else None


def _broken(request: RequestSeen, _window: Window) -> Class | None:
    if request.http is not None:
        return Class.REFUSED
    if request.finish_reason == "error" or (request.error is not None and request.terminated):
        return Class.ERRORED
    if request.finish_reason == "abort" or request.fate == Fate.ABORTED:
        return Class.ABORTED
    is_whole = request.finish_reason is not None and request.terminated and request.error is None
    return None if is_whole else Class.TRUNCATED


def _finished(request: RequestSeen, window: Window) -> Class | None:
    ended = request.ended_ns
    sent = request.began_ns if request.sent_ns is None else request.sent_ns
    if ended is None or window.s0 is None:
        return None
    if ended <= window.s0:
        return Class.FINISHED_EARLY
    if window.w1 is not None and sent >= window.w1:
        return Class.SERVED
    if _began_after(request, window):
        return Class.RELEASED
    if window.s1 is not None and ended <= window.s1 + window.on_its_way:
        return Class.DRAINED
    if window.s1 is None or window.w0 is None or ended < window.w0:
        return None
    if request.first_ns is None:
        return Class.RELEASED
    return _resumed(request.equal) if _is_frozen(request, window) else None


def _began_after(request: RequestSeen, window: Window) -> bool:
    """Its first token came after W0: on a busy machine that may be within what was on its way."""
    return window.w0 is not None and request.first_ns is not None and request.first_ns >= window.w0


def _is_frozen(request: RequestSeen, window: Window) -> bool:
    """Nothing came between S1 and W0 but what was on its way, and more came after it."""
    s1, w0 = window.s1 or 0, window.w0 or 0
    times = [at_ns for at_ns, _ in request.chunks]
    if not times:
        return True  # of a session without pieces only the first token is known
    after = bisect_right(times, w0)
    return 0 < after < len(times) and times[after - 1] <= s1 + window.on_its_way


def _resumed(equal: bool | None) -> Class:
    if equal is None:
        return Class.RESUMED
    return Class.RESUMED_EXACT if equal else Class.RESUMED_DIFFERS


def tokens(request: RequestSeen, window: Window) -> Tokens:
    """How many tokens came in which part of the window."""
    times = [at_ns for at_ns, _ in request.chunks]
    counts = [0, *(count for _, count in request.chunks)]

    def by(at_ns: int | None, otherwise: int) -> int:
        """Tokens by a moment; one that never came: as at the moment before it."""
        return otherwise if at_ns is None else counts[bisect_right(times, at_ns)]

    s0 = by(window.s0, counts[-1])
    s1 = by(window.s1, s0)
    w0 = by(window.w0, counts[-1])
    w1 = by(window.w1, w0)
    asleep = 0
    if window.s1 is not None and window.w0 is not None:
        quiet = window.s1 + window.on_its_way
        asleep = max(bisect_right(times, window.w0) - bisect_right(times, quiet), 0)
    return Tokens(
        before_s0=s0,
        s0_s1=s1 - s0,
        asleep=w0 - s1,
        w0_w1=w1 - w0,
        after_w1=counts[-1] - w1,
        asleep_chunks=asleep,
    )
