"""Trials with requests in flight on simulated servers, read from what the journal has of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from proof.rig import TIMEOUTS, Rig, opened
from support.journal_lines import header
from support.playing import Twin

from sleeptui.core.bench import BenchPhase, PhaseBegan, PhaseEnded, PhaseKind
from sleeptui.core.fates import Class
from sleeptui.core.model import State
from sleeptui.core.plan import InFlight, Plan
from sleeptui.core.step import Step
from sleeptui.core.trials import Trial, trials
from sleeptui.recorder.fold import fold
from sleeptui.services.bench.desk import BenchDesk, StepFailed
from sleeptui.services.bench.trial import run_trial
from sleeptui.sim.faults import Fault
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario

NAME = "tiny-a"
SPEED = 3.0
TRIES = 3
STREAMS = 3
PLAN = InFlight(max_tokens=600, dwell_s=0.6, late=2, parked=2, probe_per_s=10.0, deadline_s=20.0)

LONG = replace(PLAN, max_tokens=20_000, late=0, parked=0, probe_per_s=0.0)
"""Of streams that are not waited for."""


def fleet(**fields: object) -> Scenario:
    engine = EngineSpec(
        name=NAME,
        root="acme/tiny-a",
        params_b=1.5,
        **{"version": "0.32.0", "max_model_len": 32_768} | fields,
    )
    return Scenario(name="trials", title="", description="", gpus=(GpuSpec(),), engines=(engine,))


class Trials:
    """Carries out steps, each in its phase, and reads what the journal says of them."""

    def __init__(self, rig: Rig, plan: InFlight = PLAN) -> None:
        self._rig = rig
        self._desk = BenchDesk(
            services=rig.services, plan=Plan(name="test", in_flight=plan), nonce="n"
        )
        self._number = 0

    def lengthen(self) -> None:
        """From now on ask for more tokens."""
        asked = self._desk.plan.in_flight
        longer = replace(asked, max_tokens=min(2 * asked.max_tokens, LONG.max_tokens))
        self._desk = replace(self._desk, plan=Plan(name="test", in_flight=longer))

    async def run(self, kind: PhaseKind = PhaseKind.TRIAL, **fields: object) -> StepFailed | None:
        self._number += 1
        values = {"server": NAME, "level": 1, "mode": "wait", "streams": STREAMS, "dwell_s": 0.6}
        phase = BenchPhase(id=self._number, kind=kind, title="", **values | fields)
        clock, bus = self._rig.services.clock, self._rig.services.bus
        bus.publish(PhaseBegan(at_s=clock.now_s(), phase=phase, done=0))
        failed = None
        try:
            await run_trial(self._desk, Step(phase=phase))
        except StepFailed as error:
            failed = error
        cls, note = (failed.cls, failed.note) if failed else ("ok", "")
        bus.publish(PhaseEnded(at_s=clock.now_s(), id=phase.id, cls=cls, note=note))
        return failed

    def found(self) -> Sequence[Trial]:
        twin = Twin().hear(*self._rig.events)
        return trials(fold([header(), *twin.sink.lines]))


def classes(trial: Trial, *cohorts: str) -> list[Class]:
    return [one.cls for one in trial.of(*cohorts)]


PROMISED = {
    "wait": {Class.DRAINED},
    "abort": {Class.ABORTED},
    # Beside other requests the text may part at a near tie, as it does without a sleep.
    "keep": {Class.RESUMED_EXACT, Class.RESUMED_DIFFERS},
}


async def counted(bench: Trials, *, controlled: bool = False, **fields: object) -> Trial:
    """A trial that counts: where the machine stands still, streams are over too early."""
    for last in [False] * TRIES + [True]:
        if controlled:
            assert await bench.run(PhaseKind.CONTROL) is None
        failed = await bench.run(**fields)
        trial = bench.found()[-1]
        if last or not (trial.invalid or trial.mismatches):
            break
        bench.lengthen()
    assert not trial.invalid, trial.invalid
    assert failed is None, failed.note
    return trial


@pytest.mark.parametrize(("mode", "level"), [("wait", 1), ("abort", 2), ("keep", 1), ("keep", 2)])
async def test_each_mode_does_what_it_promises(mode, level):
    async with opened(fleet(), speed=SPEED) as rig:
        trial = await counted(Trials(rig), controlled=True, mode=mode, level=level)
        assert rig.view(NAME).state is State.AWAKE
        assert rig.services.ledger.open_on(NAME) == ()
    assert set(classes(trial, "inflight")) <= PROMISED[mode]
    assert trial.expected == len(trial.counted) == STREAMS
    assert (len(trial.of("late")), len(trial.of("parked"))) == (2, 2)
    assert set(classes(trial, "late", "parked")) == {Class.RELEASED}
    assert [one.cls for one in trial.flights if not one.is_expected] == []
    assert (trial.broken, trial.mismatches) == ((), ())
    assert len(trial.checks) >= 5
    assert trial.differs[1] >= STREAMS
    assert all(one.request.xid for one in trial.flights)
    assert all(one.request.scheduled_ns for one in trial.of("probe"))


async def test_more_streams_than_run_at_once_leave_a_queue():
    plan = replace(PLAN, probe_per_s=0.0)
    async with opened(fleet(max_num_seqs=2), speed=SPEED) as rig:
        trial = await counted(Trials(rig, plan), mode="abort")
    assert classes(trial, "inflight") == [Class.ABORTED] * 2
    assert [one.is_expected for one in trial.of("queued")] == [True]
    assert trial.mismatches == ()


async def test_without_a_mode_only_our_own_drain_is_tried_and_nothing_is_sent_meanwhile():
    patient = replace(TIMEOUTS, drain_s=10.0)
    async with opened(fleet(version="0.11.2"), speed=SPEED, timeouts=patient) as rig:
        trial = await counted(Trials(rig))
        assert (await rig.truth(NAME))["phase"] == "up"
    assert classes(trial, "inflight") == [Class.DRAINED] * STREAMS
    assert {one.cohort for one in trial.flights} == {"inflight"}


async def test_a_request_that_the_server_loses_is_found():
    plan = replace(PLAN, max_tokens=3000, deadline_s=5.0, late=0, parked=0, probe_per_s=0.0)
    async with opened(fleet(), speed=SPEED) as rig:
        bench = Trials(rig, plan)
        await rig.fault(NAME, Fault.LOSE, every=3, paths=["/v1/completions"])
        failed = await bench.run(mode="keep")
        trial = bench.found()[-1]
        await rig.clear(NAME)
        assert rig.services.ledger.open_on(NAME) == ()
    assert classes(trial, "inflight", "queued").count(Class.HUNG) == 1
    assert len(trial.broken) == 1
    assert failed is None


async def test_the_death_of_the_engine_is_the_end_of_all():
    plan = replace(LONG, deadline_s=1.0)
    async with opened(fleet(), speed=SPEED) as rig:
        bench = Trials(rig, plan)
        trying = asyncio.ensure_future(bench.run(mode="keep", dwell_s=3.0))
        await rig.until(lambda: rig.records(NAME), "it has fallen asleep")
        await rig.fault(NAME, Fault.DEATH)
        failed = await asyncio.wait_for(trying, 60)
        (trial,) = bench.found()
        assert rig.services.ledger.open_on(NAME) == ()
    assert failed is not None
    assert (failed.cls, trial.cls) == ("engine_dead", "engine_dead")
    assert trial.invalid == ""
    assert len(trial.broken) == STREAMS


async def test_one_that_is_stopped_leaves_nothing_open():
    async with opened(fleet(), speed=SPEED) as rig:
        bench = Trials(rig, LONG)
        trying = asyncio.ensure_future(bench.run(mode="keep", dwell_s=60.0))
        await rig.until(lambda: rig.records(NAME), "it has fallen asleep")
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying
        assert rig.services.ledger.open_on(NAME) == ()
        (trial,) = bench.found()
        assert set(classes(trial, "inflight")) == {Class.GIVEN_UP}
        assert trial.invalid
        await rig.do(rig.services.operations.wake(NAME))
