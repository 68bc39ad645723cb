"""The canary against every version, weights that are not its own, and servers that are no help."""

import asyncio
import json

import pytest
from contract.test_engine_client import CANARY, graded
from support.scripted import NOT_FOUND, STREAM_HEAD, Scripted, chunk, for_ever, http

from sleeptui.core.canary import Grade, is_void
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.model import SleepLevel
from sleeptui.core.settings import Timeouts
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario

DONE = chunk("data: [DONE]\n\n")
MODELS = http('{"object":"list","data":[{"id":"qwen"}]}')


def token(number: int, text: str = " a", *, so_far: int = 1, **fields) -> bytes:
    logprobs = {"tokens": [text], "token_logprobs": [-0.5], "top_logprobs": [{text: -0.5}]}
    choice = {"index": 0, "text": text, "logprobs": logprobs, "token_ids": [number], **fields}
    usage = {"prompt_tokens": 4, "completion_tokens": so_far}
    return chunk("data: " + json.dumps({"choices": [choice], "usage": usage}) + "\n\n")


def speaking(
    *pieces: bytes,
    version: str = "0.32.0",
    head: bytes = STREAM_HEAD,
    reset: bytes | None = None,
    endless: bool = False,
) -> Scripted:
    """Answers completions with the pieces; ``reset``: None never answers."""
    known = {"/version": http(f'{{"version":"{version}"}}'), "/v1/models": MODELS}

    async def answering(asked, writer):
        if asked.path == "/reset_prefix_cache" and reset is None:
            await for_ever()
        if asked.path != "/v1/completions":
            writer.write({**known, "/reset_prefix_cache": reset}.get(asked.path, NOT_FOUND))
            return True
        writer.write(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if endless:
            await for_ever()
        return False

    return Scripted(answering)


def posts(server: Scripted) -> list[str]:
    return server.paths("POST")


class TestWhatIsSent:
    async def test_a_greedy_salted_request_for_ids_and_probabilities(self, connect):
        async with speaking(token(7), DONE).running() as server:
            client = connect(server.url)
            await client.canary("hello", max_tokens=5)
            await client.canary("hello", max_tokens=5)
            first, second = (json.loads(one.body) for one in server.asked if one.body)
        salts = {first.pop("cache_salt"), second.pop("cache_salt")}
        assert len(salts) == 2
        assert all(isinstance(salt, str) and len(salt) == 32 for salt in salts)
        assert first == second
        assert first == {
            "model": "qwen",
            "prompt": "hello",
            "max_tokens": 5,
            "temperature": 0,
            "seed": 0,
            "ignore_eos": True,
            "logprobs": 2,
            "return_token_ids": True,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }

    @pytest.mark.parametrize("version", ["0.8.0", "0.8.5"])
    @pytest.mark.parametrize("reset", [http(), NOT_FOUND, http("oops"), http("no", status=500)])
    async def test_before_salts_the_prefix_cache_is_reset_first(self, connect, version, reset):
        async with speaking(token(7), DONE, version=version, reset=reset).running() as server:
            answer = await connect(server.url).canary("hello", max_tokens=5)
            assert posts(server) == ["/reset_prefix_cache", "/v1/completions"]
        assert len(answer.tokens) == 1

    @pytest.mark.parametrize("version", ["0.9.0", "0.25.1", "0.33.0", "nightly"])
    async def test_with_salts_it_is_not(self, connect, version):
        async with speaking(token(7), DONE, version=version).running() as server:
            await connect(server.url).canary("hello", max_tokens=5)
            assert posts(server) == ["/v1/completions"]

    async def test_a_reset_that_hangs_does_not_take_longer_than_a_canary_may(self, connect):
        timeouts = Timeouts(wake_s=600, canary_s=0.2)
        async with speaking(token(7), DONE, version="0.8.5").running() as server:
            with pytest.raises(TimedOut):
                await connect(server.url, timeouts=timeouts).canary("hello", max_tokens=5)


class TestBadServers:
    @pytest.mark.parametrize(
        ("head", "error", "words"),
        [
            (http('{"error":{"message":"no logprobs here"}}', status=400), Refused, "no logprobs"),
            (http('{"error":"Unauthorized"}', status=401), Refused, "Unauthorized"),
            (http("<html>It works</html>", kind="text/html"), BadReply, "no stream"),
            (b"", Unreachable, "broke the connection"),
            (STREAM_HEAD + chunk("data: {\n\n"), BadReply, "no part of an answer"),
            (
                STREAM_HEAD + token(7, logprobs={"tokens": 3}),
                BadReply,
                "log probabilities that cannot be read",
            ),
            (STREAM_HEAD + token(-7), BadReply, "no part of an answer"),
        ],
    )
    async def test_one_error_says_why(self, connect, head, error, words):
        async with speaking(head=head).running() as server:
            with pytest.raises(error, match=words) as caught:
                await connect(server.url).canary("hello", max_tokens=5)
        assert isinstance(caught.value, EngineError)

    async def test_a_server_that_never_answers(self, connect):
        async with speaking(endless=True).running() as server:
            timeouts = Timeouts(prompt_s=600, canary_s=1.0)
            with pytest.raises(TimedOut) as caught:
                await connect(server.url, timeouts=timeouts).canary("hello", max_tokens=5)
        assert caught.value.sent

    @pytest.mark.parametrize(
        ("pieces", "error"),
        [
            ((token(7),), "the connection broke"),
            ((token(7), token(8, logprobs=[])), "it sends log probabilities that cannot be read"),
            (
                (token(7), chunk('data: {"error":{"message":"engine died"}}\n\n'), DONE),
                "engine died",
            ),
        ],
    )
    async def test_what_breaks_off_is_told_as_far_as_it_came(self, connect, pieces, error):
        async with speaking(*pieces).running() as server:
            answer = await connect(server.url).canary("hello", max_tokens=5)
        assert [one.id for one in answer.tokens] == [7]
        assert answer.error == error

    async def test_one_that_stops_in_the_middle(self, connect):
        async with speaking(token(7), endless=True).running() as server:
            timeouts = Timeouts(canary_s=1.5)
            answer = await connect(server.url, timeouts=timeouts).canary("x", max_tokens=5)
        assert ([one.id for one in answer.tokens], answer.terminated) == ([7], False)
        assert answer.error == "cut after 1.5 s"

    async def test_one_that_never_ends_is_not_kept(self, connect):
        many = "data: " + json.dumps({"choices": [{"text": "", "token_ids": [7] * 9000}]}) + "\n\n"

        async def answering(asked, writer):
            if asked.path != "/v1/completions":
                writer.write(MODELS if asked.path == "/v1/models" else http('{"version":"0.32"}'))
                return True
            writer.write(STREAM_HEAD + token(7))
            while True:
                writer.write(chunk(many))
                await writer.drain()

        async with Scripted(answering).running() as server:
            answer = await connect(server.url).canary("x", max_tokens=5)
        assert answer.error == "it sends more than 10000 tokens"


@pytest.fixture
async def simulated(connect):
    """Runs one simulated server; gives its engine and a client."""
    opened = []

    async def simulated(
        version: str, *, timeouts: Timeouts | None = None, speed: float = 10.0, **fields
    ):
        spec = EngineSpec(
            name="tiny-a", root="acme/tiny-a", params_b=1.5, version=version, **fields
        )
        scenario = Scenario(name="t", title="", description="", gpus=(GpuSpec(),), engines=(spec,))
        context = running_fleet(scenario, speed=speed)
        fleet = await context.__aenter__()
        opened.append(context)
        url = fleet.address.servers[0].url
        known = {} if timeouts is None else {"timeouts": timeouts}
        return fleet.engine("tiny-a"), connect(url, **known)

    yield simulated
    for context in opened:
        await context.__aexit__(None, None, None)


def canary(client):
    return client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)


VERSIONS = ["0.8.5", "0.10.2", "0.17.1", "0.25.1", "0.32.0"]


class TestSimulatedFleet:
    @pytest.mark.parametrize("version", VERSIONS)
    async def test_every_version_can_be_compared(self, simulated, version):
        _, client = await simulated(version)
        facts = await client.facts()
        first, second = (await canary(client)).tokens, (await canary(client)).tokens
        assert len(first) == CANARY.max_tokens
        assert {token.id is not None for token in first} == {facts.features.reload_weights}
        assert all(token.logprob is not None for token in first)
        assert graded(second, first) is Grade.IDENTICAL

    @pytest.mark.parametrize("version", ["0.11.0", "0.25.1", "0.32.0"])
    async def test_level_2_in_steps_brings_the_same_back_and_a_plain_wake_nothing(
        self, simulated, version
    ):
        _, client = await simulated(version)
        await client.facts()
        before = (await canary(client)).tokens
        await client.sleep(SleepLevel.DISCARD, None)
        await client.wake()
        plain = await canary(client)
        assert plain.terminated
        assert is_void(plain.tokens)
        assert graded(plain.tokens, before) is Grade.GARBAGE
        await client.reload_weights()
        assert graded((await canary(client)).tokens, before) is Grade.IDENTICAL
        await client.sleep(SleepLevel.DISCARD, None)
        await client.wake(["weights"])
        await client.reload_weights()
        await client.wake(["kv_cache"])
        await client.reset_prefix_cache()
        assert graded((await canary(client)).tokens, before) is Grade.IDENTICAL

    async def test_before_token_ids_garbage_is_seen_by_its_text(self, simulated):
        engine, client = await simulated("0.10.2")
        await client.facts()
        before = (await canary(client)).tokens
        engine.faults.set(FaultSetting(fault=Fault.GARBAGE))
        await client.sleep(SleepLevel.OFFLOAD, None)
        await client.wake()
        after = (await canary(client)).tokens
        assert not is_void(after)
        assert graded(after, before) is Grade.GARBAGE

    async def test_beside_requests_of_users_it_matches_within_noise(self, simulated):
        _, client = await simulated("0.25.1", speed=1.0)
        alone = (await canary(client)).tokens
        came = asyncio.Event()
        user = asyncio.create_task(
            client.complete(
                "Count", max_tokens=6000, ignore_eos=True, on_token=lambda _: came.set()
            )
        )
        await came.wait()
        beside = (await canary(client)).tokens
        assert not user.done()
        user.cancel()
        assert graded(beside, alone) is Grade.WITHIN_NOISE

    async def test_one_that_is_mute(self, simulated):
        engine, client = await simulated("0.32.0", timeouts=Timeouts(canary_s=2.0))
        engine.faults.set(FaultSetting(fault=Fault.MUTE))
        seen = await client.observe(full=True)
        assert (seen.is_sleeping, seen.problem) == (False, None)
        with pytest.raises(TimedOut):
            await canary(client)
        engine.faults.clear()
        assert (await canary(client)).terminated
