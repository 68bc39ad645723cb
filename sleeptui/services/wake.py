"""Wakes a server, level 2 in steps, and finds out whether it is true."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from sleeptui.core.canary import Check, Grade
from sleeptui.core.completion import Timed
from sleeptui.core.derive_asleep import LEVEL_OF
from sleeptui.core.errors import NotAllowed
from sleeptui.core.memory import last_freed
from sleeptui.core.model import Observation, ServerView, SleepLevel, SleepMetric, State
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.core.ports import EngineClient
from sleeptui.core.restart import life_of
from sleeptui.core.units import memory
from sleeptui.core.version import parse
from sleeptui.services.asking import Asked, ask, noticing, publish, reference_of, verified
from sleeptui.services.deadline import end
from sleeptui.services.known import canary_lines, memory_lines, server_line, state_lines
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.send import Sent, confirm, send
from sleeptui.services.settle import Weight, drop, server_time, weigh, weigh_settled
from sleeptui.services.sleep import LEAST_FREED_BYTES, UNMEASURED
from sleeptui.services.verify import fault, moved, remedy, told

_PAUSE_NEEDS_RESUME = (0, 33, 0)
"""From here on /pause also turns requests away, until /resume (vLLM 0.33)."""
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


def needs_weights(view: ServerView) -> bool:
    """Whether it is awake and its answers are not what they were."""
    verification = view.verification
    if verification is None or verification.check is not Check.CHANGED:
        return False
    return verification.verdict.grade is not Grade.NO_ANSWER


def slept_level(view: ServerView) -> int | None:
    """The level that a server sleeps at, the worse one where two sources disagree.

    A ``/sleep`` of a sleeping server does nothing and still sets the metric, so that weights
    dropped by us count as dropped whatever the metric says; also those of somebody else's sleep
    that a wake of ours has not brought back. One that is awake and answers garbage is woken as
    if it had slept at level 2: the steps do nothing to what is mapped, and read its weights.
    """
    if needs_weights(view):
        return SleepLevel.DISCARD
    metric = view.metrics.sleep_metric if view.metrics else None
    shown = view.level if view.level is not None else LEVEL_OF.get(metric or SleepMetric.AWAKE)
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
    if needs_weights(view) and not view.facts.features.reload_weights:
        return NotAllowed(
            f"{view.name}: its answers are garbage, and vLLM {view.facts.version} cannot read"
            " its weights again",
            hint="restart it",
        )
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


async def wake_up(run: Run, *, verify: bool = True) -> Result:
    """The work of a wake.

    Args:
        run: The wake.
        verify: Ask the canary, unless it is switched off for this server.

    Raises:
        Ended: A step was refused or got no answer, or the server is lost.
    """
    waking = _Waking(run, verify=verify)
    try:
        for stage in waking.stages:
            await stage()
    finally:
        await waking.close()
    return waking.result()


class _Waking:
    """One wake. What must be true before it counts as done is a list of stages."""

    def __init__(self, run: Run, *, verify: bool) -> None:
        self._run = run
        self._found = run.found
        self._level = slept_level(run.found)
        run.operation = replace(run.operation, level=self._level)  # it may have waited long
        self._before = Weight(gpus=None, used_bytes=None, held_bytes=None)
        self._after = self._before
        self._sent: list[Sent] = []
        self._seen: Observation | None = None
        self._confirmed_s: float | None = None
        self._unasked = _unasked(run.view, verify=verify)
        self._canary: asyncio.Task[Asked] | None = None
        self._first_token_s: float | None = None
        self.stages = (self._call, self._confirm, self._verify, self._weigh)

    async def close(self) -> None:
        """Take the canary back if it is still with the server."""
        if self._canary is not None:
            await end(self._canary)

    async def _call(self) -> None:
        """Send the steps in order; the first that fails is the last."""
        run, steps = self._run, self._steps()
        self._before = await weigh(run)
        for number, step in enumerate(steps):
            run.unsent = tuple(later.name for later in steps[number + 1 :])
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

        if not self._sent[-1].doubt and not self._unasked:
            self._ask()

    def _ask(self) -> asyncio.Task[Asked]:
        """Send the canary, beside whatever comes next; its first token is that of the wake."""
        self._canary = asyncio.create_task(ask(self._run), name=f"canary of {self._run.server}")
        return self._canary

    async def _confirm(self) -> None:
        """Wait until the server says that it is awake."""
        run = self._run
        run.advance(Phase.SETTLING)
        began_s = run.now_s()
        self._seen, told = await confirm(run, _is_awake)
        run.know(*state_lines(self._seen, confirmed_s=run.now_s() - began_s))
        if not told:
            raise Ended(self._denied(self._seen))
        self._confirmed_s = run.now_s()

    async def _verify(self) -> None:
        """Wait for the canary, and judge it."""
        run, seen = self._run, self._seen
        if self._unasked or seen is None:
            run.know(f"canary: {self._unasked}")
            return
        canary = self._canary or self._ask()
        run.advance(Phase.VERIFYING)
        with noticing(run, seen) as others:
            reference = reference_of(run.view)
            asked = await canary
            verification = await verified(run, asked, reference)
            await run.look()
        if asked.completion is not None:
            run.part("canary", asked.completion.ended_s - asked.completion.sent_s)
            self._first_token_s = asked.completion.first_token_s
        if others.have_acted:
            raise Ended(moved(self._took_s()))
        run.verification = verification
        publish(run, verification)
        run.know(*canary_lines(verification, reference, run.desk.clock.wall_s()))

    async def _weigh(self) -> None:
        """Wait until its memory is back and stands still."""
        if self._level == SleepLevel.PAUSE:
            return
        self._after = await weigh_settled(self._run, self._before)
        self._run.know(*memory_lines(self._before, self._after))

    def result(self) -> Result:
        """The end, once all stages are through: what the memory says, and what the answers say."""
        run, first, last = self._run, self._sent[0], self._sent[-1]
        outcome, message, hint = self._judge()
        cause, verification = None, run.verification
        if verification is not None:
            message = f"{message}; {told(verification)}"
            hint = remedy(run.view, verification) or hint
            cause = fault(verification)
        elif self._unasked:
            message = f"{message}; its answers were not checked"
            hint = hint or ("v verifies it" if run.view.spec.canary.enabled else "")
        else:
            hint = hint or "v verifies it"
        server_s = server_time(
            self._found.metrics, self._seen.metrics if self._seen else None, Kind.WAKE
        )
        run.know(server_line(server_s))
        first_s = None if last.doubt else self._first_token_s
        return Result(
            outcome=Outcome.SUSPECT if cause is not None else outcome,
            cause=cause,
            message=f"{last.doubt}, but it is {message}" if last.doubt else message,
            hint=hint,
            duration_s=self._took_s(),
            residual_bytes=self._before.held_bytes,
            first_token_s=None if first_s is None else first_s - first.sent_s,
            server_s=server_s,
        )

    def _took_s(self) -> float:
        """From its first request to the last answer, or to the look that told in its place."""
        first, last = self._sent[0], self._sent[-1]
        done_s = self._confirmed_s if last.doubt and self._confirmed_s else last.done_s
        return done_s - first.sent_s

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
        if needs_weights(self._found):
            return Outcome.DONE, "awake, its weights were read again", ""
        if regrown is None:
            return Outcome.DONE, "awake, its memory was not measured", UNMEASURED
        last = last_freed(self._found.learned.cycles_of(life_of(self._found)))
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


def _unasked(view: ServerView, *, verify: bool) -> str:
    """Why the canary is not asked, or ""."""
    if not view.spec.canary.enabled:
        return "it is off for this server"
    return "" if verify else "not asked, as was wished"


def _is_awake(seen: Observation) -> bool:
    if seen.is_sleeping is not False or seen.is_paused:
        return False
    metric = seen.metrics.sleep_metric if seen.metrics else None
    return metric in (None, SleepMetric.AWAKE)
