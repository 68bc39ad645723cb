"""Trials on servers that do not do as they should, on the clock of the test."""

import asyncio
from dataclasses import replace

import pytest
from support.bench_run import bench_panel
from support.runtimes import StartedEngine

from sleeptui.core.bench import BenchPhase, Counted, PhaseKind
from sleeptui.core.errors import Refused, Unreachable
from sleeptui.core.events import RequestBegan, RequestEnded
from sleeptui.core.model import Reach
from sleeptui.core.operation import Fate
from sleeptui.core.plan import InFlight, Plan
from sleeptui.core.step import Step
from sleeptui.services.bench.desk import DEAD, BenchDesk, StepFailed
from sleeptui.services.bench.trial import run_trial

FEW = InFlight(max_tokens=10, dwell_s=1.0, late=1, parked=1, probe_per_s=0.0, deadline_s=5.0)


def desk_of(panel, settings=FEW):
    return BenchDesk(services=panel.services, plan=Plan(name="x", in_flight=settings), nonce="n")


def step(kind=PhaseKind.TRIAL, **fields):
    values = {"server": "a", "level": 1, "mode": "keep", "streams": 2, "dwell_s": 1.0, **fields}
    return Step(phase=BenchPhase(id=1, kind=kind, title="", **values))


async def over(panel, work):
    """The end of some work on the clock of the test."""
    task = asyncio.ensure_future(work)
    await panel.clock.until(task.done, limit_s=10_000.0)
    return await task


async def failed(panel, work):
    with pytest.raises(StepFailed) as caught:
        await over(panel, work)
    assert panel.services.ledger.open_on("a") == ()
    return caught.value.cls, caught.value.note


def began(panel):
    return [one.cohort for one in panel.events if isinstance(one, RequestBegan)]


def fates(panel):
    return [one.fate for one in panel.events if isinstance(one, RequestEnded)]


async def test_a_control_is_asked_twice_and_kept(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        desk = desk_of(panel)
        await over(panel, run_trial(desk, step(PhaseKind.CONTROL)))
        assert began(panel) == ["control"] * 4
        control = desk.controls["a", 2]
        assert [one.control.completion.text for one in control.asks] == ["blue"] * 2
        assert control.duration_s > 0
        ended = [one for one in panel.events if isinstance(one, RequestEnded)]
        assert [one.equal for one in ended] == [None, None, True, True]


async def test_a_control_that_is_not_answered_is_none(clock):
    engine = StartedEngine(clock, name="a")
    async with bench_panel(clock, engine) as panel:
        engine.faults["complete"] = [Refused("503, busy", server="a", status=503)]
        desk = desk_of(panel)
        told = await failed(panel, run_trial(desk, step(PhaseKind.CONTROL)))
        assert told == ("invalid:control", "a request without a sleep was not answered: 503, busy")
        assert desk.controls == {}


async def test_a_control_that_is_never_answered_is_waited_for_in_bounds(clock):
    engine = StartedEngine(clock, name="a", hold=asyncio.Event())
    async with bench_panel(clock, engine) as panel:
        desk = desk_of(panel)
        cls, note = await failed(panel, run_trial(desk, step(PhaseKind.CONTROL)))
        assert (cls, note.rpartition(": ")[2]) == (
            "invalid:control",
            "open 120 s after it was sent",
        )
        assert fates(panel) == [Fate.HUNG] * 2
        assert desk.controls == {}


async def test_streams_late_and_parked_ones_around_a_sleep(clock):
    engine = StartedEngine(clock, name="a")
    async with bench_panel(clock, engine) as panel:
        desk = desk_of(panel, replace(FEW, probe_per_s=2.0))
        await over(panel, run_trial(desk, step(PhaseKind.CONTROL)))
        panel.events.clear()
        await over(panel, run_trial(desk, step()))
        assert began(panel)[:2] == ["inflight"] * 2
        assert {"late", "parked", "probe"} <= set(began(panel))
        assert set(fates(panel)) == {Fate.COMPLETED}
        moments = [one.moment for one in panel.events if isinstance(one, Counted)]
        assert moments == ["before", "asleep", "after"]
        assert not engine.is_sleeping


async def test_a_sleep_that_is_refused_leaves_it_awake(clock):
    engine = StartedEngine(clock, name="a")
    async with bench_panel(clock, engine) as panel:
        engine.faults["sleep"] = [Refused("400, no such level", server="a", status=400)]
        cls, note = await failed(panel, run_trial(desk_of(panel), step()))
        assert cls.startswith("invalid:")
        assert "400" in note
        assert not engine.is_sleeping


async def test_a_level_that_it_does_not_have_is_not_tried(clock):
    engine = StartedEngine(clock, name="a", version="0.8.5")
    async with bench_panel(clock, engine) as panel:
        cls, _ = await failed(panel, run_trial(desk_of(panel), step(mode="abort")))
        assert cls == "invalid:refused"


async def test_streams_that_end_before_the_sleep_make_it_none(clock):
    engine = StartedEngine(clock, name="a")
    async with bench_panel(clock, engine) as panel:
        gone = Unreachable("the connection broke", server="a", sent=True)
        engine.faults["complete"] = [gone]
        cls, _ = await failed(panel, run_trial(desk_of(panel), step()))
        assert cls == "invalid:finished early"


async def test_streams_that_come_to_nothing_are_waited_for_in_bounds(clock):
    engine = StartedEngine(clock, name="a", hold=asyncio.Event())
    async with bench_panel(clock, engine) as panel:
        settings = replace(FEW, max_tokens=400)  # of which each gets one token
        cls, _ = await failed(panel, run_trial(desk_of(panel, settings), step()))
        assert cls == "invalid:no tokens"
        assert fates(panel) == [Fate.CUT] * 2


async def test_what_its_server_never_ends_is_lost_with_it(clock):
    engine = StartedEngine(clock, name="a")
    async with bench_panel(clock, engine, startable=()) as panel:
        settings = replace(FEW, late=0, parked=0)
        task = asyncio.ensure_future(run_trial(desk_of(panel, settings), step(dwell_s=30.0)))
        await clock.until(lambda: engine.is_sleeping)
        await clock.advance(5.0)
        engine.reach = Reach.REFUSED
        engine.faults["complete"] = [Unreachable("nothing listens", server="a", sent=False)]
        await clock.until(task.done, limit_s=10_000.0)
        with pytest.raises(StepFailed) as caught:
            await task
        assert caught.value.cls == DEAD
        assert panel.services.ledger.open_on("a") == ()
        assert Fate.LOST in fates(panel)
