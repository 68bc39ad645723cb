import msgspec
import pytest
from support import benching
from support.playing import Twin

from sleeptui.core.bench import Counted, PhaseEnded, PhaseKind
from sleeptui.core.cold import ColdKind
from sleeptui.core.events import BenchEvent
from sleeptui.core.verdict import Word
from sleeptui.recorder.bench_lines import event_of, line_of
from sleeptui.recorder.lines import AnyLine

EVENTS = [
    benching.planned(notes=("no GPU: in flight is left out",), baseline="20261123T093000Z-a-0000"),
    benching.phase(
        3,
        PhaseKind.CYCLE,
        parent=2,
        arm="L1",
        block=2,
        nth=0,
        level=1,
        mode="wait",
        streams=8,
        cold=ColdKind.DISK,
        dwell_s=10.0,
        done=4,
        left_s=71.5,
    ),
    benching.phase(1, PhaseKind.RESTORE, server="", title="all as they were found"),
    PhaseEnded(at_s=4.0, id=3, cls="engine_dead", note="the engine is lost"),
    PhaseEnded(at_s=4.0, id=3),
    Counted(at_s=4.5, server="code", moment="before"),
    Counted(
        at_s=4.5,
        server="code",
        moment="after",
        running=8,
        waiting=1,
        finished={"abort": 8.0},
        preemptions=2.0,
        ours=9,
    ),
    benching.verdict(Word.INCONCLUSIVE, reason="3 more blocks are needed", blocks=3),
    benching.verdict(Word.NOT_RUN, value=None, low=None, high=None, n=0),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: type(one).__name__)
def test_a_line_says_what_its_event_said(event):
    raw = msgspec.json.encode(line_of(event))
    assert event_of(msgspec.json.decode(raw, type=AnyLine)) == event


def test_what_nobody_knows_is_no_line():
    class Other(BenchEvent):
        at_s = 1.0

    with pytest.raises(TypeError):
        line_of(Other())


def test_the_scribe_writes_it_and_a_replay_tells_it():
    twin = Twin().hear(*EVENTS)
    assert twin.sink.kinds == [
        "plan",
        "phase",
        "phase",
        "phase.end",
        "phase.end",
        "counts",
        "counts",
        "verdict",
        "verdict",
    ]
    assert twin.differences() == []
    assert len(twin.live.view.log) == 6
