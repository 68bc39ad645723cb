from statistics import median

import pytest
from support import benching, journals
from support.journal_lines import S, asked, begin, end, header

from sleeptui.core.bench import Counted, PhaseKind
from sleeptui.core.cold import ColdKind
from sleeptui.core.session import CountsSeen, PlanSeen
from sleeptui.core.verdict import Word
from sleeptui.recorder.bench_lines import line_of
from sleeptui.recorder.fold import fold
from sleeptui.recorder.line_bench import PhaseEndLine
from sleeptui.recorder.line_operations import ReqEnd


def phase(number, at_s, kind=PhaseKind.CYCLE, **fields):
    return line_of(benching.phase(number, kind, at_s=float(at_s), **fields))


def over(number, at_s, **fields):
    return PhaseEndLine(t=at_s * S, id=number, **fields)


def folded(*every):
    return fold([header(), *every])


def test_a_session_by_hand_is_of_no_benchmark():
    found = folded(begin(), end())
    assert (found.bench, found.phases, found.verdicts) == (None, (), ())
    assert found.attempts[0].phase is None


def test_the_plan_as_it_was_read():
    found = folded(line_of(benching.planned(notes=("no cold starts",), baseline="b")))
    assert found.bench == PlanSeen(
        name="quick",
        toml='name = "quick"\n',
        expectations="version = 1\n",
        baseline="b",
        seed=7,
        steps=12,
        estimate_s=90.0,
        notes=("no cold starts",),
    )


@pytest.mark.parametrize(
    ("kind", "done", "told"),
    [
        (PhaseKind.RESTORE, 4, "the benchmark was ended after 4 of 12 steps"),
        (PhaseKind.RESTORE, 11, None),
        (PhaseKind.CYCLE, 4, None),
    ],
)
def test_one_that_was_ended_before_its_last_step_is_partial(kind, done, told):
    """Of one that still runs the reader tells."""
    found = folded(line_of(benching.planned()), phase(1, 2, kind, done=done), over(1, 3))
    assert (found.partial, found.phases[0].done) == (told, done)


def test_what_begins_in_a_phase_is_of_the_innermost_that_is_open():
    found = folded(
        begin(1, S, name="wake"),
        phase(1, 2, PhaseKind.BLOCK, block=1),
        phase(2, 3, parent=1, nth=0),
        begin(2, 4 * S),
        asked(1, 4 * S, xid="b1-1", scheduled_ns=3 * S),
        asked(2, 5 * S),
        over(2, 6),
        end(2, 7 * S),
        ReqEnd(
            t=7 * S, s="q", req=1, end_ns=7 * S, fate="completed", control=9, equal=True,
            equal_chars=40, http=503, tie=False, stamp_lag_s=0.004,
        ),
        begin(3, 8 * S, name="wake"),
        over(1, 9, cls="engine_dead", note="the engine is lost"),
        begin(4, 10 * S, name="wake"),
        asked(3, 10 * S),
    )  # fmt: skip
    assert [one.phase for one in found.attempts] == [None, 2, 1, None]
    assert [one.phase for one in found.requests] == [2, 2, None]
    first = found.requests[0]
    assert (first.xid, first.scheduled_ns) == ("b1-1", 3 * S)
    assert (first.control, first.equal, first.equal_chars, first.http) == (9, True, 40, 503)
    assert (first.tie, first.late_s) == (False, 0.004)
    block, cycle = found.phases
    assert (block.began_ns, block.ended_ns, block.cls) == (2 * S, 9 * S, "engine_dead")
    assert (block.phase.block, block.note) == (1, "the engine is lost")
    assert (cycle.phase.parent, cycle.ended_ns, cycle.cls) == (1, 6 * S, "ok")


def test_a_phase_ends_with_what_is_open_within_it():
    found = folded(
        phase(1, 1, PhaseKind.BLOCK),
        phase(2, 2),
        over(1, 3),
        begin(1, 4 * S),
        over(7, 5),
        phase(3, 6, PhaseKind.RESTORE),
        begin(2, 7 * S, name="wake"),
    )
    assert [one.phase for one in found.attempts] == [None, 3]
    assert [(one.cls, one.ended_ns) for one in found.phases] == [
        ("ok", 3 * S),
        ("unfinished", None),
        ("unfinished", None),
    ]


def test_what_a_server_counted_is_of_its_phase():
    counts = {"moment": "after", "finished": {"abort": 8.0}, "preemptions": 2.0, "ours": 1}
    found = folded(
        phase(1, 1, PhaseKind.TRIAL),
        line_of(Counted(at_s=2.0, server="q", running=1, waiting=0, **counts)),
    )
    assert found.counts == (
        CountsSeen(at_ns=2 * S, server="q", phase=1, running=1, waiting=0, **counts),
    )


def test_of_a_verdict_the_newest_counts():
    first = benching.verdict(Word.INCONCLUSIVE)
    other = benching.verdict(Word.FAIL, server="code")
    found = folded(*map(line_of, (first, other, benching.verdict(Word.PASS))))
    assert [(one.server, one.word) for one in found.verdicts] == [
        ("qwen", Word.PASS),
        ("code", Word.FAIL),
    ]


@pytest.fixture(scope="module")
def sample():
    return fold(journals.bench_lines())


def test_the_sample_benchmark_as_it_was_told(sample):
    assert (sample.bench.name, sample.seed, sample.plan["latency.blocks"]) == ("standard", 7, 6)
    assert [(one.name, one.lives) for one in sample.servers] == [("summarize", 6), ("code", 7)]
    starts = [one for one in sample.attempts if one.kind == "start"]
    assert [one.life for one in starts if one.server == "code"] == [1, 2, 3, 4, 5, 6, 7]
    assert {one.record.cold.kind for one in starts} == {ColdKind.CACHED}
    assert {one.cls for one in sample.attempts} == {"ok", "wrong_output", "engine_dead"}
    assert {one.cls for one in sample.phases} == {"ok", "wrong_output", "engine_dead"}
    assert {one.word for one in sample.verdicts} == {
        Word.PASS,
        Word.FAIL,
        Word.INCONCLUSIVE,
        Word.NOT_RUN,
    }
    assert not [one for one in sample.phases if one.ended_ns is None]


def test_each_of_its_attempts_and_requests_is_of_a_phase(sample):
    phases = {one.phase.id: one.phase for one in sample.phases}
    assert [one.phase.id for one in sample.phases] == list(range(1, len(phases) + 1))
    kinds = {}
    for one in sample.attempts:
        kinds.setdefault(one.kind, set()).add(phases[one.phase].kind)
    assert kinds["start"] == {PhaseKind.COLD}
    assert kinds["stop"] == {PhaseKind.COLD, PhaseKind.RESTORE}
    assert {phases[one.phase].kind for one in sample.requests if one.cohort == "steady"} == {
        PhaseKind.BASELINE,
        PhaseKind.CYCLE,
    }
    firsts = [one for one in sample.attempts if (one.kind, one.level, one.nth) == ("sleep", 1, 1)]
    assert len(firsts) == sum(one.lives for one in sample.servers)


def test_a_sample_can_leak_lose_and_be_slower(sample):
    """What tests of verdicts begin with."""
    worse = {"leak_b": 200 << 20, "lost_every": 2, "garbage_every": 0, "wakes": 1.2}
    other = fold(journals.bench_lines(journals.BenchSample(dies=False, **worse)))
    left = [one.record.residual_bytes >> 20 for one in other.attempts if one.kind == "sleep"]
    assert max(left) - min(left) > 8 * 200
    cut = [one for one in other.requests if one.fate == "cut"]
    assert len(cut) == sum(one.cohort == "inflight" for one in other.requests) // 2
    assert {one.cls for one in other.attempts} == {"ok"}
    medians = [
        median(one.record.duration_s for one in found.attempts if one.kind == "wake")
        for found in (sample, other)
    ]
    assert medians[1] / medians[0] == pytest.approx(1.2, rel=0.03)


def test_a_sample_that_was_cut_off_has_no_verdicts():
    found = fold(journals.bench_lines(journals.BenchSample(has_end=False, blocks=1)))
    assert (found.verdicts, found.phases[-1].phase.kind) == ((), PhaseKind.TRIAL)
