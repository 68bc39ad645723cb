"""Carries out a benchmark: its steps one at a time, then every server as it was found."""

import asyncio
import gc
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from sleeptui.core.bench import BenchPhase, BenchPlanned, PhaseKind
from sleeptui.core.errors import NotAllowed
from sleeptui.core.estimate import Remaining
from sleeptui.core.model import State
from sleeptui.core.step import Step
from sleeptui.services.bench.block import INVALID_CACHE, run_baseline, run_cold, run_warm_up
from sleeptui.services.bench.cycle import DISTURBED, run_cycle
from sleeptui.services.bench.desk import DEAD, BenchDesk, StepFailed
from sleeptui.services.bench.ending import Ending, Stopping
from sleeptui.services.bench.judging import judged
from sleeptui.services.bench.phases import Phases
from sleeptui.services.bench.prepared import BenchEnd, Criteria, Prepared
from sleeptui.services.bench.proof import run_proof
from sleeptui.services.bench.ready import is_ready, make_ready
from sleeptui.services.bench.restore import Found, found, restore
from sleeptui.services.bench.trial import run_trial
from sleeptui.services.panel import Services

OK = "ok"
NOT_RESTORED = "invalid:not restored"
_GOES_ON = frozenset({INVALID_CACHE, DISTURBED, "wrong_output"})
"""Classes of a cold start after which there is a process that can be measured."""
_KNOWN = _GOES_ON | {"no_op", "user_abort"}
"""What is wrong is known, and it is not that the engine is dead."""
_DIES_WITHIN_S = 5.0
_BEGINS = frozenset({PhaseKind.PREPARE, PhaseKind.COLD})
_LOOK_AGAIN_S = 0.1


async def run_bench(
    services: Services, prepared: Prepared, criteria: Criteria, stop: asyncio.Event
) -> BenchEnd:
    """Carry out a plan to its end, and judge it.

    Cancelling it abandons also what brings the servers back: setting ``stop`` does not.

    Args:
        services: They run, and record.
        prepared: What to do.
        criteria: What it is held against.
        stop: Set: no further step is begun, the one that runs is given up.
    """
    plan = prepared.plan
    desk = BenchDesk(
        services=services,
        plan=plan,
        nonce=secrets.token_hex(4),
        measured=frozenset(subject.name for subject in prepared.subjects),
        startable=prepared.startable,
    )
    planned = BenchPlanned(
        at_s=desk.now_s(),
        plan=plan.name,
        plan_toml=plan.text,
        expectations_toml=criteria.text,
        baseline=criteria.baseline_name,
        seed=prepared.seed,
        steps=len(prepared.steps),
        estimate_s=prepared.estimate_s,
        notes=prepared.notes,
    )
    services.bus.publish(planned)
    await services.recordings.written()
    with _hands_off(services):
        runner = _Runner(desk, prepared, Ending(stop, desk.clock, plan.max_duration_s))
        end = await runner.run()
    return await judged(services, criteria, end)


class _Runner:
    """One run of a plan."""

    def __init__(self, desk: BenchDesk, prepared: Prepared, ending: Ending) -> None:
        self._desk = desk
        self._steps = prepared.steps
        self._ending = ending
        self._phases = Phases(desk.services)
        self._remaining = Remaining(prepared.steps, prepared.plan, prepared.speeds)
        self._block: BenchPhase | None = None
        self._broken = ""
        self._lost: dict[str, str] = {}
        self._done = self._failed = self._skipped = 0

    async def run(self) -> BenchEnd:
        """All steps; the last one, which brings the servers back, whatever happens."""
        before = found(self._desk.services.store.view)
        left: tuple[str, ...] = ()
        try:
            for index, step in enumerate(self._steps[:-1]):
                await self._carry(index, step)
            self._leave_block()
        except Stopping:
            self._phases.end_all(self._ending.cls, "it was stopped")
        finally:
            await self._come_to_rest()
            self._phases.end_all("invalid:error", "it broke off")
            left = await self._restore(before)
        return BenchEnd(
            cls=self._ending.cls or OK,
            done=self._done,
            steps=len(self._steps),
            failed=self._failed,
            skipped=self._skipped,
            left=left,
        )

    async def _carry(self, index: int, step: Step) -> None:
        """One step, with the begin of its block, or not at all where it makes no sense."""
        self._ending.check()
        gc.collect()
        if step.block is not self._block:
            self._leave_block()
            await self._enter_block(step)
        if self._is_hopeless(step):
            self._skipped += 1
            self._remaining.done(index, None)
            return
        began_s = self._desk.now_s()
        try:
            await self._bring_back(step)
            await self._phase(step.phase, lambda: self._work(step))
        except StepFailed as failed:
            self._take(step, failed)
        else:
            if step.phase.kind is PhaseKind.COLD:
                self._lost.pop(step.phase.server, None)
        self._done += 1
        self._remaining.done(index, self._desk.now_s() - began_s)

    async def _bring_back(self, step: Step) -> None:
        """What a step needs and an earlier one has lost, in a phase of its own."""
        phase = step.phase
        if phase.kind is PhaseKind.PREPARE or not step.needs_awake:
            return
        if is_ready(self._desk, phase.server):
            return
        is_same = _is_one_life(step)
        title = f"{phase.server}: it is brought back"
        repair = replace(phase, kind=PhaseKind.PREPARE, title=title, nth=None, arm="")
        try:
            await self._phase(repair, lambda: make_ready(self._desk, phase.server, is_same=is_same))
        except StepFailed as failed:
            if is_same:
                self._broken = failed.note
            else:
                self._lost[phase.server] = failed.note
            raise

    async def _phase(
        self, phase: BenchPhase, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Work within a phase, whose end says how it went."""
        await self._phases.begin(phase, done=self._behind, left_s=self._remaining.left_s)
        try:
            await self._ending.unless(work())
        except StepFailed as error:
            failed = await self._ending.unless(_told(self._desk, phase.server, error))
            self._phases.end(failed.cls, failed.note)
            raise failed from error
        self._phases.end()

    def _work(self, step: Step) -> Coroutine[Any, Any, None]:
        desk, phase = self._desk, step.phase
        match phase.kind:
            case PhaseKind.PREPARE:
                return make_ready(desk, phase.server, is_awake=step.needs_awake)
            case PhaseKind.COLD:
                return run_cold(desk, phase)
            case PhaseKind.WARM_UP:
                return run_warm_up(desk, phase)
            case PhaseKind.BASELINE:
                return run_baseline(desk, phase)
            case PhaseKind.CYCLE:
                return run_cycle(desk, phase)
            case PhaseKind.PROOF:
                return run_proof(desk, phase, step.partner)
            case _:
                return run_trial(desk, step)

    def _take(self, step: Step, failed: StepFailed) -> None:
        """A step did not end well: what does that mean for those that follow?"""
        if failed.cls != DISTURBED:
            self._failed += 1
        kind = step.phase.kind
        if kind is PhaseKind.COLD and failed.cls in _GOES_ON:
            self._lost.pop(step.phase.server, None)
        elif _is_one_life(step) and (failed.is_fatal or kind is PhaseKind.COLD):
            self._broken = failed.note
        elif kind is PhaseKind.PREPARE:
            self._lost[step.phase.server] = failed.note

    def _is_hopeless(self, step: Step) -> bool:
        """Whether its process is gone, and it is not the step that starts another one."""
        if step.block is not None and self._broken:
            return True
        begins_anew = step.phase.kind in _BEGINS and _is_one_life(step)
        return step.phase.server in self._lost and not begins_anew

    async def _enter_block(self, step: Step) -> None:
        self._block, self._broken = step.block, ""
        if step.block is not None:
            left_s = self._remaining.left_s
            await self._phases.begin(step.block, done=self._behind, left_s=left_s)

    def _leave_block(self) -> None:
        """End the block that is open; a process that was lost in it ends it early."""
        if self._block is None:
            return
        why = self._broken or self._lost.get(self._block.server, "")
        self._phases.end(DEAD if why else OK, why)
        self._block = None

    @property
    def _behind(self) -> int:
        """Steps that are over, carried out or left out."""
        return self._done + self._skipped

    async def _come_to_rest(self) -> None:
        """Take back what has not begun, wait for what has: vLLM takes nothing back."""
        operations = self._desk.operations
        for view in self._desk.services.store.view.servers:
            with suppress(NotAllowed):
                operations.cancel(view.name)
        while operations.busy:
            await self._desk.pause(_LOOK_AGAIN_S)

    async def _restore(self, before: tuple[Found, ...]) -> tuple[str, ...]:
        """The last step. Nothing but a cancellation keeps it from its end."""
        phase = self._steps[-1].phase
        await self._phases.begin(phase, done=self._behind, left_s=None)
        left = await restore(self._desk, before)
        self._phases.end(NOT_RESTORED if left else OK, "; ".join(left))
        self._done += 1
        return left


async def _told(desk: BenchDesk, server: str, failed: StepFailed) -> StepFailed:
    """The failure of a step, once it is known whether its server has died of it.

    The API server of a dead engine answers for a moment, with errors.
    """
    if failed.cls in _KNOWN or failed.is_fatal:
        return failed
    began_s = desk.now_s()
    while desk.view(server).state is State.SUSPECT and desk.now_s() - began_s < _DIES_WITHIN_S:
        await desk.pause(_LOOK_AGAIN_S)
    return StepFailed(DEAD, failed.note) if desk.is_gone(server) else failed


def _is_one_life(step: Step) -> bool:
    """Whether its block is of one process, which ends with it."""
    return step.block is not None and step.block.cold is not None


@contextmanager
def _hands_off(services: Services) -> Iterator[None]:
    """Nobody else asks the servers, and no collection of garbage falls into a measurement."""
    before, services.hands_off = services.hands_off, True
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        services.hands_off = before
        gc.unfreeze()
        if was_enabled:
            gc.enable()
