"""Puts a server to sleep, and finds out whether it is true."""

from collections.abc import Iterator
from contextlib import contextmanager

from sleeptui.core.events import Event, GpuSampled, StateObserved
from sleeptui.core.model import (
    EngineMetrics,
    Observation,
    Reach,
    ServerView,
    SleepLevel,
    SleepMetric,
    SleepMode,
)
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.core.settings import Thresholds
from sleeptui.core.units import MIB, memory
from sleeptui.services.drain import drain, in_flight
from sleeptui.services.explain import lost
from sleeptui.services.in_flight import (
    ENDS_WITHIN_S,
    counted,
    fate_words,
    has_counters,
    is_settled,
    request_lines,
)
from sleeptui.services.known import (
    host_line,
    level_line,
    memory_lines,
    server_line,
    state_lines,
)
from sleeptui.services.ledger import Request, ended
from sleeptui.services.places import used_on
from sleeptui.services.reference import renew, unasked
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.send import Sent, confirm, send
from sleeptui.services.settle import Weight, drop, server_time, weigh, weigh_settled

LEAST_FREED_BYTES = 256 * MIB
"""A sleep that frees less is suspect where it is not known what the server held."""
UNMEASURED = "3 says why its memory cannot be measured"
_METRIC = {SleepLevel.OFFLOAD: SleepMetric.OFFLOADED, SleepLevel.DISCARD: SleepMetric.DISCARDED}


def first_phase(
    view: ServerView, *, level: int = 1, mode: SleepMode = SleepMode.WAIT, verify: bool = True
) -> Phase:
    """The phase that a sleep of this server begins with."""
    if verify and level and not unasked(view):
        return Phase.VERIFYING
    return _draining_or_calling(view, mode)


def _draining_or_calling(view: ServerView, mode: SleepMode) -> Phase:
    drains = mode is SleepMode.WAIT or not view.facts.features.sleep_mode
    return Phase.DRAINING if drains and in_flight(view.metrics) else Phase.CALLING


async def fall_asleep(
    run: Run, *, level: SleepLevel, mode: SleepMode, verify: bool = True
) -> Result:
    """The work of a sleep.

    Args:
        run: The sleep.
        level: How deep.
        mode: What becomes of requests in flight.
        verify: Ask the canary before, where it is not switched off.

    Raises:
        Ended: The server refused, is lost, is still busy, or sleeps already.
        Stopped: The user stopped the reference or our own drain.
    """
    falling = _Falling(run, level, mode, verify=verify)
    for stage in falling.stages:
        await stage()
    return falling.result()


class _Falling:
    """One sleep. What must be true before it counts as done is a list of stages."""

    def __init__(self, run: Run, level: SleepLevel, mode: SleepMode, *, verify: bool) -> None:
        self._run = run
        self._is_asked = verify and bool(level)
        self._level = level
        self._mode = mode
        self._knows_mode = run.view.facts.features.sleep_mode
        self._metrics: EngineMetrics | None = None
        self._ours: tuple[Request, ...] = ()
        self._before = self._after = Weight(gpus=None, used_bytes=None, held_bytes=None)
        self._sent = Sent(sent_s=0.0, done_s=0.0)
        self._told: EngineMetrics | None = None
        self._confirmed_s = 0.0
        self.stages = (self._prepare, self._drain, self._call, self._confirm, self._weigh)

    async def _prepare(self) -> None:
        """Take the reference, and look once more at what is in flight."""
        seen = await self._run.ticket.stoppable(self._looked())
        if seen.is_sleeping:
            raise Ended(_asleep_already())
        self._metrics = seen.metrics

    async def _looked(self) -> Observation:
        run, seen = self._run, await self._run.look()
        if not self._is_asked or seen.is_sleeping or not await renew(run, seen):
            return seen
        return await run.look()

    async def _drain(self) -> None:
        """Versions without ``mode``: nothing may be in flight."""
        self._ours = self._run.desk.ledger.open_on(self._run.server)
        self._run.advance(_draining_or_calling(self._run.view, self._mode))
        if not self._knows_mode:
            await drain(self._run)
            self._run.advance(Phase.CALLING)

    async def _call(self) -> None:
        run, mode = self._run, self._mode if self._knows_mode else None
        self._before = await weigh(run)
        with _advancing(run, self._before):
            self._sent = await send(run, "call", lambda: run.client.sleep(self._level, mode))

    async def _confirm(self) -> None:
        """Wait until the server says that it sleeps, as deep as asked."""
        run = self._run
        run.advance(Phase.SETTLING)
        began_s = run.now_s()
        seen, told = await confirm(run, lambda seen: _is_asleep(run.view, self._level, seen))
        self._told, self._confirmed_s = seen.metrics, run.now_s()
        run.know(*state_lines(seen, confirmed_s=self._confirmed_s - began_s))
        run.know(level_line(run.view, seen, self._level))
        await self._count(seen)
        if not told:
            raise Ended(_denied(seen, self._level, self._sent))

    async def _count(self, seen: Observation) -> None:
        """What became of the requests; our own streams' ends may be under way."""
        run = self._run
        if self._mode is not SleepMode.KEEP:
            await ended(run.desk.clock, self._ours, ENDS_WITHIN_S)
        requests = counted(self._metrics, seen.metrics, self._ours)
        is_counted = has_counters(seen.metrics)
        if is_counted and self._mode is SleepMode.ABORT and not is_settled(requests):
            later = await run.look()  # its counters follow its answer
            requests = counted(self._metrics, later.metrics or seen.metrics, self._ours)
        run.in_flight = requests
        run.know(*request_lines(requests, self._mode, is_counted=is_counted))

    async def _weigh(self) -> None:
        """Wait until the memory stands still. A pause frees nothing: its figure would be noise."""
        if self._level is SleepLevel.PAUSE:
            self._before = Weight(gpus=None, used_bytes=None, held_bytes=None)
            return
        self._after = await weigh_settled(self._run, self._before)
        self._run.know(*memory_lines(self._before, self._after))
        if (await self._run.look()).reach is Reach.REFUSED:
            # What is free now was let go of by its end, and not by its sleep.
            raise Ended(lost("it ended while its memory settled, nothing listens any more"))

    def result(self) -> Result:
        """The end, once all stages are through."""
        run, sent = self._run, self._sent
        before, after = self._before, self._after
        done_s = self._confirmed_s if sent.doubt else sent.done_s
        outcome, cause, message, hint = judge(
            before, after, self._level, run.desk.settings.thresholds
        )
        fate = fate_words(run.in_flight, self._mode) if run.in_flight else ""
        message = f"{message}; {fate}" if fate else message
        taken = drop(before.host_bytes, after.host_bytes)
        server_s = server_time(self._metrics, self._told, Kind.SLEEP)
        run.know(host_line(taken), server_line(server_s))
        return Result(
            outcome=outcome,
            cause=cause,
            message=f"{sent.doubt}, but it is {message}" if sent.doubt else message,
            hint=hint,
            duration_s=done_s - sent.sent_s,
            freed_bytes=drop(before.used_bytes, after.used_bytes),
            residual_bytes=after.held_bytes,
            host_bytes=taken,
            server_s=server_s,
        )


def _asleep_already() -> Result:
    return Result(
        outcome=Outcome.CANCELLED,
        cause=Cause.ALREADY_SO,
        message="it was found asleep; nothing was sent",
        hint="wake it first to change its level",
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
        message = f"asleep at level {level}, its memory was not measured"
        return Outcome.DONE, None, message, UNMEASURED
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
def _advancing(run: Run, before: Weight) -> Iterator[None]:
    """While the server drains inside ``/sleep``, show when the drain is over.

    It waits for the requests that run; those in its queue stay there. Its figures may stand
    still while it falls asleep: then the memory tells.
    """

    def follow(event: Event) -> None:
        """Advance at the first look that sees nothing run, or when memory is let go of."""
        if isinstance(event, StateObserved) and event.server == run.server:
            metrics = event.observation.metrics
            is_over = metrics is not None and metrics.running == 0
        elif isinstance(event, GpuSampled):
            freed = drop(before.used_bytes, used_on(event.reading, before.gpus))
            is_over = freed is not None and freed >= LEAST_FREED_BYTES
        else:
            return
        if is_over:
            run.advance(Phase.CALLING)

    unsubscribe = run.desk.bus.subscribe(follow)
    try:
        yield
    finally:
        unsubscribe()
