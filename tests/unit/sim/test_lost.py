"""What a canary meets: lost weights, mute engines, lost requests, salts, host memory."""

import asyncio
import json

import httpx
import pytest
from unit.sim.test_http import ASK, LONG, SPEED, engine, scenario

from sleeptui.core.units import GIB
from sleeptui.sim.calls import Method
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.scheduler import Scheduler
from sleeptui.sim.spec import Start

DETAILS = {"logprobs": 2, "return_token_ids": True, "ignore_eos": True}


@pytest.fixture
async def run():
    """Runs a fleet; gives its machine, its address and a client of the first server."""
    opened = []

    async def run(*engines, speed=SPEED):
        context = running_fleet(scenario(*(engines or (engine(),))), speed=speed)
        fleet = await context.__aenter__()
        url = fleet.address.servers[0].url
        client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=20)
        opened.append((context, client))
        return fleet, client

    yield run
    for context, client in opened:
        await client.aclose()
        await context.__aexit__(None, None, None)


async def details(client, **fields) -> list[tuple]:
    """Id, text, log probability and alternatives of each streamed token."""
    asked = {**ASK, **DETAILS, "stream": True, **fields}
    answer = await client.post("/v1/completions", json=asked)
    assert answer.status_code == 200, answer.text
    found = []
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            choice = json.loads(line[6:])["choices"][0]
            told = choice["logprobs"]
            figures = (told["token_logprobs"][0], told["top_logprobs"][0])
            found.append((choice["token_ids"][0], choice["text"], *figures))
    assert len(found) == 8
    return found


class TestWeights:
    async def test_two_answers_are_the_same_to_the_last_digit(self, run):
        _, client = await run()
        first = await details(client)
        assert await details(client, cache_salt="another") == first
        for _, text, logprob, top in first:
            assert top[text] == logprob == max(top.values()) < 0
            assert len(top) == 2

    async def test_after_level_2_and_a_plain_wake_no_number_comes(self, run):
        fleet, client = await run()
        good = await details(client)
        await client.post("/sleep?level=2")
        await client.post("/wake_up")
        assert await details(client) == [(0, "!", None, {"!": None, '"': None})] * 8
        (state,) = [host.state() for host in fleet.machine.hosts.values()]
        assert (state["weights_ok"], state["weights_empty"]) == (False, True)
        # As one JSON it cannot be written: vLLM's JSONResponse refuses numbers that are none.
        whole = await client.post("/v1/completions", json={**ASK, **DETAILS})
        assert whole.status_code == 400
        assert "not JSON compliant" in whole.text
        assert (await client.post("/v1/completions", json=ASK)).status_code == 200
        await client.post("/collective_rpc", json={"method": "reload_weights"})
        assert await details(client) == good

    async def test_wrong_weights_have_figures_of_their_own(self, run):
        fleet, client = await run()
        good = await details(client)
        fleet.engine("code").faults.set(FaultSetting(fault=Fault.GARBAGE))
        await client.post("/sleep")
        await client.post("/wake_up")
        wrong = await details(client)
        assert {token[:2] for token in wrong} == {(0, "!")}
        assert not {token[2] for token in wrong} & {token[2] for token in good}
        (state,) = [host.state() for host in fleet.machine.hosts.values()]
        assert (state["weights_ok"], state["weights_empty"]) == (False, False)

    async def test_beside_other_requests_the_figures_differ_a_little(self, run):
        _, client = await run(speed=2.0)
        alone = await details(client)
        async with client.stream("POST", "/v1/completions", json=LONG) as other:
            lines = other.aiter_lines()
            await anext(lines)
            beside = await details(client)
        gaps = [abs(a[2] - b[2]) for a, b in zip(alone, beside, strict=True) if a[0] == b[0]]
        assert 0 < max(gaps) < 0.05
        assert await details(client) == alone

    def test_empty_weights_stay_empty_through_further_sleeps(self, bench):
        it = bench()
        it.sleep(2)
        it.wake()
        it.sleep(1)
        it.wake()
        assert it.engine.executor.weights_empty
        assert it.answer().weights_empty
        it.reload()
        assert not it.answer().weights_empty


class TestMute:
    def test_it_takes_prompts_and_says_nothing(self, bench):
        it = bench()
        it.engine.faults.set(FaultSetting(fault=Fault.MUTE))
        request = it.ask()
        it.pass_(600)
        assert (request.generated, request.finish_reason) == (0, None)
        assert (it.is_sleeping, it.is_paused, it.engine.healthy) == (False, False, True)
        assert it.engine.sleep_metric == (1, 0, 0)
        assert it.engine.next_token_s(request) is None
        it.engine.faults.clear(Fault.MUTE)
        it.pass_(60)
        assert request.finish_reason == "length"

    def test_it_sleeps_and_wakes_all_the_same(self, bench):
        it = bench()
        it.engine.faults.set(FaultSetting(fault=Fault.MUTE))
        assert it.sleep(1).error is None
        assert it.held_gib < 1.4
        assert it.wake().error is None
        assert not it.is_sleeping

    def test_a_sleep_that_waits_for_its_requests_waits_for_ever(self, bench):
        it = bench()
        request = it.ask()
        it.pass_(0.03)
        it.engine.faults.set(FaultSetting(fault=Fault.MUTE))
        waiting = it.call(Method.SLEEP, level=1, mode="wait")
        it.pass_(60)
        assert not waiting.done
        assert it.engine.next_event_s() is None
        it.engine.faults.clear()
        it.finish(waiting)
        assert request.finish_reason == "length"

    async def test_over_http(self, run):
        fleet, client = await run()
        fleet.engine("code").faults.set(FaultSetting(fault=Fault.MUTE))
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/completions", json=ASK, timeout=0.2)
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/is_sleeping")).json() == {"is_sleeping": False}


class TestLose:
    async def test_each_third_request_is_never_answered(self, run):
        fleet, client = await run()
        lose = FaultSetting.read({"fault": "lose", "paths": ["/version"]})
        assert lose.every == 3
        fleet.engine("code").faults.set(lose)
        fates = []
        for number in range(1, 8):
            try:
                await client.get("/version", timeout=20.0 if number % 3 else 0.2)
                fates.append("ok")
            except httpx.ReadTimeout:
                fates.append("lost")
            assert (await client.get("/health")).status_code == 200
        assert fates == ["ok", "ok", "lost", "ok", "ok", "lost", "ok"]

    async def test_what_is_lost_is_the_answer(self, run):
        fleet, client = await run()
        lose = FaultSetting(fault=Fault.LOSE, every=1, paths=("/sleep", "/v1/completions"))
        fleet.engine("code").faults.set(lose)
        for asked in (ASK, {**ASK, "stream": True}):
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/v1/completions", json=asked, timeout=0.5)
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/sleep?level=2", timeout=0.5)
        assert (await client.get("/is_sleeping")).json() == {"is_sleeping": True}

    async def test_each_by_a_chance(self, run):
        fleet, client = await run()
        lose = FaultSetting(fault=Fault.LOSE, chance=0.3, paths=("/version",))
        fleet.engine("code").faults.set(lose)
        lost = 0
        for _ in range(20):
            try:
                await client.get("/version", timeout=0.2)
            except httpx.ReadTimeout:
                lost += 1
        assert 0 < lost < 20

    def test_reading_it(self):
        assert FaultSetting.read({"fault": "lose", "every": 10}).every == 10
        assert FaultSetting.read({"fault": "lose", "every": 0}).every == 3


class TestSalt:
    @pytest.mark.parametrize("salt", ["", 5, [], {"a": 1}, False])
    async def test_it_is_a_text_that_is_not_empty(self, run, salt):
        _, client = await run(engine(version="0.32.0"))
        answer = await client.post("/v1/completions", json={**ASK, "cache_salt": salt})
        assert answer.status_code == 400
        assert answer.json() == {  # captured on 0.32.0
            "error": {
                "message": "Parameter 'cache_salt' must be a non-empty string if provided."
                " (parameter=cache_salt)",
                "type": "BadRequestError",
                "param": "cache_salt",
                "code": 400,
            }
        }

    @pytest.mark.parametrize(("version", "salt"), [("0.32.0", "a"), ("0.32.0", None), ("0.8.5", 5)])
    async def test_what_is_taken(self, run, version, salt):
        _, client = await run(engine(version=version))
        answer = await client.post("/v1/completions", json={**ASK, "cache_salt": salt})
        assert answer.status_code == 200


class TestCounters:
    """``vllm:request_success_total``, as in the captures 053 to 140 of 0.31.0 and on the H200."""

    @staticmethod
    def counts(scheduler: Scheduler) -> dict[str, int]:
        return {reason: number for reason, number in scheduler.stats.success.items() if number}

    @pytest.mark.parametrize(
        ("mode", "asleep", "woken"),
        [
            ("abort", {"abort": 3}, {"abort": 3}),
            ("wait", {"length": 2}, {"length": 3}),  # what was queued runs after the wake
            ("keep", {}, {"length": 3}),
        ],
    )
    def test_each_mode(self, bench, mode, asleep, woken):
        it = bench(max_num_seqs=2)
        for _ in range(3):
            it.ask(200)
        it.pass_(0.05)
        it.sleep(1, mode)
        assert self.counts(it.engine.scheduler) == asleep
        it.wake()
        it.pass_(60)
        assert self.counts(it.engine.scheduler) == woken

    def test_aborts_by_hand_are_not_counted(self, bench):
        it = bench("0.32.0")
        it.ask(200)
        it.pass_(0.05)
        assert it.do(Method.ABORT).value == 1
        assert self.counts(it.engine.scheduler) == {}


class TestHostMemory:
    async def test_the_first_level_1_sleep_pays_and_the_wake_gives_nothing_back(self, run):
        fleet, client = await run(engine(params_b=7.0), speed=200.0)
        probe, finder = SimGpuProbe(fleet.address), SimHomes(fleet.address)
        weights = 14_000_000_000

        async def look() -> tuple[int, int]:
            homes = await finder.homes(fleet.address.servers)
            host = (await probe.sample()).host
            assert host.total_bytes == 512 * GIB
            return host.available_bytes, homes["code"].host_bytes

        before, held = await look()
        assert 400 * GIB < before < 512 * GIB
        await client.post("/sleep?level=2")
        await client.post("/wake_up")
        assert await look() == (before, held)
        for path in ("/sleep?level=1", "/wake_up", "/sleep?level=1", "/sleep?level=2", "/wake_up"):
            await client.post(path)
            assert await look() == (before - weights, held + weights)
        await probe.close()
        await finder.close()

    async def test_a_process_that_ends_gives_it_back(self, run):
        fleet, _ = await run(engine(start=Start.LEVEL_1), speed=1.0)
        probe, machine = SimGpuProbe(fleet.address), fleet.machine
        before = (await probe.sample()).host.available_bytes
        machine.engine("code").kill()
        dying = (await probe.sample()).host.available_bytes
        assert dying - before == 3_000_000_000 + 2 * GIB
        machine.engine("code").restart(asyncio.get_running_loop().time())
        assert (await probe.sample()).host.available_bytes == dying - 2 * GIB
        await probe.close()

    async def test_it_is_told_where_there_is_no_nvml(self, run):
        fleet, _ = await run()
        fleet.machine.nvml_problem = "no driver"
        probe = SimGpuProbe(fleet.address)
        reading = await probe.sample()
        assert (reading.problem, reading.gpus) == ("no driver", ())
        assert reading.host.available_bytes > 0
        await probe.close()


async def test_homes_say_where_the_port_is_bound(run):
    fleet, _ = await run()
    finder = SimHomes(fleet.address)
    (home,) = (await finder.homes(fleet.address.servers)).values()
    assert home.listens_on == ("127.0.0.1",)
    host = fleet.machine.host("code")
    await host.set_fault(FaultSetting(fault=Fault.REFUSE))
    (home,) = (await finder.homes(fleet.address.servers)).values()
    assert home.listens_on == ()
    await finder.close()
