"""The report of a benchmark: verdicts first, cold starts against wakes, proofs, how to repeat."""

import re
from dataclasses import replace

import pytest
from support import benching, journals, sessions
from support.report_tables import cells
from support.sessions import S, attempt, session

from sleeptui.core.bench import BenchPhase, PhaseKind, Question
from sleeptui.core.cold import ColdKind, ColdStart
from sleeptui.core.session import PhaseSeen, PlanSeen
from sleeptui.core.verdict import Word
from sleeptui.recorder.exports import report_bench, report_plan, report_stability
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.report_md import report_md
from sleeptui.recorder.fold import fold

PLAN = PlanSeen(name="quick", toml="", expectations="", seed=7, steps=3, estimate_s=60.0)
BY_HAND = ("Verdicts", "Cold start against wake", "Proof by use", "Stability", "Plan")


def page(session):
    return report_md(Measured(session)).decode()


def said(word=Word.PASS, **fields):
    return benching.verdict(word, **fields).verdict


def phase(number, kind, began_s, ended_s=None, *, cls="ok", note="", **fields):
    one = BenchPhase(id=number, kind=kind, title=f"qwen: {kind.value} {number}", **fields)
    ended_ns = None if ended_s is None else ended_s * S
    return PhaseSeen(phase=one, began_ns=began_s * S, ended_ns=ended_ns, cls=cls, note=note)


@pytest.fixture(scope="module")
def bench():
    return fold(journals.bench_lines())


@pytest.fixture(scope="module")
def report(bench):
    return page(bench)


def test_verdicts_come_first_and_in_the_order_of_the_experiment(report):
    heads = re.findall(r"^## (.*)", report, re.MULTILINE)
    assert heads[:2] == ["Verdicts", "Cold start against wake"]
    places = [
        heads.index(one) for one in ("Times", "Memory", "Stability", "Plan", "Method", "Limits")
    ]
    assert places == sorted(places)
    assert heads[-2:] == ["How to repeat", "How to rebuild"]
    assert report.startswith("# Benchmark standard: 20261123T093000Z-bench-standard-51d0")


def test_a_session_by_hand_has_none_of_it(session):
    heads = re.findall(r"^#+ (.*)", page(session), re.MULTILINE)
    assert not set(heads) & set(BY_HAND)
    assert heads[0].startswith("Session ")
    assert heads[-1] == "How to rebuild"


def test_a_verdict_has_its_figure_interval_threshold_and_reason():
    wakes = benching.expectation(source="the experiment, question 1")
    left = benching.expectation("q2", op="<=", threshold=float(2 << 30), unit="B", title="left")
    flat = benching.expectation("q4", op="contains", threshold=0.0, unit="s", title="a | b")
    odd = benching.expectation("q5", op="==", threshold=1.0)
    every = (
        said(expectation=wakes, confidence=0.95, blocks=6),
        said(Word.FAIL, expectation=left, value=3 * 2.0**30, low=2.5 * 2**30, high=None, n=0),
        said(Word.INCONCLUSIVE, expectation=flat, reason="3 more blocks are needed"),
        said(Word.NOT_RUN, expectation=odd, value=None, low=None, high=None, n=0, server=""),
    )
    lines = report_bench.verdicts(session(bench=PLAN, verdicts=every))
    assert "**1 PASS**, **1 FAIL**, **1 INCONCLUSIVE**, **1 NOT RUN**." in lines[2]
    parts = cells(lines)
    assert (parts["question"], parts["PASS"], parts["FAIL"]) == (
        "wake against cold start",
        "1",
        "1",
    )
    rows = lines[lines.index("", 4) + 1 :]
    first = cells(rows)
    assert (first["verdict"], first["measured"], first["interval"]) == ("PASS", "41", "38 to 44")
    assert (first["sure, %"], first["wanted"], first["n"]) == ("95.0", "≥ 5", "24")
    assert first["blocks"] == "6"
    second, third, last = (cells(rows, row) for row in (1, 2, 3))
    assert (second["verdict"], second["wanted"]) == ("**FAIL**", "≤ 2.0 GiB")
    assert (second["measured"], second["interval"]) == ("3.0 GiB", "2.5 GiB to --")
    assert (third["wanted"], third["why"]) == ("no growth", "3 more blocks are needed")
    assert third["what is expected"] == r"a \| b"
    assert (last["server"], last["measured"], last["wanted"]) == ("", "--", "== 1")


def test_where_a_threshold_comes_from_is_told_once():
    wakes = benching.expectation(source="the experiment, question 1")
    every = tuple(said(expectation=wakes, server=server) for server in ("a", "b"))
    lines = report_plan.plan(session(bench=PLAN, verdicts=every))
    rows = [line for line in lines if "question 1" in line]
    assert len(rows) == 1
    assert "≥ 5" in rows[0]


def test_a_benchmark_that_did_not_come_to_its_verdicts_says_so():
    assert "did not come to its verdicts" in "\n".join(report_bench.verdicts(session(bench=PLAN)))


def test_cold_over_wake_by_level_and_kind(bench):
    lines = report_bench.headline(Measured(bench))
    found = [cells(lines, row) for row in range(4)]
    assert [(one["server"], one["level"]) for one in found] == [
        ("summarize", "1"),
        ("summarize", "2"),
        ("code", "1"),
        ("code", "2"),
    ]
    assert {one["started from"] for one in found} == {"page cache"}
    for one in found:
        cold, wake = (float(one[f"{name} to first token, s"]) for name in ("cold start", "wake"))
        assert float(one["cold over wake"].strip("*")) == pytest.approx(cold / wake, rel=0.01)
        assert one["blocks, cold / wake"].endswith("/ 6")


def start(at_s=1.0, *, cold=None, parts=(("health", 4.0),), **fields):
    record = {"cold": cold, "parts": parts, "first_token_s": 4.1}
    return attempt("start", 4.0, at_s=at_s, record=record, **fields)


def test_each_cold_start_says_from_what_and_how_that_is_known():
    known = ColdStart(
        asked=ColdKind.DISK,
        kind=ColdKind.CACHED,
        proof="nothing was read",
        weight_bytes=2 << 30,
        resident_before=0.99,
        read_bytes=0,
        compile_cache="populated",
        last_bad_s=4.95,
    )
    block = phase(1, PhaseKind.COLD, 0, 9, block=2)
    every = session(
        start(cold=known, phase=1),
        start(20.0, parts=()),
        start(30.0, cold=ColdStart()),
        attempt("start", at_s=40.0, record=None, cls="unfinished"),
        start(50.0, cold=ColdStart(last_bad_s=55.95), sent_ns=52_000_000_000),
        phases=(block,),
    )
    lines = report_bench.cold_starts(every)
    first, blind, plain, open_, prepared = (cells(lines, row) for row in range(5))
    assert (first["block"], first["prepared"], first["proven"]) == ("2", "disk", "page cache")
    assert (first["in the page cache, %"], first["read, GiB"]) == ("99.0", "0")
    assert (first["healthy after, s"], first["how known"]) == ("3.95 to 4.00", "nothing was read")
    assert (blind["proven"], blind["healthy after, s"]) == ("unknown", "--")
    assert plain["healthy after, s"] == "at most 4.00"
    assert (open_["class"], open_["proven"]) == ("`unfinished`", "")
    assert prepared["healthy after, s"] == "3.95 to 4.00"


def test_of_very_many_starts_and_phases_the_rest_is_counted():
    every = session(
        *(start(float(n)) for n in range(61)),
        phases=tuple(phase(n, PhaseKind.CYCLE, n, n + 1, cls="timeout") for n in range(1, 63)),
    )
    assert "1 more are in `results.json`." in report_bench.cold_starts(every)
    assert "2 more are in the journal." in report_bench.broken_phases(every)


def test_what_did_not_go_by_the_plan_is_told_with_its_reason():
    every = session(
        bench=replace(PLAN, notes=("code has no runtime: no cold starts",)),
        phases=(
            phase(1, PhaseKind.BLOCK, 1, 5, cls="engine_dead", note="the engine is lost"),
            phase(2, PhaseKind.CYCLE, 6, cls="unfinished"),
        ),
    )
    lines = report_bench.broken_phases(every)
    lost, open_ = cells(lines), cells(lines, 1)
    assert (lost["class"], lost["took"], lost["why"]) == (
        "`engine_dead`",
        "4.00 s",
        "the engine is lost",
    )
    assert (open_["took"], open_["at, s"]) == ("", "6.0")
    assert "- code has no runtime: no cold starts" in lines
    assert report_bench.broken_phases(session(bench=PLAN)) == []


def test_stable_cycles_are_counted_with_their_bound():
    how = {"server": "qwen", "level": 1, "question": Question.STABILITY}
    cycles = [
        phase(number, PhaseKind.CYCLE, number, number + 1, cls=cls, **how)
        for number, cls in enumerate(["ok"] * 8 + ["disturbed", "wrong_output"], start=1)
    ]
    other = phase(90, PhaseKind.CYCLE, 90, 91, server="qwen", level=1, question=Question.LATENCY)
    wakes = [attempt("wake", phase=1, record={}), attempt("wake", record={})]
    lines = report_stability.stability(session(*wakes, phases=(*cycles, other)))
    one = cells(lines)
    assert (one["cycles"], one["without a fault"], one["faults"]) == ("10", "9", "1 `wrong_output`")
    assert float(one["at least, % (95 % sure)"]) == pytest.approx(60.6, abs=0.1)
    assert one["answers as before"] == "0"
    assert report_stability.stability(session()) == []


def test_a_cycle_that_we_stopped_is_no_fault_of_the_server():
    how = {"server": "qwen", "level": 1, "question": Question.STABILITY}
    classes = ["ok"] * 3 + ["time_over"]
    cycles = [
        phase(number, PhaseKind.CYCLE, number, number + 1, cls=cls, **how)
        for number, cls in enumerate(classes, start=1)
    ]
    one = cells(report_stability.stability(session(phases=tuple(cycles))))
    assert (one["cycles"], one["without a fault"], one.get("faults")) == ("3", "3", None)
    assert report_stability.stability(session(phases=tuple(cycles[3:]))) == []


def test_the_plan_says_how_far_it_came_and_how_to_repeat_it():
    every = session(
        bench=replace(PLAN, baseline="20261122T000000Z-a `b`"),
        phases=(
            phase(1, PhaseKind.BLOCK, 1, 5),
            phase(2, PhaseKind.COLD, 1, 4),
            phase(3, PhaseKind.CYCLE, 4),
            phase(4, PhaseKind.CYCLE, 4, 5, cls="time_over"),
        ),
    )
    lines = "\n".join([*report_plan.plan(every), *report_plan.again(every)])
    assert re.search(r"steps +\| 1 of 3", lines)
    assert "60 s" in lines or "1 m" in lines
    assert "--expectations expectations.toml --seed 7 --baseline '20261122T000000Z-a b'" in lines
    assert f"sleeptui export {every.run_id} --format plan" in lines


def test_words_from_outside_are_no_markup():
    one = sessions.session(
        bench=replace(PLAN, name="<b>`x`</b>\n# no", notes=("| a `b` |",)),
        verdicts=(said(reason="<script> | `x`"),),
        phases=(phase(1, PhaseKind.CYCLE, 1, 2, cls="x`|", note="[a](b)"),),
    )
    text = page(one)
    assert "<b>" not in text
    assert "<script>" not in text
    assert "[a](b)" not in text
    assert "\n# no" not in text
