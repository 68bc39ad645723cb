"""What was left or cleared is forgotten: the dashboard stays for days, and keeps none of it."""

import gc

import pytest
from support import builders as build
from support.paper import PaperServices
from support.pilot import until
from textual.widget import Widget
from textual.widgets._toast import Toast

from sleeptui.core.model import State
from sleeptui.tui import toasts
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.notices import Notice
from sleeptui.tui.widgets.filter import FilterInput
from sleeptui.tui.widgets.text_box import TextBox

_TIMES = 4
_MANY = 6
"""Notices at once, more than are seen."""


@pytest.fixture
async def panel():
    """A panel over one server that is awake. Yields its app and its pilot."""
    services = PaperServices(build.fleet([build.server("qwen", State.AWAKE)]))
    app = SleeptuiApp(services)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: services.begun and app.dashboard.current)
        yield app, pilot


def _alive(kind=Widget):
    gc.collect()
    return sum(isinstance(one, kind) for one in gc.get_objects())


def _frames(app):
    return [frame for screen in app.screen_stack for frame in screen.query("ToastHolder")]


def _texts(app):
    return [toast._notification.message for toast in app.dashboard.query(Toast)]


async def _open_and_leave(pilot, key):
    """Twice escape: the first one may only leave a field of the page."""
    app = pilot.app
    await pilot.press(key)
    await until(pilot, lambda: app.screen is not app.dashboard or app.dashboard.query(FilterInput))
    await pilot.press("escape", "escape")
    await until(pilot, lambda: app.screen is app.dashboard)
    await until(pilot, lambda: not app.dashboard.query(FilterInput))


@pytest.mark.parametrize("key", ["2", "3", "4", "?", "l", "t", "/", "S", "ctrl+p"])
async def test_what_a_key_opens_is_forgotten_when_it_is_left(panel, key):
    _, pilot = panel
    await _open_and_leave(pilot, key)  # imports, and what is kept once
    await pilot.pause()
    before = _alive()
    for _ in range(_TIMES):
        await _open_and_leave(pilot, key)
    # Until the next of its kind: the last one may still be in the hands of a task that ends.
    await until(pilot, lambda: _alive() <= before)


async def test_a_prompt_takes_the_theme_and_is_forgotten(panel):
    app, pilot = panel
    for _ in range(_TIMES):
        await _open_and_leave(pilot, "t")
    await until(pilot, lambda: not _alive(TextBox))
    await pilot.press("t")
    await until(pilot, lambda: app.screen.query(TextBox))
    box = app.screen.query_one("#text", TextBox)
    await until(pilot, lambda: box.is_running)
    painted = []
    box._set_theme = painted.append
    app.theme = "textual-light"
    await until(pilot, lambda: painted)


async def test_notices_that_were_cleared_leave_nothing(panel):
    app, pilot = panel
    for _ in range(_TIMES):
        for number in range(_MANY):
            toasts.say(app, Notice(title="qwen", text=f"notice {number}"))
        await until(pilot, lambda: len(_frames(app)) == _MANY)
        toasts.clear(app)
        await until(pilot, lambda: not _frames(app))


async def test_only_the_newest_of_those_that_replace_each_other_is_shown(panel):
    app, pilot = panel
    for number in range(_MANY):
        toasts.clear(app)
        toasts.say(app, Notice(title="qwen", text=f"notice {number}"))
        await until(pilot, lambda number=number: _texts(app) == [f"notice {number}"])
    await until(pilot, lambda: len(_frames(app)) == 1)


async def test_frames_of_notices_that_nobody_wanted_any_more_go(panel):
    app, pilot = panel
    for number in range(_MANY):
        toasts.say(app, Notice(title="qwen", text=f"notice {number}"))
    await until(pilot, lambda: len(_frames(app)) == _MANY)
    app.clear_notifications()  # as Textual does when they are over
    await until(pilot, lambda: not any(frame.children for frame in _frames(app)))
    toasts.say(app, Notice(title="qwen", text="the next one"))
    await until(pilot, lambda: len(_frames(app)) == 1)
