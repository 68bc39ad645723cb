"""Puts a server to sleep, and finds out whether it is true."""

from collections.abc import Iterator
from contextlib import contextmanager

from sleeptui.core.events import Event, StateObserved
from sleeptui.core.model import Observation, ServerView, SleepLevel, SleepMetric, SleepMode
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.core.settings import Thresholds
from sleeptui.core.units import MIB, memory
from sleeptui.services.drain import drain, in_flight
from sleeptui.services.run import Result, Run
from sleeptui.services.send import Sent, confirm, send
from sleeptui.services.settle import Weight, drop, server_time, weigh, weigh_settled

LEAST_FREED_BYTES = 256 * MIB
"""A sleep that frees less is suspect where it is not known what the server held."""
_METRIC = {SleepLevel.OFFLOAD: SleepMetric.OFFLOADED, SleepLevel.DISCARD: SleepMetric.DISCARDED}


def first_phase(view: ServerView) -> Phase:
    """The phase that a sleep of this server begins with."""
    return Phase.DRAINING if in_flight(view.metrics) else Phase.CALLING


async def fall_asleep(run: Run, *, level: SleepLevel, mode: SleepMode) -> Result:
    """The work of a sleep.

    Raises:
        Ended: The server refused, is lost, or is still busy.
        Stopped: The user stopped our own drain.
    """
    knows_mode = run.view.facts.features.sleep_mode
    if not knows_mode:
        await drain(run)
        run.advance(Phase.CALLING)
    metrics = run.view.metrics
    before = await weigh(run)
    with _advancing(run):
        sent = await send(
            run, "call", lambda: run.client.sleep(level, mode if knows_mode else None)
        )
    run.advance(Phase.SETTLING)
    seen, told = await confirm(run, lambda seen: _is_asleep(run.view, level, seen))
    if not told:
        return _denied(seen, level, sent)
    duration_s = (run.now_s() if sent.doubt else sent.done_s) - sent.sent_s
    # A pause frees nothing: its figure would be noise, and be taken for what a sleep frees.
    nothing = Weight(gpus=None, used_bytes=None, held_bytes=None)
    after = nothing if level is SleepLevel.PAUSE else await weigh_settled(run, before)
    outcome, cause, message, hint = judge(before, after, level, run.desk.settings.thresholds)
    return Result(
        outcome=outcome,
        cause=cause,
        message=f"{sent.doubt}, but it is {message}" if sent.doubt else message,
        hint=hint,
        duration_s=duration_s,
        freed_bytes=drop(before.used_bytes, after.used_bytes),
        residual_bytes=after.held_bytes,
        server_s=server_time(metrics, seen.metrics, Kind.SLEEP),
    )


def judge(
    before: Weight, after: Weight, level: SleepLevel, thresholds: Thresholds
) -> tuple[Outcome, Cause | None, str, str]:
    """What the memory says about a sleep that the server calls done.

    The GPU's figure is the proof, the processes' figure may acquit: somebody else on the GPU may
    have taken at once what this server gave.

    Returns:
        Outcome, cause, message and hint.
    """
    if level is SleepLevel.PAUSE:
        return Outcome.DONE, None, "paused, its memory stays", ""
    freed = drop(before.used_bytes, after.used_bytes)
    if freed is None:
        return Outcome.DONE, None, f"asleep at level {level}, its memory was not measured", ""
    held = before.held_bytes
    wanted = LEAST_FREED_BYTES if held is None else thresholds.freed_fraction * held
    given = max(freed, drop(held, after.held_bytes) or 0)
    if given >= wanted:
        return Outcome.DONE, None, f"asleep at level {level}, freed {memory(given)}", ""
    of_held = "" if held is None else f" of {memory(held)}"
    return (
        Outcome.SUSPECT,
        Cause.NOTHING_FREED,
        f"said asleep, freed {memory(max(freed, 0))}{of_held}",
        "is --enable-sleep-mode set?",
    )


def _is_asleep(view: ServerView, level: SleepLevel, seen: Observation) -> bool:
    if not seen.is_sleeping:
        return False
    # Only from 0.17 on a sleep pauses the scheduler first; before, /is_paused stays false.
    if view.facts.features.safe_with_requests and seen.is_paused is False:
        return False
    metric = seen.metrics.sleep_metric if seen.metrics else None
    return metric is None or level not in _METRIC or metric is _METRIC[level]


def _denied(seen: Observation, level: SleepLevel, sent: Sent) -> Result:
    """The state of the server does not tell that it sleeps as asked."""
    if sent.doubt:
        return Result(
            outcome=Outcome.UNKNOWN,
            cause=Cause.NO_ANSWER,
            message=f"{sent.doubt}; its state will tell",
            hint="it may still fall asleep: wait before the next command",
        )
    if seen.is_sleeping is None:
        return Result(
            outcome=Outcome.UNKNOWN,
            cause=Cause.NO_ANSWER,
            message=f"said asleep, its state cannot be read: {seen.problem or 'no answer'}",
        )
    if not seen.is_sleeping:
        message = "said asleep, /is_sleeping says awake"
    elif seen.is_paused is False:
        message = "said asleep, /is_paused says that it runs"
    else:
        metric = seen.metrics.sleep_metric if seen.metrics else None
        message = (
            f"said asleep at level {level}, its metric says {metric.value if metric else '--'}"
        )
    return Result(outcome=Outcome.SUSPECT, message=message, hint="l shows its log")


@contextmanager
def _advancing(run: Run) -> Iterator[None]:
    """While the server drains inside ``/sleep``, show when its queue has run empty."""

    def follow(event: Event) -> None:
        """Advance at the first look that sees nothing in flight."""
        if not isinstance(event, StateObserved) or event.server != run.server:
            return
        if in_flight(event.observation.metrics) == 0:
            run.advance(Phase.CALLING)

    unsubscribe = run.desk.bus.subscribe(follow)
    try:
        yield
    finally:
        unsubscribe()
