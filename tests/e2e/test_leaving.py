"""A screen is left once: keys that are typed twice, as on a slow line, end no program."""

from pathlib import Path

import pytest
from support import builders as build
from support.paper import PaperServices
from support.pilot import until
from textual import events

import sleeptui
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.pages import leave
from sleeptui.tui.screens.confirm import ConfirmScreen
from sleeptui.tui.screens.no_room import NoRoomScreen
from sleeptui.tui.screens.sleep_options import SleepOptionsScreen

QUESTIONS = {
    "confirm": (lambda: ConfirmScreen("Leave?", [], yes="Leave"), "y"),
    "no room": (lambda: NoRoomScreen("chat", ["10 GiB are missing."], makes_room=True), "f"),
    "sleep options": (lambda: SleepOptionsScreen([build.server()]), "s"),
}


class Opened:
    """The panel with one server."""

    def __init__(self):
        self.services = PaperServices(build.fleet([build.server()]))
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=(110, 30))

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.services.begun)
        self.bottom = self.app.screen
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(*error)

    async def ask(self, make, answered=None):
        """Put a question over what is seen."""
        screen = make()
        self.app.push_screen(screen, answered)
        await until(self.pilot, lambda: self.app.screen is screen and screen.is_running)
        await self.pilot.pause()
        return screen

    async def type(self, *keys):
        """Keys that all come before the first is dealt with."""
        for key in keys:
            character = key if len(key) == 1 else None
            self.app.post_message(events.Key(key, character))
        await self.pilot.pause()

    async def is_at_the_bottom(self):
        await until(self.pilot, lambda: self.app.screen is self.bottom)
        await self.pilot.pause()
        assert self.app.screen_stack == [self.bottom]
        assert self.app.is_running


@pytest.mark.parametrize("name", QUESTIONS)
async def test_an_answer_that_is_typed_twice_counts_once(name):
    make, key = QUESTIONS[name]
    answers = []
    async with Opened() as run:
        await run.ask(make, answers.append)
        await run.type(key, key)
        await run.is_at_the_bottom()
    assert len(answers) == 1
    assert answers[0]


async def test_a_question_that_is_left_twice_leaves_the_page_below():
    answers = []
    async with Opened() as run:
        await run.pilot.press("2")
        await until(run.pilot, lambda: run.app.screen.name == "events")
        page = run.app.screen
        question = await run.ask(QUESTIONS["confirm"][0], answers.append)
        leave(question, result=False)
        leave(question, result=True)
        await run.pilot.pause()
        assert run.app.screen_stack == [run.bottom, page]
    assert answers == [False]


@pytest.mark.parametrize("key", ["2", "3", "question_mark", "t"])
async def test_escape_that_is_typed_twice_leaves_a_page(key):
    async with Opened() as run:
        await run.pilot.press(key)
        await until(run.pilot, lambda: run.app.screen is not run.bottom)
        await run.pilot.pause()
        await run.type("escape", "escape", "escape")
        await run.is_at_the_bottom()


async def test_a_screen_under_a_question_is_not_left():
    async with Opened() as run:
        await run.pilot.press("2")
        await until(run.pilot, lambda: run.app.screen.name == "events")
        page = run.app.screen
        question = await run.ask(QUESTIONS["confirm"][0])
        leave(page)
        assert run.app.screen is question


def test_no_screen_leaves_in_another_way():
    screens = Path(sleeptui.__file__).parent / "tui" / "screens"
    assert not [path.name for path in screens.glob("*.py") if ".dismiss(" in path.read_text()]
