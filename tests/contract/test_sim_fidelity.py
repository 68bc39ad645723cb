"""The simulated fleet against recorded answers of real servers.

Same status, same headers that matter, same keys and kinds of values, same order of events, same
metric families with the same labels; error texts to the letter. What differs on purpose is said
where it differs: weights, sizes and times are those of the scenario.
"""

import json
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.replay import recorded, recorded_body

from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario

VERSIONS = ("0.25.1", "0.31.0", "0.32.0")
SPEED = 50.0
ANSWERS = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "sim" / "answers.jsonl")
    .read_text()
    .splitlines()
]
MATTERS = ("content-type", "allow", "vary")
PROMPT = {"model": "tiny-a", "prompt": "the quick brown fox", "max_tokens": 12, "temperature": 0}
CHAT = {
    "model": "tiny-a",
    "messages": [{"role": "user", "content": "sleep model wake"}],
    "max_tokens": 12,
    "temperature": 0,
}


def scenario(version: str, **fields) -> Scenario:
    known = {
        "name": "code" if version == "0.25.1" else "tiny-a",
        "root": "model/tiny-a",
        "params_b": 1.5,
        "version": version,
        "max_model_len": 4096,
    }
    engine = EngineSpec(**{**known, **fields})
    return Scenario(name="t", title="", description="", gpus=(GpuSpec(),), engines=(engine,))


@pytest.fixture
async def serve():
    """Runs one simulated server and gives a client for it."""
    opened = []

    async def serve(version: str, *, speed: float = SPEED, **fields) -> httpx.AsyncClient:
        context = running_fleet(scenario(version, **fields), speed=speed)
        fleet = await context.__aenter__()
        url = fleet.address.servers[0].url
        client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=20)
        opened.append((context, client))
        return client

    yield serve
    for context, client in opened:
        await client.aclose()
        await context.__aexit__(None, None, None)


def shape(value: object) -> object:
    """Keys and kinds; of a list, the kind of its first element."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case bool() | None:
            return str(value)
        case int() | float():
            return "number"
        case _:
            return type(value).__name__


def of_recording(folder: str, name: str) -> tuple[int, dict[str, str], bytes]:
    head = recorded(folder, name).partition(b"\r\n\r\n")[0].decode()
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, recorded_body(folder, name)


def same_head(answer: httpx.Response, headers: dict[str, str]) -> None:
    for name in MATTERS:
        assert answer.headers.get(name) == headers.get(name), name


class TestAnswers:
    @pytest.mark.parametrize(
        "told", ANSWERS, ids=[f"{told['version']}-{told['case']}" for told in ANSWERS]
    )
    async def test_one_exchange(self, serve, told):
        client = await serve(told["version"])
        typed = told["body"] is not None and told["case"] != "bad-json"
        answer = await client.request(
            told["method"],
            told["path"],
            content=told["body"],
            headers={"content-type": "application/json"} if typed else {},
        )
        assert answer.status_code == told["status"]
        same_head(answer, told["headers"])
        if not told["answer"]:
            assert answer.content == b""
        elif answer.status_code >= 400:
            assert answer.json() == json.loads(told["answer"])
        else:
            expected = json.loads(told["answer"])
            seen = answer.json()
            assert without_texts(shape(seen)) == without_texts(shape(expected))
            if "usage" in expected:
                tokens = expected["usage"]["completion_tokens"]
                assert seen["usage"]["completion_tokens"] == tokens

    async def test_server_info_keeps_to_the_keys_of_the_real_one(self, serve):
        for version in VERSIONS:
            client = await serve(version)
            real = json.loads(recorded_body(f"vllm-{version}", "server_info"))["vllm_config"]
            answer = await client.get("/server_info", params={"config_format": "json"})
            ours = answer.json()["vllm_config"]
            for group, values in ours.items():
                assert set(values) <= set(real[group]), (version, group)
            assert ours["model_config"]["enable_sleep_mode"] is True
            text = (await client.get("/server_info")).json()["vllm_config"]
            assert "enable_sleep_mode" not in text


def without_texts(value: object) -> object:
    """The shape without what has the texts of tokens for keys, or depends on them."""
    if isinstance(value, dict):
        texts = {"tokens", "top_logprobs"}
        return {key: without_texts(inner) for key, inner in value.items() if key not in texts}
    return [without_texts(inner) for inner in value] if isinstance(value, list) else value


STEPS = {
    "0.25.1": (
        ("GET", "/health", "health"),
        ("GET", "/version", "version"),
        ("GET", "/v1/models", "v1_models"),
        ("GET", "/load", "load"),
        ("GET", "/is_sleeping", "is_sleeping-awake"),
        ("POST", "/sleep?level=0", "sleep-l0"),
        ("GET", "/is_sleeping", "is_sleeping-l0"),
        ("POST", "/wake_up", "wake_up"),
        ("POST", "/sleep?level=1", "sleep-l1"),
        ("GET", "/is_sleeping", "is_sleeping-l1"),
        ("GET", "/metrics", "metrics-l1"),
        ("POST", "/sleep?level=1", "sleep-l1"),
        ("POST", "/wake_up", "wake_up"),
        ("POST", "/sleep?level=2", "sleep-l2"),
        ("GET", "/is_sleeping", "is_sleeping-l2"),
        ("GET", "/metrics", "metrics-l2"),
        ("POST", "/wake_up?tags=weights", "wake_up-weights"),
        ("GET", "/is_sleeping", "is_sleeping-partial"),
        ("GET", "/metrics", "metrics-partial"),
        ("POST", "/collective_rpc", "collective_rpc"),
        ("POST", "/wake_up?tags=kv_cache", "wake_up-kv_cache"),
        ("POST", "/reset_prefix_cache", "reset_prefix_cache"),
        ("GET", "/is_sleeping", "is_sleeping-awake"),
    ),
    "0.32.0": (
        ("POST", "/pause", "pause"),
        ("GET", "/is_sleeping", "is_sleeping-paused"),
        ("GET", "/is_paused", "is_paused-paused"),
        ("GET", "/metrics", "metrics-paused"),
        ("POST", "/resume", "resume"),
        ("GET", "/is_sleeping", "is_sleeping-awake"),
        ("POST", "/sleep?level=1", "sleep-l1"),
        ("GET", "/is_paused", "is_paused-l1"),
        ("GET", "/metrics", "metrics-l1"),
        ("POST", "/sleep?level=2", "sleep-l2"),
        ("POST", "/wake_up", "wake_up"),
        ("GET", "/is_paused", "is_paused-awake"),
        ("POST", "/sleep?level=2", "sleep-l2"),
        ("GET", "/is_sleeping", "is_sleeping-l2"),
        ("GET", "/metrics", "metrics-l2"),
        ("POST", "/wake_up?tags=weights", "wake_up-weights"),
        ("GET", "/is_sleeping", "is_sleeping-partial"),
        ("GET", "/is_paused", "is_paused-partial"),
        ("GET", "/metrics", "metrics-partial"),
        ("POST", "/collective_rpc", "collective_rpc"),
        ("POST", "/wake_up?tags=kv_cache", "wake_up-kv_cache"),
        ("GET", "/is_sleeping", "is_sleeping-awake"),
        ("POST", "/reset_prefix_cache", "reset_prefix_cache"),
        ("POST", "/sleep?level=0", "sleep-l0"),
        ("GET", "/is_sleeping", "is_sleeping-l0"),
        ("GET", "/is_paused", "is_paused-l0"),
        ("GET", "/metrics", "metrics-l0"),
        ("POST", "/wake_up?tags=scheduling", "wake_up-scheduling"),
        ("GET", "/is_sleeping", "is_sleeping-awake"),
        ("GET", "/nosuch", "not_found"),
        ("GET", "/sleep", "wrong_verb"),
        ("POST", "/sleep?level=3", "sleep-level_3"),
        ("GET", "/v1/models", "v1_models"),
    ),
}
SLEEP_STATE = "vllm:engine_sleep_state"


def sleep_state(page: str) -> dict[str, str]:
    lines = [line for line in page.splitlines() if line.startswith(SLEEP_STATE + "{")]
    return {line.partition('sleep_state="')[2].split('"')[0]: line.split()[-1] for line in lines}


class TestWalks:
    @pytest.mark.parametrize("version", STEPS)
    async def test_a_walk_through_the_states(self, serve, version):
        """Each step answers as recorded in that state, the sleep metric follows its quirks."""
        client = await serve(version)
        for method, path, name in STEPS[version]:
            body = {"method": "reload_weights"} if path == "/collective_rpc" else None
            answer = await client.request(method, path, json=body)
            status, headers, content = of_recording(f"vllm-{version}", name)
            assert answer.status_code == status, (path, answer.text)
            same_head(answer, headers)
            if path == "/metrics":
                assert sleep_state(answer.text) == sleep_state(content.decode()), name
            elif path in {"/v1/models", "/version", "/collective_rpc"}:
                assert shape(answer.json()) == shape(json.loads(content))
            else:
                assert answer.content == content, (path, name)
                assert answer.headers["content-length"] == str(len(content))

    async def test_without_dev_mode(self, serve):
        client = await serve("0.32.0", dev_mode=False)
        folder = "vllm-0.32.0-nodev"
        for method, route in (
            ("GET", "is_sleeping"),
            ("GET", "is_paused"),
            ("GET", "server_info"),
            ("POST", "sleep"),
            ("POST", "wake_up"),
            ("POST", "pause"),
            ("POST", "reset_prefix_cache"),
            ("POST", "collective_rpc"),
        ):
            answer = await client.request(method, f"/{route}")
            status, headers, content = of_recording(folder, route)
            assert (answer.status_code, answer.content) == (status, content), route
            same_head(answer, headers)

    async def test_with_an_api_key(self, serve, monkeypatch):
        monkeypatch.setenv("SLEEPTUI_SIM_KEY", "secret")
        client = await serve("0.32.0", keyed=True)
        for name in ("v1_models", "v1_completions"):
            method = "GET" if name == "v1_models" else "POST"
            answer = await client.request(method, "/" + name.replace("_", "/"))
            status, headers, content = of_recording("vllm-0.32.0-apikey", name)
            assert (answer.status_code, answer.content) == (status, content)
            same_head(answer, headers)
        right = {"authorization": "Bearer secret"}
        assert (await client.get("/v1/models", headers=right)).status_code == 200
        assert (await client.post("/sleep")).status_code == 200  # the control routes stay open


def events_of(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line]


class TestStreams:
    @pytest.mark.parametrize(
        ("version", "name", "options"),
        [
            ("0.25.1", "completions-stream", {"include_usage": True}),
            ("0.25.1", "chat-stream", {"include_usage": True}),
            ("0.31.0", "completions-stream", {"include_usage": True}),
            ("0.32.0", "completions-stream", {"include_usage": True}),
            ("0.32.0", "chat-stream", {"include_usage": True}),
            ("0.32.0", "chat-stream-no_usage", None),
            (
                "0.32.0",
                "chat-stream-continuous_usage",
                {"include_usage": True, "continuous_usage_stats": True},
            ),
        ],
    )
    async def test_events_come_in_the_recorded_order_and_shape(self, serve, version, name, options):
        client = await serve(version, name="tiny-a")
        status, headers, content = of_recording(f"vllm-{version}", name)
        recording = events_of(content.decode())
        chat = name.startswith("chat")
        usage = 1 if options else 0
        tokens = len(recording) - 1 - usage - (1 if chat else 0)
        asked = {**(CHAT if chat else PROMPT), "max_tokens": tokens, "stream": True}
        asked |= {"ignore_eos": True} | ({"stream_options": options} if options else {})
        path = "/v1/chat/completions" if chat else "/v1/completions"
        answer = await client.post(path, json=asked)
        assert answer.status_code == status
        same_head(answer, headers)
        assert "content-length" not in answer.headers
        ours = events_of(answer.text)
        assert len(ours) == len(recording)
        assert ours[-1] == recording[-1] == "[DONE]"
        for mine, real in zip(ours[:-1], recording[:-1], strict=True):
            assert shape(json.loads(mine)) == shape(json.loads(real))

    async def test_a_canary_has_the_recorded_shape(self, serve):
        client = await serve("0.32.0")
        asked = {**PROMPT, "max_tokens": 16, "ignore_eos": True, "seed": 0, "stream": True}
        asked |= {"logprobs": 2, "return_token_ids": True, "cache_salt": "5117ab1e"}
        asked |= {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
        status, headers, content = of_recording("vllm-0.32.0", "completions-stream-canary")
        answer = await client.post("/v1/completions", json=asked)
        assert answer.status_code == status
        same_head(answer, headers)
        ours, real = events_of(answer.text), events_of(content.decode())
        assert len(ours) == len(real) == 18
        for mine, theirs in zip(
            map(json.loads, ours[:-1]), map(json.loads, real[:-1]), strict=True
        ):
            assert without_texts(shape(mine)) == without_texts(shape(theirs))
            for choice, other in zip(mine["choices"], theirs["choices"], strict=True):
                told, recorded_ = choice["logprobs"], other["logprobs"]
                assert len(told["top_logprobs"][0]) == len(recorded_["top_logprobs"][0]) == 2
                assert told["tokens"] == [choice["text"]]
                assert told["top_logprobs"][0][choice["text"]] == told["token_logprobs"][0]

    @pytest.mark.parametrize("version", VERSIONS)
    async def test_a_stream_that_a_sleep_aborts_ends_as_recorded(self, serve, version):
        client = await serve(version, name="tiny-a", speed=2.0)
        recording = events_of(recorded_body(f"vllm-{version}", "completions-stream-abort").decode())
        asked = {**PROMPT, "max_tokens": 3000, "ignore_eos": True, "stream": True}
        asked["stream_options"] = {"include_usage": True}
        seen = []
        async with client.stream("POST", "/v1/completions", json=asked) as answer:
            async for line in answer.aiter_lines():
                if not line:
                    continue
                if not seen:
                    assert (await client.post("/sleep?level=2&mode=abort")).status_code == 200
                seen.append(line.removeprefix("data: "))
        assert seen[-1] == recording[-1] == "[DONE]"
        for mine, real in zip(seen[-3:-1], recording[-3:-1], strict=True):
            assert shape(json.loads(mine)) == shape(json.loads(real))
        assert json.loads(seen[-3])["choices"][0]["finish_reason"] == "abort"
        usage = json.loads(seen[-2])["usage"]
        assert usage["completion_tokens"] == len(seen) - 3


def families(page: str) -> dict[str, tuple[str, set[tuple]]]:
    """Type and label sets of each family; values of labels too, but for names and settings."""
    found = {}
    for family in text_string_to_metric_families(page):
        labels = {
            (sample.name, *sorted((k, v) for k, v in sample.labels.items() if k not in FREE))
            for sample in family.samples
        }
        found[family.name] = (family.type, labels)
    return found


FREE = {"model_name", "version", "patchlevel", "minor"}
BY_TRAFFIC = ("http_", "vllm:cache_config_info")
"""Families whose label values depend on what was asked, or on the size of the model."""


class TestMetrics:
    @pytest.mark.parametrize("version", ["0.25.1", "0.32.0"])
    async def test_families_types_and_labels(self, serve, version):
        client = await serve(version)
        await client.get("/v1/models")
        ours_text = (await client.get("/metrics")).text
        real_text = recorded_body(f"vllm-{version}", "metrics-awake").decode()
        ours, real = families(ours_text), families(real_text)
        assert list(ours) == list(real)
        for name, (kind, labels) in real.items():
            assert ours[name][0] == kind, name
            if not name.startswith(BY_TRAFFIC):
                assert ours[name][1] == labels, name
        config = "vllm:cache_config_info"
        keys = {key for sample in real[config][1] for key, _ in sample[1:]}
        assert {key for sample in ours[config][1] for key, _ in sample[1:]} <= keys

    async def test_the_page_is_as_long_as_the_real_one(self, serve):
        client = await serve("0.25.1")
        await client.get("/v1/models")
        ours = (await client.get("/metrics")).text
        real = recorded_body("vllm-0.25.1", "metrics-awake").decode()
        assert len(ours.splitlines()) == len(real.splitlines())
        assert 0.85 < len(ours) / len(real) < 1.15

    async def test_operation_metrics_appear_with_the_first_operation(self, serve):
        client = await serve("0.32.0")
        await client.post("/sleep?level=2")
        real = families(recorded_body("vllm-0.32.0", "metrics-l1").decode())
        ours = families((await client.get("/metrics")).text)
        for name in (
            "vllm:sleep_mode_operation_duration_seconds",
            "vllm:sleep_mode_operations_in_flight",
        ):
            assert ours[name] == real[name]
