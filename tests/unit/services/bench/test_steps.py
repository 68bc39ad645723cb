"""What a step makes of a server that does not do as it should."""

import asyncio

import pytest
from support.bench_run import asleep, bench, bench_panel, cohorts, phases, records
from support.clock import settle
from support.fakes import timed_out
from support.runtimes import FakeWeights, StartedEngine

from sleeptui.core.bench import PhaseBegan, PhaseKind
from sleeptui.core.cold import ColdKind
from sleeptui.core.events import RequestBegan
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Kind
from sleeptui.core.plan import Latency, Memory, Plan, Stability
from sleeptui.core.settings import Canary, ServerSpec
from sleeptui.services.bench.desk import DEAD, BenchDesk, StepFailed
from sleeptui.services.bench.ready import is_ready, neighbours, rest, rouse

ONE = Plan(name="one", stability=Stability(cycles=1))
LATENCY = Plan(
    name="latency",
    models=("a",),
    latency=Latency(blocks=1, cycles=1, levels=(1,), dwell_s=(0.0,), settle_s=0.0),
)


def desk_of(panel, **fields):
    names = frozenset(panel.engines.engines)
    values = {"plan": ONE, "nonce": "n", "measured": names, "startable": names, **fields}
    return BenchDesk(services=panel.services, **values)


async def over(panel, work):
    """The end of some work on the clock of the test."""
    task = asyncio.ensure_future(work)
    await panel.clock.until(task.done, limit_s=10_000.0)
    return await task


def of(panel, kind):
    return [(cls, note) for phase, cls, note in phases(panel) if phase.kind is kind]


def when(panel, kind, act):
    """Do something as a phase begins."""

    def follow(event):
        if isinstance(event, PhaseBegan) and event.phase.kind is kind:
            act()

    panel.services.bus.subscribe(follow)


class TestCycle:
    async def test_requests_of_others_make_it_disturbed_and_do_not_fail_it(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a", running=2)) as panel:
            end = await bench(panel, ONE)
            [(cls, note)] = of(panel, PhaseKind.CYCLE)
            assert (cls, end.failed) == ("disturbed", 0)
            assert note == "2 requests of others were in flight before the sleep"

    async def test_a_server_that_somebody_wakes_meanwhile_is_told(self, clock):
        plan = Plan(name="x", stability=Stability(cycles=1, dwell_s=60.0))
        engine = StartedEngine(clock, name="a")
        async with bench_panel(clock, engine) as panel:

            def wake():
                engine.level, engine.is_paused = None, False
                engine.awake_tags = {"weights", "kv_cache"}

            task = asyncio.ensure_future(bench(panel, plan))
            await clock.until(lambda: panel.view("a").state is State.ASLEEP)
            await clock.advance(5.0)
            wake()
            await clock.until(task.done)
            [(cls, _)] = of(panel, PhaseKind.CYCLE)
            assert cls == "invalid:woke"

    @pytest.mark.parametrize(
        ("level", "told"),
        [
            (1, ("invalid:woke", "a was awake in between: somebody else moved it")),
            (2, ("invalid:level", "a slept at level 2, not 1: somebody else moved it")),
        ],
    )
    async def test_a_sleep_that_is_another_one_by_its_end_is_told(self, clock, level, told):
        plan = Plan(name="x", stability=Stability(cycles=1, dwell_s=60.0))
        engine = StartedEngine(clock, name="a")
        async with bench_panel(clock, engine) as panel:
            task = asyncio.ensure_future(bench(panel, plan))
            await clock.until(lambda: panel.view("a").state is State.ASLEEP)
            await clock.advance(5.0)
            if level == 1:
                engine.level, engine.is_paused = None, False
                engine.awake_tags = {"weights", "kv_cache"}
                await clock.advance(10.0)
            asleep(engine, level)
            await clock.until(task.done)
            [found] = of(panel, PhaseKind.CYCLE)
            assert found == told

    async def test_a_process_that_is_another_one_after_the_wake_is_told(self, clock):
        plan = Plan(name="x", stability=Stability(cycles=1, dwell_s=30.0))
        engine = StartedEngine(clock, name="a")
        async with bench_panel(clock, engine) as panel:
            task = asyncio.ensure_future(bench(panel, plan))
            await clock.until(lambda: panel.view("a").state is State.ASLEEP)
            engine.started_s += 50.0
            await clock.until(task.done)
            [(cls, _)] = of(panel, PhaseKind.CYCLE)
            assert cls == "invalid:restarted"

    async def test_a_server_that_never_becomes_as_fast_is_asked_so_often_and_no_more(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            when(panel, PhaseKind.CYCLE, lambda: setattr(panel.engine("a"), "hold", slow(clock)))
            await bench(panel, LATENCY)
            assert cohorts(panel).count("steady") == 12

    async def test_a_request_that_fails_is_in_the_journal_and_holds_nothing_up(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            engine = panel.engine("a")
            when(
                panel,
                PhaseKind.CYCLE,
                lambda: engine.faults.setdefault("complete", []).append(timed_out("a")),
            )
            end = await bench(panel, LATENCY)
            assert (end.cls, end.failed) == ("ok", 0)

    async def test_a_sleep_that_frees_nothing_is_no_cycle(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a", frees=False)) as panel:
            end = await bench(panel, ONE)
            [(cls, note)] = of(panel, PhaseKind.CYCLE)
            assert cls == "no_op"
            assert note.startswith("sleep of a: said asleep, freed")
            assert end.failed == 1


def slow(clock):
    """Answers that come late: a hold that opens each time a second after it was asked."""

    class Late:
        async def wait(self):
            await clock.sleep(1.0)

    return Late()


class Stubborn(FakeWeights):
    """A file system that does not evict."""

    async def evict(self, spec, command=()):
        return self._now()


class TestBlock:
    async def test_a_start_from_other_caches_than_asked_is_told_and_its_block_goes_on(self, clock):
        plan = Plan(
            name="x",
            latency=Latency(blocks=1, cycles=1, levels=(1,), cold=(ColdKind.DISK,)),
        )
        weights, engine = Stubborn(share=1.0, read=0), StartedEngine(clock, name="a")
        async with bench_panel(clock, engine, weights=weights) as panel:
            end = await bench(panel, plan)
            [(cls, note)] = of(panel, PhaseKind.COLD)
            assert cls == "invalid:cache"
            assert "cold_cached" in note
            assert len(of(panel, PhaseKind.CYCLE)) == 2
            assert (end.failed, end.skipped) == (1, 0)

    async def test_a_server_that_does_not_start_ends_its_block(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            runtime = panel.engine("a").runtime
            runtime.dies_after_s = 2.0
            when(panel, PhaseKind.RESTORE, lambda: setattr(runtime, "dies_after_s", None))
            end = await bench(panel, LATENCY)
            [(cls, note)] = of(panel, PhaseKind.COLD)
            assert cls == DEAD
            assert "exit code 1" in note
            assert of(panel, PhaseKind.CYCLE) == []
            assert (end.skipped, end.left) == (4, ())

    async def test_no_answer_at_all_is_no_baseline(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            engine = panel.engine("a")
            engine.faults["complete"] = [timed_out("a")] * 7
            await bench(panel, LATENCY)
            [(cls, note)] = of(panel, PhaseKind.BASELINE)
            assert cls == "invalid:no answer"
            assert note == "a: none of 5 requests was answered"

    async def test_without_a_canary_nothing_is_verified(self, clock):
        off = ServerSpec(name="a", url="http://127.0.0.1:8001", canary=Canary(enabled=False))
        engine = StartedEngine(clock, name="a")
        async with bench_panel(clock, engine, specs=[off]) as panel:
            end = await bench(panel, LATENCY)
            assert (end.cls, end.failed) == ("ok", 0)
            assert not any(record.kind is Kind.VERIFY for record in records(panel))


class TestProof:
    async def test_a_partner_that_does_not_fit_proves_nothing(self, clock):
        plan = Plan(name="x", models=("a", "b"), memory=Memory(cycles=1, levels=(1,)))
        engines = (
            StartedEngine(clock, name="a", held_bytes=90 << 30, residual_bytes=80 << 30),
            asleep(StartedEngine(clock, name="b", held_bytes=70 << 30)),
        )
        async with bench_panel(clock, *engines) as panel:
            await bench(panel, plan)
            assert any(cls.startswith("invalid") for cls, _ in of(panel, PhaseKind.PROOF))


class TestReady:
    async def test_a_server_is_ready_when_it_is_awake_and_alone(self, clock):
        engines = StartedEngine(clock, name="a"), StartedEngine(clock, name="b")
        async with bench_panel(clock, *engines) as panel:
            desk = desk_of(panel)
            assert not is_ready(desk, "a")
            await over(panel, rest(desk, "b"))
            assert is_ready(desk, "a")
            assert not is_ready(desk, "b")

    async def test_a_pinned_neighbour_is_left_alone_unless_it_is_measured(self, clock):
        specs = [
            ServerSpec(name="a", url="http://127.0.0.1:8001"),
            ServerSpec(name="b", url="http://127.0.0.1:8002", pinned=True),
        ]
        engines = StartedEngine(clock, name="a"), StartedEngine(clock, name="b")
        async with bench_panel(clock, *engines, specs=specs) as panel:
            assert neighbours(desk_of(panel), "a") == ("b",)
            assert neighbours(desk_of(panel, measured=frozenset({"a"})), "a") == ()

    async def test_a_paused_neighbour_is_woken_and_put_to_sleep(self, clock):
        engine = StartedEngine(clock, name="a", level=0, is_paused=True)
        async with bench_panel(clock, engine) as panel:
            assert panel.view("a").state is State.PAUSED
            await over(panel, rest(desk_of(panel), "a"))
            assert panel.view("a").state is State.ASLEEP

    async def test_a_broken_neighbour_is_ended_where_it_can_be_started_again(self, clock):
        engine = StartedEngine(clock, name="a")
        async with bench_panel(clock, engine) as panel:
            engine.has_weights = False
            desk = desk_of(panel)
            await over(panel, panel.services.operations.verify("a").ended())
            engine.canary_tokens = engine.canary_tokens[::-1]
            engine.has_weights = True
            await over(panel, panel.services.operations.verify("a").ended())
            assert panel.view("a").state is State.SUSPECT
            await over(panel, rest(desk, "a"))
            assert panel.view("a").state is State.DOWN

    async def test_what_does_not_wake_is_started_anew(self, clock):
        async with bench_panel(clock, asleep(StartedEngine(clock, name="a"))) as panel:
            panel.engine("a").faults["wake"] = [timed_out("a")]
            await over(panel, rouse(desk_of(panel), "a"))
            assert panel.view("a").state is State.AWAKE

    async def test_what_cannot_be_started_is_given_up_with_the_reason(self, clock):
        engine = StartedEngine(clock, name="a", reach=Reach.REFUSED)
        async with bench_panel(clock, engine, startable=()) as panel:
            await panel.until(lambda: panel.view("a").state is State.DOWN)
            with pytest.raises(StepFailed, match="it is started by others") as caught:
                await over(panel, rouse(desk_of(panel, startable=frozenset()), "a"))
            assert caught.value.is_fatal

    async def test_a_server_that_is_not_watched_any_more_is_said(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            with pytest.raises(StepFailed, match="not watched any more"):
                desk_of(panel).view("nobody")


class TestDesk:
    async def test_no_prompt_is_asked_twice(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            desk = desk_of(panel)
            first, second = desk.prompt("Why?"), desk.prompt("Why?")
            assert first != second
            assert first.startswith("[n-1]")

    async def test_a_request_is_journaled_before_it_is_sent(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            desk = desk_of(panel)
            seen = []

            def follow(event):
                if isinstance(event, RequestBegan):
                    seen.append(list(panel.engine("a").calls))

            panel.services.bus.subscribe(follow)
            await over(panel, desk.request("a", cohort="steady", prompt="Why?", max_tokens=4))
            assert seen == [[]]

    async def test_an_order_that_is_refused_is_a_failed_step(self, clock):
        async with bench_panel(clock, asleep(StartedEngine(clock, name="a"))) as panel:
            with pytest.raises(StepFailed, match="asleep at level 1") as caught:
                await over(panel, desk_of(panel).sleep("a", 1))
            assert caught.value.cls == "invalid:refused"

    async def test_an_order_that_is_taken_back_is_an_abort(self, clock):
        async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
            desk, operations = desk_of(panel), panel.services.operations
            task = asyncio.ensure_future(desk.sleep("a", 1))
            await settle()
            operations.cancel("a")
            await clock.until(task.done)
            with pytest.raises(StepFailed) as caught:
                await task
            assert caught.value.cls == "user_abort"
