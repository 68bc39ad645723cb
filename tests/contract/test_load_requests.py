"""What a benchmark asks beyond a prompt: a whole answer, an id, a limit of its own."""

import socket

import pytest
from contract.backends import simulated
from support.replay import Replay

from sleeptui.core.errors import TimedOut
from sleeptui.core.model import SleepLevel
from sleeptui.core.settings import Timeouts

BRIEF = Timeouts(connect_s=0.05)
ENDS_BY_ITSELF = 400
"""Tokens: more than the simulated model says on its own."""


async def test_an_answer_that_must_not_end_by_itself_is_whole(connect):
    async with simulated(version="0.32.0") as server:
        client = connect(server.url)
        answers = [
            await client.complete(
                "Count", max_tokens=ENDS_BY_ITSELF, on_token=lambda _: None, ignore_eos=ignored
            )
            for ignored in (False, True)
        ]
    assert [one.finish_reason for one in answers] == ["stop", "length"]
    assert answers[0].completion_tokens < answers[1].completion_tokens == ENDS_BY_ITSELF


async def test_each_token_can_be_asked_for_with_its_probability(connect):
    async with simulated(version="0.32.0") as server:
        client = connect(server.url)
        plain, told = [
            await client.complete(
                "Count", max_tokens=6, on_token=lambda _: None, ignore_eos=True, detailed=detailed
            )
            for detailed in (False, True)
        ]
    assert (plain.tokens, len(told.tokens)) == ((), 6)
    assert plain.text == told.text == "".join(token.text for token in told.tokens)
    assert all(token.runner_up is not None for token in told.tokens)


async def test_its_id_is_sent_to_it_alone(connect):
    async with Replay("vllm-0.32.0").running() as server:
        client = connect(server.url)
        for name in ("run-7", ""):
            await client.complete("x", max_tokens=4, on_token=lambda _: None, request_id=name)
    sent = [headers for _, target, headers in server.requests if target == "/v1/completions"]
    assert [headers.get("x-request-id") for headers in sent] == ["run-7", None]


@pytest.mark.parametrize("limit_s", [0.3, None])
async def test_its_limit_is_its_own(connect, limit_s):
    async with simulated(version="0.32.0") as server:
        client = connect(server.url, timeouts=Timeouts(prompt_s=0.3 if limit_s is None else 60.0))
        await client.facts()
        await client.sleep(SleepLevel.OFFLOAD, None)
        with pytest.raises(TimedOut):
            await client.complete("x", max_tokens=4, on_token=lambda _: None, limit_s=limit_s)


@pytest.mark.parametrize(
    ("limit_s", "told"), [(None, "does not take the connection"), (0.5, "in time")]
)
async def test_its_limit_is_that_of_its_connection_too(connect, limit_s, told):
    """What a busy machine takes late was not lost by its server."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        client = connect("http://127.0.0.1:{1}".format(*full.getsockname()), timeouts=BRIEF)
        with pytest.raises(TimedOut, match=told) as caught:
            await client.complete(
                "x", model="m", max_tokens=4, on_token=lambda _: None, limit_s=limit_s
            )
    assert not caught.value.sent
