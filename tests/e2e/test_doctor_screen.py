"""The doctor's page: opens with its key, follows the fleet, says more on demand."""

from dataclasses import replace

import pytest
from support import builders as build
from support.doctor import well
from support.paper import PaperServices
from support.pilot import shown_text, until

from sleeptui.core.events import Noted
from sleeptui.core.model import Control, State
from sleeptui.core.settings import Settings
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.doctor import DoctorScreen
from sleeptui.tui.theme import Palette
from sleeptui.tui.widgets.finding_list import FindingList

GPUS = (build.gpu_view(processes=(build.process(),)),)
OFF = well("off", control=Control.NO_DEV_MODE, state=State.NO_CONTROL)


class Page:
    """The doctor's page over a picture."""

    def __init__(self, *views, size=(80, 24), **settings):
        self.services = PaperServices(build.fleet(views, GPUS), Settings(**settings))
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=size)

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.services.begun)
        await self.pilot.press("3")
        await until(self.pilot, lambda: isinstance(self.app.screen, DoctorScreen))
        await until(self.pilot, lambda: self.list.current)
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(*error)

    @property
    def list(self):
        return self.app.screen.query_one(FindingList)

    def paint(self, *views):
        view = replace(self.services.store.view, servers=views)
        self.services.paint(view, Noted(at_s=0.0, server=None, severity="info", text=""))

    async def says(self, words):
        await until(self.pilot, lambda: words in shown_text(self.pilot))


async def test_the_worst_is_on_top_with_its_next_step():
    async with Page(well("fine"), OFF) as page:
        await page.says("Doctor · 1 bad")
        assert page.list.current == ("off", "dev_mode")
        await page.says("→ start it with VLLM_SERVER_DEV_MODE=1 in its environment")
        await page.pilot.press("escape")
        await until(page.pilot, lambda: page.app.screen is page.app.dashboard)


async def test_it_follows_the_fleet_and_the_cursor_stays_with_its_finding():
    async with Page(well("fine"), OFF) as page:
        await page.pilot.press("down")
        await until(page.pilot, lambda: page.list.current != ("off", "dev_mode"))
        kept = page.list.current
        page.paint(well("fine", state=State.DOWN, reason="nothing listens on it"), OFF)
        await page.says("Doctor · 2 bad")
        assert page.list.current == kept
        page.paint(well("fine"))
        await until(page.pilot, lambda: page.list.current and page.list.current[0] != "off")


async def test_enter_says_how_it_is_known_and_takes_it_back():
    async with Page(OFF) as page:
        await page.pilot.press("enter")
        await page.says("known: GET /is_sleeping: 404")
        await page.pilot.press("enter")
        await until(page.pilot, lambda: "known:" not in shown_text(page.pilot))


async def test_keys_reach_the_last_finding_and_come_back():
    views = [well(f"s{number}", facts=build.facts("0.10.0")) for number in range(6)]
    async with Page(*views) as page:
        first = page.list.current
        await page.pilot.press("end")
        await until(page.pilot, lambda: page.list.current[0] is None)
        await page.says("This machine")
        await page.pilot.press("pageup", "pageup")
        await until(page.pilot, lambda: page.list.current[0] is not None)
        await page.pilot.press("pagedown")
        await page.pilot.press("home")
        await until(page.pilot, lambda: page.list.current == first)
        await page.says(" s0 ")


async def test_the_mouse_chooses_and_opens():
    async with Page(OFF) as page:
        await page.pilot.click(FindingList, offset=(10, 4))
        await until(page.pilot, lambda: page.list.current != ("off", "dev_mode"))
        await page.pilot.click(FindingList, offset=(10, 1))
        await page.pilot.click(FindingList, offset=(10, 1))
        await page.says("known: GET /is_sleeping: 404")


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_every_size_shows_the_next_step_whole(size):
    async with Page(OFF, size=size) as page:
        await page.says("start it with")
        shown = " ".join(shown_text(page.pilot).split())
        assert "VLLM_SERVER_DEV_MODE=1" in shown


async def test_ascii_shows_ascii_alone():
    async with Page(OFF, well("old", facts=build.facts("0.10.0")), ascii=True) as page:
        await page.says("-> start it with")
        assert shown_text(page.pilot).isascii()


async def test_themes_and_words_of_servers_are_plain_text():
    wild = well("wild", state=State.SUSPECT, reason="[red]no[/red] \x1b[31mthing")
    async with Page(wild) as page:
        await page.says("[red]no[/red] thing")
        before = Palette.of(page.app).style("bad")
        page.app.theme = "textual-light"
        await until(page.pilot, lambda: Palette.of(page.app).style("bad") != before)
        await page.says("[red]no[/red] thing")


async def test_a_storm_of_pictures_is_examined_once_a_second(monkeypatch):
    from sleeptui.services import doctor

    examined = []
    real = doctor.examine
    monkeypatch.setattr(doctor, "examine", lambda scene: examined.append(1) or real(scene))
    async with Page(OFF) as page:
        before = len(examined)
        for _ in range(20):
            page.app.screen.show(page.services.store.view)
        assert len(examined) - before <= 1
        await until(page.pilot, lambda: len(examined) > before)
        assert len(examined) - before <= 2
