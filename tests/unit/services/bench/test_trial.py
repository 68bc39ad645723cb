"""Trials on servers that do not do as they should, on the clock of the test."""

import asyncio
from dataclasses import replace

import pytest
from support.bench_run import bench_panel
from support.runtimes import StartedEngine

from sleeptui.core.bench import BenchPhase, Counted, PhaseKind
from sleeptui.core.completion import TokenEvent
from sleeptui.core.errors import Refused, Unreachable
from sleeptui.core.events import OperationEnded, RequestBegan, RequestEnded
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


async def test_no_probe_is_sent_that_would_be_taken_back(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        await over(panel, run_trial(desk_of(panel, replace(FEW, probe_per_s=5.0)), step()))
        woken = max(at for at, one in enumerate(panel.events) if isinstance(one, OperationEnded))
        late = [one for one in panel.events[woken:] if isinstance(one, RequestBegan)]
        assert [one.cohort for one in late if one.cohort == "probe"] == []


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


class Dripping(StartedEngine):
    """Each stream gets a token each ``every_s``, so many of them; then it ends, or hangs."""

    every_s, drips, hangs = 3.0, 5, False

    async def complete(self, prompt, **how):
        for tokens in range(1, self.drips + 1) if "story" in prompt else ():
            await self.clock.sleep(self.every_s)
            while self.is_sleeping:
                await self.woken.wait()
            how["on_token"](TokenEvent(at_s=self.clock.now_s(), text="x", tokens=tokens))
        if "story" in prompt and self.hangs:
            await asyncio.Event().wait()
        return await super().complete(prompt, **how)


UNDER_WAY = replace(FEW, late=0, parked=0)


def streams(panel):
    """How each of them ended."""
    ids = [
        one.id for one in panel.events if isinstance(one, RequestBegan) and one.cohort == "inflight"
    ]
    return [one for one in panel.events if isinstance(one, RequestEnded) and one.id in ids]


async def test_a_slow_answer_is_not_hung(clock):
    engine = Dripping(clock, name="a")
    async with bench_panel(clock, engine) as panel:
        await over(panel, run_trial(desk_of(panel, UNDER_WAY), step()))
        assert [one.fate for one in streams(panel)] == [Fate.COMPLETED] * 2
    assert UNDER_WAY.deadline_s < engine.drips * engine.every_s - 1.0


async def test_an_answer_of_which_nothing_comes_any_more_is_hung(clock):
    engine = Dripping(clock, name="a")
    engine.hangs = True
    async with bench_panel(clock, engine) as panel:
        await over(panel, run_trial(desk_of(panel, UNDER_WAY), step()))
        assert [one.fate for one in streams(panel)] == [Fate.HUNG] * 2
        assert {one.error for one in streams(panel)} == {"nothing came for 5 s after the wake"}
        assert began(panel)[-1] == "check"


@pytest.mark.parametrize("every_s", [3.0, 5.3])
async def test_a_time_in_which_we_were_held_up_does_not_count(clock, every_s):
    """The second time is longer than the deadline: what comes while it is asked saves it."""
    engine = Dripping(clock, name="a")
    engine.every_s = every_s
    async with bench_panel(clock, engine) as panel:
        task = asyncio.ensure_future(run_trial(desk_of(panel, UNDER_WAY), step()))
        await clock.until(lambda: engine.wakes == 1)
        await clock.advance(0.5)
        for _ in range(3):
            clock.move(20.0)
            await clock.advance(0.01)
        await clock.until(task.done, limit_s=10_000.0)
        await task
        assert set(fates(panel)) == {Fate.COMPLETED}


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
