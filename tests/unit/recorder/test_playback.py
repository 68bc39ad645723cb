import msgspec
from hypothesis import given
from hypothesis import strategies as st
from support import builders as make
from support import journals
from support.playing import Twin

from sleeptui.core import events as ev
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import State
from sleeptui.core.operation import Kind
from sleeptui.core.settings import Sampling, Settings
from sleeptui.recorder import lines
from sleeptui.recorder.line_session import Target
from sleeptui.recorder.playback import Playback
from sleeptui.recorder.scribe import Scribe
from sleeptui.services.prologue import Unfinished, prologue


def header(**fields):
    values = {"t": 5, "run_id": "run", "wall_ns": 7, "tool": "sleeptui", **fields}
    return lines.Header(**values)


def events(*every):
    return list(Playback(every).events())


def test_every_line_has_its_time_and_its_events():
    mark = lines.Mark(t=9, text="here")
    playback = Playback([header(settings={"sampling.interval_s": 0.1}), mark])
    assert playback.settings == Settings()
    assert list(playback) == [(5, ()), (9, (ev.Marked(at_s=9e-9, text="here"),))]
    assert playback.settings.sampling == Sampling(interval_s=0.1)


def test_lines_that_are_no_events():
    assert not events(
        header(),
        lines.Clock(t=1, wall_ns=2),
        lines.StateLine(t=1, s="qwen", state="awake"),
        lines.Series(t=1, name="ttft", unit="s"),
        lines.Host(t=1, avail_b=1, total_b=2),
        lines.GpuSlow(t=1),
        lines.ReferenceLine(t=1, s="qwen", model="m", answers=0, tokens=4, ids_sha=""),
        lines.ReferenceLine(t=1, s="qwen", model="m", answers=1, tokens=0, ids_sha=""),
        lines.End(t=1, lines=1, sha256=""),
    )


def test_an_anomaly_is_a_line_of_the_log():
    (note,) = events(lines.Anomaly(t=1, code="clock_jump", detail="it jumped"))
    assert (note.severity, note.text) == ("warning", "recording: it jumped")


def test_where_a_server_is_from():
    target = Target(name="a", url="http://h:1", gpus=(1,))
    found = events(
        lines.Server(t=0, s="early"),
        header(targets=(target,)),
        lines.Server(t=1, s="a"),
        lines.Server(t=1, s="b", target=Target(name="b", url="http://h:2")),
        lines.Server(t=1, s="c"),
        lines.Server(t=2, s="a", gone=True),
    )
    specs = [event.spec for event in found if isinstance(event, ev.ServerAdded)]
    assert [(spec.name, spec.url) for spec in specs] == [
        ("early", ""),
        ("a", "http://h:1"),
        ("b", "http://h:2"),
        ("c", ""),
    ]
    assert found[-1] == ev.ServerRemoved(at_s=2e-9, server="a")


def test_one_that_waits_began_when_it_was_first_heard_of():
    waits = lines.OpQueued(t=1_000_000_000, s="a", op=1, name="sleep")
    again = lines.OpQueued(t=2_000_000_000, s="a", op=1, name="sleep", note="still")
    assert [event.operation.began_s for event in events(waits, again)] == [1.0, 1.0]


def test_what_a_crash_leaves_runs_on():
    twin = Twin()
    twin.hear(
        ev.ServerAdded(at_s=10.0, spec=make.spec()),
        ev.StateObserved(at_s=10.0, server="qwen", observation=make.seen(10.0)),
        ev.OperationStarted(at_s=11.0, operation=make.operation(began_s=11.0)),
    )
    assert twin.differences() == []
    assert twin.played.server("qwen").state is State.FALLING_ASLEEP


def test_the_sample_session_can_be_played_to_its_end():
    every = journals.lines()
    playback = Playback(every)
    store = FleetStore(playback.settings)
    for event in playback.events():
        store.apply(event)
    assert {view.name for view in store.view.servers} == {"summarize", "code"}
    ends = sum(isinstance(line, lines.OpEnd) for line in every)
    assert sum(len(view.history) for view in store.view.servers) == min(ends, 100)


_LINES = [line for line in journals.lines() if not isinstance(line, lines.Gpu | lines.Prom)][::3]
_SOME = _LINES + journals.lines()[:400:7]


@given(st.lists(st.sampled_from(_SOME), max_size=40))
def test_lines_in_any_order_are_played(every):
    store = FleetStore(Settings())
    for event in Playback(
        msgspec.json.decode(msgspec.json.encode(every), type=list[lines.AnyLine])
    ).events():
        store.apply(event)
    assert store.view is not None


def test_a_recording_that_begins_late_soon_shows_the_same():
    early = Twin()
    process = make.process(4711, 40 << 30)
    early.hear(
        ev.ServerAdded(at_s=10.0, spec=make.spec()),
        ev.FactsLearned(at_s=10.0, server="qwen", facts=make.facts()),
        ev.HomeFound(at_s=10.0, server="qwen", home=make.home()),
        ev.ReferenceTaken(at_s=10.0, server="qwen", reference=make.reference()),
        ev.StateObserved(at_s=10.0, server="qwen", observation=make.seen(10.0)),
        ev.Verified(at_s=11.0, server="qwen", verification=make.verification(at_s=11.0)),
        ev.OperationStarted(at_s=12.0, operation=make.operation(Kind.PROMPT, began_s=12.0)),
    )
    late = Twin()
    late.live = early.live
    late.clock.at_s = 50.0
    late.scribe = Scribe(late.sink, path="late", clock=late.clock, view=late.live.server)
    unfinished = Unfinished()
    unfinished.follow(ev.OperationStarted(at_s=12.0, operation=early.live.server("qwen").operation))
    for event in (*prologue(early.live.view, 50.0), *unfinished.events(50.0)):
        late.scribe.heard(event)
    reading = make.reading(make.gpu(processes=(process,)), at_s=50.1)
    late.hear(
        ev.StateObserved(at_s=50.0, server="qwen", observation=make.seen(50.0)),
        ev.GpuSampled(at_s=50.1, reading=reading),
        ev.StateObserved(at_s=50.2, server="qwen", observation=make.seen(50.2)),
    )
    different = {one.partition(":")[0] for one in late.differences()}
    assert different <= {"qwen.since_s", "log"}
    (canary,) = late.sink.of(lines.Canary)
    assert canary.recalled
