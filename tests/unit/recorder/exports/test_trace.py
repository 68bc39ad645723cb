"""``trace.json`` keeps the rules that Perfetto publishes for the format, and tells all."""

import json
from collections import defaultdict
from dataclasses import replace

import pytest
from golden import GOLDEN

from sleeptui.core.errors import ExportError
from sleeptui.core.session import (
    Attempt,
    Curve,
    GpuSeen,
    Moment,
    RequestSeen,
    ServerSeen,
    StateSpan,
)
from sleeptui.recorder.exports.trace import trace
from sleeptui.recorder.exports.trace_check import check

PHASES = {"X", "b", "n", "e", "C", "i", "M"}


def rules(document):
    """What Perfetto asks of a JSON trace; written apart from the program's own check."""
    events = document["traceEvents"]
    assert document["displayTimeUnit"] in ("ms", "ns")
    assert {event["ph"] for event in events} <= PHASES
    for event in events:
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert isinstance(event["name"], str)
        assert event["name"]
    timed = [event for event in events if event["ph"] != "M"]
    stamps = [event["ts"] for event in timed]
    assert all(stamp >= 0 for stamp in stamps)
    assert stamps == sorted(stamps)
    named = {(e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    processes = {e["pid"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    for event in timed:
        assert event["pid"] in processes
        if event["ph"] == "X":
            assert (event["pid"], event["tid"]) in named
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
        if event["ph"] == "i":
            assert event["s"] in ("g", "p", "t")
    slices(timed)
    pairs(timed)


def slices(timed):
    """On one thread two slices are apart, or one lies in the other."""
    threads = defaultdict(list)
    for event in timed:
        if event["ph"] == "X":
            assert event["dur"] >= 0
            begin = round(event["ts"] * 1000)
            threads[event["pid"], event["tid"]].append((begin, begin + round(event["dur"] * 1000)))
    for those in threads.values():
        for number, (begin, end) in enumerate(those):
            for other_begin, other_end in those[number + 1 :]:
                apart = other_begin >= end or other_end <= begin
                inside = begin <= other_begin and other_end <= end
                assert apart or inside


def pairs(timed):
    """Each id begins once, ends once, and has its milestones in between."""
    ids = defaultdict(list)
    for event in timed:
        if event["ph"] in "bne":
            ids[event["cat"], event["id"]].append(event["ph"])
    for phases in ids.values():
        assert phases[0] == "b"
        assert phases[-1] == "e"
        assert set(phases[1:-1]) <= {"n"}


def loaded(session):
    return json.loads(trace(session))


def test_the_golden_trace_keeps_the_rules(session):
    document = json.loads((GOLDEN / "trace.json").read_bytes())
    rules(document)
    ops = [e for e in document["traceEvents"] if e.get("cat") in ("sleep", "wake", "switch")]
    assert len(ops) == sum(a.kind in ("sleep", "wake", "switch") for a in session.attempts)
    begun = [e for e in document["traceEvents"] if e["ph"] == "b"]
    assert len(begun) == len(session.requests)
    marks = [e for e in document["traceEvents"] if e["ph"] == "i" and e["cat"] == "mark"]
    assert [m["name"] for m in marks] == [m.text for m in session.moments if m.kind == "mark"]


def test_times_are_those_of_the_journal(session):
    events = loaded(session)["traceEvents"]
    for event in events:
        if event.get("cat") in ("sleep", "wake"):
            assert event["ts"] * 1000 == pytest.approx(
                event["args"]["began_ns"] - session.began_ns, abs=1
            )


def test_a_session_without_anything_is_a_trace(empty):
    rules(loaded(empty))


def attempt(number, began, ended, **how):
    values = {"kind": "sleep", "server": "a", "model": "a", "cls": "ok", **how}
    return Attempt(id=number, began_ns=began, ended_ns=ended, **values)


def test_what_overlaps_has_a_thread_of_its_own(empty):
    crossing = replace(
        empty,
        ended_ns=100_000,
        servers=(ServerSeen(name="a", url="http://a"),),
        attempts=(
            attempt(1, 6000, 20000, sent_ns=7000, done_ns=9000),
            attempt(2, 8000, 30000),
            attempt(3, 10000, None, cls="unfinished"),
            attempt(4, 12000, 13000),
            attempt(5, 12000, 13000, sent_ns=14000, done_ns=9000),
            attempt(6, 12000, 13000, server="nobody"),
        ),
        states=(StateSpan(server="nobody", state="awake", began_ns=6000, ended_ns=7000),),
        began_ns=6000,
    )
    document = loaded(crossing)
    rules(document)
    threads = {e["tid"] for e in document["traceEvents"] if e["ph"] == "X"}
    assert len(threads) == 3
    names = [e["name"] for e in document["traceEvents"] if e["ph"] == "X"]
    assert "sleep: unfinished" in names
    assert names.count("call") == 1


def test_a_switch_holds_its_parts_and_has_no_call_of_its_own(empty):
    """Its requests are those of its parts: seen in a session where its wake began among them."""
    part = {"level": 1, "parent": 1}
    switched = replace(
        empty,
        ended_ns=100_000,
        servers=(ServerSeen(name="a", url="http://a"), ServerSeen(name="b", url="http://b")),
        attempts=(
            attempt(1, 6000, 40000, kind="switch", sent_ns=8000, done_ns=26000),
            attempt(2, 7000, 19000, server="b", sent_ns=8000, done_ns=18000, **part),
            attempt(3, 20000, 39000, kind="wake", sent_ns=21000, done_ns=26000, **part),
        ),
        began_ns=6000,
    )
    document = loaded(switched)
    rules(document)
    names = [e["name"] for e in document["traceEvents"] if e["ph"] == "X"]
    assert names == ["switch", "sleep L1", "call", "wake L1", "call"]


def test_requests_of_any_fate_have_a_begin_and_an_end(empty):
    one = RequestSeen(
        id=1, server="a", cohort="prompt", began_ns=6000, max_tokens=4, prompt_sha="", fate="open"
    )
    early = replace(one, id=2, sent_ns=7000, first_ns=6500, last_ns=9900, ended_ns=9000)
    stray = replace(one, id=3, server="nobody")
    gone = replace(
        empty,
        began_ns=5000,
        ended_ns=10_000,
        servers=(ServerSeen(name="a", url="http://a"),),
        requests=(one, early, stray),
        moments=(Moment(at_ns=4000, kind="mark", text=""),),
    )
    document = loaded(gone)
    rules(document)
    assert sum(e["ph"] == "b" for e in document["traceEvents"]) == 2


def test_long_counters_are_thinned_and_keep_their_peak(empty):
    curve = Curve()
    for number in range(300_000):
        curve.add(number, 1e9 if number == 123_456 else float(number % 7))
    curve.add(300_000, None)
    long = replace(
        empty, began_ns=0, ended_ns=300_000, gpus=(GpuSeen(index=0, name="H200", used=curve),)
    )
    events = loaded(long)["traceEvents"]
    used = [e["args"]["MiB"] for e in events if e["ph"] == "C"]
    assert len(used) < 110_000
    assert max(used) == round(1e9 / (1 << 20), 3)


X = {"ph": "X", "pid": 1, "tid": 1, "name": "one", "ts": 0.0, "dur": 5.0}
B = {"ph": "b", "pid": 1, "tid": 1, "name": "request", "cat": "request", "id": "1", "ts": 0.0}


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([X, {**X, "name": "two", "ts": 3.0}], "“two” overlaps “one”"),
        ([{**X, "ts": 3.0}, X], "goes back in time"),
        ([{**X, "dur": -1.0}], "ends before it begins"),
        ([B], "request never ends"),
        ([B, B], "an id that is not its own"),
        ([B, {**B, "ph": "e"}, B], "an id that is not its own"),
        ([{**B, "ph": "e"}], "has no begin"),
        ([B, {**B, "ph": "n", "id": "2"}], "has no begin"),
    ],
)
def test_a_broken_trace_is_refused(events, says):
    with pytest.raises(ExportError, match=says) as caught:
        check(events)
    assert caught.value.hint
