"""The prompt screen: streaming, figures, history, stopping."""

from dataclasses import replace

import pytest
from support import builders as build
from support.paper import PaperServices, prompt_record
from support.pilot import shown_text, until
from textual.widgets import Button, DataTable, Input, TextArea

from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.events import OperationEnded
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Outcome
from sleeptui.core.settings import PromptDefaults, Settings
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.prompt import PromptScreen

AWAKE = build.server("qwen")


class Prompting:
    """The prompt screen of one server."""

    def __init__(self, view=AWAKE, settings=None, size=(100, 30)):
        self.services = PaperServices(build.fleet([view]), settings)
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=size, notifications=True)

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.app.dashboard.current)
        await self.pilot.press("t")
        await until(self.pilot, lambda: isinstance(self.app.screen, PromptScreen))
        self.screen = self.app.screen
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(*error)

    @property
    def ticket(self):
        return self.services.operations.tickets[-1]

    @property
    def answer(self):
        return self.screen.query_one("#answer", TextArea).text

    def says(self, words):
        return words in shown_text(self.pilot)

    async def until(self, condition):
        await until(self.pilot, condition)

    def token(self, text, tokens=1, at_s=100.0):
        self.services.operations.on_token(TokenEvent(at_s=at_s, text=text, tokens=tokens))

    def show(self, view):
        ended = OperationEnded(at_s=0.0, record=prompt_record())
        self.services.paint(build.fleet([view]), ended)


def completion(**fields):
    values = {
        "sent_s": 100.0,
        "headers_s": 100.01,
        "first_token_s": 100.05,
        "last_token_s": 100.6,
        "ended_s": 100.6,
        "text": "blue",
        "prompt_tokens": 12,
        "completion_tokens": 40,
        "finish_reason": "length",
        "terminated": True,
        **fields,
    }
    return Completion(**values)


async def test_the_defaults_of_the_settings_are_sent():
    settings = Settings(prompt=PromptDefaults(text="Why?", max_tokens=7))
    async with Prompting(settings=settings) as prompting:
        await prompting.pilot.press("ctrl+s")
        assert prompting.services.operations.asked == [("prompt", "qwen", "Why?", 7)]


@pytest.mark.parametrize("key", ["ctrl+enter", "ctrl+j"])
async def test_typed_text_is_sent_with_either_form_of_ctrl_enter(key):
    async with Prompting() as prompting:
        prompting.screen.query_one("#text", TextArea).text = ""
        await prompting.pilot.press(*"Hi q", key)
        assert prompting.services.operations.asked == [("prompt", "qwen", "Hi q", 64)]


@pytest.mark.parametrize(("typed", "sent"), [("5", 5), ("0", 1), ("9999", 4096), ("", 64)])
async def test_max_tokens_is_kept_in_bounds(typed, sent):
    async with Prompting() as prompting:
        field = prompting.screen.query_one("#max-tokens", Input)
        field.value = typed
        field.focus()
        await prompting.pilot.press("enter")
        assert prompting.services.operations.asked[0][3] == sent


async def test_an_empty_prompt_is_not_sent():
    async with Prompting() as prompting:
        prompting.screen.query_one("#text", TextArea).text = "  \n "
        await prompting.pilot.press("ctrl+s")
        assert prompting.services.operations.asked == []


async def test_the_answer_streams_and_ends_with_its_figures():
    async with Prompting() as prompting:
        await prompting.pilot.press("ctrl+s")
        await prompting.until(lambda: prompting.says("waiting for the first token"))
        prompting.token("The sky", tokens=2, at_s=100.05)
        prompting.token(" is blue", tokens=4, at_s=100.08)
        await prompting.until(lambda: prompting.answer == "The sky is blue")
        await prompting.until(lambda: prompting.says("first token 50 ms · 4 tokens"))
        record = prompt_record(first_token_s=0.05, tokens_per_s=71.0)
        prompting.ticket.end(record, completion())
        await prompting.until(lambda: prompting.says("71 tokens/s · 40 tokens · finish length"))
        assert not prompting.screen.query_one("#send", Button).disabled


async def test_a_second_prompt_waits_for_the_first_and_clears_its_answer():
    async with Prompting() as prompting:
        await prompting.pilot.press("ctrl+s", "ctrl+s")
        assert len(prompting.services.operations.asked) == 1
        prompting.token("one")
        prompting.ticket.end(prompt_record(), completion())
        await prompting.until(lambda: prompting.answer == "one")
        await prompting.until(lambda: not prompting.screen.query_one("#send", Button).disabled)
        await prompting.pilot.press("ctrl+s")
        assert len(prompting.services.operations.asked) == 2
        assert prompting.answer == ""


async def test_markup_and_escape_sequences_in_an_answer_are_harmless():
    async with Prompting() as prompting:
        await prompting.pilot.press("ctrl+s")
        prompting.token("[red]bad[/red]\x1b[2J\x1b]0;title\x07 line\nnext\x07")
        await prompting.until(lambda: prompting.answer == "[red]bad[/red] line\nnext")
        assert prompting.says("[red]bad[/red] line")
        assert "\x1b" not in shown_text(prompting.pilot)


async def test_a_running_prompt_can_be_stopped_by_key_and_by_mouse():
    async with Prompting() as prompting:
        await prompting.pilot.press("ctrl+s", "ctrl+g")
        assert prompting.ticket.cancelled
        cancelled = prompt_record(outcome=Outcome.CANCELLED, message="stopped")
        prompting.ticket.end(cancelled)
        await prompting.until(lambda: prompting.says("cancelled: stopped"))
        await prompting.pilot.click("#send")
        await prompting.pilot.click("#stop")
        assert len(prompting.services.operations.asked) == 2
        assert prompting.ticket.cancelled


async def test_escape_goes_back_and_stops_what_nobody_watches():
    async with Prompting() as prompting:
        await prompting.pilot.press("ctrl+s", "escape")
        await prompting.until(lambda: prompting.app.screen is prompting.app.dashboard)
        assert prompting.ticket.cancelled
        assert prompting.app.is_running


async def test_a_server_that_falls_asleep_cannot_be_prompted_and_says_why():
    async with Prompting() as prompting:
        prompting.show(replace(AWAKE, state=State.ASLEEP, level=1))
        await prompting.until(lambda: prompting.says("ASLEEP"))
        assert prompting.screen.query_one("#send", Button).disabled
        await prompting.until(lambda: prompting.says("a prompt would hang"))
        await prompting.pilot.press("ctrl+s")
        assert prompting.services.operations.asked == []
        await prompting.until(lambda: prompting.says("qwen is asleep at level 1"))


async def test_a_server_that_is_gone_is_said_to_be():
    async with Prompting() as prompting:
        prompting.show(build.server("other"))
        await prompting.until(lambda: prompting.says("no longer watched"))
        assert prompting.screen.query_one("#send", Button).disabled


async def test_the_history_puts_first_after_wake_beside_warm():
    history = (
        prompt_record(first_token_s=0.05),
        prompt_record(first_token_s=0.42, message="[b]x[/b]"),
        build.record(Kind.WAKE),
    )
    async with Prompting(replace(AWAKE, history=history)) as prompting:
        await prompting.until(lambda: prompting.says("first after wake 0.42 s · warm 50 ms"))
        table = prompting.screen.query_one("#history", DataTable)
        assert table.row_count == 2
        newer = prompt_record(first_token_s=0.04)
        prompting.show(replace(AWAKE, history=(newer, *history)))
        await prompting.until(lambda: table.row_count == 3)
        await prompting.until(lambda: prompting.says("[b]x[/b]"))
