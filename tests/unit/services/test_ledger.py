import asyncio

import pytest
from support.builders import seen, unseen
from support.clock import ManualClock, settle

from sleeptui.core.canary import Token
from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.events import RequestAdvanced, RequestBegan, RequestEnded, StateObserved
from sleeptui.core.operation import Fate
from sleeptui.services.bus import Bus
from sleeptui.services.ledger import Ledger, ended, fates, was_sent

ASKED = {"cohort": "prompt", "prompt": "why?", "max_tokens": 8}


def new_ledger(heard=None):
    bus = Bus()
    if heard is not None:
        bus.subscribe(heard.append)
    return Ledger(bus, ManualClock())


def completion(**fields):
    values = {
        "sent_s": 1.0,
        "headers_s": 1.1,
        "first_token_s": 1.5,
        "last_token_s": 2.5,
        "ended_s": 2.6,
        "text": "",
        "prompt_tokens": 3,
        "completion_tokens": 11,
        "finish_reason": "stop",
        "terminated": True,
        **fields,
    }
    return Completion(**values)


def look(at_s, *, sleeping, server="qwen"):
    return StateObserved(at_s=at_s, server=server, observation=seen(at_s, sleeping=sleeping))


@pytest.mark.parametrize(
    ("fields", "fate"),
    [
        ({}, Fate.COMPLETED),
        ({"finish_reason": "length"}, Fate.COMPLETED),
        ({"finish_reason": "abort"}, Fate.ABORTED),
        ({"finish_reason": "error"}, Fate.CUT),
        ({"finish_reason": None}, Fate.CUT),
        ({"error": "the connection broke"}, Fate.CUT),
    ],
)
async def test_the_fate_of_an_answer(fields, fate):
    ledger = new_ledger()
    with ledger.entry("qwen", **ASKED) as request:
        request.answered(completion(**fields))
        assert request.now is fate
    assert ledger.open_on("qwen") == ()


async def test_those_of_a_server_oldest_first():
    ledger = new_ledger()
    with (
        ledger.entry("qwen", **ASKED) as one,
        ledger.entry("phi", **ASKED),
        ledger.entry("qwen", **ASKED) as two,
    ):
        assert ledger.open_on("qwen") == (one, two)
        one.tokens = 3
        assert fates((one, two)) == {Fate.FROZEN: 1, Fate.PARKED: 1}


async def test_one_that_ends_with_an_error_was_cut():
    ledger = new_ledger()

    def break_off():
        with ledger.entry("qwen", **ASKED) as request:
            held.append(request)
            raise LookupError

    held = []
    with pytest.raises(LookupError):
        break_off()
    assert held[0].fate is Fate.CUT
    assert ledger.open_on("qwen") == ()


async def test_how_long_a_sleep_has_held_it_up():
    ledger = new_ledger()
    with ledger.entry("qwen", **ASKED) as request:
        ledger.follow(look(10.0, sleeping=False))
        ledger.follow(look(11.0, sleeping=True, server="phi"))
        assert request.asleep_since_s is None
        ledger.follow(look(12.0, sleeping=True))
        ledger.follow(look(13.0, sleeping=True))
        assert request.asleep_since_s == 12.0
        ledger.follow(StateObserved(at_s=14.0, server="qwen", observation=unseen(14.0)))
        ledger.follow(look(20.0, sleeping=False))
        assert (request.asleep_since_s, request.slept_s) == (None, 8.0)


async def test_ends_are_waited_for_in_bounds(clock):
    ledger = new_ledger()
    with ledger.entry("qwen", **ASKED) as late:
        waiting = asyncio.ensure_future(ended(clock, [late], 0.5))
        await clock.advance(0.4)
        assert not waiting.done()
        await clock.advance(0.2)
        assert waiting.done()
        waiting = asyncio.ensure_future(ended(clock, [late], 0.5))
        await settle()
    await settle()
    assert waiting.done()
    await ended(clock, [late], 0.5)
    await ended(clock, [], 0.5)


def told(event):
    return type(event), event.id, event.server


async def test_begin_first_token_and_end_are_told():
    heard = []
    ledger = new_ledger(heard)
    with ledger.entry("qwen", **ASKED, operation=7) as request:
        assert [told(event) for event in heard] == [(RequestBegan, 1, "qwen")]
        assert (heard[0].cohort, heard[0].operation, heard[0].prompt) == ("prompt", 7, "why?")
        ledger.heard(request, TokenEvent(at_s=100.5, text="a", tokens=1))
        ledger.heard(request, TokenEvent(at_s=100.7, text="b", tokens=3))
        request.answered(completion())
    assert [told(event) for event in heard[1:]] == [
        (RequestAdvanced, 1, "qwen"),
        (RequestEnded, 1, "qwen"),
    ]
    assert heard[1].at_s == 100.5
    end = heard[-1]
    assert (end.fate, end.completion, end.error) == (Fate.COMPLETED, completion(), None)
    assert end.chunks == ((100.5, 1), (100.7, 3))


async def test_ids_count_over_all_servers():
    heard = []
    ledger = new_ledger(heard)
    with ledger.entry("qwen", **ASKED), ledger.entry("phi", **ASKED):
        pass
    assert [told(event)[1:] for event in heard] == [
        (1, "qwen"),
        (2, "phi"),
        (2, "phi"),
        (1, "qwen"),
    ]


@pytest.mark.parametrize(("error", "words"), [("", "given up"), ("no answer", "no answer")])
async def test_one_that_is_given_up_has_an_end_too(error, words):
    heard = []
    ledger = new_ledger(heard)
    hold = asyncio.Event()

    async def ask():
        with ledger.entry("qwen", **ASKED) as request:
            request.error = error
            await hold.wait()

    task = asyncio.ensure_future(ask())
    await settle()
    task.cancel()
    await settle()
    end = heard[-1]
    assert (told(end)[0], end.fate, end.completion) == (RequestEnded, Fate.CUT, None)
    assert end.error == words


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (Refused("no", server="qwen", status=404), True),
        (BadReply("what?", server="qwen"), True),
        (TimedOut("late", server="qwen", sent=True), True),
        (Unreachable("gone", server="qwen", sent=False), False),
        (EngineError("held back", server="qwen"), False),
    ],
)
def test_whether_a_request_that_failed_was_sent(error, sent):
    assert was_sent(error) is sent


async def test_what_a_benchmark_knows_beforehand_is_told_with_the_begin():
    heard = []
    with new_ledger(heard).entry("qwen", **ASKED, scheduled_s=99.5, xid="run-7"):
        pass
    assert (heard[0].scheduled_s, heard[0].xid) == (99.5, "run-7")


def said(*words, seconds=-2.0):
    """Tokens of an answer; the second most likely ones are told."""
    tokens = tuple(
        Token(id=ord(word), text=word, logprob=-0.5, runner_up=seconds) for word in words
    )
    return {"text": "".join(words), "tokens": tokens}


@pytest.mark.parametrize(
    ("now", "before", "equal", "chars", "tie"),
    [
        (said("a", "b"), said("a", "b"), True, 2, None),
        (said("a", "c"), said("a", "b"), False, 1, False),
        (said("a", "c", seconds=-0.6), said("a", "b", seconds=-0.6), False, 1, True),
        (said("a"), said("a", "b"), False, 1, False),
        (said(), said("a"), False, 0, None),
        ({"text": "a"}, {"text": "b"}, False, 0, None),
    ],
)
async def test_an_answer_is_held_against_that_of_its_control(now, before, equal, chars, tie):
    heard = []
    with new_ledger(heard).entry("qwen", **ASKED) as request:
        request.answered(completion(**now))
        request.compared(3, completion(**before))
    end = heard[-1]
    assert (end.control, end.equal, end.equal_chars, end.tie) == (3, equal, chars, tie)


async def test_without_an_answer_nothing_is_compared():
    heard = []
    with new_ledger(heard).entry("qwen", **ASKED) as request:
        request.failed(Refused("503, it sleeps", server="qwen", status=503))
        request.compared(3, completion(text="one"))
    assert (heard[-1].error, heard[-1].http) == ("503, it sleeps", 503)
    assert (heard[-1].control, heard[-1].equal, heard[-1].equal_chars) == (3, None, None)
    with new_ledger(heard).entry("qwen", **ASKED) as request:
        request.failed(Unreachable("gone", server="qwen", sent=True))
    assert (heard[-1].error, heard[-1].http) == ("gone", None)
