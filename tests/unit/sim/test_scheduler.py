"""The batch over time, and the synthetic clients."""

import pytest

from sleeptui.sim.latency import Latency
from sleeptui.sim.scheduler import Pause, Scheduler, SimRequest
from sleeptui.sim.stats import Stats
from sleeptui.sim.traffic import Traffic

LATENCY = Latency(weight_gib=2.8, kv_gib=80, params_b=1.5)


def scheduler(max_num_seqs: int = 8, kv_tokens: int = 10_000) -> Scheduler:
    return Scheduler(latency=LATENCY, stats=Stats(), max_num_seqs=max_num_seqs, kv_tokens=kv_tokens)


def request(tokens: int = 100, *, natural: int | None = None, at_s: float = 0.0) -> SimRequest:
    return SimRequest(prompt_tokens=20, max_tokens=tokens, arrived_s=at_s, natural_tokens=natural)


def carry(it: Scheduler, start_s: float, until_s: float) -> None:
    now_s = start_s
    while now_s < until_s:
        now_s = it.run(now_s, until_s)


def test_a_request_runs_to_its_limit():
    it, one = scheduler(), request(100)
    it.submit(one)
    carry(it, 0, 10)
    assert (one.generated, one.finish_reason) == (100, "length")
    assert one.first_token_s == pytest.approx(LATENCY.prefill_s(20))
    assert one.ended_s == pytest.approx(one.first_token_s + 99 * LATENCY.step_s(1), rel=1e-6)


def test_a_request_stops_where_the_model_would():
    it, one = scheduler(), request(100, natural=40)
    it.submit(one)
    carry(it, 0, 10)
    assert (one.generated, one.finish_reason) == (40, "stop")


def test_garbage_never_stops_by_itself():
    it, one = scheduler(), request(100, natural=40)
    it.weights_ok = False
    it.submit(one)
    carry(it, 0, 10)
    assert (one.generated, one.finish_reason, one.garbage_from) == (100, "length", 0)


def test_tokens_come_one_by_one():
    it, one = scheduler(), request(1000)
    it.submit(one)
    it.run(0, 0.1)
    first = one.generated
    wait_s = it.next_token_s(one)
    assert 0 < wait_s <= LATENCY.step_s(1)
    it.run(0.1, 0.1 + wait_s + 1e-9)
    assert one.generated == first + 1


def test_what_does_not_fit_waits_and_is_counted():
    it = scheduler(max_num_seqs=2)
    requests = [request(100) for _ in range(5)]
    for one in requests:
        it.submit(one)
    it.run(0, 0.05)
    assert it.gauges[:2] == (2, 3)
    assert it.next_token_s(requests[4]) is None
    assert it.next_end_s() > 0
    carry(it, 0.05, 10)
    assert all(one.finish_reason == "length" for one in requests)
    assert it.gauges == (0, 0, 0.0)
    assert it.stats.histograms["request_queue_time_seconds"].sum > 0


def test_kv_use_is_the_share_of_its_tokens():
    it = scheduler(kv_tokens=1000)
    it.submit(request(500))
    it.run(0, 0.4)
    held = it.running[0].tokens
    assert it.gauges[2] == pytest.approx(held / 1000, abs=0.01)


@pytest.mark.parametrize("pause", [Pause.NEW, Pause.ALL])
def test_a_paused_scheduler_takes_nothing_and_shows_nothing(pause):
    it, one = scheduler(), request()
    it.pause = pause
    it.submit(one)
    assert it.run(0, 10) == 10
    assert one.started_s is None
    assert it.gauges == (0, 0, 0.0)
    assert it.next_token_s(one) is None
    assert it.next_end_s() is None


def test_after_a_wake_the_first_prompt_is_slower():
    it, first, second = scheduler(), request(2), request(2)
    it.cold = True
    it.submit(first)
    carry(it, 0, 1)
    it.submit(second)
    second.arrived_s = 1.0
    carry(it, 1, 2)
    assert first.first_token_s > second.first_token_s - 1.0 + 0.01


def test_ending_one_request_by_hand():
    it, running, waiting, ended = scheduler(1), request(), request(), request()
    it.submit(running)
    it.run(0, 0.05)
    it.submit(waiting)
    it.abort(waiting, 0.05)
    it.abort(running, 0.05)
    it.abort(ended, 0.05)
    assert [one.finish_reason for one in (running, waiting, ended)] == ["abort", "abort", None]
    assert it.unfinished == 0
    assert set(it.stats.success.values()) == {0}  # captured: counted nowhere


def test_counters_add_up():
    it = scheduler()
    for _ in range(3):
        it.submit(request(50))
    carry(it, 0, 10)
    stats = it.stats
    assert (stats.generation_tokens, stats.prompt_tokens) == (150, 60)
    assert stats.success["length"] == 3
    assert stats.histograms["time_to_first_token_seconds"].count == 3
    assert stats.histograms["inter_token_latency_seconds"].count == 147
    assert stats.histograms["request_generation_tokens"].sum == 150
    assert stats.histograms["e2e_request_latency_seconds"].sum > 0


class TestTraffic:
    def run(self, it: Scheduler, traffic: Traffic, start_s: float, until_s: float) -> None:
        now_s = start_s
        while now_s < until_s:
            send_s = traffic.next_send_s
            stop_s = until_s if send_s is None else min(max(send_s, now_s), until_s)
            now_s = it.run(now_s, stop_s)
            for one in it.finished:
                traffic.answered(one, now_s)
            it.finished.clear()
            traffic.send_due(now_s, it)

    def test_clients_send_and_send_again(self):
        it, traffic = scheduler(), Traffic(clients=4, think_s=1.0, seed="a", start_s=0)
        self.run(it, traffic, 0, 60)
        assert it.stats.success["length"] > 40

    def test_the_same_seed_gives_the_same_load(self):
        def done(seed: str) -> int:
            it, traffic = scheduler(), Traffic(clients=4, think_s=1.0, seed=seed, start_s=0)
            self.run(it, traffic, 0, 30)
            return it.stats.generation_tokens

        assert done("a") == done("a") != done("b")

    def test_a_sleeping_engine_parks_one_request_a_client(self):
        it, traffic = scheduler(), Traffic(clients=4, think_s=1.0, seed="a", start_s=0)
        it.pause = Pause.NEW
        self.run(it, traffic, 0, 300)
        assert it.unfinished == traffic.open == 4
        it.pause = Pause.NONE
        self.run(it, traffic, 300, 305)
        assert it.stats.success["length"] >= 4

    def test_switched_off_nobody_sends(self):
        it, traffic = scheduler(), Traffic(clients=4, think_s=1.0, seed="a", start_s=0)
        traffic.on = False
        assert traffic.next_send_s is None
        traffic.send_due(100, it)
        assert it.unfinished == 0

    def test_after_a_restart_all_come_again(self):
        it, traffic = scheduler(), Traffic(clients=4, think_s=1.0, seed="a", start_s=0)
        it.pause = Pause.NEW
        self.run(it, traffic, 0, 300)
        traffic.restart(300)
        assert traffic.open == 0
        assert 300 <= traffic.next_send_s <= 302


def test_what_loses_its_cache_is_computed_anew_and_counted():
    it, one = scheduler(), request(100)
    it.submit(one)
    it.run(0, 0.1)
    made = one.generated
    it.recompute()
    assert (it.stats.preemptions, one.prefill_s > 0) == (1, True)
    carry(it, 0.1, 10)
    assert (one.generated, one.finish_reason) == (100, "length")
    assert made < 100
