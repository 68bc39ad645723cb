"""The log screen: follows, filters, and says why there is nothing."""

from dataclasses import replace

from support import builders as build
from support.paper import PaperServices
from support.pilot import shown_text, until
from textual.widgets import Input, RichLog

from sleeptui.core.errors import ContainerError
from sleeptui.core.events import HomeFound
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.log import LogScreen

HOME = build.home(container="vllm-qwen")
SERVER = build.server("qwen", home=HOME)


class Logging:
    """The log screen of one server."""

    def __init__(self, view=SERVER, lines=(), problem=None):
        self.services = PaperServices(build.fleet([view]))
        self.lines = self.services.finder.logs["vllm-qwen"] = list(lines)
        self.services.finder.problem = problem
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=(80, 24))

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.app.dashboard.current)
        await self.pilot.press("l")
        await until(self.pilot, lambda: isinstance(self.app.screen, LogScreen))
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(*error)

    @property
    def log(self):
        return self.app.screen.query_one(RichLog)

    @property
    def written(self):
        return [line.text.rstrip() for line in self.log.lines]

    async def says(self, words):
        await until(self.pilot, lambda: words in shown_text(self.pilot))

    async def wrote(self, *lines):
        await until(self.pilot, lambda: self.written == list(lines))

    async def next_read(self):
        """Let a second pass, and the read that it brings."""
        before = self.services.finder.reads
        await self.services.clock.advance(1.0)
        await until(self.pilot, lambda: self.services.finder.reads > before)


async def test_the_tail_is_shown_and_followed():
    async with Logging(lines=["one", "two"]) as log:
        await log.wrote("one", "two")
        await log.says("container vllm-qwen · 2 lines · follows")
        log.lines.append("three")
        await log.next_read()
        await log.wrote("one", "two", "three")


async def test_a_log_that_starts_anew_is_written_anew():
    async with Logging(lines=["one", "two"]) as log:
        await log.wrote("one", "two")
        log.lines[:] = ["fresh"]
        await log.next_read()
        await log.wrote("fresh")


async def test_markup_and_control_sequences_are_plain_text():
    async with Logging(lines=["[bold]x[/bold] \x1b[31mred\x1b[0m\x07"]) as log:
        await log.wrote("[bold]x[/bold] red")


async def test_the_filter_narrows_new_lines_too_and_escape_ends_it():
    async with Logging(lines=["GET /health", "POST /sleep", "error: Sleep failed"]) as log:
        await until(log.pilot, lambda: len(log.written) == 3)
        await log.pilot.press("slash", *"sleep")
        await log.wrote("POST /sleep", "error: Sleep failed")
        log.lines.extend(["POST /sleep again", "GET /load"])
        await log.next_read()
        await log.wrote("POST /sleep", "error: Sleep failed", "POST /sleep again")
        await log.pilot.press("enter")
        assert log.log.has_focus
        await log.pilot.press("escape")
        await until(log.pilot, lambda: len(log.written) == 5)
        assert not log.app.screen.query_one(Input).display
        await log.pilot.press("escape")
        await until(log.pilot, lambda: log.app.screen is log.app.dashboard)


async def test_long_lines_are_cut_or_wrapped():
    async with Logging(lines=["word " * 40]) as log:
        await until(log.pilot, lambda: len(log.written) == 1)
        await log.pilot.press("w")
        await until(log.pilot, lambda: len(log.written) > 1)


async def test_following_can_be_left_and_taken_up():
    async with Logging(lines=[str(number) for number in range(200)]) as log:
        await until(log.pilot, lambda: log.log.is_vertical_scroll_end and log.written)
        await log.pilot.press("f", "home")
        await log.says("stands still")
        log.lines.append("last")
        await log.next_read()
        assert log.log.scroll_y == 0
        await log.pilot.press("f")
        await until(log.pilot, lambda: log.log.is_vertical_scroll_end)


async def test_a_server_without_a_home_says_so_and_is_found_later():
    async with Logging(replace(SERVER, home=None), lines=["one"]) as log:
        await log.says("There is no log to read.")
        found = HomeFound(at_s=0.0, server="qwen", home=HOME)
        log.services.paint(build.fleet([SERVER]), found)
        await log.services.clock.advance(1.0)
        await log.wrote("one")
        assert "There is no log" not in shown_text(log.pilot)


async def test_a_problem_is_one_sentence_and_goes_when_it_is_over():
    problem = ContainerError("vllm-qwen: its log driver keeps no log", hint="use json-file")
    async with Logging(lines=["one"], problem=problem) as log:
        await log.says("its log driver keeps no log. Use json-file")
        log.services.finder.problem = None
        await log.next_read()
        await log.wrote("one")
        await until(log.pilot, lambda: "log driver" not in shown_text(log.pilot))


async def test_reading_ends_with_the_screen():
    async with Logging(lines=["one"]) as log:
        await log.wrote("one")
        await log.pilot.press("escape")
        await until(log.pilot, lambda: log.app.screen is log.app.dashboard)
        reads = log.services.finder.reads
        await log.services.clock.advance(10.0)
        assert log.services.finder.reads == reads


async def test_who_follows_the_end_stays_at_it_in_another_size():
    async with Logging(lines=[f"line {number}" for number in range(60)]) as page:
        await page.says("line 59")
        await page.pilot.resize_terminal(80, 16)
        await page.says("line 59")
        await page.pilot.press("f", "home")
        await page.says("line 0")
        await page.pilot.resize_terminal(80, 24)
        await page.says("line 0")
