"""The benchmark page: plans, a run that is followed, its end, its stop."""

import asyncio

import pytest
from support import pictures
from support.archive import FakeArchive
from support.bench_children import SESSION, FakeBenches, ahead
from support.bench_story import BEGAN_S, running, whole
from support.clock import ManualClock
from support.paper import PaperServices
from support.pilot import shown_text, until

from sleeptui.core.errors import JournalError
from sleeptui.core.session import SessionSummary
from sleeptui.core.settings import Settings
from sleeptui.services.bench_watch import BenchWatch
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.benchmark import BenchmarkScreen
from sleeptui.tui.screens.confirm import ConfirmScreen


class Page:
    """The page over benchmarks that the test runs."""

    def __init__(self, size=(120, 36), archive=None, **settings):
        self.services = PaperServices(pictures.calm(), Settings(**settings))
        self.services.clock = ManualClock(BEGAN_S + 150, pictures.WALL_S)
        self.services.archive = archive
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=size, notifications=True)
        self._group = asyncio.TaskGroup()
        self.off = []

    async def __aenter__(self):
        await self._group.__aenter__()
        self.benches = FakeBenches()
        self.services.bench = self.bench = BenchWatch(
            benches=self.benches,
            bus=self.services.bus,
            clock=self.services.clock,
            group=self._group,
            ahead=ahead,
            hands_off=self.off.append,
        )
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.services.begun)
        await self.pilot.press("b")
        await until(self.pilot, lambda: isinstance(self.app.screen, BenchmarkScreen))
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(None, None, None)
        await self.bench.end()
        await self._group.__aexit__(None, None, None)

    async def says(self, *words):
        await until(self.pilot, lambda: all(word in shown_text(self.pilot) for word in words))

    async def press(self, *keys):
        await self.pilot.press(*keys)

    async def asks(self):
        await until(self.pilot, lambda: isinstance(self.app.screen, ConfirmScreen))

    async def run(self):
        """Choose the first plan, and let it begin to record."""
        await self.press("enter")
        await self.asks()
        await self.press("y")
        await until(self.pilot, lambda: self.benches.child is not None)
        self.benches.child.session.set_result(SESSION)

    async def ends(self, code):
        self.benches.close()
        self.benches.child.code.set_result(code)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_each_plan_says_what_it_would_do(size):
    async with Page(size) as page:
        await page.says("quick", "about 12 min", "code is restarted 3 times")
        await page.says("standard", "not here")
        await page.press("down")
        await page.says("none of the servers can be measured. Ask the doctor")
        await page.press("enter")
        await page.says("Not now")
        assert page.benches.asked == []
        await page.press("escape")
        await until(page.pilot, lambda: page.app.screen is page.app.dashboard)


async def test_it_asks_before_it_moves_servers():
    async with Page() as page:
        await page.press("enter")
        await page.asks()
        await page.says("Run the plan quick?", "code is restarted 3 times")
        await page.press("n")
        await until(page.pilot, lambda: isinstance(page.app.screen, BenchmarkScreen))
        assert page.benches.asked == []
        assert page.off == []


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_run_is_followed_and_its_verdicts_stand_at_its_end(size):
    async with Page(size) as page:
        await page.run()
        assert page.benches.asked == [("quick", ("qwen", "llama", "coder"))]
        page.benches.tell(*running())
        await page.says("Plan quick runs", "step 12 of 40", "now: summarize: cycle 1 of 3")
        await page.says("MODEL", "wake L1", "cold start, cached", "60x", "1 phase did not end")
        page.benches.tell(*whole()[-5:])
        await page.ends(1)
        await page.says("has ended", "PASS", "1 INCONCLUSIVE", f"sleeptui report {SESSION}")
        assert page.off == [True, False]
        await page.press("n")
        await page.says("about 12 min")


async def test_while_it_runs_the_panel_keeps_its_hands_off():
    async with Page() as page:
        await page.run()
        page.benches.tell(*running())
        await page.says("step 12 of 40")
        await page.press("escape")
        await page.says("BENCH ")
        await page.press("s")
        await page.says("A benchmark moves the models now")
        await page.press("x", "w", "v", "t", "a")
        assert page.services.operations.asked == []
        await page.press("q")
        await page.says("Quit while a benchmark runs?", "goes on without the panel")
        await page.press("escape", "b")
        await page.says("step 12 of 40")


async def test_quitting_a_demo_says_that_it_ends_with_it():
    async with Page(demo="default") as page:
        await page.run()
        await page.press("escape", "q")
        await page.says("The benchmark ends with it")


async def test_it_is_stopped_when_that_was_confirmed():
    async with Page() as page:
        await page.run()
        await page.says("Plan quick runs")
        await page.press("c")
        await page.asks()
        await page.press("n")
        assert page.benches.child.stops == 0
        await page.press("c")
        await page.asks()
        await page.press("y")
        await page.says("stops: the servers are restored")
        assert page.benches.child.stops == 1
        await page.ends(130)
        await page.says("has ended", "it was stopped")


async def test_what_it_said_stands_there_when_it_fails():
    async with Page() as page:
        await page.press("enter")
        await page.asks()
        await page.press("y")
        await until(page.pilot, lambda: page.benches.child is not None)
        page.benches.child.lines = ("sleeptui: looking", "sleeptui: the disk is full")
        page.benches.child.session.set_result("")
        page.benches.child.code.set_result(2)
        await page.says("has failed", "the disk is full", "sleeptui: looking")


async def test_one_that_runs_elsewhere_can_be_followed():
    archive = FakeArchive()
    running_one = SessionSummary(run_id="x", path=SESSION, is_running=True, plan="standard")
    ended_one = SessionSummary(run_id="y", path="/sessions/y", plan="quick")
    archive.sessions = lambda: [running_one, ended_one]
    async with Page(archive=archive) as page:
        await page.says("runs", "plan standard")
        await page.press("down", "down")
        await page.says("Somebody else has started this benchmark")
        await page.press("enter")
        await page.says("Plan standard runs, started elsewhere")
        await page.press("c")  # it is not ours to stop
        page.benches.close(JournalError("nobody writes to it any more"))
        await page.says("has failed", "nobody writes to it any more")


async def test_a_folder_that_cannot_be_read_is_no_matter():
    archive = FakeArchive()
    archive.problem = JournalError("no")
    async with Page(archive=archive) as page:
        await page.says("about 12 min")


async def test_a_panel_that_only_watches_measures_nothing():
    async with Page(readonly=True) as page:
        await page.press("enter")
        await page.says("--readonly")
        assert page.benches.asked == []


async def test_ascii_has_no_other_characters():
    async with Page(ascii=True) as page:
        await page.says("about 12 min")
        await page.run()
        page.benches.tell(*running())
        await page.says("[###")
        assert shown_text(page.pilot).isascii()


async def test_the_mouse_chooses_too():
    async with Page() as page:
        await page.says("about 12 min")
        await page.pilot.click("#plans", offset=(5, 1))
        await page.says("Ask the doctor")


async def test_a_tick_of_the_page_that_was_left_does_nothing():
    """It falls due while the page is taken away: its widgets have gone before its timers."""
    async with Page() as page:
        screen = page.app.screen
        await page.press("escape")
        await until(page.pilot, lambda: page.app.screen is not screen and not screen.children)
        screen._present()
