"""What a cold start has taken, and when a server is as fast after a wake as before. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from sleeptui.core.bench import PhaseKind
from sleeptui.core.cold import ColdKind
from sleeptui.core.interval import OK
from sleeptui.core.places import Places
from sleeptui.core.session import Attempt, RequestSeen, Session
from sleeptui.core.steady import Pace, steady_from

NOT_AS_ASKED = "invalid:cache"
"""A start that was proven to be of another kind than the one that was prepared."""
STEADY = "steady"
"""Cohort of the requests after a wake."""
_NO_BASELINE = ("canary", "warmup")
"""Cohorts that say nothing of how fast a server is as a rule."""


def cold_class(attempt: Attempt) -> str:
    """The class of a start: one that ended well, but from another cache than was asked, is none."""
    cold = attempt.record.cold if attempt.record else None
    if attempt.cls != OK or cold is None or cold.asked is None:
        return attempt.cls
    return attempt.cls if cold.kind in (cold.asked, ColdKind.UNKNOWN) else NOT_AS_ASKED


def arm_of(attempt: Attempt) -> str:
    """The series of a start: the kind that is proven; of one that never came, what was asked."""
    cold = attempt.record.cold if attempt.record else None
    if cold is None:
        return ColdKind.UNKNOWN.value
    is_wrong = cold_class(attempt) != OK and cold.asked is not None
    return (cold.asked if is_wrong and cold.asked else cold.kind).value


def of_start(attempt: Attempt) -> Iterator[tuple[str, float | None]]:
    """Id and value of what one start has timed; None: it should have, and has not."""
    record = attempt.record
    parts = {part.name: part.duration_s for part in record.parts} if record else {}
    yield "cold.health", parts.get("health", record.duration_s if record else None)
    yield "cold.ttft", record.first_token_s if record else None
    if record is None or record.cold is None or attempt.cls != OK:
        return
    if record.cold.container_started_s is not None:
        yield "cold.container", record.cold.container_started_s
    for name, seconds in record.cold.phases.items():
        yield f"cold.phases.{name}", seconds


class Steadiness:
    """Knows the requests before the first sleep of each block, and those after each wake."""

    def __init__(self, session: Session, places: Places) -> None:
        self._before: dict[tuple[str, int | None], list[RequestSeen]] = defaultdict(list)
        self._after: dict[tuple[str, int], list[RequestSeen]] = defaultdict(list)
        self._places = places
        for one in session.requests if session.phases else ():
            if places.is_in(one, PhaseKind.BASELINE):
                if one.cohort not in _NO_BASELINE:
                    self._before[one.server, places.block(one.phase)].append(one)
            elif one.cohort == STEADY and one.phase is not None:
                self._after[one.server, one.phase].append(one)

    def of(self, wake: Attempt) -> Iterator[tuple[str, float | None]]:
        """From the request of a wake to the first of three requests that are as fast as before."""
        after = [
            one
            for one in self._after.get((wake.server, wake.phase or 0), ())
            if wake.sent_ns is not None and (one.sent_ns or one.began_ns) >= wake.sent_ns
        ]
        before = self._before.get((wake.server, self._places.block(wake.phase)), [])
        if not after or not before:
            return
        index = steady_from(list(_known(before)), [pace(one) for one in after])
        sent_ns = None if index is None else after[index].sent_ns
        if sent_ns is None or wake.sent_ns is None:
            yield "wake.steady", None
        else:
            yield "wake.steady", (sent_ns - wake.sent_ns) / 1e9


def pace(request: RequestSeen) -> Pace | None:
    """How fast a request was answered; None: it was not, or not whole."""
    sent_ns, first_ns, last_ns = request.sent_ns, request.first_ns, request.last_ns
    if sent_ns is None or first_ns is None or request.finish_reason is None or request.error:
        return None
    rest = (request.output_tokens or 0) - 1
    tpot_s = (last_ns - first_ns) / 1e9 / rest if last_ns is not None and rest > 0 else None
    return Pace(ttft_s=(first_ns - sent_ns) / 1e9, tpot_s=tpot_s)


def _known(requests: Iterable[RequestSeen]) -> Iterator[Pace]:
    return (found for found in map(pace, requests) if found is not None)
