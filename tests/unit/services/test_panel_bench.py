"""The services of the panel beside a benchmark: hands off, fewer looks, and back."""

from support.bench_children import SESSION, FakeBenches
from support.clock import settle
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.services.panel import BESIDE_S


async def test_without_anything_that_runs_them_there_are_none(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock) as panel:
        assert panel.services.open_bench() is None
        assert panel.services.bench is None


async def test_while_one_runs_the_panel_looks_less_often_and_asks_nothing_by_itself(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock) as panel:
        services, benches = panel.services, FakeBenches()
        services._benches = benches
        bench = services.open_bench()
        assert bench is services.open_bench() is services.bench
        assert (services.hands_off, services.supervisor.interval_s) == (False, 0.5)
        quick, standard = bench.offers()
        assert quick.briefing
        assert "a is put to sleep and woken" in standard.briefing[0]
        bench.start("quick", services.supervisor.specs)
        await settle()
        assert (services.hands_off, services.supervisor.interval_s) == (True, BESIDE_S)
        benches.child.session.set_result(SESSION)
        benches.close()
        benches.child.code.set_result(130)
        await settle()
        assert (services.hands_off, services.supervisor.interval_s) == (False, 0.5)


async def test_the_end_of_the_services_lets_go_of_it(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock) as panel:
        benches = panel.services._benches = FakeBenches()
        panel.services.open_bench().start("quick", panel.services.supervisor.specs)
        await settle()
    assert benches.child.is_closed
