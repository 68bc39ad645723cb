"""Each behaviour of vLLM that the panel must cope with, row by row."""

import pytest

from sleeptui.core.units import GIB
from sleeptui.sim.calls import Method
from sleeptui.sim.engine import Phase
from sleeptui.sim.executor import INVALID_ARGUMENT, OUT_OF_MEMORY
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.spec import GpuSpec, Start

AWAKE, OFFLOADED, DISCARDED, NONE = (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)
OLD, MIDDLE, CAPTURED, NEW = "0.10.2", "0.17.1", "0.25.1", "0.32.0"


def test_level_1_frees_all_but_the_residual_and_brings_it_back(bench):
    it = bench()
    awake = it.held_gib
    assert awake == pytest.approx(85.1, abs=1.0)  # captured: 85.0 GiB
    it.sleep(1)
    assert it.held_gib == pytest.approx(1.35, abs=0.01)  # captured: 1.35 GiB
    assert it.is_sleeping
    assert it.is_paused
    it.wake()
    assert it.held_gib == awake
    assert not it.is_sleeping
    assert it.answer().garbage_from is None


@pytest.mark.parametrize(
    ("level", "first_s", "later_s", "wake_s"), [(1, 2.5, 0.148, 0.31), (2, 0.087, 0.087, 0.145)]
)
def test_times_follow_the_captured_ones(bench, level, first_s, later_s, wake_s):
    it = bench()
    for expected_s in (first_s, later_s):
        assert it.finish(it.call(Method.SLEEP, level=level)) == pytest.approx(expected_s, rel=0.25)
        assert it.finish(it.call(Method.WAKE_UP)) == pytest.approx(wake_s, rel=0.25)


def test_what_has_slept_before_falls_asleep_fast_the_first_time(bench):
    it = bench(slept_before=True)
    assert it.finish(it.call(Method.SLEEP, level=1)) < 0.2


def test_memory_follows_a_transition_weights_first(bench):
    it = bench()
    it.sleep(1)
    call = it.call(Method.WAKE_UP)
    seen = [it.held_gib]
    while not call.done:
        it.pass_(0.02)
        seen.append(it.held_gib)
    assert seen == sorted(seen)
    assert len(set(seen)) > 6
    middle = seen[len(seen) // 2]
    assert middle < 1.35 + 2.8 + 1.0  # the weights come first, they are 2.8 GiB


def test_memory_is_free_the_moment_a_sleep_returns(bench):
    it = bench()
    call = it.call(Method.SLEEP, level=1)
    it.pass_(1.0)
    assert not call.done
    assert it.held_gib > 80
    it.finish(call)
    assert it.held_gib < 1.4


def test_the_looks_wait_while_a_transition_keeps_the_loop_busy(bench):
    it = bench()
    sleep = it.call(Method.SLEEP)
    look = it.call(Method.IS_SLEEPING)
    it.pass_(0.5)
    assert not look.done
    assert it.engine.sleep_metric == AWAKE  # the page answers, and still says awake
    it.finish(sleep)
    assert look.done
    assert look.value is True
    assert it.engine.sleep_metric == OFFLOADED


@pytest.mark.parametrize(("level", "metric"), [(0, NONE), (1, OFFLOADED), (2, DISCARDED)])
def test_the_sleep_metric_has_the_level(bench, level, metric):
    it = bench()
    it.sleep(level)
    assert it.engine.sleep_metric == metric
    it.wake()
    assert it.engine.sleep_metric == AWAKE


def test_sleeping_again_does_nothing_but_changes_the_metric(bench):
    it = bench()
    it.sleep(1)
    it.sleep(2)
    assert it.says("Executor is already sleeping.")
    assert it.engine.sleep_metric == DISCARDED
    it.wake()
    assert it.answer().garbage_from is None  # the host copy was kept


def test_waking_what_is_awake_does_nothing(bench):
    it = bench()
    assert it.finish(it.call(Method.WAKE_UP)) == 0
    assert it.says("Executor is not sleeping.")
    assert it.engine.sleep_metric == AWAKE


class TestLevel2:
    def test_a_plain_wake_is_garbage_until_a_reload(self, bench):
        it = bench()
        it.sleep(2)
        call = it.wake()
        assert call.error is None
        assert not it.is_sleeping
        assert it.answer(8).garbage_from == 0
        assert it.finish(it.call(Method.COLLECTIVE_RPC, function="reload_weights")) > 0.5
        assert it.answer(8).garbage_from is None
        assert it.says("Reloading and processing weights took")

    @pytest.mark.parametrize(
        ("version", "metric"), [(CAPTURED, AWAKE), ("0.31.0", DISCARDED), (NEW, DISCARDED)]
    )
    def test_staged_wake(self, bench, version, metric):
        it = bench(version)
        before = it.held_gib
        it.sleep(2)
        assert it.wake("weights").value is True
        assert it.held_gib == pytest.approx(1.35 + 2.8, abs=0.1)
        assert it.engine.sleep_metric == metric
        assert it.is_sleeping
        assert it.is_paused
        request = it.ask()
        it.pass_(5)
        assert request.first_token_s is None  # parked: 0.24 and later do not resume yet
        assert it.reload().error is None
        assert it.wake("kv_cache").value is False
        assert it.held_gib == before
        assert it.engine.sleep_metric == AWAKE
        it.pass_(5)
        assert request.garbage_from is None
        assert request.finish_reason == "length"

    def test_before_0_24_a_partial_wake_resumes_and_a_request_kills_the_engine(self, bench):
        it = bench(MIDDLE)
        it.sleep(2)
        it.wake("weights")
        assert not it.is_paused
        it.ask()
        it.pass_(0.1)
        assert it.engine.phase is Phase.DYING

    def test_reload_while_asleep_fails(self, bench):
        it = bench()
        it.sleep(2)
        assert "Call to collective_rpc method failed" in it.reload().error

    def test_another_worker_method_fails(self, bench):
        assert "no attribute 'dance'" in bench().do(Method.COLLECTIVE_RPC, function="dance").error

    def test_level_7_drops_the_weights_where_it_is_not_checked(self, bench):
        it = bench()
        it.sleep(7)
        assert it.engine.sleep_metric == NONE
        it.wake()
        assert it.answer().garbage_from == 0

    def test_level_1_after_lost_weights_keeps_the_garbage(self, bench):
        it = bench()
        it.sleep(2)
        it.wake()
        it.sleep(1)
        it.wake()
        assert it.answer().garbage_from == 0

    @pytest.mark.parametrize(("version", "freed"), [(CAPTURED, False), (NEW, True)])
    def test_sleep_of_a_half_woken_engine(self, bench, version, freed):
        it = bench(version)
        it.sleep(1)
        it.wake("weights")
        it.sleep(1)
        assert (it.held_gib < 1.5) is freed
        assert it.says("already sleeping") is not freed


class TestTags:
    def test_an_unknown_tag_makes_the_whole_call_nothing(self, bench):
        it = bench(NEW)
        it.sleep(1)
        assert it.wake("weights", "bogus").value is True
        assert it.held_gib < 1.5
        assert it.says("Tag bogus is not in sleeping tags")
        assert it.engine.sleep_metric == OFFLOADED

    def test_on_0_25_even_a_call_that_does_nothing_turns_the_metric(self, bench):
        it = bench()
        it.sleep(1)
        it.wake("bogus")
        assert it.is_sleeping
        assert it.engine.sleep_metric == AWAKE

    def test_scheduling_resumes_level_0_and_nothing_else(self, bench):
        it = bench()
        it.sleep(0)
        it.wake("scheduling")
        assert not it.is_sleeping
        it.sleep(1)
        it.wake("scheduling")
        assert it.is_sleeping
        assert it.is_paused


class TestPause:
    def test_is_sleeping_is_true_when_only_paused(self, bench):
        it = bench()
        held = it.held_gib
        it.do(Method.PAUSE)
        assert it.is_sleeping
        assert it.is_paused
        assert it.held_gib == held
        assert it.engine.sleep_metric == AWAKE  # the metric does not follow /pause
        request = it.ask()
        it.pass_(5)
        assert request.first_token_s is None
        it.do(Method.RESUME)
        it.pass_(5)
        assert request.finish_reason == "length"

    def test_level_0_and_negative_levels_only_pause(self, bench):
        for level in (0, -1):
            it = bench()
            held = it.held_gib
            it.sleep(level)
            assert it.is_sleeping
            assert it.held_gib == held
            assert it.engine.sleep_metric == NONE
            it.wake()
            assert not it.is_sleeping

    def test_before_0_17_level_0_drops_the_weights(self, bench):
        it = bench(OLD)
        it.sleep(0)
        assert it.held_gib < 1.5
        it.wake()
        assert it.answer().garbage_from == 0

    def test_an_unknown_mode_is_refused(self, bench):
        call = bench().sleep(mode="nope")
        assert call.error == "Call to sleep method failed: Invalid pause mode: nope"

    def test_resume_while_asleep_and_a_request_kill_the_engine(self, bench):
        it = bench()
        it.sleep(1)
        it.do(Method.RESUME)
        assert it.is_sleeping
        assert not it.is_paused
        it.ask()
        it.pass_(0.1)
        assert it.engine.phase is Phase.DYING
        assert it.says("illegal memory access")


class TestRequestsInFlight:
    def test_abort_ends_them_at_once(self, bench):
        it = bench()
        requests = [it.ask(2000) for _ in range(8)]
        it.pass_(1.0)
        call = it.call(Method.SLEEP, level=2, mode="abort")
        assert [request.finish_reason for request in requests] == ["abort"] * 8
        assert all(request.generated > 100 for request in requests)
        it.finish(call)
        assert it.engine.scheduler.gauges == (0, 0, 0.0)
        assert it.engine.stats.success["abort"] == 8

    def test_wait_lets_them_end_and_takes_as_long(self, bench):
        it = bench()
        requests = [it.ask(1500) for _ in range(8)]
        it.pass_(1.0)
        call = it.call(Method.SLEEP, level=2, mode="wait")
        assert it.is_sleeping  # paused for new ones from the first moment
        late = it.ask()
        took_s = it.finish(call)
        assert took_s == pytest.approx(2.5, rel=0.4)  # captured: 2.455 s
        assert [request.finish_reason for request in requests] == ["length"] * 8
        assert late.first_token_s is None
        assert it.engine.scheduler.gauges == (0, 1, 0.0)  # it came while steps were still made
        it.wake()
        it.reload()
        assert it.answer().finish_reason == "length"
        assert late.finish_reason == "length"

    def test_keep_freezes_them_and_the_gauges(self, bench):
        it = bench()
        requests = [it.ask(1500) for _ in range(8)]
        it.pass_(1.0)
        it.sleep(1, mode="keep")
        frozen = [request.generated for request in requests]
        it.pass_(30)
        assert [request.generated for request in requests] == frozen
        running, waiting, usage = it.engine.scheduler.gauges
        assert (running, waiting) == (8, 0)
        assert usage > 0
        it.wake()
        it.pass_(10)
        assert [request.finish_reason for request in requests] == ["length"] * 8

    def test_requests_sent_while_asleep_are_parked_and_not_counted(self, bench):
        it = bench()
        it.sleep(1)
        request = it.ask()
        it.pass_(30)
        assert request.first_token_s is None
        assert it.engine.scheduler.gauges == (0, 0, 0.0)
        assert it.engine.next_token_s(request) is None
        it.wake()
        it.pass_(5)
        assert request.finish_reason == "length"

    def test_before_0_17_sleeping_with_requests_in_flight_kills_the_engine(self, bench):
        it = bench(OLD)
        it.ask(2000)
        it.pass_(0.5)
        it.sleep(2)
        it.pass_(0.1)
        assert it.engine.phase is Phase.DYING

    def test_before_0_17_a_request_to_a_sleeping_engine_kills_it(self, bench):
        it = bench(OLD)
        it.sleep(1)
        assert it.is_sleeping
        assert not it.is_paused
        it.ask()
        it.pass_(0.1)
        assert it.engine.phase is Phase.DYING

    def test_a_client_that_gives_up_does_not_stop_a_waiting_sleep(self, bench):
        it = bench()
        it.ask(1500)
        it.pass_(0.5)
        it.call(Method.SLEEP, mode="wait")  # nobody waits for the answer any more
        it.pass_(10)
        assert it.held_gib < 1.5

    def test_a_wake_during_the_drain_leaves_the_sleep_armed(self, bench):
        it = bench()
        request = it.ask(1500)
        it.pass_(0.5)
        sleep = it.call(Method.SLEEP, mode="wait")
        it.wake()
        assert not it.is_sleeping
        it.finish(sleep)
        assert request.finish_reason == "length"
        assert it.is_sleeping

    def test_abort_of_one_and_of_all(self, bench):
        it = bench(NEW)
        first, second, third = it.ask(1500), it.ask(1500), it.ask(1500)
        it.pass_(0.2)
        assert it.do(Method.ABORT, request_ids=frozenset({second.id})).value == 1
        assert (first.finish_reason, second.finish_reason) == (None, "abort")
        assert it.do(Method.ABORT).value == 2
        assert third.finish_reason == "abort"


class TestOutOfMemory:
    @pytest.fixture
    def full(self, bench):
        def full(version):
            it = bench(version)
            it.sleep(1)
            it.gpu.occupy(round(it.gpu.spec.total_bytes * 0.97))
            return it

        return full

    def test_a_wake_without_room_fails_and_then_all_is_lost(self, full):
        it = full(CAPTURED)
        call = it.wake()
        assert call.error == f"Call to wake_up method failed: {OUT_OF_MEMORY}"
        assert it.gpu.free_bytes == 0  # what fitted stays mapped
        assert it.is_sleeping
        assert it.engine.sleep_metric == OFFLOADED
        it.gpu.occupy(0)
        again = it.call(Method.WAKE_UP)
        assert again.error == f"Call to wake_up method failed: {INVALID_ARGUMENT}"
        request = it.ask()
        it.pass_(600)
        assert request.finish_reason is None  # hangs for ever
        assert it.engine.healthy

    def test_from_0_28_it_can_be_tried_again(self, full):
        it = full(NEW)
        assert OUT_OF_MEMORY in it.wake().error
        it.gpu.occupy(0)
        assert it.wake().error is None
        assert it.answer().garbage_from is None

    def test_failures_are_counted_as_operations(self, full):
        it = full(NEW)
        it.wake()
        wake = it.engine.stats.operation("wake")
        assert (wake.duration.count, wake.in_flight) == (1, 0)


class TestFaults:
    def test_nothing_freed(self, bench):
        it = bench()
        it.engine.faults.set(FaultSetting(fault=Fault.KEEPS_MEMORY))
        held = it.held_gib
        assert it.sleep(2).error is None
        assert it.is_sleeping
        assert it.held_gib == held
        assert it.says("sleep freed 0.00 GiB")
        it.wake()
        assert it.answer().garbage_from is None

    def test_without_the_flag_sleep_is_quick_and_frees_nothing(self, bench):
        it = bench(sleep_mode=False)
        held = it.held_gib
        assert it.finish(it.call(Method.SLEEP)) < 0.02  # captured: 10 ms
        assert it.is_sleeping
        assert it.held_gib == held
        it.wake()
        assert not it.is_sleeping

    def test_garbage_after_a_wake(self, bench):
        it = bench()
        it.engine.faults.set(FaultSetting(fault=Fault.GARBAGE))
        it.sleep(1)
        it.wake()
        assert it.answer().garbage_from == 0
        it.reload()
        assert it.answer().garbage_from is None

    def test_a_leak_grows_with_each_cycle(self, bench):
        it = bench()
        it.engine.faults.set(FaultSetting(fault=Fault.LEAK, bytes=GIB))
        residuals = []
        for _ in range(3):
            it.sleep(1)
            residuals.append(round(it.held_gib, 2))
            it.wake()
        assert residuals == pytest.approx([2.35, 3.35, 4.35], abs=0.02)

    def test_an_oom_that_is_switched_on(self, bench):
        it = bench()
        it.sleep(1)
        it.engine.faults.set(FaultSetting(fault=Fault.OOM))
        assert OUT_OF_MEMORY in it.wake().error
        assert 1.5 < it.held_gib < 80

    def test_wedged_fails_both_ways_and_hangs_prompts(self, bench):
        it = bench()
        it.engine.faults.set(FaultSetting(fault=Fault.WEDGE))
        assert INVALID_ARGUMENT in it.sleep().error
        it.do(Method.RESUME)
        request = it.ask()
        it.pass_(60)
        assert request.first_token_s is None
        assert it.engine.healthy
        it.engine.faults.clear(Fault.WEDGE)
        it.pass_(5)
        assert request.finish_reason == "length"


class TestProcess:
    def test_death_is_seen_late(self, bench):
        it = bench()
        request = it.ask(2000)
        it.pass_(0.5)
        pending = it.call(Method.SLEEP, mode="wait")
        it.engine.kill()
        assert it.held_gib == 0
        assert request.finish_reason == "error"
        assert "Call to sleep method failed" in pending.error
        assert it.call(Method.IS_SLEEPING).error is not None
        it.pass_(0.9)
        assert (it.engine.healthy, it.engine.listening) == (True, True)
        it.pass_(0.2)
        assert (it.engine.healthy, it.engine.listening) == (False, True)
        it.pass_(1.0)
        assert not it.engine.listening

    def test_restart_comes_back_awake_after_the_cold_start(self, bench):
        it = bench()
        it.sleep(2)
        it.wake()  # garbage
        it.engine.restart(it.now_s)
        assert not it.engine.listening
        it.pass_(20)
        assert 0 < it.held_gib < 85
        assert not it.engine.listening
        it.pass_(40)  # captured: 45 s
        assert it.engine.listening
        assert it.held_gib > 80
        assert it.answer().garbage_from is None
        assert it.engine.stats.success["length"] == 1  # counters begin anew

    def test_restart_after_given_seconds(self, bench):
        it = bench()
        it.engine.restart(it.now_s, 3.0)
        it.pass_(2.9)
        assert it.engine.phase is Phase.STARTING
        it.pass_(0.2)
        assert it.engine.phase is Phase.UP

    def test_it_does_not_start_where_its_share_is_not_free(self, bench):
        it = bench()
        it.engine.kill()
        it.pass_(3)
        it.gpu.occupy(it.gpu.spec.total_bytes // 2)
        it.engine.restart(it.now_s)
        assert it.engine.phase is Phase.GONE
        assert it.says("less than desired GPU memory utilization")

    def test_a_cold_start_from_the_beginning(self, bench):
        it = bench(start=Start.COLD)
        assert not it.engine.listening
        assert it.held_gib == 0
        it.pass_(100)
        assert it.engine.listening

    @pytest.mark.parametrize(
        ("start", "metric"), [(Start.LEVEL_1, OFFLOADED), (Start.LEVEL_2, DISCARDED)]
    )
    def test_beginning_asleep(self, bench, start, metric):
        it = bench(start=start)
        assert it.is_sleeping
        assert it.is_paused
        assert it.held_gib < 1.5
        assert it.engine.sleep_metric == metric
        it.wake()
        assert it.answer().garbage_from == (None if start is Start.LEVEL_1 else 0)

    def test_the_pinned_copy_stays_in_host_memory_after_the_wake(self, bench):
        it = bench()
        before = it.engine.host_bytes
        it.sleep(1)
        it.wake()
        assert it.engine.host_bytes - before == it.spec.weight_bytes

    def test_another_server_may_take_the_room_during_the_start(self, bench):
        it = bench()
        it.engine.restart(it.now_s, 10.0)
        it.gpu.occupy(it.gpu.spec.total_bytes - 10 * GIB)
        it.pass_(11)
        assert it.engine.phase is Phase.GONE
        assert it.held_gib == 0

    def test_a_dead_engine_takes_no_request_and_dies_once(self, bench):
        it = bench()
        it.engine.kill()
        it.engine.kill()
        request = it.ask()
        assert request.finish_reason == "error"
        assert it.engine.next_token_s(request) is None
        assert len([line for line in it.log.tail(9) if "output_handler failed" in line]) == 1

    def test_two_gpus_share_the_memory(self, bench):
        it = bench(gpus=(0, 1), gpu_memory_utilization=0.3)
        first, second = (gpu.held("code") for gpu in it.gpus)
        assert first == second > 0
        it.sleep(1)
        assert it.gpus[1].held("code") == it.spec.residual_bytes


def test_the_past_changes_nothing(bench):
    it = bench()
    request = it.ask(100)
    it.pass_(0.1)
    generated = request.generated
    it.engine.advance(it.now_s - 1)
    assert request.generated == generated


def test_one_large_step_equals_many_small_ones(bench):
    fine, coarse = bench(clients=4), bench(clients=4)
    for _ in range(2000):
        fine.pass_(0.01)
    coarse.pass_(20.0)
    assert fine.engine.stats.success == coarse.engine.stats.success
    assert fine.engine.stats.generation_tokens == pytest.approx(
        coarse.engine.stats.generation_tokens, rel=0.02
    )


def test_a_small_card_cannot_hold_it_awake(bench):
    it = bench(gpu=GpuSpec(total_bytes=8 * GIB), gpu_memory_utilization=0.9, start=Start.LEVEL_1)
    it.gpu.occupy(4 * GIB)
    assert OUT_OF_MEMORY in it.wake().error
