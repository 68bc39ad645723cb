import asyncio

import pytest
from support.builders import seen, unseen
from support.clock import settle

from sleeptui.core.completion import Completion
from sleeptui.core.events import StateObserved
from sleeptui.core.operation import Fate
from sleeptui.services.ledger import Ledger, ended, fates


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
    ledger = Ledger()
    with ledger.entry("qwen") as request:
        request.answered(completion(**fields))
        assert request.now is fate
    assert ledger.open_on("qwen") == ()


async def test_those_of_a_server_oldest_first():
    ledger = Ledger()
    with ledger.entry("qwen") as one, ledger.entry("phi"), ledger.entry("qwen") as two:
        assert ledger.open_on("qwen") == (one, two)
        one.tokens = 3
        assert fates((one, two)) == {Fate.FROZEN: 1, Fate.PARKED: 1}


async def test_one_that_ends_with_an_error_was_cut():
    ledger = Ledger()

    def break_off():
        with ledger.entry("qwen") as request:
            held.append(request)
            raise LookupError

    held = []
    with pytest.raises(LookupError):
        break_off()
    assert held[0].fate is Fate.CUT
    assert ledger.open_on("qwen") == ()


async def test_how_long_a_sleep_has_held_it_up():
    ledger = Ledger()
    with ledger.entry("qwen") as request:
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
    ledger = Ledger()
    with ledger.entry("qwen") as late:
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
