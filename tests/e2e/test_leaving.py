"""A screen is left once: keys that are typed twice, as on a slow line, end no program."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from support import builders as build
from support.paper import PaperServices
from support.pilot import until
from textual import events

import sleeptui
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.pages import leave, work
from sleeptui.tui.screens.confirm import ConfirmScreen
from sleeptui.tui.screens.no_room import NoRoomScreen
from sleeptui.tui.screens.prompt import PromptScreen
from sleeptui.tui.screens.sleep_options import SleepOptionsScreen

QUESTIONS = {
    "confirm": (lambda: ConfirmScreen("Leave?", [], yes="Leave"), "y"),
    "no room": (lambda: NoRoomScreen("chat", ["10 GiB are missing."], makes_room=True), "f"),
    "sleep options": (lambda: SleepOptionsScreen([build.server()]), "s"),
}


class Opened:
    """The panel with one server."""

    def __init__(self):
        self.services = PaperServices(build.fleet([build.server(home=build.home(1))]))
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


@pytest.mark.parametrize("key", ["2", "3", "4", "l", "question_mark", "t"])
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


@pytest.mark.parametrize("closed", ["left", "closed by a page that is opened"])
async def test_what_is_read_for_a_page_ends_with_it(closed):
    """As a list of sessions that comes when the page is being taken away."""
    async with Opened() as run:
        question = await run.ask(QUESTIONS["confirm"][0])
        work(question, partial(asyncio.sleep, 60))
        (worker,) = run.app.workers
        await run.pilot.pause()
        if closed == "left":
            leave(question)
        else:
            run.app.pages.close_all()
        assert worker.is_cancelled
        await run.is_at_the_bottom()


async def test_a_page_of_sessions_that_was_left_reads_no_more():
    async with Opened() as run:
        await run.pilot.press("4")
        await until(run.pilot, lambda: run.app.screen.name == "sessions")
        page = run.app.screen
        leave(page)
        await run.is_at_the_bottom()
        page._read_on()
        assert not page._is_reading


async def test_a_tick_of_a_page_that_was_left_does_nothing():
    """It falls due while the page is taken away: its widgets have gone before its timers."""
    async with Opened() as run:
        await run.pilot.press("3")
        await until(run.pilot, lambda: run.app.screen.name == "doctor")
        doctor = run.app.screen
        leave(doctor)
        await run.is_at_the_bottom()
        doctor._is_due = True
        doctor._fell_due()
        await run.pilot.press("t")
        await until(run.pilot, lambda: isinstance(run.app.screen, PromptScreen))
        prompt = run.app.screen
        leave(prompt)
        await run.is_at_the_bottom()
        prompt._pieces.append("late")
        prompt._paint()


async def test_an_action_of_a_screen_that_was_left_does_nothing():
    """A key that came while its screen was taken away: its widgets have gone before it."""
    async with Opened() as run:
        question = await run.ask(QUESTIONS["sleep options"][0])
        leave(question)
        await run.is_at_the_bottom()
        assert await run.app.run_action("level(1)", question) is False
        assert await run.app.run_action("command('select.toggle')", run.app) is True
        assert await run.app.run_action("app.bell", run.bottom) is True


async def test_work_that_is_given_up_before_its_first_step_is_no_complaint():
    made = []

    async def read():
        made.append("begun")

    async with Opened() as run:
        question = await run.ask(QUESTIONS["confirm"][0])
        work(question, read)
        leave(question)
        work(question, read)
        await run.is_at_the_bottom()
    assert made == []


def test_no_screen_works_in_another_way():
    tui = Path(sleeptui.__file__).parent / "tui"
    others = [path for path in tui.rglob("*.py") if path.name != "pages.py"]
    assert not [path.name for path in others if "run_worker(" in path.read_text()]
