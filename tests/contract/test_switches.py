"""The client against servers with dev mode off and with an API key, recorded and simulated."""

import pytest
from contract.backends import simulated
from support.replay import Replay

from sleeptui.core.errors import EngineError, Refused
from sleeptui.core.model import Control, Reach, SleepLevel, SleepMetric
from sleeptui.sim.spec import KEY_ENV

KEY = "sk-very-secret"


def without_dev_mode() -> Replay:
    return Replay("vllm-0.32.0", overlay="vllm-0.32.0-nodev")


def with_key() -> Replay:
    return Replay("vllm-0.32.0", overlay="vllm-0.32.0-apikey", api_key=KEY)


@pytest.fixture(params=["replay", "sim"])
async def no_dev_mode(request):
    simulation = simulated(version="0.32.0", dev_mode=False)
    async with without_dev_mode().running() if request.param == "replay" else simulation as server:
        yield server


@pytest.fixture(params=["replay", "sim"])
async def keyed(request, monkeypatch):
    monkeypatch.setenv(KEY_ENV, KEY)
    simulation = simulated(version="0.32.0", keyed=True, sleep_mode=False)
    async with with_key().running() if request.param == "replay" else simulation as server:
        yield server


async def test_dev_mode_off_is_seen_and_the_metrics_are_read(connect, no_dev_mode):
    seen = await connect(no_dev_mode.url).observe(full=True)
    assert (seen.reach, seen.control) == (Reach.ANSWERED, Control.NO_DEV_MODE)
    assert (seen.is_sleeping, seen.problem) == (None, None)
    assert seen.metrics is not None
    assert seen.metrics.sleep_metric is SleepMetric.AWAKE


async def test_dev_mode_off_is_seen_in_a_short_look_too(connect):
    async with without_dev_mode().running() as server:
        client = connect(server.url)
        seen = await client.observe(full=False)
        assert (seen.reach, seen.control) == (Reach.ANSWERED, Control.NO_DEV_MODE)
        await client.observe(full=False)
    targets = [target for _, target, _ in server.requests]
    assert targets.count("/version") == 1  # once known for vLLM it is not asked again


async def test_dev_mode_off_facts(connect, no_dev_mode):
    facts = await connect(no_dev_mode.url).facts()
    assert (facts.version, facts.models) == ("0.32.0", ("tiny-a",))
    assert facts.sleep_enabled is None


@pytest.mark.parametrize("what", ["sleep", "wake", "reload_weights", "reset_prefix_cache"])
async def test_dev_mode_off_every_control_route_is_refused_with_the_switch(
    connect, no_dev_mode, what
):
    client = connect(no_dev_mode.url)
    call = client.sleep(SleepLevel.OFFLOAD, None) if what == "sleep" else getattr(client, what)()
    with pytest.raises(Refused) as caught:
        await call
    assert caught.value.status == 404
    assert caught.value.detail == "Not Found"
    assert "VLLM_SERVER_DEV_MODE=1" in caught.value.hint


async def test_a_missing_key_is_said_where_it_is_wanted_and_hides_nothing_else(connect, keyed):
    client = connect(keyed.url)
    facts = await client.facts()
    assert (facts.version, facts.models, facts.sleep_enabled) == ("0.32.0", (), False)
    assert (await client.observe(full=True)).is_sleeping is False
    assert (await client.sleep(SleepLevel.OFFLOAD, None)).status == "sleeping"
    await client.wake()
    with pytest.raises(Refused) as caught:
        await client.complete("x", max_tokens=1, on_token=lambda _: None)
    assert (caught.value.status, caught.value.detail) == (401, "Unauthorized")
    assert "api_key_env" in caught.value.hint


async def test_the_key_opens_what_is_under_v1(connect, keyed, monkeypatch):
    monkeypatch.setenv("QWEN_KEY", KEY)
    client = connect(keyed.url, api_key_env="QWEN_KEY")
    assert (await client.facts()).models == ("tiny-a",)
    answer = await client.complete("x", max_tokens=6, on_token=lambda _: None)
    assert answer.terminated


async def test_the_key_is_sent_under_v1_and_nowhere_else(connect, monkeypatch):
    monkeypatch.setenv("QWEN_KEY", KEY)
    async with with_key().running() as server:
        client = connect(server.url, api_key_env="QWEN_KEY")
        await client.facts()
        await client.complete("x", max_tokens=6, on_token=lambda _: None)
        await client.observe(full=True)
        await client.sleep(SleepLevel.OFFLOAD, None)
    assert {target.partition("?")[0] for _, target, _ in server.requests} >= {
        "/v1/models",
        "/v1/completions",
        "/metrics",
        "/sleep",
    }
    for _, target, headers in server.requests:
        expected = f"Bearer {KEY}" if target.startswith("/v1") else None
        assert headers.get("authorization") == expected, target


async def test_a_wrong_key_names_its_variable_and_never_the_key(connect, keyed, monkeypatch):
    monkeypatch.setenv("QWEN_KEY", "sk-wrong")
    client = connect(keyed.url, api_key_env="QWEN_KEY")
    with pytest.raises(Refused) as caught:
        await client.complete("x", max_tokens=1, on_token=lambda _: None)
    assert caught.value.hint == "is the key in $QWEN_KEY the right one?"
    assert "sk-wrong" not in f"{caught.value} {caught.value.__cause__} {caught.value!r}"


@pytest.mark.parametrize("key", ["sk-\n-secret", "sk-ключ"])
async def test_a_key_that_cannot_be_sent(connect, keyed, monkeypatch, key):
    monkeypatch.setenv("QWEN_KEY", key)
    client = connect(keyed.url, api_key_env="QWEN_KEY")
    with pytest.raises(EngineError, match=r"the key in \$QWEN_KEY has characters") as caught:
        await client.complete("x", max_tokens=1, on_token=lambda _: None)
    assert "sk-" not in str(caught.value)
    assert (await client.observe(full=True)).is_sleeping is False


async def test_an_unset_key_is_as_none(connect, keyed, monkeypatch):
    monkeypatch.delenv("QWEN_KEY", raising=False)
    with pytest.raises(Refused) as caught:
        await connect(keyed.url, api_key_env="QWEN_KEY").complete(
            "x", max_tokens=1, on_token=lambda _: None
        )
    assert caught.value.status == 401
