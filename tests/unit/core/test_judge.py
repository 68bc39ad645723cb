"""Verdicts: the words by hand-made figures, the table of metrics by a sample benchmark."""

from dataclasses import replace

import pytest
from support import journals
from support.benches import phase, start
from support.sessions import attempt, session

from sleeptui.config_expectations import read_expectations
from sleeptui.core.cold import ColdKind
from sleeptui.core.judge import judge
from sleeptui.core.session import PlanSeen
from sleeptui.core.verdict import Expectation, Word
from sleeptui.recorder.fold import fold

EXPECTED = read_expectations().lines
BLOCK = (
    phase(1, "block", question="latency"),
    phase(2, "cold", parent=1),
    phase(3, "cycle", parent=1, nth=1, level=1),
)


def expectation(metric="cold.ttft/wake.ttft", **fields):
    values = {"id": "x", "question": "latency", "title": "x", "op": ">=", "threshold": 5.0}
    return Expectation(metric=metric, **{**values, **fields})


def blocks(*wakes, cold_s=60.0, phases=BLOCK, level=1, **fields):
    """A life for each group of seconds to the first token after a wake, cold started."""
    attempts = []
    for life, seconds in enumerate(wakes, start=1):
        attempts.append(start(cold_s + life / 10, life=life, phase=2, **fields))
        attempts += [
            attempt(
                "wake", one - 0.1, life=life, phase=3, level=level, record={"first_token_s": one}
            )
            for one in seconds
        ]
    return session(*attempts, phases=phases)


def only(seen, baseline=None, **fields):
    (found,) = judge([expectation(**fields)], seen, baseline)
    return found


SIX = [[0.50, 0.52], [0.51, 0.50], [0.49, 0.52], [0.50, 0.51], [0.52, 0.51], [0.50, 0.50]]


def test_a_whole_interval_on_the_right_side_passes():
    found = only(blocks(*SIX), level=1, min_n=6, min_blocks=6)
    assert (found.word, found.reason) == (Word.PASS, "")
    assert found.low <= found.value <= found.high
    assert (found.n, found.blocks, found.confidence) == (12, 6, 0.95)
    assert found.value == pytest.approx(118.6, abs=1)


def test_a_whole_interval_on_the_wrong_side_fails():
    assert only(blocks(*SIX), level=1, threshold=200).word is Word.FAIL
    assert only(blocks(*SIX), metric="wake.ttft", op="<=", threshold=0.4, level=1).word is Word.FAIL
    assert only(blocks(*SIX), metric="wake.ttft", op="<=", threshold=0.6, level=1).word is Word.PASS


def test_an_interval_on_both_sides_says_how_many_more_would_tell():
    found = only(blocks(*SIX), level=1, threshold=118.3)
    assert found.word is Word.INCONCLUSIVE
    assert found.reason.startswith("the interval lies on both sides of 118.3: about ")
    assert found.reason.endswith("about 1 more start of the server would tell")
    near = only(blocks(*SIX), level=1, threshold=found.value)
    assert near.reason.endswith("and the value is too near to it to tell")


def test_what_has_no_unit_is_a_distance_away():
    attempts = [
        attempt("sleep", nth=2, phase=3, record={"freed_bytes": 10**9 * (36 + number % 3)})
        for number in range(8)
    ]
    seen = session(*attempts, phases=BLOCK)
    found = only(seen, metric="memory.freed_frac", threshold=0.915, level=1)
    assert found.reason.endswith("more values would tell")


def test_too_few_are_told():
    seen = blocks(*SIX[:2])
    found = only(seen, level=1, min_n=6, min_blocks=3)
    assert found.word is Word.INCONCLUSIVE
    assert found.reason == (
        "4 of 6 values: 2 more are needed; 2 of 3 starts of the server: 1 more is needed"
    )
    assert found.value is not None
    wakes = only(blocks([0.5, 0.6]), metric="wake.call", op="<=", level=1)
    assert wakes.reason == "too few values for an interval"


def test_cold_starts_whose_cache_is_not_known_are_told():
    found = only(blocks(*SIX, kind=ColdKind.UNKNOWN), level=1)
    assert found.word is Word.PASS
    assert found.reason == "what its cold starts started from is not known"


def test_starts_from_another_cache_are_invalid():
    found = only(blocks(*SIX, kind=ColdKind.DISK), level=1)
    assert found.word is Word.INVALID
    assert found.reason == "none of 6 counts: 6 invalid:cache"
    assert (found.value, found.n) == (None, 0)


def test_what_was_not_measured_is_not_run():
    seen = blocks(*SIX)
    assert only(seen, level=2).reason == (
        "nothing was measured at level 2: not in the plan, or not reached"
    )
    assert only(seen, metric="in_flight.expected", mode="wait").reason.startswith(
        "nothing was measured with wait:"
    )
    assert only(seen, metric="wake.colour").reason == "there is no metric wake.colour"
    assert only(session()).reason == "nothing of a plan was carried out"


def test_what_broke_first_says_why():
    why = "stop of qwen: it runs elsewhere"
    broken = (
        phase(1, "block", question="latency", note=why),
        phase(2, "cold", parent=1, question="latency", cls="no_op", note=why),
        phase(3, "cycle", parent=1, nth=1, level=2, question="latency", cls="timeout", note="late"),
    )
    seen = session(phases=broken)
    assert only(seen, level=1).reason == f"nothing was measured at level 1: cold 2: {why}"
    assert only(seen, metric="wake.ttft", level=1).word is Word.NOT_RUN
    assert only(seen, metric="in_flight.expected", question="in_flight", mode="wait").reason == (
        "nothing was measured with wait: not in the plan, or not reached"
    )


def test_the_notes_of_the_plan_say_why():
    note = "qwen: cold starts, it is started by others; give it a runtime"
    gpu = "memory figures: no GPU is visible"
    mode = "qwen: abort and keep in flight, its version can only wait"
    plan = PlanSeen(
        name="x", toml="", expectations="", seed=1, steps=1, estimate_s=1, notes=(note, gpu, mode)
    )
    wakes = [attempt("wake", phase=3, record={"first_token_s": 0.5})]
    seen = session(*wakes, phases=BLOCK, bench=plan)
    assert only(seen, level=1).reason == note
    assert only(seen, metric="memory.freed_frac", level=1).reason == gpu
    assert only(seen, metric="in_flight.expected", mode="keep").reason == mode


def test_without_a_level_each_is_judged_that_was_measured():
    two = (*BLOCK, phase(4, "cycle", parent=1, nth=1, level=2))
    found = judge([expectation()], blocks(*SIX, phases=two))
    assert [(one.expectation.level, one.word) for one in found] == [
        (1, Word.PASS),
        (2, Word.NOT_RUN),
    ]
    bare = session(phases=(phase(1, "cold"),))
    assert [one.expectation.level for one in judge([expectation()], bare)] == [1]


def test_level_2_is_called_by_its_steps():
    two = (*BLOCK[:2], phase(3, "cycle", parent=1, nth=1, level=2))
    seen = blocks(*SIX, phases=two, level=2)
    found = only(seen, metric="wake.call", op="<=", threshold=1.0, level=2)
    assert (found.word, found.n) == (Word.PASS, 12)


def test_beside_a_baseline():
    seen, slow = blocks(*SIX), blocks(*[[1.2 * one for one in life] for life in SIX])
    asked = {"metric": "wake.ttft", "op": "<=", "threshold": 1.1, "level": 1}
    asked["needs_baseline"] = True
    assert only(blocks(*SIX), seen, **asked).word is Word.PASS
    found = only(slow, seen, **asked)
    assert (found.word, found.value) == (Word.FAIL, pytest.approx(1.2))
    assert only(seen, **asked).reason.startswith("there is no session to compare with")
    assert only(seen, session(phases=BLOCK), **asked).word is Word.NOT_RUN
    other = [attempt("wake", level=2, record={"first_token_s": 0.9}, phase=3)]
    assert only(seen, session(*other, phases=BLOCK), **asked).reason.endswith("not measured it")
    assert only(session(phases=BLOCK), seen, **asked).reason.startswith("nothing was measured")
    other = replace(seen, demo="two-gpus")
    assert only(seen, other, **asked).reason.startswith("the baseline cannot be compared with: ")


# --- the sample benchmark ------------------------------------------------------------------------


def verdicts(**knobs):
    sample = journals.BenchSample(**{"dies": False, "garbage_every": 0, **knobs})
    return {
        (one.expectation.id, one.server): one
        for one in judge(EXPECTED, fold(journals.bench_lines(sample)))
    }


def words(found, word):
    return {key for key, one in found.items() if one.word is word}


@pytest.fixture(scope="module")
def clean():
    return verdicts(stability=59, repeats=8)


def test_a_clean_benchmark_passes(clean):
    assert words(clean, Word.NOT_RUN) == {("q1.no-slower-l1", ""), ("q1.no-slower-l2", "")}
    assert {one.word for one in clean.values()} == {Word.PASS, Word.NOT_RUN}
    assert clean["q4.cycles", "code"].low == pytest.approx(0.9505, abs=1e-4)
    assert clean["q2.no-leak", "code"].reason == "less than 64 MiB over 59 cycles would not be seen"


def test_growth_over_too_few_cycles_fails_nobody():
    found = verdicts(stability=3, leak_b=200 << 20)
    verdict = found["q2.no-leak", "code"]
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.reason.startswith("it has grown by")
    assert "3 of 10 values: 7 more are needed" in verdict.reason


def test_a_leak_is_found():
    found = verdicts(stability=12, leak_b=200 << 20)
    assert ("q2.no-leak", "code") in words(found, Word.FAIL)
    assert found["q2.no-leak", "code"].reason.startswith("it has grown by 2.")


def test_a_lost_request_is_found():
    found = verdicts(lost_every=10, repeats=3)
    assert words(found, Word.FAIL) >= {("q3.none-lost", "code"), ("q3.none-lost", "summarize")}
    assert "truncated" in found["q3.none-lost", "code"].reason


def test_garbage_and_death_are_found():
    found = verdicts(garbage_every=20, dies=True, stability=10)
    assert ("q4.same-answers", "code") in words(found, Word.FAIL)
    assert ("q4.alive", "code") in words(found, Word.FAIL)
    assert found["q4.alive", "code"].reason.endswith("did not: wake at level 1")
    few = found["q3.wait", "code"]
    assert (few.word, few.reason) == (
        Word.INCONCLUSIVE,
        "26 more without a failure would do",
    )


@pytest.mark.parametrize(
    ("cls", "word"),
    [("user_abort", Word.NOT_RUN), ("time_over", Word.NOT_RUN), ("timeout", Word.INVALID)],
)
def test_a_start_that_was_given_up_when_the_time_was_over_is_no_failed_check(cls, word):
    found = only(session(start(60.0, phase=2, cls=cls), phases=BLOCK), level=1)
    assert (found.word, found.reason) == (word, f"none of 1 counts: 1 {cls}")
