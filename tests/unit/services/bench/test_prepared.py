"""What a plan can do here is found out before anything is touched."""

from support.bench_run import bench, bench_panel, records
from support.runtimes import StartedEngine, down

from sleeptui.core.errors import ContainerError
from sleeptui.core.operation import Kind
from sleeptui.core.plan import Latency, Plan
from sleeptui.services.bench.prepared import barred, prepare

PLAN = Plan(name="x", latency=Latency(blocks=1, cycles=1, levels=(1,), settle_s=0.5))


def runtime(panel, name="a"):
    return panel.services.runtimes.runtimes[name]


async def test_a_server_that_its_runtime_has_not_started_is_not_restarted(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        assert await barred(panel.services) == {}
        runtime(panel).is_running = False
        found = await barred(panel.services)
        prepared = prepare(panel.services, PLAN, seed=1, barred=found)
        assert not prepared.subjects[0].can_start
        assert prepared.startable == frozenset()
        note = "Left out: a: cold starts, it runs, but its runtime has not started it"
        assert any(line.startswith(note) for line in prepared.briefing)


async def test_a_runtime_that_cannot_be_asked_restarts_nothing(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a"), down(clock, "b")) as panel:
        error = ContainerError("Docker is not running")
        runtime(panel).errors["state"] = [error]
        runtime(panel, "b").errors["state"] = [error]
        prepared = prepare(panel.services, PLAN, seed=1, barred=await barred(panel.services))
        why = "its runtime cannot be asked: Docker is not running"
        assert f"b: it is down, and {why}" in prepared.notes
        assert f"a: cold starts, {why} (its wakes" in " ".join(prepared.notes)


async def test_without_runtimes_nothing_is_asked(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a"), startable=()) as panel:
        assert await barred(panel.services) == {}
        panel.services.runtimes = None
        assert await barred(panel.services) == {}
        await bench(panel, PLAN)
        assert Kind.START not in {record.kind for record in records(panel)}
