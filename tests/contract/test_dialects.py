"""What is sent to each version, and how its answers are understood."""

import asyncio
import sys

import pytest
from support.replay import recorded_body
from support.scripted import NOT_FOUND, Scripted, http

from sleeptui.core.errors import EngineError, TimedOut
from sleeptui.core.model import Control, SleepLevel, SleepMode
from sleeptui.core.settings import Timeouts

AWAKE = http('{"is_sleeping":false}')
ASLEEP = http('{"is_sleeping":true}')
MODELS = http('{"data":[{"id":"qwen","root":"acme/qwen","max_model_len":4096}]}')


def vllm(version: str, **answers: bytes) -> Scripted:
    """A server of that version; answers by the last part of the path."""
    body = recorded_body("vllm-0.32.0", "metrics-awake")
    known = {
        "/version": http(f'{{"version":"{version}"}}'),
        "/v1/models": MODELS,
        "/is_sleeping": AWAKE,
        "/metrics": http(body),
        "/sleep": http(),
        "/wake_up": http(),
        "/collective_rpc": http('{"results":[null]}'),
        "/reset_prefix_cache": http(),
    }
    return Scripted({**known, **{f"/{name}": answer for name, answer in answers.items()}})


def posts(server: Scripted) -> list[str]:
    return [asked.target for asked in server.asked if asked.method == "POST"]


@pytest.mark.parametrize(
    ("version", "mode", "target"),
    [
        ("0.33.0", SleepMode.WAIT, "/sleep?level=1&mode=wait"),
        ("0.17.0", SleepMode.KEEP, "/sleep?level=1&mode=keep"),
        ("0.16.0", SleepMode.WAIT, "/sleep?level=1"),
        ("0.8.0", None, "/sleep?level=1"),
        ("nightly", SleepMode.ABORT, "/sleep?level=1"),
        ("0.29.1rc1.dev422+gabc", SleepMode.ABORT, "/sleep?level=1&mode=abort"),
    ],
)
async def test_mode_is_sent_where_the_version_knows_it(connect, version, mode, target):
    async with vllm(version).running() as server:
        await connect(server.url).sleep(SleepLevel.OFFLOAD, mode)
        assert posts(server) == [target]


@pytest.mark.parametrize("version", ["0.16.0", "0.8.5", "nightly"])
async def test_level_0_is_not_sent_where_it_would_drop_the_weights(connect, version):
    async with vllm(version).running() as server:
        with pytest.raises(EngineError) as caught:
            await connect(server.url).sleep(SleepLevel.PAUSE, None)
        assert posts(server) == []
    assert caught.value.message == (
        "qwen: this version would drop its weights at level 0, not sent"
    )
    assert not caught.value.sent


@pytest.mark.parametrize("level", [-1, 3, 7])
async def test_a_level_that_vllm_does_not_have_is_never_sent(connect, level):
    async with vllm("0.25.1").running() as server:
        with pytest.raises(ValueError, match="not a valid SleepLevel"):
            await connect(server.url).sleep(level, None)
        assert posts(server) == []


async def test_tags_are_repeated_keys(connect):
    async with vllm("0.32.0").running() as server:
        client = connect(server.url)
        await client.wake(["weights", "kv_cache"])
        await client.wake()
        assert posts(server) == ["/wake_up?tags=weights&tags=kv_cache", "/wake_up"]


async def test_tags_are_not_sent_where_they_would_be_ignored(connect):
    async with vllm("0.8.0").running() as server:
        with pytest.raises(EngineError, match="cannot wake in parts, not sent"):
            await connect(server.url).wake(["weights"])
        assert posts(server) == []


async def test_reload_is_the_call_of_a_worker_method(connect):
    async with vllm("0.11.0").running() as server:
        await connect(server.url).reload_weights()
        assert server.asked[-1].body == b'{"method":"reload_weights"}'
        assert server.asked[-1].headers["content-type"] == "application/json"


async def test_reload_is_not_sent_where_there_is_none(connect):
    async with vllm("0.10.0").running() as server:
        with pytest.raises(EngineError, match="cannot reload its weights, not sent"):
            await connect(server.url).reload_weights()
        assert posts(server) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", None),
        ('{"status":"sleeping","tags":null}', "sleeping"),
        ('{"status":"awake"}', "awake"),
        ('{"status":null}', None),
        ("null", None),
    ],
)
async def test_the_status_after_a_wake_empty_bodies_and_json(connect, body, status):
    async with vllm("0.32.0", wake_up=http(body)).running() as server:
        assert (await connect(server.url).wake()).status == status


@pytest.mark.parametrize(
    ("body", "status"), [("", None), ('{"success":true}', None), ('{"success":false}', "failed")]
)
async def test_a_prefix_cache_that_was_not_reset(connect, body, status):
    async with vllm("0.26.0", reset_prefix_cache=http(body)).running() as server:
        assert (await connect(server.url).reset_prefix_cache()).status == status


@pytest.mark.parametrize(
    ("info", "enabled"),
    [
        (http('{"vllm_config":{"model_config":{"enable_sleep_mode":true,"x":[1]}}}'), True),
        (http('{"vllm_config":{"model_config":{"enable_sleep_mode":false}}}'), False),
        (http('{"vllm_config":{"model_config":{}}}'), None),
        (http('{"vllm_config":{}}'), None),
        (http('{"vllm_config":"model=\'a\', enable_sleep_mode=True"}'), None),
        (http("{}"), None),
        (http("<html>"), None),
        (http(b" " * (5 << 20)), None),
        (NOT_FOUND, None),
    ],
    ids=range(9),
)
async def test_sleep_mode_by_server_info(connect, info, enabled):
    async with vllm("0.25.1", server_info=info).running() as server:
        client = connect(server.url)
        facts = await client.facts()
        assert facts.sleep_enabled is enabled
        assert (facts.version, facts.models) == ("0.25.1", ("qwen",))
        assert (facts.root, facts.max_model_len) == ("acme/qwen", 4096)
        control = (await client.observe(full=True)).control
    assert control is (Control.NO_SLEEP_MODE if enabled is False else Control.AVAILABLE)


async def test_is_paused_is_asked_of_sleepers_of_versions_that_have_it(connect):
    for version, asked in (("0.11.0", False), ("0.12.0", True)):
        paused = http('{"is_paused":true}')
        async with vllm(version, is_sleeping=ASLEEP, is_paused=paused).running() as server:
            client = connect(server.url)
            await client.facts()
            seen = await client.observe(full=True)
            assert seen.is_paused is (True if asked else None)
            assert ("/is_paused" in server.paths("GET")) is asked


async def test_load_counts_once_it_has_proven_to_count(connect):
    answers = {"load": http('{"server_load":0}')}
    async with vllm("0.32.0", is_sleeping=ASLEEP, **answers).running() as server:
        client = connect(server.url)
        assert (await client.observe(full=True)).load is None  # off, or nothing parked
        assert (await client.facts()).load_tracking is None

        async def answering(asked, writer):
            load = 3 if asked.path == "/load" and server.counting else 0
            body = {"/load": http(f'{{"server_load":{load}}}'), "/is_sleeping": ASLEEP}
            writer.write(body.get(asked.path, http('{"version":"0.32.0"}')))
            return True

        server._answering = answering
        server.counting = True
        assert (await client.observe(full=True)).load == 3
        server.counting = False
        assert (await client.observe(full=True)).load == 0


async def test_load_is_not_asked_of_an_idle_awake_server(connect):
    async with vllm("0.32.0").running() as server:
        await connect(server.url).observe(full=True)
        assert "/load" not in server.paths("GET")


async def test_facts_are_not_had_in_time(connect):
    async def answering(asked, writer):
        await asyncio.Event().wait()

    async with Scripted(answering).running() as server:
        with pytest.raises(TimedOut, match="qwen: no answer in time from"):
            await connect(server.url, timeouts=Timeouts(probe_s=0.1)).facts()


async def test_a_look_does_not_search_for_modules(connect, monkeypatch):
    """Httpcore imports sniffio at each request: where it is missing a look costs twice as much."""
    searched = []

    class Watching:
        @staticmethod
        def find_spec(name, path=None, target=None):
            searched.append(name)

    async with vllm("0.32.0").running() as server:
        client = connect(server.url)
        await client.observe(full=True)
        monkeypatch.setattr(sys, "meta_path", [Watching, *sys.meta_path])
        await client.observe(full=True)
    assert searched == []
