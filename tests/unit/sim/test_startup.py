"""The steps of a cold start, what its log says of them, and the engine that goes through them."""

import random

import pytest

from sleeptui.core.units import GIB
from sleeptui.sim.engine import Phase
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.latency import Latency
from sleeptui.sim.spec import GpuSpec, Start
from sleeptui.sim.startup import Conditions, StartUp

LATENCY = Latency(weight_gib=13.4, kv_gib=70, params_b=7.2)


def drawn(**found: object) -> StartUp:
    return StartUp.drawn(LATENCY, Conditions(**found), random.Random(3))


def test_the_measured_start_of_the_larger_model():
    usual = drawn()
    assert usual.total_s == pytest.approx(114, rel=0.1)
    assert usual.engine_s == pytest.approx(46.8, rel=0.1)
    assert usual.compile_s == pytest.approx(26.1, rel=0.1)
    assert usual.weights_s == pytest.approx(2.38, rel=0.1)


def test_weights_from_the_disk_and_a_compile_cache_move_it():
    usual, from_disk, compiled = drawn(), drawn(from_disk=1.0), drawn(compiled=True)
    assert from_disk.total_s - usual.total_s == pytest.approx(13.4 / 2)
    assert from_disk.weights_s > 3 * usual.weights_s
    assert usual.total_s - compiled.total_s > 20
    assert compiled.graphs_s == usual.graphs_s


def test_a_start_of_given_length_has_the_same_steps():
    usual = drawn()
    short = usual.lasting(10.0)
    assert short.total_s == pytest.approx(10)
    assert short.engine_s / short.total_s == pytest.approx(usual.engine_s / usual.total_s)


def test_the_log_tells_the_steps_in_order():
    lines = drawn().lines(version="0.25.1", weight_gib=13.4)
    assert [line.after_s for line in lines] == sorted(line.after_s for line in lines)
    text = "\n".join(line.text for line in lines)
    assert "Loading weights took 2.28 seconds" in text
    assert "init engine (profile, create kv cache, warmup model) took" in text
    assert lines[-1].text == "Application startup complete."


def test_a_cold_engine_says_what_it_does_while_it_does_it(bench):
    it = bench(start=Start.COLD)
    assert it.held_gib == 0
    it.pass_(25)
    assert it.engine.phase is Phase.STARTING
    assert not it.says("Loading weights")
    it.pass_(10)
    assert it.says("Loading weights took")
    assert it.held_gib > 1
    assert not it.says("init engine")
    it.pass_(30)
    assert it.engine.phase is Phase.UP
    assert it.says("init engine")
    assert it.says("INFO:     Application startup complete.")


def test_memory_that_is_taken_while_it_starts_ends_it(bench):
    it = bench(start=Start.COLD)
    it.pass_(1)
    it.gpu.occupy(100 * GIB)
    it.pass_(90)
    assert it.engine.phase is Phase.GONE
    assert it.says("CUDA out of memory.")
    assert it.held_gib == 0


def test_one_that_is_not_there_holds_nothing_and_can_be_started(bench):
    it = bench(start=Start.STOPPED)
    assert it.engine.phase is Phase.STOPPED
    assert not it.engine.listening
    assert (it.held_gib, it.engine.host_bytes) == (0, 0)
    it.pass_(500)
    assert it.engine.phase is Phase.STOPPED
    it.engine.restart(it.now_s)
    it.pass_(90)
    assert it.engine.phase is Phase.UP
    assert it.held_gib > 50


def test_one_that_is_stopped_lets_go_of_everything(bench):
    it = bench()
    asked = it.ask()
    it.engine.stop(it.now_s)
    assert it.engine.phase is Phase.STOPPED
    assert asked.finish_reason == "error"
    assert it.held_gib == 0
    it.pass_(500)
    assert not it.engine.listening


def test_each_process_has_its_own_pace(bench):
    it = bench()
    paces = [it.engine.latency.pace]
    for _ in range(3):
        it.engine.restart(it.now_s, 1.0)
        it.pass_(2)
        assert it.engine.phase is Phase.UP
        paces.append(it.engine.latency.pace)
    assert len(set(paces)) == 4


def test_a_start_that_is_not_that_of_a_model_of_its_size(bench):
    it = bench(cold_start_s=6.0)
    it.engine.restart(it.now_s)
    it.pass_(4.5)
    assert it.engine.phase is Phase.STARTING
    it.pass_(3)
    assert it.engine.phase is Phase.UP


def test_a_start_in_no_time(bench):
    it = bench()
    it.engine.restart(it.now_s, 0.0)
    it.pass_(1)
    assert it.engine.phase is Phase.UP


@pytest.mark.parametrize("level", [1, 2])
def test_slower_wakes(bench, level):
    def woken(*faults: FaultSetting) -> float:
        it = bench(faults=faults, slept_before=True)
        it.sleep(level)
        began_s = it.now_s
        if level == 1:
            it.wake()
        else:
            it.wake("weights")
            it.reload()
            it.wake("kv_cache")
        return it.now_s - began_s

    slower = FaultSetting(fault=Fault.SLOWER)
    assert woken(slower) / woken() == pytest.approx(1.2)
    assert woken(FaultSetting(fault=Fault.SLOWER, factor=3.0)) / woken() == pytest.approx(3.0)


def test_garbage_on_some_wakes(bench):
    garbage = FaultSetting(fault=Fault.GARBAGE, chance=0.3)
    it = bench(faults=(garbage,), gpu=GpuSpec())
    spoilt = 0
    for _ in range(40):
        it.sleep()
        it.wake()
        spoilt += not it.engine.executor.weights_ok
        it.reload()
        assert it.engine.executor.weights_ok
    assert 4 < spoilt < 22
