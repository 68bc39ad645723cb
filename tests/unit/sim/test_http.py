"""One simulated server over HTTP: faults, streams, broken connections, the control server."""

import asyncio
import json
import os
import time
from pathlib import Path

import httpx
import pytest

from sleeptui.core.errors import SimError
from sleeptui.core.home import Home
from sleeptui.core.settings import ServerSpec
from sleeptui.core.units import GIB
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

SPEED = 50.0
ASK = {"model": "code", "prompt": "why is the sky blue", "max_tokens": 8, "temperature": 0}
LONG = {**ASK, "max_tokens": 8_000, "ignore_eos": True, "stream": True}


def scenario(*engines: EngineSpec) -> Scenario:
    return Scenario(
        name="t", title="", description="", gpus=(GpuSpec(), GpuSpec()), engines=engines
    )


def engine(**fields) -> EngineSpec:
    return EngineSpec(**{"name": "code", "root": "acme/coder", "params_b": 1.5, **fields})


async def exhaust(lines) -> None:
    async for _ in lines:
        pass


class Box:
    """A running fleet with clients."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.address = fleet.address
        self.http = httpx.AsyncClient(
            base_url=self.address.servers[0].url, trust_env=False, timeout=20
        )
        self.control = httpx.AsyncClient(
            base_url=self.address.control_url,
            headers={"authorization": f"Bearer {self.address.token}"},
            trust_env=False,
            timeout=20,
        )

    @property
    def engine(self):
        return self.fleet.engine(self.address.servers[0].name)

    async def fault(self, fault: str, **fields) -> None:
        name = self.address.servers[0].name
        answer = await self.control.post(f"/faults/{name}", json={"fault": fault, **fields})
        assert answer.status_code == 200, answer.text

    async def clear(self, query: str = "") -> None:
        name = self.address.servers[0].name
        assert (await self.control.delete(f"/faults/{name}{query}")).status_code == 200

    async def until(self, condition) -> None:
        """Ask again and again; each asking goes over the network, or lets others run."""
        while not await condition():
            await self.control.get("/state")

    async def refuses(self) -> bool:
        try:
            await self.http.get("/health")
        except httpx.TransportError:
            return True
        return False

    async def answers(self) -> bool:
        return not await self.refuses()


@pytest.fixture
async def box():
    opened = []

    async def box(*engines: EngineSpec, speed: float = SPEED) -> Box:
        context = running_fleet(scenario(*(engines or (engine(),))), speed=speed)
        made = Box(await context.__aenter__())
        opened.append((context, made))
        return made

    yield box
    for context, made in opened:
        await made.http.aclose()
        await made.control.aclose()
        await context.__aexit__(None, None, None)


class TestFaults:
    async def test_a_hang_answers_nothing_until_it_is_cleared(self, box):
        it = await box()
        await it.fault("hang", paths=["/is_sleeping"])
        assert (await it.http.get("/health")).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            await it.http.get("/is_sleeping", timeout=0.1)
        await it.clear()
        assert (await it.http.get("/is_sleeping")).status_code == 200

    async def test_slow(self, box):
        it = await box()
        await it.fault("slow", seconds=10)
        began = time.monotonic()
        assert (await it.http.get("/version")).status_code == 200
        assert time.monotonic() - began >= 10 / SPEED

    async def test_refuse_keeps_the_port_for_later(self, box):
        it = await box()
        await it.fault("refuse")
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient(base_url=it.http.base_url, trust_env=False) as fresh:
                await fresh.get("/health")
        await it.clear()
        assert (await it.http.get("/health")).status_code == 200

    async def test_error(self, box):
        it = await box()
        await it.fault("error", status=503)
        answer = await it.http.get("/is_sleeping")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, 503)

    async def test_another_service(self, box):
        it = await box()
        await it.fault("html")
        answer = await it.http.get("/is_sleeping")
        assert answer.headers["content-type"].startswith("text/html")

    async def test_half_a_json(self, box):
        it = await box()
        await it.fault("half-json")
        answer = await it.http.get("/is_sleeping")
        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert (await it.http.get("/metrics")).text.startswith("# HELP")

    async def test_broken_metrics(self, box):
        it = await box()
        await it.fault("broken-metrics")
        answer = await it.http.get("/metrics")
        assert b"\xff" in answer.content
        assert (await it.http.get("/is_sleeping")).json() == {"is_sleeping": False}

    async def test_huge_metrics_are_sent_and_not_held(self, box):
        it = await box()
        await it.fault("huge-metrics", bytes=3_000_000)
        size = 0
        async with it.http.stream("GET", "/metrics") as answer:
            async for piece in answer.aiter_bytes():
                size += len(piece)
        assert 3_000_000 <= size < 3_200_000

    async def test_death_and_coming_back(self, box):
        it = await box(speed=0.5)  # each way to answer lasts for two seconds
        await it.fault("death")
        statuses = []

        async def gone() -> bool:
            try:
                statuses.append((await it.http.get("/health")).status_code)
            except httpx.TransportError:
                return True
            return False

        await it.until(gone)
        assert set(statuses) == {200, 503}
        assert statuses == sorted(statuses)
        await it.fault("restart", seconds=0.5)
        await it.until(it.answers)
        assert (await it.http.get("/is_sleeping")).json() == {"is_sleeping": False}

    async def test_a_dead_engine_answers_500_and_then_the_control_routes_are_gone(self, box):
        it = await box(speed=1.0)
        it.engine.kill()
        assert (await it.http.get("/is_sleeping")).status_code == 500
        assert (await it.http.get("/metrics")).status_code == 200
        assert (await it.http.post("/v1/completions", json=ASK)).status_code == 500

    async def test_clearing_starts_a_dead_server_again(self, box):
        it = await box(speed=1000.0)
        await it.fault("death")
        await it.until(it.refuses)
        await it.clear()
        await it.until(it.answers)

    async def test_a_restart_breaks_open_streams(self, box):
        it = await box(speed=2.0)
        async with it.http.stream("POST", "/v1/completions", json=LONG) as answer:
            lines = answer.aiter_lines()
            assert (await anext(lines)).startswith("data: ")
            await it.fault("restart", seconds=0.2)
            with pytest.raises(httpx.TransportError):
                await asyncio.wait_for(exhaust(lines), 20)
        await it.until(it.answers)

    async def test_escapes_in_names_and_answers(self, box):
        it = await box(engine(served_name="\x1b[31mred", answer_prefix="\x1b[2J"))
        models = (await it.http.get("/v1/models")).json()
        assert models["data"][0]["id"] == "\x1b[31mred"
        answer = await it.http.post("/v1/completions", json={**ASK, "model": "\x1b[31mred"})
        assert answer.json()["choices"][0]["text"].startswith("\x1b[2J")
        assert "\x1b[31mred" in (await it.http.get("/metrics")).text


class TestConnections:
    async def test_after_an_unexpected_error_the_connection_is_closed(self, box):
        """Captured: the next GET on the pooled connection fails once (0.25.1)."""
        it = await box()
        reader, writer = await asyncio.open_connection("127.0.0.1", it.http.base_url.port)
        writer.write(b"POST /sleep?mode=nope HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
        text = (await reader.read()).decode()  # until the end of the connection
        writer.close()
        head, _, body = text.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 500")
        assert "connection:" not in head.lower()
        assert json.loads(body)["error"]["code"] == 500

    async def test_after_an_ordinary_error_it_stays(self, box):
        it = await box()
        reader, writer = await asyncio.open_connection("127.0.0.1", it.http.base_url.port)
        for _ in range(2):
            writer.write(b"GET /nosuch HTTP/1.1\r\nhost: a\r\n\r\n")
            assert b"404" in await reader.readline()
            while await reader.readline() != b"\r\n":
                pass
            await reader.readexactly(len('{"detail":"Not Found"}'))
        writer.close()

    async def test_before_0_18_an_unexpected_error_is_plain_text(self, box):
        it = await box(engine(version="0.17.1"))
        answer = await it.http.post("/sleep?level=abc")
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert answer.headers["content-type"].startswith("text/plain")

    async def test_0_10_answers_flat_errors_and_lacks_the_later_routes(self, box):
        it = await box(engine(version="0.10.2"))
        answer = await it.http.post("/v1/completions", json={**ASK, "model": "nope"})
        assert answer.status_code == 404
        assert answer.json()["object"] == "error"
        assert "nope" in answer.json()["message"]
        for path in ("/is_paused", "/collective_rpc", "/pause", "/abort_requests"):
            assert (await it.http.post(path)).status_code == 404
        page = (await it.http.get("/metrics")).text
        assert "engine_sleep_state" not in page
        assert "gpu_cache_usage_perc" in page
        info = (await it.http.get("/server_info?config_format=json")).json()
        assert isinstance(info["vllm_config"], str)


class TestStreams:
    async def test_streamed_and_whole_say_the_same(self, box):
        it = await box()
        whole = (await it.http.post("/v1/completions", json=ASK)).json()["choices"][0]["text"]
        streamed = ""
        async with it.http.stream(
            "POST", "/v1/completions", json={**ASK, "stream": True}
        ) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    streamed += json.loads(line[6:])["choices"][0]["text"]
        assert streamed == whole
        again = (await it.http.post("/v1/completions", json=ASK)).json()["choices"][0]["text"]
        assert again == whole

    async def test_garbage_is_another_text_and_a_reload_brings_back_the_first(self, box):
        it = await box()

        async def said() -> str:
            answer = await it.http.post("/v1/completions", json=ASK)
            return answer.json()["choices"][0]["text"]

        good = await said()
        await it.http.post("/sleep?level=2")
        await it.http.post("/wake_up")
        assert await said() == "!" * 8
        await it.http.post("/collective_rpc", json={"method": "reload_weights"})
        assert await said() == good

    async def test_asleep_a_stream_gets_its_headers_and_nothing_more(self, box):
        it = await box()
        await it.http.post("/sleep")
        async with it.http.stream("POST", "/v1/completions", json={**ASK, "stream": True}) as held:
            assert held.status_code == 200
            assert (await it.http.get("/load")).json() == {"server_load": 1}
            lines = held.aiter_lines()
            first = asyncio.ensure_future(anext(lines))
            await it.http.get("/is_sleeping")
            assert not first.done()
            await it.http.post("/wake_up")
            assert (await first).startswith("data: ")
            async for _ in lines:
                pass
        assert (await it.http.get("/load")).json() == {"server_load": 0}

    async def test_a_client_that_leaves_ends_its_request(self, box):
        it = await box(speed=1.0)
        async with it.http.stream("POST", "/v1/completions", json=LONG) as answer:
            async for _ in answer.aiter_lines():
                break

        async def idle() -> bool:
            return it.engine.scheduler.unfinished == 0

        await it.until(idle)
        assert set(it.engine.stats.success.values()) == {0}  # captured: counted nowhere

    async def test_a_parked_client_that_leaves_is_forgotten(self, box):
        it = await box()
        await it.http.post("/sleep")
        with pytest.raises(httpx.ReadTimeout):
            await it.http.post("/v1/completions", json=ASK, timeout=0.1)

        async def idle() -> bool:
            return it.engine.scheduler.unfinished == 0

        await it.until(idle)

    async def test_a_stream_on_an_engine_that_dies_ends_with_an_error(self, box):
        it = await box(speed=1.0)
        lines = []
        async with it.http.stream("POST", "/v1/completions", json=LONG) as answer:
            async for line in answer.aiter_lines():
                if not lines:
                    await it.fault("death")
                lines.append(line)
        events = [line[6:] for line in lines if line]
        assert events[-1] == "[DONE]"
        assert json.loads(events[-2])["error"]["code"] == 500

    async def test_several_choices_logprobs_and_token_ids(self, box):
        it = await box()
        more = {"n": 3, "logprobs": 2, "return_token_ids": True, "temperature": 1.0}
        body = (await it.http.post("/v1/completions", json={**ASK, **more})).json()
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
        assert len({choice["text"] for choice in body["choices"]}) == 3
        first = body["choices"][0]
        assert len(first["token_ids"]) == len(first["logprobs"]["tokens"]) == 8
        assert "".join(first["logprobs"]["tokens"]) == first["text"]
        assert all(len(alternatives) == 3 for alternatives in first["logprobs"]["top_logprobs"])
        assert len(first["prompt_token_ids"]) == body["usage"]["prompt_tokens"]
        assert body["usage"]["completion_tokens"] == 24

    async def test_chat_logprobs(self, box):
        it = await box()
        ask = {"model": "code", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        more = {"max_tokens": 3, "logprobs": True, "top_logprobs": 2, "temperature": 0}
        body = (await it.http.post("/v1/chat/completions", json={**ask, **more})).json()
        content = body["choices"][0]["logprobs"]["content"]
        assert [len(token["top_logprobs"]) for token in content] == [2, 2, 2]
        text = body["choices"][0]["message"]["content"]
        assert bytes(b for token in content for b in token["bytes"]).decode() == text

    async def test_streamed_offsets_and_ids(self, box):
        it = await box()
        ask = {**ASK, "stream": True, "logprobs": 1, "return_token_ids": True}
        answer = await it.http.post("/v1/completions", json=ask)
        events = [json.loads(x[6:]) for x in answer.text.splitlines() if x.startswith("data: {")]
        choices = [event["choices"][0] for event in events]
        length = 0
        for choice in choices:
            assert choice["logprobs"]["text_offset"] == [length]
            length += len(choice["text"])
        assert choices[0]["prompt_token_ids"]
        assert choices[1]["prompt_token_ids"] is None

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ({**ASK, "stream_options": {"include_usage": True}}, "stream"),
            ({**ASK, "max_tokens": 8190}, "do not fit"),
            ({**ASK, "n": "two"}, "body.n"),
            ([1], "dict"),
        ],
    )
    async def test_requests_that_are_wrong(self, box, body, says):
        it = await box()
        answer = await it.http.post("/v1/completions", json=body)
        assert answer.status_code == 400
        assert says in answer.text

    async def test_prompts_of_token_ids_and_bodies_that_are_no_text(self, box):
        it = await box()
        answer = await it.http.post("/v1/completions", json={**ASK, "prompt": [1, 2, 3]})
        assert answer.json()["usage"]["prompt_tokens"] == 3
        broken = await it.http.post(
            "/v1/completions", content=b"\xff\xfe", headers={"content-type": "application/json"}
        )
        assert broken.status_code == 400


class TestRoutes:
    async def test_rpc_and_abort_need_json(self, box):
        it = await box(engine(version="0.32.0"))
        empty = await it.http.post("/collective_rpc")
        assert empty.status_code == 400
        assert "JSON decode error" in empty.text
        assert (await it.http.post("/collective_rpc", json={})).status_code == 400
        assert (await it.http.post("/collective_rpc", json=[1])).status_code == 400
        assert (await it.http.post("/abort_requests")).status_code == 400
        failed = await it.http.post("/collective_rpc", json={"method": "dance"})
        assert failed.status_code == 500

    async def test_abort_by_the_name_of_the_answer(self, box):
        it = await box(engine(version="0.32.0"), speed=1.0)
        async with it.http.stream("POST", "/v1/completions", json=LONG) as answer:
            reasons = []
            async for line in answer.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                if not reasons:
                    ids = {"request_ids": [event["id"], "cmpl-other"]}
                    done = await it.http.post("/abort_requests", json=ids)
                    assert done.json() == {"status": "aborted", "aborted": 1}
                reasons.append(event["choices"][0]["finish_reason"])
        assert reasons[-1] == "abort"

    async def test_server_info_is_slow_once(self, box):
        it = await box(speed=5.0)
        began = time.monotonic()
        await it.http.get("/server_info")
        assert time.monotonic() - began >= 1.7 / 5.0

    async def test_load_is_zero_without_tracking(self, box):
        it = await box(engine(load_tracking=False))
        await it.http.post("/sleep")
        async with it.http.stream("POST", "/v1/completions", json=LONG):
            assert (await it.http.get("/load")).json() == {"server_load": 0}

    async def test_metrics_answer_during_a_transition(self, box):
        it = await box(speed=2.0)
        sleep = asyncio.ensure_future(it.http.post("/sleep"))

        async def begun() -> bool:
            return it.engine.busy

        await it.until(begun)
        page = (await it.http.get("/metrics")).text
        assert 'sleep_state="awake"} 1.0' in page
        assert not sleep.done()
        look = asyncio.ensure_future(it.http.get("/is_sleeping"))
        assert (await it.http.get("/health")).status_code == 200
        assert not look.done()
        assert (await sleep).status_code == 200
        assert (await look).json() == {"is_sleeping": True}


class TestControl:
    async def test_it_asks_for_its_token(self, box):
        it = await box()
        async with httpx.AsyncClient(base_url=it.address.control_url, trust_env=False) as other:
            assert (await other.get("/gpus")).status_code == 401

    async def test_state_tells_the_truth(self, box):
        it = await box()
        await it.fault("keeps-memory")
        await it.http.post("/sleep?level=2")
        (state,) = (await it.control.get("/state")).json()["servers"]
        assert state["asleep"] == ["kv_cache", "weights"]
        assert state["held_bytes"] > 80 * GIB
        assert state["faults"] == ["keeps-memory"]
        assert (await it.control.get("/faults")).json() == {"code": ["keeps-memory"]}
        await it.clear("?fault=keeps-memory")
        assert (await it.control.get("/faults")).json() == {"code": []}

    @pytest.mark.parametrize(
        ("method", "path", "body", "says"),
        [
            ("POST", "/faults/code", '{"fault": "fire"}', "fire"),
            ("POST", "/faults/code", "{", "no JSON"),
            ("POST", "/faults/code", "[]", "object"),
            ("POST", "/faults/nobody", '{"fault": "hang"}', "nobody"),
            ("DELETE", "/faults/code?fault=fire", "", "fire"),
            ("GET", "/log/nobody", "", "nobody"),
            ("POST", "/gpus/9", "{}", "no GPU 9"),
        ],
    )
    async def test_mistakes_are_said(self, box, method, path, body, says):
        it = await box()
        answer = await it.control.request(method, path, content=body)
        assert answer.status_code == 400
        assert says in answer.json()["error"]

    async def test_traffic_can_be_switched_off(self, box):
        it = await box(engine(clients=4))

        async def busy() -> bool:
            return it.engine.scheduler.unfinished > 0

        async def idle() -> bool:
            return it.engine.scheduler.unfinished == 0

        await it.until(busy)
        assert (await it.control.post("/traffic", json={"on": False})).json() == {"on": False}
        await it.until(idle)


class TestProbes:
    async def test_gpus(self, box):
        it = await box()
        probe = SimGpuProbe(it.address)
        began = time.monotonic()
        reading = await probe.sample()
        assert began <= reading.at_s <= time.monotonic()
        first, second = reading.gpus
        assert first.used_bytes == sum(process.used_bytes for process in first.processes)
        assert first.free_bytes < second.free_bytes
        assert first.free_bytes == it.fleet.machine.gpus[0].free_bytes
        awake = first.used_bytes
        await it.http.post("/sleep")
        assert (await probe.sample()).gpus[0].used_bytes < awake - 80 * GIB
        await probe.close()

    async def test_a_lost_gpu_and_no_nvml(self, box):
        it = await box()
        probe = SimGpuProbe(it.address)
        await it.control.post("/gpus/1", json={"problem": "GPU is lost"})
        await it.control.post("/gpus/0", json={"other_bytes": 20 * GIB})
        first, second = (await probe.sample()).gpus
        assert second.problem == "GPU is lost"
        assert second.used_bytes is None
        assert 20 * GIB in [process.used_bytes for process in first.processes]
        await it.control.post("/nvml", json={"problem": "no driver"})
        reading = await probe.sample()
        assert (reading.problem, reading.gpus) == ("no driver", ())
        await probe.close()

    async def test_homes_hold_the_process_that_holds_the_memory(self, box):
        it = await box(engine(), engine(name="chat", gpus=(1,), start=Start.LEVEL_1))
        finder, probe = SimHomes(it.address), SimGpuProbe(it.address)
        other = ServerSpec(name="other", url="http://127.0.0.1:1")
        homes = await finder.homes((*it.address.servers, other))
        assert set(homes) == {"code", "chat"}
        reading = await probe.sample()
        for index, name in enumerate(("code", "chat")):
            pids = {process.pid for process in reading.gpus[index].processes}
            assert len(pids & homes[name].pids) == 1
            assert homes[name].started_at.endswith("+00:00")
        assert homes["chat"].host_bytes > homes["code"].host_bytes  # the pinned copy
        names = [candidate.name for candidate in await finder.candidates()]
        assert names == ["code", "chat"]
        assert finder.notes() == ()
        await finder.close()
        await probe.close()

    async def test_the_log_has_what_the_server_wrote(self, box):
        it = await box()
        finder = SimHomes(it.address)
        homes = await finder.homes(it.address.servers)
        await it.http.post("/sleep?level=1")
        await it.http.post("/wake_up")
        text = "\n".join(await finder.log_tail(homes["code"], 100))
        for fragment in ("seconds to fall asleep", "backed up in CPU", "seconds to wake up tags"):
            assert fragment in text
        assert len(await finder.log_tail(homes["code"], 2)) == 2
        with pytest.raises(SimError):
            await finder.log_tail(Home(), 10)
        await finder.close()

    async def test_a_fleet_that_is_gone(self, box):
        it = await box()
        probe, finder = SimGpuProbe(it.address), SimHomes(it.address)
        await it.fleet.end()
        assert "does not answer" in (await probe.sample()).problem
        with pytest.raises(SimError):
            await finder.homes(it.address.servers)
        await probe.close()
        await finder.close()


def test_no_real_process_has_a_simulated_number():
    from sleeptui.sim.host import _FIRST_PID

    assert int(Path("/proc/sys/kernel/pid_max").read_text()) <= _FIRST_PID
    assert os.getpid() < _FIRST_PID
