import asyncio
from collections import Counter

import pytest
from support.bench_run import asleep, begun, bench, bench_panel, cohorts, phases, records
from support.runtimes import StartedEngine, down

from sleeptui.core.bench import BenchPlanned, PhaseBegan, PhaseEnded, PhaseKind
from sleeptui.core.errors import ConfigError
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Kind
from sleeptui.core.plan import Latency, Memory, Plan, Stability
from sleeptui.core.settings import Settings
from sleeptui.services.bench.prepared import prepare

LATENCY = Plan(
    name="latency", latency=Latency(blocks=1, cycles=1, levels=(1,), dwell_s=(1.0,), settle_s=0.5)
)
MEMORY = Plan(name="memory", memory=Memory(cycles=1, levels=(1,)))
STABILITY = Plan(name="stability", stability=Stability(cycles=3))
ALL = Plan(
    name="all",
    latency=LATENCY.latency,
    memory=MEMORY.memory,
    stability=Stability(cycles=2, levels=(2,)),
)


def two(clock):
    return StartedEngine(clock, name="a"), asleep(StartedEngine(clock, name="b"))


def states(panel):
    return {view.name: (view.state, view.level) for view in panel.services.store.view.servers}


def kinds(panel):
    return [phase.kind for phase, _, _ in phases(panel)]


def classes(panel):
    return Counter(cls for _, cls, _ in phases(panel))


async def test_a_plan_is_carried_out_and_every_server_is_as_it_was_found(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        before = states(panel)
        end = await bench(panel, ALL)
        assert (end.cls, end.done, end.failed, end.skipped) == ("ok", end.steps, 0, 0)
        assert end.left == ()
        assert states(panel) == before
        assert set(classes(panel)) == {"ok"}
        made = Counter(record.kind for record in records(panel))
        assert made[Kind.START] == made[Kind.STOP] == 2


async def test_the_journal_hears_what_will_be_done_before_anything_is(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        await bench(panel, LATENCY, seed=5)
        planned = [event for event in panel.events if isinstance(event, BenchPlanned)]
        begins = [event for event in panel.events if isinstance(event, PhaseBegan)]
        assert [(one.plan, one.seed, one.steps) for one in planned] == [("latency", 5, 13)]
        assert panel.events.index(planned[0]) < panel.events.index(begins[0])


async def test_phases_nest_and_each_ends_once(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        await bench(panel, ALL)
        open_, seen = [], set()
        for event in panel.events:
            if isinstance(event, PhaseBegan):
                assert event.phase.parent == (open_[-1] if open_ else None)
                assert event.phase.id == len(seen) + 1
                open_.append(event.phase.id)
                seen.add(event.phase.id)
            elif isinstance(event, PhaseEnded):
                assert open_.pop() == event.id
        assert open_ == []


async def test_a_block_is_a_start_a_warm_up_a_baseline_and_cycles(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        await bench(panel, LATENCY)
        assert kinds(panel)[:7] == [
            PhaseKind.BLOCK,
            PhaseKind.PREPARE,
            PhaseKind.COLD,
            PhaseKind.WARM_UP,
            PhaseKind.BASELINE,
            PhaseKind.CYCLE,
            PhaseKind.CYCLE,
        ]
        sent = Counter(cohorts(panel))
        assert sent["warmup"] == 4
        assert sent["baseline"] == 10
        assert sent["steady"] == 12
        prompts = [call for call in panel.engine("a").calls if call.startswith("complete")]
        assert len(set(prompts)) == len(prompts)


async def test_what_is_left_shrinks(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        await bench(panel, LATENCY)
        left = [event.left_s for event in panel.events if isinstance(event, PhaseBegan)]
        assert left[-1] is None
        assert left[-2] < left[0]


async def test_no_two_servers_of_one_gpu_are_awake_at_once(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        worst = []

        def look(event):
            awake = [one.name for one in panel.engines.engines.values() if one.used_bytes > 3 << 30]
            worst.append(len(awake))

        panel.services.bus.subscribe(look)
        await bench(panel, ALL)
        assert max(worst) == 1


async def test_a_proof_wakes_the_other_in_the_freed_space(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        end = await bench(panel, MEMORY)
        assert (end.cls, end.failed) == ("ok", 0)
        done = [f"{one.kind.value} {one.server}" for one in records(panel)]
        proof = ["sleep a", "wake b", "sleep b", "wake a"]
        assert any(done[at : at + 4] == proof for at in range(len(done)))


async def test_a_partner_without_an_answer_from_before_wakes_twice(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        await bench(panel, MEMORY, seed=1)
        done = [f"{one.kind.value} {one.server}" for one in records(panel)]
        proof = ["sleep a", "wake b", "sleep b", "wake b", "sleep b", "wake a"]
        assert done[: len(proof)] == proof
        assert done[len(proof) : len(proof) + 4] == ["sleep a", "wake b", "sleep b", "wake a"]


async def test_a_dead_engine_ends_its_block_and_the_next_one_starts_anew(clock):
    plan = Plan(name="x", models=("a",), latency=Latency(blocks=2, cycles=2, levels=(1,)))
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        engine = panel.engine("a")

        def die(event):
            phase = event.phase if isinstance(event, PhaseBegan) else None
            if phase and phase.kind is PhaseKind.CYCLE and (phase.nth, phase.block) == (1, 1):
                engine.reach = Reach.REFUSED
                engine.runtime.is_running = False

        panel.services.bus.subscribe(die)
        end = await bench(panel, plan)
        blocks = [(cls, note) for phase, cls, note in phases(panel) if phase.kind == "block"]
        assert blocks[0][0] == "engine_dead"
        assert blocks[0][1]
        assert blocks[1] == ("ok", "")
        assert (end.failed, end.skipped) == (1, 1)
        assert states(panel)["a"][0] is State.AWAKE


async def test_a_server_that_does_not_come_back_loses_its_steps_and_no_other_does(clock):
    plan = Plan(name="x", stability=Stability(cycles=4))
    async with bench_panel(clock, *two(clock), startable=("b",)) as panel:
        engine = panel.engine("a")

        def die(event):
            if isinstance(event, PhaseBegan) and event.phase.nth == 2 and event.phase.server == "a":
                engine.reach = Reach.REFUSED
                panel.homes.found.pop("a")

        panel.services.bus.subscribe(die)
        end = await bench(panel, plan)
        cycles = Counter(
            (phase.server, cls) for phase, cls, _ in phases(panel) if phase.kind == "cycle"
        )
        assert cycles["b", "ok"] == 4
        assert end.skipped >= 1
        assert any("a is" in words for words in end.left)
        assert states(panel)["b"] == (State.ASLEEP, 1)


async def test_what_was_found_down_is_down_again(clock):
    down = StartedEngine(clock, name="b", reach=Reach.REFUSED)
    async with bench_panel(clock, StartedEngine(clock, name="a"), down) as panel:
        await panel.until(lambda: panel.view("b").state is State.DOWN)
        end = await bench(panel, LATENCY)
        assert (end.cls, end.left) == ("ok", ())
        assert states(panel)["b"][0] is State.DOWN
        assert states(panel)["a"][0] is State.AWAKE


async def test_a_level_is_brought_back_too(clock):
    engines = asleep(StartedEngine(clock, name="a"), 2), asleep(StartedEngine(clock, name="b"))
    async with bench_panel(clock, *engines) as panel:
        before = states(panel)
        assert before == {"a": (State.ASLEEP, 2), "b": (State.ASLEEP, 1)}
        end = await bench(panel, STABILITY)
        assert end.left == ()
        assert states(panel) == before


async def test_without_runtimes_the_process_as_found_is_measured(clock):
    plan = Plan(name="x", latency=Latency(blocks=2, cycles=1, levels=(1,)))
    async with bench_panel(clock, *two(clock), startable=()) as panel:
        end = await bench(panel, plan)
        assert (end.cls, end.failed) == ("ok", 0)
        assert PhaseKind.COLD not in kinds(panel)
        assert kinds(panel).count(PhaseKind.CYCLE) == 6


async def test_wrong_answers_are_kept_and_the_server_is_brought_back(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        engine = panel.engine("a")

        def spoil(event):
            if isinstance(event, PhaseBegan) and event.phase.nth == 2:
                engine.has_weights = False

        plan = Plan(name="x", stability=Stability(cycles=3))
        panel.services.bus.subscribe(spoil)
        end = await bench(panel, plan)
        found = [cls for phase, cls, _ in phases(panel) if phase.kind == "cycle"]
        assert found == ["ok", "wrong_output", "ok"]
        assert end.failed == 1
        assert states(panel)["a"][0] is State.AWAKE


@pytest.mark.parametrize("seed", range(20))
async def test_a_stop_at_any_moment_brings_everything_back(clock, seed):
    async with bench_panel(clock, *two(clock)) as panel:
        before, stop = states(panel), asyncio.Event()
        task = begun(panel, ALL, seed=seed, stop=stop)
        await clock.advance(3.1 * seed + 0.37)
        stop.set()
        await clock.until(task.done, limit_s=10_000.0)
        end = await task
        assert end.cls == "user_abort"
        assert end.left == ()
        assert states(panel) == before
        assert not panel.services.operations.busy
        assert phases(panel)[-1][0].kind is PhaseKind.RESTORE


@pytest.mark.parametrize("is_up", [True, False])
async def test_a_stop_in_a_start_waits_for_it_only_where_it_was_up(clock, is_up):
    engine = StartedEngine(clock, name="a") if is_up else down(clock, name="a")
    async with bench_panel(clock, engine) as panel:
        before, stop = states(panel), asyncio.Event()
        engine.runtime.takes_s, engine.on_observe = 300.0, engine.runtime.look
        task = begun(panel, LATENCY, stop=stop)
        await clock.until(lambda: states(panel)["a"][0] is State.STARTING)
        stop.set()
        stopped_s = clock.now_s()
        await clock.until(task.done, limit_s=1000.0)
        assert (await task).left == ()
        assert states(panel) == before
        assert (clock.now_s() - stopped_s < 60.0) is not is_up


async def test_its_time_can_be_over(clock):
    plan = Plan(name="x", stability=Stability(cycles=1000), max_duration_s=60.0)
    async with bench_panel(clock, *two(clock)) as panel:
        before, began_s = states(panel), clock.now_s()
        end = await bench(panel, plan)
        assert end.cls == "time_over"
        assert clock.now_s() - began_s < 120
        assert states(panel) == before


async def test_cancelling_it_abandons_even_the_last_step(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        stop = asyncio.Event()
        task = begun(panel, ALL, stop=stop)
        await clock.advance(30.0)
        stop.set()
        await clock.until(lambda: kinds_open(panel) == PhaseKind.RESTORE)
        task.cancel()
        await clock.until(task.done)
        assert task.cancelled()
        assert not panel.services.hands_off


def kinds_open(panel):
    begins = [event for event in panel.events if isinstance(event, PhaseBegan)]
    return begins[-1].phase.kind if begins else None


async def test_readonly_and_empty_plans_are_refused_before_anything_is_touched(clock):
    async with bench_panel(clock, *two(clock), settings=Settings(readonly=True)) as panel:
        with pytest.raises(ConfigError, match="readonly"):
            prepare(panel.services, ALL, seed=1)
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        with pytest.raises(ConfigError, match="nothing of it can be measured"):
            prepare(panel.services, MEMORY, seed=1)
        assert records(panel) == []


async def test_who_makes_room_is_touched_too(clock):
    """So that no second benchmark runs on a server that this one puts to sleep."""
    plan = Plan(name="x", models=("a",), stability=Stability(cycles=1))
    async with bench_panel(clock, *two(clock)) as panel:
        prepared = prepare(panel.services, plan, seed=1)
        assert [one.name for one in prepared.subjects] == ["a"]
        assert prepared.touched == ("a", "b")


async def test_the_seed_of_the_plan_counts_more(clock):
    async with bench_panel(clock, *two(clock)) as panel:
        plan = Plan(name="x", seed=9, stability=Stability(cycles=1))
        found = prepare(panel.services, plan, seed=1)
        assert found.seed == 9
        assert found.estimate_s > 0
        assert found.briefing
