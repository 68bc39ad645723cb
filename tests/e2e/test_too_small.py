"""Under 60x16 every screen is one plain line; it is as it was when the terminal has grown."""

import gallery
import pytest
from support.pilot import shown_text, until
from textual.widgets import Input

SMALL = (40, 10)
SAID = "40x10 is too small, sleeptui needs 60x16"
SCREENS = [
    name
    for name, scene in gallery.SCENES.items()
    if scene.keys and scene.size is None and name not in {"doctor-states", "benchmark-ended"}
]


def only(text):
    return lambda pilot: shown_text(pilot).split() == text.split()


async def small(pilot):
    await pilot.resize_terminal(*SMALL)
    await until(pilot, lambda: only(SAID)(pilot))


@pytest.mark.parametrize("name", SCREENS)
async def test_it_is_said_on_every_screen_and_mends_itself(name):
    scene = gallery.SCENES[name]
    async with gallery.opened(scene) as pilot:
        screen, focused = pilot.app.screen, pilot.app.focused
        await small(pilot)
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: all(word in shown_text(pilot) for word in scene.words))
        assert "too small" not in shown_text(pilot)
        assert pilot.app.screen is screen
        assert pilot.app.focused is focused, "keys go where they went"


@pytest.mark.parametrize("name", ["events", "doctor", "help", "palette", "sleep-all", "sessions"])
async def test_a_screen_that_is_opened_on_a_small_terminal_says_it_too(name):
    scene = gallery.SCENES[name]
    async with gallery.opened(scene, SMALL) as pilot:
        await until(pilot, lambda: only(SAID)(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: all(word in shown_text(pilot) for word in scene.words))
        assert "too small" not in shown_text(pilot)


@pytest.mark.parametrize("size", [(59, 16), (60, 15), (1, 1), (300, 15)])
async def test_one_cell_less_than_the_least_is_too_small(size):
    async with gallery.opened(gallery.SCENES["events"]) as pilot:
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: pilot.app.screen.has_class("-small"))
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: "Events ·" in shown_text(pilot))
        assert not pilot.app.screen.has_class("-small")


async def test_a_notice_does_not_cover_the_line():
    async with gallery.opened(gallery.SCENES["dashboard"], SMALL) as pilot:
        pilot.app.notify("something happened", title="Notice")
        await pilot.pause()
        await until(pilot, lambda: only(SAID)(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "something happened" in shown_text(pilot))


async def test_the_page_under_a_question_is_uncovered_as_well():
    async with gallery.opened(gallery.SCENES["sleep-all"]) as pilot:
        await small(pilot)
        await pilot.resize_terminal(120, 36)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is pilot.app.dashboard)
        await until(pilot, lambda: "AWAKE" in shown_text(pilot))
        await small(pilot)


async def test_what_is_typed_goes_on_where_it_was():
    async with gallery.opened(gallery.SCENES["filter"]) as pilot:
        await small(pilot)
        await pilot.press("e")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "filter qwe" in shown_text(pilot))
        assert isinstance(pilot.app.focused, Input)
