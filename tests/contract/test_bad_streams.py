"""Streamed answers that go wrong: cut, erroneous, wild, endless."""

import asyncio
import json

import pytest
from support.scripted import NOT_FOUND, STREAM_HEAD, Scripted, chunk, for_ever, http

from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.errors import BadReply, Refused, TimedOut, Unreachable
from sleeptui.core.settings import Timeouts

MODELS = http('{"object":"list","data":[{"id":"qw\\u001b[2Jen"}]}')
DONE = chunk("data: [DONE]\n\n")


def token(text: str, tokens: int) -> bytes:
    return chunk(
        "data: "
        + json.dumps(
            {
                "choices": [{"index": 0, "text": text, "finish_reason": None}],
                "usage": {"prompt_tokens": 3, "completion_tokens": tokens},
            }
        )
        + "\n\n"
    )


def streaming(*pieces: bytes, head: bytes = STREAM_HEAD, endless: bool = False) -> Scripted:
    """Answers completions with the pieces, then closes, or never."""

    async def answering(asked, writer):
        if asked.path != "/v1/completions":
            writer.write(MODELS if asked.path == "/v1/models" else NOT_FOUND)
            return True
        writer.write(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if endless:
            await for_ever()
        return False

    return Scripted(answering)


async def ask(client) -> tuple[Completion, list[TokenEvent]]:
    events: list[TokenEvent] = []
    answer = await client.complete("hello", max_tokens=5, on_token=events.append)
    return answer, events


async def test_the_request_is_what_vllm_wants_with_the_name_as_the_server_spells_it(connect):
    async with streaming(token("a", 1), DONE).running() as server:
        answer, _ = await ask(connect(server.url))
        sent = json.loads(server.asked[-1].body)
    assert sent == {
        "model": "qw\x1b[2Jen",
        "prompt": "hello",
        "max_tokens": 5,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }
    assert (answer.text, answer.terminated, answer.prompt_tokens) == ("a", True, 3)


async def test_a_stream_that_breaks_off_is_returned_as_far_as_it_came(connect):
    async with streaming(token("a", 1), token("b", 2)).running() as server:
        answer, events = await ask(connect(server.url))
    assert (answer.text, answer.completion_tokens) == ("ab", 2)
    assert (answer.terminated, answer.finish_reason) == (False, None)
    assert answer.error == "the connection broke"
    assert len(events) == 2


async def test_a_stream_that_ends_properly_but_without_its_last_word(connect):
    async with streaming(token("a", 1), b"0\r\n\r\n").running() as server:
        answer, _ = await ask(connect(server.url))
    assert (answer.text, answer.terminated, answer.error) == ("a", False, None)


async def test_a_stream_that_breaks_before_its_first_token_is_an_error(connect):
    async with streaming().running() as server:
        with pytest.raises(Unreachable) as caught:
            await ask(connect(server.url))
    assert caught.value.message == f"qwen: 127.0.0.1:{server.port} broke the connection"
    assert caught.value.sent


async def test_an_error_after_the_200(connect):
    error = chunk('data: {"error":{"message":"engine\\u001b[2J died","code":500}}\n\n')
    async with streaming(token("a", 1), error, DONE).running() as server:
        answer, _ = await ask(connect(server.url))
    assert (answer.error, answer.terminated, answer.text) == ("engine died", True, "a")


async def test_an_error_as_the_only_event(connect):
    error = chunk('data: {"error":{"message":"paused","code":503}}\n\n')
    async with streaming(error, DONE).running() as server:
        answer, events = await ask(connect(server.url))
    assert (answer.error, answer.terminated, events) == ("paused", True, [])
    assert (answer.first_token_s, answer.completion_tokens) == (None, None)


async def test_escape_sequences_in_an_answer(connect):
    wild = token("\x1b]0;owned\x07he\x1b[31", 1) + token("mllo\x9b2J\n\u202e", 2)
    async with streaming(wild, DONE).running() as server:
        answer, events = await ask(connect(server.url))
    assert answer.text == "he31mllo\n"  # what is left of the cut one is plain text
    assert "".join(event.text for event in events) == answer.text


@pytest.mark.parametrize(
    ("piece", "problem"),
    [
        (chunk("data: <html>\n\n"), "sends an event that is no part of an answer"),
        (chunk(b"x" * (1 << 20)) + chunk(b"x"), "sends an event of more than 1 MiB"),
    ],
    ids=["rubbish", "long"],
)
async def test_rubbish_in_a_stream(connect, piece, problem):
    async with streaming(piece, endless=True).running() as server:
        with pytest.raises(BadReply) as caught:
            await ask(connect(server.url))
    assert caught.value.message == f"qwen: {problem}"
    async with streaming(token("a", 1), piece, endless=True).running() as server:
        answer, _ = await ask(connect(server.url))
    assert (answer.text, answer.terminated, answer.error) == ("a", False, f"it {problem}")


async def test_something_that_is_no_stream(connect):
    async with streaming(head=http("<html>", kind="text/html")).running() as server:
        with pytest.raises(BadReply, match="answers /v1/completions with no stream"):
            await ask(connect(server.url))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, '{"error":{"message":"max_tokens=5 is too much","code":400}}', "max_tokens=5"),
        (503, '{"error":"paused"}', "paused"),
        (500, "Internal Server Error", "Internal Server Error"),
    ],
)
async def test_refused_before_the_stream(connect, status, body, words):
    async with streaming(head=http(body, status=status)).running() as server:
        with pytest.raises(Refused, match=words) as caught:
            await ask(connect(server.url))
    assert caught.value.status == status


async def test_a_server_without_models(connect):
    async with Scripted({"/v1/models": http('{"data":[]}')}).running() as server:
        with pytest.raises(BadReply, match="qwen: serves no model"):
            await ask(connect(server.url))


async def test_time_is_up_before_the_first_token(connect):
    async with streaming(endless=True).running() as server:
        with pytest.raises(TimedOut) as caught:
            await ask(connect(server.url, timeouts=Timeouts(prompt_s=1.0)))
    assert caught.value.sent


async def test_time_is_up_in_the_middle(connect):
    async with streaming(token("a", 1), endless=True).running() as server:
        client = connect(server.url, timeouts=Timeouts(prompt_s=2.0))
        answer, _ = await ask(client)
    assert (answer.text, answer.terminated, answer.error) == ("a", False, "cut after 2 s")


async def test_cancelling_closes_the_connection(connect):
    left = asyncio.Event()

    async def answering(asked, writer):
        if asked.path == "/v1/models":
            writer.write(MODELS)
            return True
        writer.write(STREAM_HEAD + token("a", 1))
        try:
            while True:  # the client has left when it cannot be written to any more
                writer.write(chunk(": keep-alive\n\n"))
                await writer.drain()
                await asyncio.sleep(0.005)
        except ConnectionError:
            left.set()
            raise

    came = asyncio.Event()
    async with Scripted(answering).running() as server:
        client = connect(server.url)
        task = asyncio.create_task(
            client.complete("x", max_tokens=1, on_token=lambda _: came.set())
        )
        await came.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left.wait()


async def test_closing_the_client_ends_a_stream_that_still_runs(connect):
    came = asyncio.Event()
    async with streaming(token("a", 1), endless=True).running() as server:
        client = connect(server.url)
        task = asyncio.create_task(
            client.complete("x", max_tokens=1, on_token=lambda _: came.set())
        )
        await came.wait()
        await client.close()
        answer = await task
    assert (answer.text, answer.terminated, answer.error) == ("a", False, "the connection broke")
