"""The events page and the help page."""

from dataclasses import replace

import pytest
from rich.console import Console
from support import builders as build
from support.paper import PaperServices
from support.pilot import shown_text, until
from textual.widgets import DataTable, Static

from sleeptui.core.canary import Check, Grade
from sleeptui.core.commands import COMMANDS
from sleeptui.core.events import Noted
from sleeptui.core.model import State
from sleeptui.core.settings import Settings
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.screens.events import EventsScreen
from sleeptui.tui.screens.help import CHECKS, STATES, WORDS, HelpScreen


class Page:
    """A page opened by its key."""

    def __init__(self, key, kind, view, **settings):
        self.key, self.kind = key, kind
        self.services = PaperServices(view, Settings(**settings))
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=(110, 30))

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.services.begun)
        await self.pilot.press(self.key)
        await until(self.pilot, lambda: isinstance(self.app.screen, self.kind))
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(*error)


def log(*texts, severity="info"):
    return tuple(build.entry(text, severity=severity) for text in texts)


def paint(page, entries):
    view = replace(page.services.store.view, log=entries)
    page.services.paint(view, Noted(at_s=0.0, server=None, severity="info", text=""))


async def test_all_events_are_listed_and_new_ones_appended():
    first = log("found awake", "sleep done")
    async with Page("2", EventsScreen, build.fleet(log=first)) as page:
        table = page.app.screen.query_one(DataTable)
        assert table.row_count == 2
        paint(page, (*first, *log("wake done")))
        await until(page.pilot, lambda: table.row_count == 3)
        assert table.cursor_row == 2
        assert "Events · 3" in shown_text(page.pilot)


LONG = " ".join(f"word{number}" for number in range(60))


async def test_a_long_event_is_shown_in_full_at_every_width():
    async with Page("2", EventsScreen, build.fleet(log=log(LONG))) as page:
        for size in ((110, 30), (80, 24), (60, 24)):
            await page.pilot.resize_terminal(*size)
            await until(page.pilot, lambda: "word59" in shown_text(page.pilot))
            text = shown_text(page.pilot)
            assert all(f"word{number}" in text for number in range(60))


async def test_a_new_width_leaves_the_reader_at_the_event():
    first = log(*(f"{number} {LONG}" for number in range(5)))
    async with Page("2", EventsScreen, build.fleet(log=first)) as page:
        await page.pilot.press("up", "up")
        await page.pilot.resize_terminal(80, 24)
        await page.pilot.pause()
        table = page.app.screen.query_one(DataTable)
        assert (table.row_count, table.cursor_row) == (5, 2)
        await page.pilot.press("down", "down")
        paint(page, (*first, *log("the last")))
        await until(page.pilot, lambda: "the last" in shown_text(page.pilot))
        assert table.cursor_row == 5


async def test_a_reader_in_the_middle_is_left_there():
    first = log(*(str(number) for number in range(5)))
    async with Page("2", EventsScreen, build.fleet(log=first)) as page:
        table = page.app.screen.query_one(DataTable)
        await page.pilot.press("up", "up")
        paint(page, (*first, *log("new")))
        await until(page.pilot, lambda: table.row_count == 6)
        assert table.cursor_row == 2


async def test_the_oldest_may_be_forgotten_without_doubles():
    first = log("a", "b", "c")
    async with Page("2", EventsScreen, build.fleet(log=first)) as page:
        table = page.app.screen.query_one(DataTable)
        paint(page, (*first[2:], *log("d")))
        await until(page.pilot, lambda: table.row_count == 4)
        paint(page, log("x", "y"))
        await until(page.pilot, lambda: table.row_count == 6)


async def test_severity_is_a_word_and_text_is_plain():
    entries = (*log("[red]x[/red] \x1b[2Jbad", severity="bad"), *log("ok", severity="good"))
    async with Page("2", EventsScreen, build.fleet(log=entries)) as page:
        text = shown_text(page.pilot)
        assert "[red]x[/red] bad" in text
        assert " bad " in text


def rendered(page):
    console = Console(width=100)
    with console.capture() as capture:
        for part in page.app.screen.query("#page Static").results(Static):
            console.print(part.visual if isinstance(part.content, str) else part.content)
    return capture.get()


async def test_the_help_has_every_command_and_every_state():
    async with Page("question_mark", HelpScreen, build.fleet()) as page:
        text = " ".join(rendered(page).split())
        for command in COMMANDS:
            assert command.help in text
        for state in State:
            assert f"{UNICODE.states[state]} {state.value.upper()}" in text


def test_the_help_explains_each_state_and_each_badge_once():
    assert sorted(state for state, _ in STATES) == sorted(State)
    assert sorted(check for check, _ in CHECKS) == sorted(Check)


def test_the_help_has_the_words_of_the_proof():
    words = {word for word, _ in WORDS}
    assert words >= {"canary", "reference", "decodes", "matches", "drift", "fit check", "forced"}
    assert words >= {grade.value for grade in Grade if grade is not Grade.NO_ANSWER}


async def test_the_help_shows_the_users_keys_and_ascii_glyphs():
    keymap = {"server.wake": "f9"}
    async with Page("question_mark", HelpScreen, build.fleet(), keymap=keymap, ascii=True) as page:
        text = rendered(page)
        assert "f9" in text
        assert f"{ASCII.states[State.ASLEEP]} ASLEEP" in text


async def test_the_help_closes_with_its_own_key():
    async with Page("question_mark", HelpScreen, build.fleet()) as page:
        await page.pilot.press("question_mark")
        await until(page.pilot, lambda: page.app.screen is page.app.dashboard)


def colours(page, word):
    """Colours of the cells that hold a word."""
    strips = page.app.screen._compositor.render_strips()
    return {
        segment.style.color.triplet
        for strip in strips
        for segment in strip
        if word in segment.text and segment.style and segment.style.color
    }


@pytest.mark.parametrize(
    ("key", "screen", "word"),
    [("2", EventsScreen, "awake in"), ("question_mark", HelpScreen, "space")],
)
async def test_another_theme_leaves_no_text_in_the_colours_of_the_last(key, screen, word):
    """Light letters of a dark theme stayed on a light page, until it was opened again."""
    entries = (*log("awake in 0.53 s", severity="good"), *log("asleep"))
    async with Page(key, screen, build.fleet(log=entries)) as page:
        await until(page.pilot, lambda: colours(page, word))
        before = colours(page, word)
        page.app.theme = "textual-light"
        await until(page.pilot, lambda: colours(page, word).isdisjoint(before))
        await until(page.pilot, lambda: colours(page, word))
