"""Wakes a server, level 2 in steps, and finds out whether it is true."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from sleeptui.core.errors import NotAllowed
from sleeptui.core.memory import last_good_sleep
from sleeptui.core.model import Observation, ServerView, SleepLevel, SleepMetric, State
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.core.ports import EngineClient, Timed
from sleeptui.core.units import memory
from sleeptui.core.version import parse
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.send import Sent, confirm, send
from sleeptui.services.settle import Weight, drop, server_time, weigh, weigh_settled
from sleeptui.services.sleep import LEAST_FREED_BYTES

_PAUSE_NEEDS_RESUME = (0, 33, 0)
"""From here on /pause also turns requests away, until /resume (vLLM 0.33)."""
_LEVEL = {SleepMetric.OFFLOADED: 1, SleepMetric.DISCARDED: 2, SleepMetric.NONE: 0}
_ASLEEP = frozenset({Outcome.DONE, Outcome.SUSPECT, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a wake."""

    name: str
    send: Callable[[EngineClient], Awaitable[Timed]]
    phase: Phase = Phase.CALLING


_WAKE_ALL = Step(name="call", send=lambda client: client.wake())
_RELOAD = Step(name="reload", send=lambda client: client.reload_weights(), phase=Phase.RELOADING)
_RESET = Step(name="reset", send=lambda client: client.reset_prefix_cache())
_PLAIN = (_WAKE_ALL,)
_STAGED = (
    Step(name="weights", send=lambda client: client.wake(("weights",))),
    _RELOAD,
    Step(name="kv_cache", send=lambda client: client.wake(("kv_cache",))),
    _RESET,
)
_ALL_THEN_RELOAD = (_WAKE_ALL, _RELOAD, _RESET)
"""0.17 to 0.23: a wake of the weights alone lets requests run without a KV cache, which kills the
engine. With everything mapped they run on empty weights for the time of the reload instead."""


def slept_level(view: ServerView) -> int | None:
    """The level that a server sleeps at, the worse one where two sources disagree.

    A ``/sleep`` of a sleeping server does nothing and still sets the metric, so that weights
    dropped by us count as dropped whatever the metric says; also those of somebody else's sleep
    that a wake of ours has not brought back.
    """
    metric = view.metrics.sleep_metric if view.metrics else None
    shown = view.level if view.level is not None else _LEVEL.get(metric or SleepMetric.AWAKE)
    if shown == SleepLevel.DISCARD or metric is SleepMetric.DISCARDED:
        return SleepLevel.DISCARD
    for record in view.history:
        if record.kind is Kind.WAKE and record.outcome is Outcome.DONE:
            break
        if record.kind is Kind.WAKE and record.level == SleepLevel.DISCARD:
            return SleepLevel.DISCARD
        if record.kind is Kind.SLEEP and record.outcome in _ASLEEP:
            return SleepLevel.DISCARD if record.level == SleepLevel.DISCARD else shown
    return shown


def wake_refusal(view: ServerView) -> NotAllowed | None:
    """Why a wake would not bring this server back; None: it would."""
    features, metric = view.facts.features, view.metrics.sleep_metric if view.metrics else None
    if slept_level(view) == SleepLevel.DISCARD and not features.reload_weights:
        return NotAllowed(
            f"{view.name} dropped its weights, and vLLM {view.facts.version} cannot reload them",
            hint="restart it; level 1 has a way back",
        )
    if view.state is not State.PAUSED:
        return None
    version = parse(view.facts.version)
    is_old = not features.sleep_mode
    is_held = metric is SleepMetric.AWAKE and (version or (0, 0, 0)) >= _PAUSE_NEEDS_RESUME
    if is_old or is_held:
        return NotAllowed(
            f"{view.name} was paused by /pause, which this version ends only with /resume",
            hint="send POST /resume, or let whoever paused it end the pause",
        )
    return None


async def wake_up(run: Run) -> Result:
    """The work of a wake.

    Raises:
        Ended: A step was refused or got no answer, or the server is lost.
    """
    waking = _Waking(run)
    for stage in waking.stages:
        await stage()
    return waking.result()


class _Waking:
    """One wake. What must be true before it counts as done is a list of stages."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._found = run.found
        self._level = slept_level(run.found)
        self._before = Weight(gpus=None, used_bytes=None, held_bytes=None)
        self._after = self._before
        self._sent: list[Sent] = []
        self._seen: Observation | None = None
        self._confirmed_s: float | None = None
        self.stages = (self._call, self._confirm, self._weigh)

    async def _call(self) -> None:
        """Send the steps in order; the first that fails is the last."""
        run, steps = self._run, self._steps()
        self._before = await weigh(run)
        for number, step in enumerate(steps):
            run.advance(step.phase)
            sent = await send(
                run, step.name, partial(step.send, run.client), midway=step is not steps[0]
            )
            self._sent.append(sent)
            if sent.doubt and step is not steps[-1]:
                await run.look()
                is_read = _RELOAD in steps[:number]
                raise Ended(
                    Result(
                        outcome=Outcome.UNKNOWN,
                        cause=Cause.STOPPED_MIDWAY if is_read else Cause.NO_WEIGHTS,
                        message=f"step {step.name}: {sent.doubt}; the wake stopped there",
                        hint="wait until it answers, then wake it again",
                    )
                )

    async def _confirm(self) -> None:
        """Wait until the server says that it is awake."""
        self._run.advance(Phase.SETTLING)
        self._seen, told = await confirm(self._run, _is_awake)
        if not told:
            raise Ended(self._denied(self._seen))
        self._confirmed_s = self._run.now_s()

    async def _weigh(self) -> None:
        """Wait until its memory is back and stands still."""
        self._after = await weigh_settled(self._run, self._before)

    def result(self) -> Result:
        """The end, once all stages are through."""
        first, last = self._sent[0], self._sent[-1]
        done_s = self._confirmed_s if last.doubt and self._confirmed_s else last.done_s
        outcome, message, hint = self._judge()
        return Result(
            outcome=outcome,
            message=f"{last.doubt}, but it is {message}" if last.doubt else message,
            hint=hint,
            duration_s=done_s - first.sent_s,
            residual_bytes=self._before.held_bytes,
            server_s=server_time(
                self._found.metrics, self._seen.metrics if self._seen else None, Kind.WAKE
            ),
        )

    def _steps(self) -> tuple[Step, ...]:
        if self._level != SleepLevel.DISCARD:
            return _PLAIN
        if self._found.facts.features.partial_wake_resumes:
            return _ALL_THEN_RELOAD
        return _STAGED

    def _judge(self) -> tuple[Outcome, str, str]:
        """Whether the memory came back: outcome, message and hint."""
        regrown = drop(self._after.used_bytes, self._before.used_bytes)
        if self._level == SleepLevel.PAUSE:
            return Outcome.DONE, "awake, the pause is over", ""
        if regrown is None:
            return Outcome.DONE, "awake, its memory was not measured", ""
        last = last_good_sleep(self._found.history)
        expected = (last.freed_bytes or 0) if last else 0
        own = drop(self._after.held_bytes, self._before.held_bytes)
        share = self._run.desk.settings.thresholds.regrown_fraction
        is_whole = self._found.state is State.ASLEEP and expected >= LEAST_FREED_BYTES
        if is_whole and max(regrown, own or 0) < share * expected:
            return (
                Outcome.SUSPECT,
                f"said awake, only {memory(max(regrown, 0))} of {memory(expected)} came back",
                "send a test prompt; l shows its log",
            )
        taken = max(regrown, 0) if own is None else own
        return Outcome.DONE, f"awake, took {memory(taken)}", ""

    def _denied(self, seen: Observation) -> Result:
        """The state of the server does not tell that it is awake."""
        doubt = self._sent[-1].doubt
        if doubt or seen.is_sleeping is None:
            return Result(
                outcome=Outcome.UNKNOWN,
                cause=Cause.NO_ANSWER,
                message=f"{doubt or 'said awake, its state cannot be read'}; its state will tell",
            )
        if self._found.state is State.PAUSED:
            return Result(
                outcome=Outcome.FAILED,
                message="/wake_up did not end the pause",
                hint="whoever paused it must send POST /resume",
            )
        if seen.is_sleeping:
            message = "said awake, /is_sleeping says asleep"
        elif seen.is_paused:
            message = "said awake, /is_paused says that it is paused"
        else:
            message = "said awake, its metric says asleep"
        return Result(outcome=Outcome.SUSPECT, message=message, hint="l shows its log")


def _is_awake(seen: Observation) -> bool:
    if seen.is_sleeping is not False or seen.is_paused:
        return False
    metric = seen.metrics.sleep_metric if seen.metrics else None
    return metric in (None, SleepMetric.AWAKE)
