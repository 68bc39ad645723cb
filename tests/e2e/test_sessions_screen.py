"""The sessions page: list, picture, export and comparison, over a folder of sessions."""

import asyncio
from dataclasses import replace

import pytest
from support import journals, pictures
from support.archive import FakeArchive, summary
from support.clock import ManualClock
from support.paper import PaperServices
from support.pilot import shown_text, until

from sleeptui.core.errors import ExportError, JournalError
from sleeptui.core.events import RecordingBegan
from sleeptui.core.recording import Recording
from sleeptui.core.settings import Settings
from sleeptui.recorder.fold import fold
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.comparison import ComparisonScreen
from sleeptui.tui.screens.sessions import SessionsScreen
from sleeptui.tui.widgets.plot import PlotPanel
from sleeptui.tui.widgets.session_list import SessionList

WHOLE = fold(journals.lines())
SLOWER = replace(fold(journals.lines(journals.Sample(wakes=1.4, seed=3))), run_id="slower")
DEMO = replace(WHOLE, run_id="demo", demo="default", partial="it has no end")


class Page:
    """The page over an archive."""

    def __init__(self, archive, size=(120, 36), **settings):
        self.archive = archive
        self.services = PaperServices(pictures.calm(), Settings(**settings))
        self.services.clock = ManualClock(pictures.NOW_S, pictures.WALL_S)
        self.services.archive = archive
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=size, notifications=True)

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.services.begun)
        await self.pilot.press("4")
        await until(self.pilot, lambda: isinstance(self.app.screen, SessionsScreen))
        return self

    async def __aexit__(self, *error):
        self.archive.may_read.set()
        await self._run.__aexit__(*error)

    @property
    def text(self):
        return shown_text(self.pilot)

    @property
    def list(self):
        return self.app.screen.query_one(SessionList)

    async def says(self, *words):
        await until(self.pilot, lambda: all(word in self.text for word in words))

    async def press(self, *keys):
        await self.pilot.press(*keys)


async def test_the_list_and_the_picture_of_the_newest():
    async with Page(FakeArchive(WHOLE, DEMO)) as page:
        await page.says(
            "Sessions · 2 sessions · 1 partial", "✓ whole", "✗ PARTIAL", "62 operations"
        )
        await page.says(WHOLE.run_id, "sleep L1", "0.33 s (13)", "2 marks", "2 x NVIDIA H200")
        await page.says("GPU memory, 2 GPUs", "Requests", "4 m 25 s")
        await page.press("escape")
        await until(page.pilot, lambda: page.app.screen is page.app.dashboard)


async def test_what_is_wrong_with_a_session_stands_above_its_figures():
    async with Page(FakeArchive(WHOLE, DEMO)) as page:
        await page.press("down")
        await page.says("PARTIAL: it has no end", "SIMULATED (default): it measures no GPU")


async def test_reading_is_said_and_does_not_hold_the_panel():
    archive = FakeArchive(WHOLE, SLOWER, DEMO)
    archive.may_read.clear()
    async with Page(archive) as page:
        await page.says("reading…")
        await page.press("down", "down")
        await page.says("SIMULATED (default)", "reading…")
        assert archive.read_names == [f"/sessions/{WHOLE.run_id}"]  # one at a time
        archive.may_read.set()
        await page.says("1 http error")
        assert archive.read_names[-1] == "/sessions/demo"
        assert "/sessions/slower" not in archive.read_names


async def test_a_session_that_cannot_be_read_says_why_and_the_next_one_is_read():
    archive = FakeArchive(WHOLE, SLOWER)
    del archive.content[f"/sessions/{WHOLE.run_id}"]
    async with Page(archive) as page:
        await page.says("line 3 cannot be understood")
        await page.press("down")
        await page.says("slower", "0.74 s (16)")
        assert "cannot be understood" not in page.text


async def test_a_folder_that_cannot_be_read_says_why():
    archive = FakeArchive()
    archive.problem = JournalError("sessions in /s cannot be listed: Permission denied")
    async with Page(archive) as page:
        await page.says("cannot be listed: Permission denied")


async def test_where_nothing_is_recorded_it_says_how():
    async with Page(FakeArchive()) as page:
        await page.says("Nothing is recorded yet", "sleeptui --record")
        await page.press("enter", "e", "c", "space", "down", "end")
        await page.says("Select two sessions")


async def test_without_an_archive_nothing_happens():
    archive = FakeArchive()
    page = Page(archive)
    page.services.archive = None
    async with page:
        await page.says("Sessions")
        await page.press("e", "c", "enter")
        assert archive.listed == 0


async def test_enter_says_how_it_is_replayed():
    async with Page(FakeArchive(WHOLE)) as page:
        await page.says("whole")
        await page.press("enter")
        await page.says("sleeptui replay", WHOLE.run_id)


async def test_e_makes_the_files_and_says_where():
    archive = FakeArchive(WHOLE)
    async with Page(archive) as page:
        await page.says("whole")
        await page.press("e")
        await page.says("2 files are in")
        assert archive.exported == [f"/sessions/{WHOLE.run_id}"]


async def test_files_that_cannot_be_made_are_an_error():
    archive = FakeArchive(WHOLE)
    archive.problem = ExportError("report.md cannot be written: No space left on device")
    async with Page(archive) as page:
        await page.says("whole")
        await page.press("e")
        await page.says("No space left on device")


async def test_two_are_compared_the_newer_with_the_older():
    async with Page(FakeArchive(SLOWER, WHOLE)) as page:
        await page.says("whole")
        await page.press("c")
        await page.says("Select two sessions")
        await page.press("space", "down", "c")
        await until(page.pilot, lambda: isinstance(page.app.screen, ComparisonScreen))
        await page.says(f"A  {WHOLE.run_id}", "B  slower", "slower")
        await page.press("escape")
        await until(page.pilot, lambda: isinstance(page.app.screen, SessionsScreen))


async def test_unlike_ones_are_refused_with_the_reason():
    async with Page(FakeArchive(WHOLE, DEMO)) as page:
        await page.says("whole")
        await page.press("space", "down", "space", "c")
        await page.says("Not alike", "simulated", "--force")
        assert isinstance(page.app.screen, SessionsScreen)


async def test_a_comparison_that_cannot_be_read_is_an_error():
    archive = FakeArchive(WHOLE, SLOWER)
    del archive.content["/sessions/slower"]
    async with Page(archive) as page:
        await page.says("whole")
        await page.press("space", "down", "c")
        await page.says("cannot be understood")


async def test_a_selection_can_be_taken_back():
    async with Page(FakeArchive(WHOLE, SLOWER)) as page:
        await page.says("whole")
        await page.press("space")
        assert page.list.marked
        await page.press("space")
        assert not page.list.marked


async def test_a_recording_that_begins_is_one_more_session():
    archive = FakeArchive(WHOLE)
    async with Page(archive) as page:
        await page.says("1 session")
        running = replace(summary(SLOWER, -1), is_running=True, partial=None)
        archive.found.insert(0, running)
        view = replace(
            page.services.store.view, recording=Recording(path="/sessions/slower", began_s=0.0)
        )
        page.services.paint(view, RecordingBegan(at_s=0.0, path="/sessions/slower"))
        await page.says("2 sessions · 1 recording", "RECORDING")
        assert page.list.current.run_id == WHOLE.run_id  # the cursor stays with its session


async def test_a_running_one_is_looked_at_again(monkeypatch):
    monkeypatch.setattr("sleeptui.tui.screens.sessions._RELOOK_S", 0.01)
    archive = FakeArchive(WHOLE)
    archive.found = [replace(archive.found[0], is_running=True)]
    async with Page(archive) as page:
        await until(page.pilot, lambda: archive.listed > 2)
        archive.found = [replace(archive.found[0], is_running=False)]
        await page.says("✓ whole")


async def test_keys_and_mouse_move_the_cursor():
    sessions = [replace(WHOLE, run_id=f"s{number}") for number in range(30)]
    async with Page(FakeArchive(*sessions), size=(80, 24)) as page:
        await until(page.pilot, lambda: page.list.current)
        await page.press("end")
        assert page.list.current.run_id == "s29"
        await page.press("pageup", "up")
        assert page.list.current.run_id < "s29"
        await page.press("home", "pagedown", "down")
        assert page.list.current.run_id != "s0"
        await page.press("home")
        await page.pilot.click(SessionList, offset=(10, 2))
        assert page.list.current.run_id == "s2"
        await page.press("tab")
        await page.pilot.pause()


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 16)])
async def test_plots_fit_every_size(size):
    async with Page(FakeArchive(WHOLE), size=size) as page:
        plots = page.app.screen.query_one(PlotPanel)
        await until(page.pilot, lambda: plots.lines(plots.size.width, plots.size.height))
        await page.pilot.resize_terminal(100, 30)
        await until(
            page.pilot,
            lambda: plots.size.width > 0 and plots.lines(plots.size.width, plots.size.height),
        )


async def test_ascii_alone():
    async with Page(FakeArchive(WHOLE, DEMO), size=(80, 24), ascii=True) as page:
        await page.says("GPU memory", "sleep L1")
        await page.press("space")
        await asyncio.sleep(0)
        assert page.text.isascii()
