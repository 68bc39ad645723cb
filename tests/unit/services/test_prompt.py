import asyncio

import pytest
from support.clock import settle
from support.fakes import FakeEngine, broken, timed_out
from support.panel import opened

from sleeptui.core.errors import NotAllowed, Refused
from sleeptui.core.model import State
from sleeptui.core.operation import Outcome
from sleeptui.core.ports import Completion
from sleeptui.services.prompt import tokens_per_s


def completion(**fields):
    values = {
        "sent_s": 1.0,
        "headers_s": 1.1,
        "first_token_s": 1.5,
        "last_token_s": 2.5,
        "ended_s": 2.6,
        "text": "blue",
        "prompt_tokens": 3,
        "completion_tokens": 11,
        "finish_reason": "stop",
        "terminated": True,
        **fields,
    }
    return Completion(**values)


def ask(panel, heard=None):
    on_token = (lambda _: None) if heard is None else heard.append
    return panel.services.operations.prompt("qwen", "why?", max_tokens=8, on_token=on_token)


async def test_an_answer_is_streamed_and_timed(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        heard = []
        ticket = ask(panel, heard)
        assert ticket.completion is None
        record = await panel.ends(ticket)
        assert [event.text for event in heard] == ["blue"]
        assert panel.engine("qwen").calls == ["complete why? 8"]
        assert record.outcome is Outcome.DONE
        assert record.first_token_s == pytest.approx(0.1)
        assert record.tokens_per_s == pytest.approx(10 / 0.5)
        assert record.duration_s == pytest.approx(0.6)
        assert ticket.completion.text == "blue"
        assert panel.view("qwen").last_ttft_s == pytest.approx(0.1)
        assert panel.story() == ["queued prompt qwen", "started prompt qwen", "done prompt qwen"]


@pytest.mark.parametrize(
    ("fields", "outcome", "message"),
    [
        ({"finish_reason": "length"}, Outcome.DONE, ""),
        ({"finish_reason": "abort"}, Outcome.FAILED, "aborted by the server"),
        ({"finish_reason": "error"}, Outcome.FAILED, "ended by the server: error"),
        ({"finish_reason": None, "terminated": False}, Outcome.FAILED, "the answer was cut off"),
        ({"terminated": False}, Outcome.DONE, "the stream did not end properly"),
        ({"error": "engine died", "finish_reason": None}, Outcome.FAILED, "engine died"),
    ],
)
async def test_how_it_finished(clock, fields, outcome, message):
    async with opened(FakeEngine(clock, answer=completion(**fields)), clock=clock) as panel:
        record = await panel.ends(ask(panel))
        assert (record.outcome, record.message) == (outcome, message)
        assert record.first_token_s == pytest.approx(0.5)


@pytest.mark.parametrize(
    "error",
    [timed_out(), broken(), Refused("it answered 404", server="qwen", status=404, hint="which?")],
)
async def test_an_error_is_failed_with_its_words(clock, error):
    async with opened(FakeEngine(clock, faults={"complete": [error]}), clock=clock) as panel:
        ticket = ask(panel)
        record = await panel.ends(ticket)
        assert (record.outcome, record.message, record.hint) == (
            Outcome.FAILED,
            error.message,
            error.hint or "l shows its log",
        )
        assert ticket.completion is None


async def test_it_can_be_stopped_in_the_middle(clock):
    async with opened(FakeEngine(clock, hold=asyncio.Event()), clock=clock) as panel:
        heard = []
        ticket = ask(panel, heard)
        await clock.advance(1.0)
        assert heard
        assert ticket.cancel()
        record = await panel.ends(ticket)
        assert (record.outcome, record.message) == (Outcome.CANCELLED, "stopped")
        assert not ticket.cancel()
        assert not panel.services.operations.busy


async def test_it_can_be_stopped_before_it_is_sent(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        ticket = ask(panel)
        assert ticket.cancel()
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.CANCELLED
        assert panel.engine("qwen").calls == []


async def test_it_waits_for_no_transition_and_none_waits_for_it(clock):
    engines = FakeEngine(clock, hold=asyncio.Event()), FakeEngine(clock, name="other")
    async with opened(*engines, clock=clock) as panel:
        ticket = ask(panel)
        record = await panel.ends(panel.services.operations.sleep("other"))
        assert record.outcome is Outcome.DONE
        assert panel.services.operations.busy
        panel.engine("qwen").hold.set()
        assert (await panel.ends(ticket)).outcome is Outcome.DONE


async def test_a_sleeping_server_is_not_asked(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await panel.ends(panel.services.operations.sleep("qwen"))
        assert panel.view("qwen").state is State.ASLEEP
        with pytest.raises(NotAllowed, match="would hang"):
            ask(panel)
        await settle()


def test_a_rate_needs_two_tokens_and_time_between_them():
    assert tokens_per_s(completion()) == pytest.approx(10.0)
    assert tokens_per_s(completion(completion_tokens=1)) is None
    assert tokens_per_s(completion(completion_tokens=None)) is None
    assert tokens_per_s(completion(first_token_s=None)) is None
    assert tokens_per_s(completion(last_token_s=1.5)) is None
