"""A plan on the simulated fleet: real clients and sockets, the journal as its only witness."""

import asyncio
from collections import Counter

from support.bench_sim import LIMIT_S, bench_fleet

from sleeptui.config_expectations import read_expectations
from sleeptui.core.bench import PhaseBegan, PhaseKind, Question
from sleeptui.core.model import State
from sleeptui.core.plan import InFlight, Latency, Memory, Plan, Stability
from sleeptui.services.bench.prepared import Criteria, prepare
from sleeptui.services.bench.runner import run_bench

EXPECTED = read_expectations()
QUICK = Latency(blocks=1, cycles=1, levels=(1,), dwell_s=(0.05,), settle_s=0.05)
ALL = Plan(
    name="all",
    latency=QUICK,
    memory=Memory(cycles=1, levels=(1,)),
    # Long answers: at this speed short ones are over before they can be put to sleep.
    in_flight=InFlight(
        modes=("wait",),
        streams=(2,),
        repeats=1,
        max_tokens=3000,
        dwell_s=0.5,
        late=1,
        parked=1,
        deadline_s=20.0,
    ),
    stability=Stability(cycles=1, levels=(2,)),
)


def states(services):
    return {view.name: (view.state, view.level) for view in services.store.view.servers}


async def carried_out(services, plan, stop=None, criteria=None):
    prepared = prepare(services, plan, seed=1)
    async with asyncio.timeout(LIMIT_S):
        end = await run_bench(services, prepared, criteria or Criteria(), stop or asyncio.Event())
    await services.recordings.written()
    return end


async def test_all_four_questions_are_asked_and_the_journal_has_it_all(tmp_path):
    async with bench_fleet(tmp_path) as (services, _):
        before = states(services)
        criteria = Criteria(expectations=EXPECTED.lines, text=EXPECTED.text)
        end = await carried_out(services, ALL, criteria=criteria)
        session = services.archive.read(services.recordings.path)
        assert [(one.phase.title, one.cls, one.note) for one in session.phases if one.note] == []
        assert (end.cls, end.failed, end.skipped, end.left) == ("ok", 0, 0, ())
        assert states(services) == before
    asked = {seen.phase.question for seen in session.phases}
    assert asked >= set(Question)
    assert all(seen.cls == "ok" for seen in session.phases)
    assert session.bench.steps == end.steps
    starts = [one for one in session.attempts if one.kind == "start"]
    assert sorted(one.server for one in starts) == ["code", "summarize"]
    homes = {seen.phase.id: seen.phase for seen in session.phases}
    assert all(homes[one.phase].kind is PhaseKind.COLD for one in starts)
    sent = Counter(one.cohort for one in session.requests)
    assert sent["steady"] >= 12
    assert sent["baseline"] == 10
    assert sent["inflight"] >= 4
    assert session.verdicts == end.verdicts
    # What they say is not asked: at this speed a wake is faster than any link.
    assert {one.expectation.id for one in end.verdicts} == {one.id for one in EXPECTED.lines}


async def test_a_death_in_a_block_is_kept_and_the_next_block_is_a_new_process(tmp_path):
    latency = Latency(blocks=2, cycles=2, levels=(1,), dwell_s=(0.0,), settle_s=0.0)
    plan = Plan(name="death", models=("code",), latency=latency)
    async with bench_fleet(tmp_path) as (services, fleet):
        before = states(services)

        def die(event):
            """The engine dies as its first steady cycle begins."""
            phase = event.phase if isinstance(event, PhaseBegan) else None
            if phase and phase.kind is PhaseKind.CYCLE and (phase.block, phase.nth) == (1, 1):
                fleet.engine("code").kill()

        services.bus.subscribe(die)
        end = await carried_out(services, plan)
        session = services.archive.read(services.recordings.path)
        assert states(services) == before
    blocks = [seen for seen in session.phases if seen.phase.kind is PhaseKind.BLOCK]
    assert [seen.cls for seen in blocks] == ["engine_dead", "ok"]
    assert (end.failed, end.skipped, end.left) == (1, 1, ())
    cycles = [seen.cls for seen in session.phases if seen.phase.kind is PhaseKind.CYCLE]
    assert cycles == ["ok", "engine_dead", "ok", "ok", "ok"]


async def test_a_stop_leaves_a_partial_result_and_the_servers_as_they_were(tmp_path):
    async with bench_fleet(tmp_path) as (services, _):
        before, stop = states(services), asyncio.Event()

        def halt(event):
            if isinstance(event, PhaseBegan) and event.phase.kind is PhaseKind.CYCLE:
                stop.set()

        services.bus.subscribe(halt)
        end = await carried_out(services, ALL, stop)
        session = services.archive.read(services.recordings.path)
        assert states(services) == before
    assert (end.cls, end.left) == ("user_abort", ())
    assert end.done < end.steps
    assert session.phases[-1].phase.kind is PhaseKind.RESTORE
    assert {seen.cls for seen in session.phases} >= {"user_abort", "ok"}
    assert before["summarize"][0] is State.AWAKE
