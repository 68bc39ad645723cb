"""The footer keeps no keys that it has shown, and always shows how to get help and out."""

import gc

import gallery
import pytest
from support import builders as build
from support.paper import PaperServices
from support.pilot import shown_text, until
from textual.screen import Screen
from textual.widgets._footer import FooterKey

from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.widgets.footer import KeysFooter


def _keys():
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, FooterKey)]


def _screens():
    gc.collect()
    return sum(isinstance(one, Screen) for one in gc.get_objects())


@pytest.mark.parametrize(("key", "name"), [("2", "events"), ("3", "doctor"), ("?", "help")])
async def test_a_page_that_was_left_is_forgotten(key, name):
    before = _screens()
    services = PaperServices(build.fleet([build.server()]))
    app = SleeptuiApp(services)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: services.begun)
        for _ in range(3):
            await pilot.press(key)
            await until(pilot, lambda: app.screen.name == name)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen.name != name)
        await pilot.press("1")
        await pilot.pause()
        assert _screens() <= before + 2


async def test_keys_that_are_no_longer_shown_are_forgotten():
    before = len(_keys())
    services = PaperServices(build.fleet([build.server()]))
    app = SleeptuiApp(services)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: services.begun)
        await pilot.pause()
        footer = app.screen.query_one(KeysFooter)
        shown = [key.key for key in footer.query(FooterKey)]
        assert shown
        for _ in range(3):
            await pilot.press("2")
            await until(pilot, lambda: app.screen.name == "events")
            await pilot.press("escape")
            await until(pilot, lambda: app.screen.name != "events")
        await until(pilot, lambda: len(_keys()) <= before + len(shown))
        assert [key.key for key in footer.query(FooterKey)] == shown
        assert all(key.compact for key in footer.query(FooterKey))


def _shown(pilot):
    return shown_text(pilot).splitlines()[-1].rstrip()


PAGES = ["dashboard", "events", "doctor", "help", "log", "sessions", "comparison"]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", [*PAGES, "benchmark", "benchmark-ended"])
async def test_help_and_quit_are_whole_at_any_width(name, width):
    async with gallery.opened(gallery.SCENES[name]) as pilot:
        await pilot.resize_terminal(width, 24)
        last = "q Quit" if name == "help" else "? Help q Quit"
        await until(pilot, lambda: _shown(pilot).endswith(last))
        said = _shown(pilot)
        assert name == "dashboard" or "esc Back" in said or "esc Close" in said
        assert len(said) <= width


async def test_keys_are_left_out_whole_the_last_first():
    async with gallery.opened(gallery.SCENES["dashboard"]) as pilot:
        first = "s Sleep w Wake x Switch t Prompt v Verify"
        await until(pilot, lambda: _shown(pilot).startswith(first))
        full = _shown(pilot)
        assert full == f"{first} l Log d Detail r Record ? Help q Quit"
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: _shown(pilot) == f"{first} ? Help q Quit")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: _shown(pilot) == full)


async def test_keys_that_come_later_are_fitted_as_well():
    async with gallery.opened(gallery.SCENES["dashboard"]) as pilot:
        await pilot.resize_terminal(60, 16)
        await pilot.press("slash", "q")
        await pilot.press("enter")
        await until(pilot, lambda: _shown(pilot).endswith("? Help q Quit"))
        await pilot.press("2", "escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.dashboard)
        await until(pilot, lambda: _shown(pilot).endswith("v Verify ? Help q Quit"))
