"""Sends one control request, and finds out what became of the server after it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sleeptui.core.completion import Timed
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.events import Event, StateObserved
from sleeptui.core.model import Observation, Reach
from sleeptui.services.explain import lost, refused, unsent
from sleeptui.services.run import Ended, Run

CONFIRM_EVERY_S = 0.1
_GONE = frozenset({Reach.REFUSED, Reach.UNHEALTHY})
_BAD_GATEWAY = 502
_UNAVAILABLE = 503
"""Above it, and 502: a proxy has given up, the server behind it may well go on."""
_GONE_LOOKS = 2
"""Looks in a row: after an error reply one read on the closed connection may fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request that was sent."""

    sent_s: float
    done_s: float
    doubt: str = ""
    """Why it is not known what the server did; empty after an answer 200."""


async def send(
    run: Run, name: str, request: Callable[[], Awaitable[Timed]], *, midway: bool = False
) -> Sent:
    """Send a request and note its time as the part ``name``. Never sent twice.

    Args:
        run: The operation.
        name: Of the part and of the step.
        request: Sends it.
        midway: Steps before it have changed the server already.

    Raises:
        Ended: The server refused, is lost, or the request never left.
    """
    sent_s = run.now_s()
    is_first = run.sent_s is None
    if is_first:
        run.sent_s = sent_s
    step = name if midway else ""
    run.ticket.sending.set()
    try:
        timed = await request()
    except Refused as error:
        if error.status == _BAD_GATEWAY or error.status > _UNAVAILABLE:
            return _doubtful(run, name, sent_s, error.message)
        run.part(name, run.now_s() - sent_s)
        await run.look()
        features = run.view.facts.features
        raise Ended(refused(error, run.operation.kind, features, midway=step)) from error
    except (Unreachable, TimedOut) as error:
        run.sent_s = None if is_first and not error.sent else run.sent_s
        await look_alive(run, error)
        if not error.sent:
            raise Ended(unsent(error, midway=step)) from error
        doubt = error.message
    except BadReply as error:
        doubt = error.message
    except EngineError as error:  # held back here: its version would not know it, or do harm
        run.sent_s = None if is_first else run.sent_s
        raise Ended(unsent(error, midway=step)) from error
    else:
        run.part(name, timed.duration_s)
        run.sent_s = timed.sent_s if is_first else run.sent_s
        run.done_s = timed.done_s
        run.stamped(timed.late_s)
        run.ticket.answered.set()
        return Sent(sent_s=timed.sent_s, done_s=timed.done_s)
    return _doubtful(run, name, sent_s, doubt)


def _doubtful(run: Run, name: str, sent_s: float, doubt: str) -> Sent:
    done_s = run.now_s()
    run.part(name, done_s - sent_s)
    return Sent(sent_s=sent_s, done_s=done_s, doubt=doubt)


async def look_alive(run: Run, why: EngineError | str | None) -> Observation:
    """Look at a server that did not answer.

    Raises:
        Ended: It is gone, by two looks in a row.
    """
    seen = await run.look()
    if seen.reach in _GONE:
        seen = await run.look()
        if seen.reach in _GONE:
            raise Ended(lost(why or seen.problem))
    return seen


async def confirm(run: Run, is_told: Callable[[Observation], bool]) -> tuple[Observation, bool]:
    """Look until the state of the server tells what was asked, bounded by ``settle_s``.

    Returns:
        The last look, and whether it told.

    Raises:
        Ended: The server is gone.
    """
    found: list[Observation] = []

    def follow(event: Event) -> None:
        """Looks of the watch count too: one of ours that is lost must not use up the time."""
        if isinstance(event, StateObserved) and event.server == run.server:
            found.extend([event.observation] if is_told(event.observation) else ())

    unsubscribe = run.desk.bus.subscribe(follow)
    try:
        return await _confirmed(run, is_told, found)
    finally:
        unsubscribe()


async def _confirmed(
    run: Run, is_told: Callable[[Observation], bool], found: Sequence[Observation]
) -> tuple[Observation, bool]:
    began_s = run.now_s()
    limit_s = run.view.spec.timeouts.settle_s
    gone = 0
    while True:
        seen = await run.look()
        gone = gone + 1 if seen.reach in _GONE else 0
        if gone >= _GONE_LOOKS:
            raise Ended(lost(seen.problem))
        is_over = run.now_s() - began_s >= limit_s
        if is_told(seen) or found or is_over:
            run.part("state", run.now_s() - began_s)
            told = seen if is_told(seen) or not found else found[-1]
            return told, is_told(told)
        await run.desk.clock.sleep(CONFIRM_EVERY_S)
