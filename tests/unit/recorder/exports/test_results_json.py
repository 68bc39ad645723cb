"""``results.json`` for those who know ``vllm bench`` alone, and for those who want all."""

import json
from dataclasses import replace

import numpy as np
import pytest
from golden import GOLDEN
from support import sessions

from sleeptui.core.session import RequestSeen, ServerSeen
from sleeptui.recorder.exports.bench_names import is_completed
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.results_json import results_json

KINDS = ("sleep", "wake")
FIRST = {"first_token_s": 0.6}
SERVE = {
    "date",
    "backend",
    "endpoint_type",
    "label",
    "model_id",
    "tokenizer_id",
    "num_prompts",
    "request_rate",
    "burstiness",
    "max_concurrency",
    "duration",
    "completed",
    "failed",
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
    "input_lens",
    "output_lens",
    "ttfts",
    "itls",
    "latencies",
    "start_times",
    "queue_times",
    "errors",
}


def load(count, *, output=20):
    """``count`` requests of a server, one a second, first tokens after 10, 20, 30 ... ms."""
    requests = []
    for number in range(count):
        sent = 5_000_000_000 + number * 1_000_000_000
        first = sent + (number + 1) * 10_000_000
        chunks = tuple((first + piece * 5_000_000, piece + 1) for piece in range(output))
        requests.append(
            RequestSeen(
                id=number, server="a", cohort="prompt", began_ns=sent, sent_ns=sent,
                first_ns=first, last_ns=chunks[-1][0], ended_ns=chunks[-1][0] + 1_000_000,
                max_tokens=output, prompt_sha="", prompt_tokens=7, output_tokens=output,
                finish_reason="length", terminated=True, fate="completed", chunks=chunks,
            )
        )  # fmt: skip
    return tuple(requests)


def made(session):
    return json.loads(results_json(Measured(session)))


def test_a_script_that_knows_vllm_bench_serve_reads_it():
    """As such scripts do: a table of the figures, rates from counts, quantiles from the lists."""
    result = json.loads((GOLDEN / "results.json").read_text())
    assert set(result) >= SERVE
    names = [f"{kind}_{metric}_ms" for kind in ("mean", "median", "std", "p90", "p95", "p99")
             for metric in ("ttft", "tpot", "itl", "e2el")]  # fmt: skip
    assert set(names) <= set(result)
    assert result["completed"] + result["failed"] == result["num_prompts"] == len(result["ttfts"])
    assert result["request_throughput"] == pytest.approx(result["completed"] / result["duration"])
    lists = [result[name] for name in ("input_lens", "output_lens", "itls", "latencies", "errors")]
    assert {len(one) for one in lists} == {result["num_prompts"]}


def test_figures_are_those_of_numpy(empty):
    requests = load(60)
    result = made(
        replace(empty, servers=(ServerSeen(name="a", url="http://a"),), requests=requests)
    )
    ttfts = np.arange(1, 61) * 10.0
    assert result["mean_ttft_ms"] == pytest.approx(np.mean(ttfts))
    assert result["median_ttft_ms"] == pytest.approx(np.median(ttfts))
    assert result["std_ttft_ms"] == pytest.approx(np.std(ttfts))
    assert result["p90_ttft_ms"] == pytest.approx(np.percentile(ttfts, 90))
    assert result["p95_ttft_ms"] == pytest.approx(np.percentile(ttfts, 95))
    assert result["p99_ttft_ms"] is None  # 60 values do not carry it
    assert result["mean_tpot_ms"] == pytest.approx(5.0)
    assert result["mean_itl_ms"] == pytest.approx(5.0)
    assert result["p99_itl_ms"] == pytest.approx(5.0)
    assert result["duration"] == pytest.approx(59.0 + 0.6 + 19 * 0.005 + 0.001)
    assert result["total_token_throughput"] == pytest.approx(60 * 27 / result["duration"])
    assert result["date"] == "20261123-093000"


def test_strict_and_lenient_counts_stand_side_by_side(empty):
    good, cut, silent, waited = load(4)
    requests = (
        good,
        replace(cut, finish_reason=None, terminated=False, fate="cut"),
        replace(silent, first_ns=None, last_ns=None, ended_ns=None, output_tokens=None,
                finish_reason=None, chunks=(), fate="open"),
        replace(waited, scheduled_ns=waited.sent_ns - 2_000_000_000, error="boom"),
        replace(good, id=9, cohort="canary"),
        replace(good, id=10, sent_ns=None),
    )  # fmt: skip
    result = made(
        replace(empty, servers=(ServerSeen(name="a", url="http://a"),), requests=requests)
    )
    assert result["num_prompts"] == 4
    assert (result["completed"], result["completed_vllm_bench_rule"]) == (1, 3)
    assert result["errors"] == ["", "cut", "open", "boom"]
    assert result["ttfts"][2] is None
    assert result["queue_times"] == [None, None, None, 2.0]
    assert result["latencies"][3] > 2  # counts from its schedule
    assert not is_completed(requests[3])


def test_nothing_known_is_null_and_never_zero(empty):
    result = made(replace(empty, servers=(ServerSeen(name="a", url="http://a"),)))
    assert result["duration"] is None
    assert result["mean_ttft_ms"] is None
    assert result["request_throughput"] is None
    assert result["num_prompts"] == 0
    assert "avg_wake_time" not in result


def test_a_session_without_servers_has_our_part_alone(empty):
    result = made(empty)
    assert set(result) == {"sleeptui"}
    assert result["sleeptui"]["partial"] is None


def test_sleeps_and_wakes_are_named_as_vllm_bench_startup_names_starts(session):
    result = made(session)
    assert result["startup_scope"] == "server"
    for name in ("wake", "wake_ttft", "first_sleep", "sleep", "switch"):
        values = result[f"{name}_times"]
        assert result[f"avg_{name}_time"] == pytest.approx(sum(values) / len(values))
        assert set(result[f"{name}_percentiles"]) == {"10", "25", "50", "75", "90", "99"}
        assert result[f"{name}_percentiles"]["99"] is None
    assert result["wake_percentiles"]["50"] == pytest.approx(np.median(result["wake_times"]))


def test_our_part_has_every_series_with_its_values(session):
    ours = made(session)["sleeptui"]
    assert (ours["schema"], ours["v"]) == ("sleeptui.results", 1)
    assert ours["journal_sha256"] == session.journal_sha256
    wake = ours["intervals"]["summarize/L1/wake.call"]
    assert wake["n"] == len(wake["values_s"]) == sum(len(block) for block in wake["by_block"])
    assert wake["ci95_s"][0] <= wake["median_s"] <= wake["ci95_s"][1]
    assert "code/switch" in ours["intervals"]
    assert sum(ours["attempts"].values()) == len(session.attempts)
    assert {row["mode"] for row in ours["inflight"]} == {"abort", "keep"}
    assert ours["anomalies"][0]["code"] == "clock_jump"
    assert [phase["label"] for phase in ours["other_phases"]] == ["code"]


def test_lists_of_numbers_stand_on_one_line(session):
    text = results_json(Measured(session)).decode()
    (line,) = [line for line in text.splitlines() if line.startswith(' "ttfts"')]
    assert line.count(",") == 2


def test_where_a_server_has_served_two_models_no_series_takes_the_place_of_another():
    every = sessions.session(
        *(sessions.attempt(kind, model=model) for kind in KINDS for model in ("a-7b", "b-1b")),
        *(sessions.attempt("wake", level=2, model="a-7b", record=FIRST) for _ in range(2)),
        *(sessions.attempt("wake", model=model, record=FIRST) for model in ("a-7b", "b-1b")),
        *(sessions.attempt("sleep", nth=1, model=model) for model in ("a-7b", "b-1b")),
    )
    ours = json.loads(results_json(Measured(every)))["sleeptui"]
    assert {"qwen/L1/sleep.call [a-7b]", "qwen/L1/sleep.call [b-1b]"} <= set(ours["intervals"])
    assert "qwen/L2/wake.ttft" in ours["intervals"]  # of one model alone
    assert {one["model"] for one in ours["intervals"].values()} == {"a-7b", "b-1b"}
    assert set(ours["ratios"]) == {
        "qwen/sleep.first/sleep.call [a-7b]",
        "qwen/sleep.first/sleep.call [b-1b]",
        "qwen/wake.l2/wake.l1",
    }
    first = ours["ratios"]["qwen/sleep.first/sleep.call [b-1b]"]
    assert first["above"] == "qwen/L1/sleep.first [b-1b]"
    assert first["below"] in ours["intervals"]
