"""What tables, traces and metrics have of a benchmark."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace

import pytest
from support import journals

from sleeptui.core.bench import PhaseKind
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.openmetrics import openmetrics
from sleeptui.recorder.exports.results_csv import results_csv
from sleeptui.recorder.exports.results_json import results_json
from sleeptui.recorder.exports.table import EXPORTERS
from sleeptui.recorder.exports.trace import SESSION_PID, trace
from sleeptui.recorder.exports.trace_slices import PHASES_TID
from sleeptui.recorder.fold import fold


@pytest.fixture(scope="module")
def bench():
    return fold(journals.bench_lines())


@pytest.fixture(scope="module")
def results(bench):
    return json.loads(results_json(Measured(bench)))


def test_starts_stand_beside_wakes_in_the_names_of_vllm_bench_startup(results):
    phases = [results, *results["sleeptui"]["other_phases"]]
    assert {one["startup_scope"] for one in phases} == {"server"}
    for one in phases:
        assert one["cold_kind"] == "cold_cached"
        starts = one["cold_startup_times"]
        assert one["avg_cold_startup_time"] == pytest.approx(sum(starts) / len(starts))
        assert one["cold_startup_percentiles"]["50"] == pytest.approx(sorted(starts)[3], rel=0.05)
        assert one["cold_startup_percentiles"]["99"] is None
        assert min(one["cold_ttft_times"]) > min(starts) > 10 * max(one["wake_ttft_times"])
        assert one["avg_first_sleep_time"] > one["avg_sleep_time"]


def test_our_part_has_verdicts_phases_and_cold_starts(results):
    ours = results["sleeptui"]
    assert Counter(one["verdict"] for one in ours["verdicts"]) == {
        "PASS": 5,
        "FAIL": 1,
        "INCONCLUSIVE": 1,
        "NOT RUN": 1,
    }
    first, last = ours["verdicts"][0], ours["verdicts"][-1]
    assert (first["id"], first["interval"], first["threshold"]) == ("q1.wake-l1", [72.8, 75.6], 5.0)
    assert (last["server"], last["value"], last["interval"]) == (None, None, None)
    phases = {(one["question"], one["kind"]): one for one in ours["phases"]}
    assert phases["latency", "block"]["classes"] == {"engine_dead": 1, "ok": 12}
    assert phases[None, "restore"]["count"] == 1
    assert phases["in_flight", "trial"]["total_s"] > 30
    assert len(ours["cold_starts"]) == 13
    start = ours["cold_starts"][0]
    assert (start["kind"], start["block"], start["compile_cache"]) == (
        "cold_cached",
        1,
        "populated",
    )
    for each in ours["cold_starts"]:
        if "health" in each["parts_s"]:
            assert 0 < each["parts_s"]["health"] - each["last_bad_s"] <= each["poll_s"] + 1e-6
    assert ours["benchmark"]["seed"] == ours["env"]["seed"] == 7
    assert len(ours["benchmark"]["plan_sha256"]) == 64


def test_a_ratio_names_the_level_and_the_kind_of_start(results):
    ours = results["sleeptui"]
    ratio = ours["ratios"]["code/cold_cached/L2/cold.ttft/wake.ttft"]
    assert (ratio["above"], ratio["below"]) == ("code/cold_cached/cold.ttft", "code/L2/wake.ttft")
    assert {ratio["above"], ratio["below"]} <= set(ours["intervals"])
    assert ours["intervals"]["code/cold_cached/cold.ttft"]["arm"] == "cold_cached"


def test_a_start_without_its_end_is_listed_with_what_is_known():
    every = journals.bench_lines(journals.BenchSample(blocks=1, dies=False))
    at = next(number for number, one in enumerate(every) if getattr(one, "name", "") == "start")
    ours = json.loads(results_json(Measured(fold(every[: at + 1]))))["sleeptui"]
    (start,) = ours["cold_starts"]
    assert (start["class"], start.get("kind")) == ("unfinished", None)
    assert {one["total_s"] for one in ours["phases"]} > {0.0}


def test_rows_have_arm_kind_block_and_cycle(bench):
    rows = list(csv.DictReader(io.StringIO(results_csv(Measured(bench)).decode())))
    starts = [row for row in rows if row["interval"] == "cold.ttft"]
    assert {(row["arm"], row["cold_kind"]) for row in starts} == {("cold_cached", "cold_cached")}
    assert {row["block"] for row in starts} == {"1", "2", "3", "4", "5", "6"}
    wakes = [row for row in rows if row["interval"] == "wake.ttft"]
    assert {(row["arm"], row["cycle"]) for row in wakes} == {
        (arm, cycle) for arm in ("L1", "L2") for cycle in ("1", "2")
    }
    firsts = [row for row in rows if row["interval"] == "wake.first"]
    assert {row["cycle"] for row in firsts} == {"0"}
    trials = [row for row in rows if row["interval"] == "sleep.in_flight"]
    assert {(row["arm"], row["mode"]) for row in trials} == {
        (mode, mode) for mode in ("abort", "wait", "keep")
    }


def test_what_was_done_beside_the_cycles_is_no_row_of_their_series(bench):
    """Who adds up the rows of a series in a table gets what the report says."""
    rows = list(csv.DictReader(io.StringIO(results_csv(Measured(bench)).decode())))
    calls = [row for row in rows if row["interval"] == "sleep.call" and row["class"] == "ok"]
    found = [one for one in Measured(bench).intervals if one.id == "sleep.call"]
    assert len(calls) == sum(one.n for one in found)
    aside = [row for row in rows if row["interval"] in ("sleep.aside", "wake.aside")]
    assert {row["operation"] for row in aside} == {"sleep", "wake"}
    lost = [row for row in rows if row["class"] == "engine_dead"]
    assert [row["interval"] for row in lost] == ["wake.first"]


def test_a_cycle_that_was_disturbed_is_not_ok_in_a_table(bench):
    cycle = next(
        one
        for one in bench.phases
        if one.phase.kind is PhaseKind.CYCLE and (one.phase.nth, one.phase.level) == (1, 1)
    )
    phases = tuple(replace(one, cls="disturbed") if one is cycle else one for one in bench.phases)
    measured = Measured(replace(bench, phases=phases))
    rows = list(csv.DictReader(io.StringIO(results_csv(measured).decode())))
    own = {one.id for one in bench.attempts if one.phase == cycle.phase.id}
    found = {(row["interval"], row["class"]) for row in rows if int(row["attempt"]) in own}
    assert found == {("sleep.call", "disturbed"), ("wake.call", "disturbed")}


def test_phases_are_slices_around_what_was_done_in_them(bench):
    events = json.loads(trace(bench))["traceEvents"]
    phases = [one for one in events if one.get("tid") == PHASES_TID and one["ph"] == "X"]
    assert {one["pid"] for one in phases} == {SESSION_PID}
    assert len(phases) == len(bench.phases)
    lost = [one for one in phases if one["name"].endswith(": engine_dead")]
    assert [one["cat"] for one in lost] == ["block", "cycle"]
    (name,) = [
        one["args"]["name"]
        for one in events
        if one["ph"] == "M" and (one["pid"], one["tid"]) == (SESSION_PID, PHASES_TID)
    ]
    assert name == "phases"


def test_phases_of_a_benchmark_that_was_cut_off_last_to_its_end():
    """Within the phase around them, and beside one that they overlap."""
    every = journals.bench_lines(journals.BenchSample(blocks=2, has_end=False))
    for cut in (900, 1100, 1300):
        session = fold(every[:cut])
        events = json.loads(trace(session))["traceEvents"]
        phases = [one for one in events if one["ph"] == "X" and "phase" in one["args"]]
        assert len(phases) == len(session.phases)
        assert None in {one["args"]["ended_ns"] for one in phases}


def test_verdicts_and_starts_are_metrics(bench):
    told = openmetrics(Measured(bench)).decode()
    assert 'sleeptui_cold_start_seconds{server="code",model="qwen-coder-1.5b",cold_kind=' in told
    assert 'sleeptui_verdict{server="code",expectation="q4.stable",verdict="FAIL"} 1.0\n' in told
    assert 'sleeptui_verdict_value{server="summarize",expectation="q1.wake-l1"} 74.1\n' in told
    assert 'sleeptui_verdict_value{server=""' not in told


def test_the_plan_comes_out_as_it_went_in(bench, session):
    made = EXPORTERS["plan"].make(Measured(bench))
    assert made["plan.toml"].decode() == bench.bench.toml
    assert made["expectations.toml"].decode() == bench.bench.expectations
    assert EXPORTERS["plan"].make(Measured(session)) == {}
