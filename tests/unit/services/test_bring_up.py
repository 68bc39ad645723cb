"""The guided order: start one, verify it, put it to sleep, start the next."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.builders import answer, reference
from support.panel import opened
from support.runtimes import FakeRuntime, FakeRuntimes, StartedEngine, down

from sleeptui.core.errors import ProcessError
from sleeptui.core.events import ReferenceTaken
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.settings import ServerSpec, Timeouts
from sleeptui.services.bring_up import Guide, Stuck


@asynccontextmanager
async def guided(clock, *engines, alien=(), **fields):
    """A guide over these servers; those in ``alien`` are started by others."""
    runtimes = FakeRuntimes(
        *(
            FakeRuntime(engine=one, clock=clock, takes_s=5.0)
            for one in engines
            if one.name not in alien
        )
    )
    async with opened(*engines, clock=clock, runtimes=runtimes, **fields) as panel:
        runtimes.live_in(panel.homes)
        views = panel.services.store.view.servers
        await panel.until(lambda: all(view.state is not State.UNKNOWN for view in views))
        told = []
        guide = Guide(panel.services, lambda server, words: told.append(f"{server}: {words}"))
        guide.told = told
        yield panel, guide


async def over(panel, work):
    """Let time pass until it has ended."""
    task = asyncio.ensure_future(work)
    await panel.clock.until(task.done, limit_s=5000)
    return task.result()


def states(panel, *names):
    return [panel.view(name).state.value for name in names]


def done(guide):
    return [f"{one.kind.value} {one.server}" for one in guide.records]


async def test_one_after_the_other_and_the_last_stays_awake(clock):
    async with guided(clock, down(clock, "a"), down(clock, "b"), down(clock, "c")) as (
        panel,
        guide,
    ):
        await over(panel, guide.up(("a", "b", "c")))
        assert done(guide) == ["start a", "sleep a", "start b", "sleep b", "start c"]
        assert states(panel, "a", "b", "c") == ["asleep", "asleep", "awake"]
        assert all(one.outcome is Outcome.DONE for one in guide.records)
        assert guide.told[0].startswith("a: answers after 5.0")
        assert guide.current == ""


async def test_the_last_one_may_sleep_too_and_the_level_can_be_said(clock):
    async with guided(clock, down(clock, "a"), down(clock, "b")) as (panel, guide):
        await over(panel, guide.up(("a", "b"), level=2, all_asleep=True))
        assert done(guide) == ["start a", "sleep a", "start b", "sleep b"]
        assert [one.level for one in guide.records if one.kind is Kind.SLEEP] == [2, 2]
        assert states(panel, "a", "b") == ["asleep", "asleep"]


async def test_what_is_up_is_taken_as_it_is(clock):
    sleeper = StartedEngine(clock, name="a", level=1, awake_tags=set(), is_paused=True)
    awake = StartedEngine(clock, name="b")
    async with guided(clock, sleeper, awake, down(clock, "c")) as (panel, guide):
        await panel.until(lambda: panel.view("a").state is State.ASLEEP)
        await over(panel, guide.up(("a", "b", "c")))
        assert done(guide) == ["sleep b", "start c"]
        assert guide.told[:2] == [
            "a: asleep already, left as it is",
            "b: awake already, left as it is",
        ]
        assert states(panel, "a", "b", "c") == ["asleep", "asleep", "awake"]


async def test_who_is_pinned_or_on_another_gpu_is_not_in_the_way(clock):
    engines = [
        StartedEngine(clock, name="a", gpus=(0,)),
        StartedEngine(clock, name="b", gpus=(1,)),
        down(clock, "c", gpus=(1,)),
    ]
    specs = [
        ServerSpec(name="a", url="http://127.0.0.1:8001", gpus=(0,)),
        ServerSpec(name="b", url="http://127.0.0.1:8002", gpus=(1,), pinned=True),
        ServerSpec(name="c", url="http://127.0.0.1:8003", gpus=(1,)),
    ]
    async with guided(clock, *engines, specs=specs, count=2) as (panel, guide):
        await over(panel, guide.up(("c",)))
        assert done(guide) == ["start c"]
        assert states(panel, "a", "b", "c") == ["awake", "awake", "awake"]


async def test_it_waits_for_what_others_start(clock):
    async with guided(clock, down(clock, "a"), down(clock, "b")) as (panel, guide):
        runtime = panel.services.runtimes.runtimes["a"]
        await runtime.start(panel.view("a").spec)
        await panel.services.supervisor.look_for_homes()
        await panel.until(lambda: panel.view("a").state is State.STARTING)
        clock_s = clock.now_s()
        await panel.until(lambda: clock.now_s() > clock_s)
        panel.engine("a").on_observe = runtime.look
        await over(panel, guide.up(("a", "b")))
        assert guide.told[0] == "a: awake already, left as it is"
        assert done(guide) == ["sleep a", "start b"]


async def test_one_that_others_start_for_ever(clock):
    specs = [
        ServerSpec(name="a", url="http://127.0.0.1:8001", timeouts=Timeouts(start_s=20)),
    ]
    async with guided(clock, down(clock, "a"), specs=specs) as (panel, guide):
        runtime = panel.services.runtimes.runtimes["a"]
        await runtime.start(panel.view("a").spec)
        await panel.services.supervisor.look_for_homes()
        await panel.until(lambda: panel.view("a").state is State.STARTING)
        with pytest.raises(Stuck, match="starting for more than") as stuck:
            await over(panel, guide.up(("a",)))
        assert stuck.value.server == "a"


async def test_it_ends_at_the_first_that_fails(clock):
    async with guided(clock, down(clock, "a"), down(clock, "b"), down(clock, "c")) as (
        panel,
        guide,
    ):
        error = ProcessError("no such program", hint="is it there?")
        panel.services.runtimes.runtimes["b"].errors["start"] = [error]
        with pytest.raises(Stuck) as stuck:
            await over(panel, guide.up(("a", "b", "c")))
        assert stuck.value.server == "b"
        assert stuck.value.message == "start failed: no such program"
        assert stuck.value.hint == "is it there?"
        assert stuck.value.record.cause is Cause.NOT_STARTED
        assert states(panel, "a", "b", "c") == ["asleep", "down", "down"]


async def test_wrong_answers_are_a_failure(clock):
    engine = down(clock, "a", canary_tokens=answer(*[0] * 16, logprob=float("nan")))
    async with guided(clock, engine) as (panel, guide):
        panel.services.bus.publish(
            ReferenceTaken(at_s=clock.now_s(), server="a", reference=reference(model="a"))
        )
        with pytest.raises(Stuck) as stuck:
            await over(panel, guide.up(("a",)))
        assert stuck.value.record.cause is Cause.GARBAGE


@pytest.mark.parametrize("reach", [Reach.UNHEALTHY, Reach.TIMED_OUT])
async def test_one_that_is_neither_up_nor_down(clock, reach):
    async with guided(clock, StartedEngine(clock, name="a")) as (panel, guide):
        panel.engine("a").reach = reach
        await clock.advance(10)
        with pytest.raises(Stuck) as stuck:
            await over(panel, guide.up(("a",)))
        assert stuck.value.message
        assert stuck.value.record is None or reach is Reach.UNHEALTHY


async def test_one_that_nobody_can_start(clock):
    async with guided(clock, down(clock, "a"), alien={"a"}) as (panel, guide):
        assert guide.startable(("a",)) == ()
        with pytest.raises(Stuck, match="started by others"):
            await over(panel, guide.up(("a",)))


async def test_one_that_has_gone(clock):
    async with guided(clock, down(clock, "a")) as (panel, guide):
        with pytest.raises(Stuck, match="not watched any more"):
            await over(panel, guide.up(("b",)))


class TestDown:
    async def test_all_of_them(self, clock):
        async with guided(clock, StartedEngine(clock, name="a"), down(clock, "b")) as (
            panel,
            guide,
        ):
            assert await over(panel, guide.down(("a", "b")))
            assert done(guide) == ["stop a", "stop b"]
            assert guide.told == [
                "a: ended in 1.00 s, freed 40.0 GiB",
                "b: it does not run; nothing was done",
            ]
            assert states(panel, "a", "b") == ["down", "down"]

    async def test_one_that_survives_keeps_no_other_from_it(self, clock):
        engines = [StartedEngine(clock, name="a"), StartedEngine(clock, name="b")]
        async with guided(clock, *engines) as (panel, guide):
            panel.services.runtimes.runtimes["a"].survives = True
            assert not await over(panel, guide.down(("a", "b")))
            assert states(panel, "a", "b") == ["awake", "down"]
            assert "still runs" in guide.told[0]

    async def test_one_that_starts_up_ends_first(self, clock):
        async with guided(clock, StartedEngine(clock, name="a"), down(clock, "b")) as (
            panel,
            guide,
        ):
            await panel.services.runtimes.runtimes["b"].start(panel.view("b").spec)
            await panel.services.supervisor.look_for_homes()
            await panel.until(lambda: panel.view("b").state is State.STARTING)
            assert await over(panel, guide.down(("a", "b")))
            assert done(guide) == ["stop b", "stop a"]
