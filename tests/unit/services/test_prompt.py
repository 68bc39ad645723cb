import asyncio

import pytest
from support.clock import settle
from support.fakes import FakeEngine, broken, timed_out
from support.panel import opened

from sleeptui.core.completion import Completion
from sleeptui.core.errors import NotAllowed, Refused
from sleeptui.core.model import SleepMode, State
from sleeptui.core.operation import Fate, Outcome
from sleeptui.core.settings import Canary, ServerSpec
from sleeptui.services.prompt import tokens_per_s


def uncanny():
    """A server whose sleep asks nothing before it."""
    return ServerSpec(name="qwen", url="http://127.0.0.1:8001", canary=Canary(enabled=False))


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
        ({"finish_reason": "length"}, Outcome.DONE, "answered"),
        ({"finish_reason": "abort"}, Outcome.FAILED, "aborted by the server after 11 tokens"),
        (
            {"finish_reason": "abort", "completion_tokens": None},
            Outcome.FAILED,
            "aborted by the server",
        ),
        ({"finish_reason": "error"}, Outcome.FAILED, "ended by the server: error"),
        (
            {"finish_reason": None, "terminated": False, "completion_tokens": 1},
            Outcome.FAILED,
            "the answer was cut off after 1 token",
        ),
        ({"terminated": False}, Outcome.DONE, "answered; the stream did not end properly"),
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


async def test_its_record_says_how_it_is_known(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await panel.ends(ask(panel))
        assert record.message == "answered"
        assert record.known == (
            "finish_reason: stop, 11 tokens",
            "the end of the stream was seen",
            "first token: after 100 ms",
        )
        assert record.hint == ""


class TestHeldUpByASleep:
    """``keep`` holds it up until the wake: it says so, however it ends."""

    async def frozen(self, panel, clock, *, after_s=0.2):
        ticket = ask(panel)
        await clock.advance(after_s)
        slept = panel.services.operations.sleep("qwen", mode=SleepMode.KEEP)
        await panel.ends(slept)
        return ticket, slept

    async def test_it_goes_on_after_the_wake(self, clock):
        async with opened(
            FakeEngine(clock, sleep_takes_s=0.02), clock=clock, specs=[uncanny()]
        ) as panel:
            ticket, slept = await self.frozen(panel, clock)
            assert (await slept.ended()).in_flight.ours == {Fate.FROZEN: 1}
            await clock.advance(30.0)
            await panel.ends(panel.services.operations.wake("qwen"))
            record = await panel.ends(ticket)
            assert record.outcome is Outcome.DONE
            assert record.message.startswith("answered, after it was held for 3")
            assert record.known[-1].startswith("its server slept for 3")

    async def test_one_without_a_token_is_parked(self, clock):
        async with opened(
            FakeEngine(clock, sleep_takes_s=0.02), clock=clock, specs=[uncanny()]
        ) as panel:
            _, slept = await self.frozen(panel, clock, after_s=0.05)
            assert (await slept.ended()).in_flight.ours == {Fate.PARKED: 1}

    async def test_it_says_why_its_time_was_over(self, clock):
        late = completion(error="cut after 120 s", finish_reason=None, terminated=False)
        engine = FakeEngine(clock, answer=late, sleep_takes_s=0.02)
        async with opened(engine, clock=clock, specs=[uncanny()]) as panel:
            ticket, _ = await self.frozen(panel, clock)
            for stream in engine.streams:
                stream.set_result("cut")
            record = await panel.ends(ticket)
            assert record.outcome is Outcome.FAILED
            assert record.message == ("cut after 120 s: its server sleeps, the answer was frozen")
            assert record.hint.startswith("wake it and send it again")
            assert "frozen by that" in record.known[-1]

    async def test_so_it_does_without_a_token(self, clock):
        engine = FakeEngine(clock, faults={"complete end": [timed_out()]}, sleep_takes_s=0.02)
        async with opened(engine, clock=clock, specs=[uncanny()]) as panel:
            ticket, _ = await self.frozen(panel, clock, after_s=0.05)
            for stream in engine.streams:
                stream.set_result("cut")
            record = await panel.ends(ticket)
            assert record.message == (
                "no answer in 120 s: its server fell asleep before the first token"
            )
            assert record.hint.startswith("wake it and send it again")


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
