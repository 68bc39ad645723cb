import pytest
from support import benching
from support import builders as make

from sleeptui.core import events as ev
from sleeptui.core.bench import PhaseEnded, PhaseKind
from sleeptui.core.fleet import FleetStore
from sleeptui.core.settings import Settings
from sleeptui.core.verdict import Word


def log(*events):
    store = FleetStore(Settings())
    store.apply(ev.ServerAdded(at_s=0.0, spec=make.spec()))
    for event in events:
        store.apply(event)
    return [(one.server, one.severity, one.text) for one in store.view.log]


def test_a_plan_and_its_phases_are_lines_of_the_event_log():
    block = benching.phase(1, PhaseKind.BLOCK, title="qwen: block 2 of 6")
    restore = benching.phase(2, PhaseKind.RESTORE, title="all as they were found", server="")
    assert log(benching.planned(), block, restore) == [
        (None, "info", "benchmark quick: 12 steps, seed 7"),
        ("qwen", "info", "phase: qwen: block 2 of 6"),
        (None, "info", "phase: all as they were found"),
    ]


def test_the_end_of_a_phase_is_told_where_it_did_not_go_well():
    assert log(PhaseEnded(at_s=3.0, id=4)) == []
    assert log(PhaseEnded(at_s=3.0, id=4, cls="user_abort")) == [
        (None, "warning", "phase 4: user_abort")
    ]
    lost = PhaseEnded(at_s=3.0, id=4, cls="engine_dead", note="the engine is lost")
    assert log(lost) == [(None, "warning", "phase 4: engine_dead, the engine is lost")]


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        (Word.PASS, "good"),
        (Word.FAIL, "bad"),
        (Word.INVALID, "bad"),
        (Word.INCONCLUSIVE, "warning"),
        (Word.NOT_RUN, "info"),
    ],
)
def test_a_verdict_is_told_with_its_reason(word, severity):
    what = f"{word.value}: a wake is much faster than a cold start"
    assert log(benching.verdict(word)) == [("qwen", severity, what)]
    (told,) = log(benching.verdict(word, reason="3 more blocks are needed"))
    assert told[2] == f"{what} (3 more blocks are needed)"


def test_what_a_benchmark_tells_beside_that_is_no_line_of_the_log():
    class Silent(ev.BenchEvent):
        at_s = 3.0

    assert log(Silent()) == []
