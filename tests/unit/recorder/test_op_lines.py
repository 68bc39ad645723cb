import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import memory, metrics, operation, record, server, spec, verification

from sleeptui.core.cold import ColdKind, ColdStart
from sleeptui.core.operation import Cause, Fate, InFlight, Kind, Outcome, Part, Phase
from sleeptui.recorder.line_operations import OpBegin, OpEnd, OpQueued
from sleeptui.recorder.op_lines import (
    begin_line,
    class_of,
    end_line,
    operation_of,
    phase_of,
    queued_line,
    record_of,
    standing,
)

PROVEN = ColdStart(asked=ColdKind.DISK, kind=ColdKind.DISK, resident_before=0.0)
OTHERWISE = ColdStart(asked=ColdKind.DISK, kind=ColdKind.CACHED, resident_before=1.0)
UNKNOWN = ColdStart(asked=ColdKind.DISK)


def again(line):
    return msgspec.json.decode(msgspec.json.encode(line), type=type(line))


@pytest.mark.parametrize(
    ("fields", "fate", "cls"),
    [
        ({}, None, "ok"),
        ({"loop_lag_s": 0.004}, None, "ok"),
        ({"loop_lag_s": 0.006}, None, "disturbed"),
        ({"loop_lag_s": 0.006, "duration_s": 1.0}, None, "ok"),
        ({"loop_lag_s": 0.011, "duration_s": 1.0}, None, "disturbed"),
        ({"loop_lag_s": 0.05, "stamp_lag_s": 0.001}, None, "ok"),
        ({"loop_lag_s": 0.0, "stamp_lag_s": 0.006}, None, "disturbed"),
        ({"loop_lag_s": 0.9, "stamp_lag_s": 0.001}, None, "ok"),
        ({"loop_lag_s": 1.1, "stamp_lag_s": 0.001}, None, "disturbed"),
        ({"loop_lag_s": 1.1, "duration_s": 600.0}, None, "disturbed"),
        ({"outcome": Outcome.CANCELLED}, None, "user_abort"),
        ({"outcome": Outcome.CANCELLED, "cause": Cause.ALREADY_SO}, None, "no_op"),
        ({"outcome": Outcome.UNKNOWN}, None, "timeout"),
        ({"outcome": Outcome.UNKNOWN, "cause": Cause.NO_ANSWER}, None, "timeout"),
        ({"outcome": Outcome.SUSPECT}, None, "invalid:its state says otherwise"),
        ({"outcome": Outcome.SUSPECT, "cause": Cause.NOTHING_FREED}, None, "no_op"),
        ({"outcome": Outcome.SUSPECT, "cause": Cause.GARBAGE}, None, "wrong_output"),
        ({"outcome": Outcome.FAILED, "cause": Cause.OUT_OF_MEMORY}, None, "http_error"),
        ({"outcome": Outcome.FAILED, "cause": Cause.ENGINE_LOST}, None, "engine_dead"),
        ({"outcome": Outcome.FAILED, "cause": Cause.NO_ROOM}, None, "invalid:no room"),
        ({"outcome": Outcome.FAILED, "cause": Cause.NOT_STARTED}, None, "engine_dead"),
        ({"outcome": Outcome.FAILED, "cause": Cause.NOT_STOPPED}, None, "invalid:not stopped"),
        ({"kind": Kind.START, "cold": PROVEN}, None, "ok"),
        ({"kind": Kind.START, "cold": UNKNOWN}, None, "ok"),
        ({"kind": Kind.START, "cold": OTHERWISE}, None, "invalid:cache"),
        ({"outcome": Outcome.FAILED}, None, "http_error"),
        ({"outcome": Outcome.FAILED}, Fate.ABORTED, "invalid:aborted"),
        ({"outcome": Outcome.FAILED}, Fate.CUT, "conn_error"),
        ({"outcome": Outcome.FAILED}, Fate.COMPLETED, "http_error"),
    ],
)
def test_the_class_of_an_attempt(fields, fate, cls):
    assert class_of(record(**fields), fate) == cls


def test_every_cause_has_a_class():
    for cause in Cause:
        assert class_of(record(outcome=Outcome.FAILED, cause=cause)) != "ok"


def test_a_server_as_it_stands():
    view = server(memory=memory(40, gpu=1), metrics=metrics(running=2, sleep="awake"), level=None)
    found = standing(view, sleeping=False, used_b={0: 7, 1: 50}, state="asleep")
    assert (found.state, found.sleeping, found.sleep_state) == ("asleep", False, "awake")
    assert (found.running, found.held_b, found.source, found.used_b) == (2, 40, "measured", {1: 50})


def test_gpus_of_a_server_are_all_where_its_own_are_not_known():
    view = server(metrics=None)
    found = standing(view, sleeping=None, used_b={0: 7, 1: 50})
    assert (found.used_b, found.running, found.held_b) == ({0: 7, 1: 50}, None, None)
    assert (found.state, found.sleep_state, found.process_start_s) == ("awake", None, None)
    view = server(spec=spec(gpus=(1, 2)), metrics=metrics(sleep="awake", process_start_s=None))
    assert standing(view, sleeping=None, used_b={0: 7, 1: 50}).used_b == {1: 50}


def test_an_operation_comes_back():
    waits = operation(phase=Phase.QUEUED, level=1, mode="wait", note="waits for GPU 0", began_s=5.0)
    line = again(queued_line(waits, 5.0))
    assert operation_of(line, 5.0) == waits
    runs = operation(Kind.WAKE, phase=Phase.RELOADING, level=2, parent=7, began_s=5.25)
    line = again(begin_line(runs, 5.5, None))
    assert (line.t, line.began_ns) == (5_500_000_000, 5_250_000_000)
    assert operation_of(line, 5.25) == runs


def test_words_of_a_newer_version():
    line = OpBegin(t=1, s="qwen", op=1, name="hibernate", phase="freezing", began_ns=1)
    assert (operation_of(line, 0.0).kind, operation_of(line, 0.0).phase) == (
        Kind.PROMPT,
        Phase.CALLING,
    )
    assert operation_of(OpQueued(t=1, s="qwen", op=1, name="sleep"), 0.0).phase is Phase.QUEUED
    assert phase_of("settling") is Phase.SETTLING
    line = OpEnd(
        t=1,
        s="qwen",
        op=1,
        name="sleep",
        outcome="melted",
        cause="sun",
        cls="ok",
        began_ns=0,
        duration_s=1.0,
    )
    assert (record_of(line).outcome, record_of(line).cause) == (Outcome.UNKNOWN, None)


_seconds = st.none() | st.sampled_from([0.0, 0.25, 3.5])
_bytes = st.none() | st.integers(-5, 1 << 40)


@given(
    st.builds(
        record,
        kind=st.sampled_from(Kind),
        outcome=st.sampled_from(Outcome),
        cause=st.none() | st.sampled_from(Cause),
        began_s=st.sampled_from([1.0, 2.5]),
        sent_s=_seconds,
        done_s=_seconds,
        level=st.none() | st.integers(0, 2),
        mode=st.none() | st.sampled_from(["wait", "abort", "keep"]),
        parts=st.lists(st.builds(Part, name=st.text(), duration_s=st.just(0.5))).map(tuple),
        freed_bytes=_bytes,
        residual_bytes=_bytes,
        host_bytes=_bytes,
        in_flight=st.none()
        | st.builds(
            InFlight,
            running=st.none() | st.integers(0, 9),
            waiting=st.none() | st.integers(0, 9),
            finished=st.just({"stop": 2}),
            ours=st.dictionaries(st.sampled_from(Fate), st.integers(0, 9)),
        ),
        verification=st.none() | st.just(verification()),
        first_token_s=_seconds,
        tokens_per_s=_seconds,
        server_s=_seconds,
        loop_lag_s=st.just(0.25),
        stamp_lag_s=_seconds,
        message=st.text(),
        known=st.lists(st.text()).map(tuple),
        hint=st.text(),
        is_forced=st.booleans(),
    )
)
def test_a_record_comes_back_as_it_was(told):
    assert record_of(again(end_line(told, 9.0, "ok", None))) == told
