"""The small parts: GPUs, latencies, text, faults, scenarios, histograms, the address."""

import random
import statistics

import pytest

from sleeptui.core.errors import SimError
from sleeptui.core.settings import ServerSpec
from sleeptui.core.units import GIB
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.exposition import number
from sleeptui.sim.faults import Fault, Faults, FaultSetting
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.latency import Latency
from sleeptui.sim.log import ServerLog
from sleeptui.sim.scenario import SCENARIOS, scenario_named
from sleeptui.sim.spec import GpuSpec, Start
from sleeptui.sim.stats import Histogram
from sleeptui.sim.text import Voice, tokenize
from sleeptui.sim.titles import TITLES


class TestGpu:
    def test_memory_adds_up(self):
        gpu = SimGpu(0, GpuSpec(total_bytes=10 * GIB, reserve_bytes=GIB, other_bytes=GIB))
        assert gpu.hold("a", 3 * GIB)
        assert (gpu.used_bytes, gpu.free_bytes) == (4 * GIB, 5 * GIB)
        assert gpu.hold("a", GIB)
        gpu.release("a")
        assert gpu.held("a") == 0

    def test_what_does_not_fit_is_taken_as_far_as_it_goes(self):
        gpu = SimGpu(0, GpuSpec(total_bytes=10 * GIB, reserve_bytes=GIB, other_bytes=0))
        assert not gpu.hold("a", 20 * GIB)
        assert (gpu.held("a"), gpu.free_bytes) == (9 * GIB, 0)
        gpu.occupy(GIB)
        assert gpu.other_bytes == 0

    def test_load_shows_at_once_power_soon_heat_later(self):
        gpu = SimGpu(0, GpuSpec())
        gpu.hold("a", GIB)
        gpu.load(0, batch=0, copying=False)
        idle_w, idle_c = gpu.power_w, gpu.temperature_c
        assert gpu.utilization == 0
        gpu.load(0.5, batch=8, copying=False)
        assert gpu.utilization > 0.9
        assert gpu.power_w > idle_w + 100
        assert gpu.temperature_c < idle_c + 5
        gpu.load(120, batch=8, copying=False)
        assert gpu.temperature_c > idle_c + 15
        assert gpu.power_w <= gpu.spec.power_limit_w
        gpu.load(121, batch=0, copying=True)
        assert gpu.utilization >= 0.7


class TestLatency:
    def test_speed_divides_everything(self):
        def all_of(speed: float) -> list[float]:
            it, rng = Latency(weight_gib=3, kv_gib=80, params_b=1.5, speed=speed), random.Random(1)
            return [
                it.sleep_s(level=1, pinned=False, rng=rng),
                it.sleep_s(level=1, pinned=True, rng=rng),
                it.sleep_s(level=2, pinned=False, rng=rng),
                it.wake_s(weights=True, kv_cache=True, copied=True, rng=rng),
                it.reload_s(rng),
                it.cold_start_s(rng),
                it.prefill_s(100),
                it.step_s(4),
                it.scaled(1.0),
            ]

        for slow, fast in zip(all_of(1), all_of(20), strict=True):
            assert slow == pytest.approx(fast * 20)

    def test_requests_can_have_a_speed_of_their_own(self):
        usual = Latency(weight_gib=3, kv_gib=80, params_b=1.5)
        fast = Latency(weight_gib=3, kv_gib=80, params_b=1.5, speed=20, requests_speed=1)
        assert (fast.step_s(4), fast.prefill_s(9)) == (usual.step_s(4), usual.prefill_s(9))
        assert fast.scaled(1.0) == 0.05

    def test_the_larger_measured_model(self):
        it, rng = Latency(weight_gib=13.4, kv_gib=70, params_b=7.2), random.Random(1)
        assert it.sleep_s(level=1, pinned=False, rng=rng) == pytest.approx(12.1, rel=0.15)
        assert it.sleep_s(level=1, pinned=True, rng=rng) == pytest.approx(0.33, rel=0.15)
        wake_s = it.wake_s(weights=True, kv_cache=True, copied=True, rng=rng)
        assert wake_s == pytest.approx(0.53, rel=0.15)
        assert it.cold_start_s(rng) == pytest.approx(114, rel=0.15)

    def test_processes_differ_more_than_the_runs_of_one(self):
        spec = SCENARIOS["default"].engines[0]
        rng = random.Random(7)
        made = [Latency.of(spec, 80 * GIB, 1.0, rng).pace for _ in range(400)]
        assert statistics.mean(made) == pytest.approx(1.0, abs=0.01)
        assert statistics.stdev(made) == pytest.approx(0.03, abs=0.006)
        assert Latency.of(spec, 80 * GIB, 1.0).pace == 1.0
        usual, late = (
            Latency(weight_gib=3, kv_gib=80, params_b=1.5, pace=pace) for pace in (1.0, 1.1)
        )
        ratio = late.reload_s(random.Random(1)) / usual.reload_s(random.Random(1))
        assert ratio == pytest.approx(1.1)


class TestText:
    def test_greedy_text_is_a_function_of_model_and_prompt(self):
        def said(*args, **fields) -> str:
            voice = Voice(*args, **fields)
            return "".join(voice.token(place)[1] for place in range(30))

        assert said("m", "p") == said("m", "p")
        assert len({said("m", "p"), said("n", "p"), said("m", "q"), said("m", "p", variant=1)}) == 4

    def test_tokens_can_be_asked_for_in_any_order(self):
        voice, again = Voice("m", "p"), Voice("m", "p")
        assert voice.token(20) == [again.token(place) for place in range(21)][20]

    def test_words_and_signs_are_tokens(self):
        assert len(tokenize("the quick brown fox")) == 4
        assert tokenize("fox, fox")[0] == tokenize("fox, fox")[2]
        assert tokenize("") == []


class TestFaults:
    def test_reading(self):
        setting = FaultSetting.read({"fault": "slow", "seconds": 2, "paths": ["/metrics"]})
        assert setting == FaultSetting(fault=Fault.SLOW, seconds=2.0, paths=("/metrics",))
        assert setting.delay_s == 2.0

    def test_defaults(self):
        assert FaultSetting(fault=Fault.SLOW).delay_s > 0
        assert FaultSetting(fault=Fault.HUGE_METRICS).size_bytes == 100_000_000
        assert FaultSetting(fault=Fault.LEAK).size_bytes > 0

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            ([], "JSON object"),
            ({}, "no fault"),
            ({"fault": "fire"}, "'fire'"),
            ({"fault": "slow", "second": 1}, "second"),
            ({"fault": "slow", "seconds": "long"}, "seconds"),
            ({"fault": "slow", "seconds": -1}, "at least 0"),
            ({"fault": "leak", "bytes": True}, "bytes"),
            ({"fault": "error", "status": 200}, "200"),
            ({"fault": "garbage", "chance": 1.5}, "1.5"),
        ],
    )
    def test_mistakes_are_said(self, data, says):
        with pytest.raises(SimError, match=says):
            FaultSetting.read(data)

    def test_only_some_routes(self):
        faults = Faults([FaultSetting(fault=Fault.HANG, paths=("/metrics",))])
        assert faults.get(Fault.HANG, "/metrics") is not None
        assert faults.get(Fault.HANG, "/health") is None
        assert Fault.HANG in faults

    def test_a_chance_is_drawn_by_a_seed(self):
        setting = FaultSetting.read({"fault": "garbage", "chance": 0.05})

        def struck(seed: str) -> list[bool]:
            faults = Faults([setting], seed)
            return [faults.strikes(Fault.GARBAGE) for _ in range(2000)]

        assert struck("a") == struck("a") != struck("b")
        assert 60 < sum(struck("a")) < 140
        always = Faults([FaultSetting(fault=Fault.GARBAGE)])
        assert all(always.strikes(Fault.GARBAGE) for _ in range(10))
        assert not Faults().strikes(Fault.GARBAGE)

    def test_switching_off(self):
        faults = Faults([FaultSetting(fault=Fault.HANG), FaultSetting(fault=Fault.SLOW)])
        faults.clear(Fault.HANG)
        assert [setting.fault for setting in faults.on] == [Fault.SLOW]
        faults.clear()
        assert not faults


class TestScenarios:
    def test_each_has_its_title(self):
        assert list(SCENARIOS) == list(TITLES)

    @pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
    def test_each_is_sound(self, scenario):
        assert scenario.title
        assert scenario.description
        assert len(set(scenario.server_names)) == len(scenario.server_names)
        for engine in scenario.engines:
            assert set(engine.gpus) <= set(range(len(scenario.gpus)))
            assert scenario.kv_tokens(engine) > engine.max_model_len
            assert scenario.kv_tokens(engine) % 16 == 0

    @pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
    def test_what_is_awake_fits_beside_what_sleeps(self, scenario):
        for index, gpu in enumerate(scenario.gpus):
            used = gpu.reserve_bytes + gpu.other_bytes
            for engine in scenario.engines:
                if index not in engine.gpus:
                    continue
                used += engine.residual_bytes
                if engine.start in {Start.AWAKE, Start.COLD}:
                    used += scenario.pool_bytes(engine) // len(engine.gpus)
            assert used < gpu.total_bytes

    def test_the_shapes_that_are_promised(self):
        default, two, many = (SCENARIOS[name] for name in ("default", "two-gpus", "sixty-four"))
        assert (len(default.gpus), len(default.engines)) == (1, 3)
        assert {engine.start for engine in default.engines} == {
            Start.AWAKE,
            Start.LEVEL_1,
            Start.LEVEL_2,
        }
        assert (len(two.gpus), len(two.engines)) == (2, 8)
        assert (len(many.gpus), len(many.engines)) == (8, 64)
        assert sum(engine.start is Start.AWAKE for engine in many.engines) == 8

    def test_an_unknown_name_lists_those_that_there_are(self):
        with pytest.raises(SimError, match="two-gpus"):
            scenario_named("three-gpus")


class TestHistogram:
    def test_buckets_are_cumulative(self):
        it = Histogram((1.0, 2.0))
        it.observe(0.5)
        it.observe(1.0)
        it.observe(1.5, 3)
        it.observe(9)
        assert it.cumulative() == [2, 5, 6]
        assert (it.count, it.sum) == (6, 15.0)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0.0"),
            (240, "240.0"),
            (0.0051, "0.0051"),
            (999_999, "999999.0"),
            (9_449_467_904, "9.449467904e+09"),
            (1_000_000, "1e+06"),
        ],
    )
    def test_numbers_are_written_as_prometheus_clients_do(self, value, text):
        assert number(value) == text
        assert float(text) == value


class TestAddress:
    def test_there_and_back(self):
        address = FleetAddress(
            scenario="default",
            servers=(ServerSpec(name="a", url="http://127.0.0.1:1", api_key_env="KEY"),),
            control_url="http://127.0.0.1:2",
            token="t",
        )
        assert FleetAddress.read(address.announce()) == address

    @pytest.mark.parametrize("line", ["", "{}", "[]", '{"sleeptui_sim": 99}', "Traceback"])
    def test_something_else(self, line):
        with pytest.raises(SimError):
            FleetAddress.read(line)


def test_the_log_keeps_the_last_lines():
    log = ServerLog(api_pid=10, core_pid=11, wall_s=lambda: 0.0)
    for place in range(1000):
        log.core("a.py:1", f"line {place}")
    log.api("b.py:2", "up", "WARNING")
    log.access("127.0.0.1:5", "POST /sleep?level=1", "200 OK")
    assert log.tail(0) == []
    assert log.tail(3) == [
        "(EngineCore pid=11) INFO 01-01 00:00:00 [a.py:1] line 999",
        "(APIServer pid=10) WARNING 01-01 00:00:00 [b.py:2] up",
        '(APIServer pid=10) INFO:     127.0.0.1:5 - "POST /sleep?level=1 HTTP/1.1" 200 OK',
    ]
    assert len(log.tail(9999)) < 1000


def test_the_log_goes_where_it_is_told_to():
    heard = []
    log = ServerLog(api_pid=10, core_pid=11, wall_s=lambda: 0.0, sink=heard.append)
    log.web("Application startup complete.")
    log.belongs_to(20, 21)
    log.web("Application startup complete.")
    assert heard[1:] == list(log.tail(9))
    assert heard[1] == "(APIServer pid=20) INFO:     Application startup complete."
