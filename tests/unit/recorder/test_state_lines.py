import pytest
from support.builders import operation, record, server, verification

from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.recorder.state_lines import StateLines


def told(states, at_s, state, *, is_look=True, is_proof=False, **fields):
    if is_look:
        states.looked(at_s)
    view = server(state=state, **fields)
    line = states.take(view, at_s, is_look=is_look, is_proof=is_proof)
    return None if line is None else line.by


def awake():
    states = StateLines()
    assert told(states, 0.0, State.AWAKE) == ""
    return states


def test_the_first_one_has_nobody():
    states = StateLines()
    assert told(states, 1.0, State.UNKNOWN) == ""
    assert told(states, 2.0, State.AWAKE) == ""
    assert told(states, 3.0, State.AWAKE) is None


@pytest.mark.parametrize(
    ("state", "by"),
    [
        (State.ASLEEP, "other"),
        (State.PAUSED, "other"),
        (State.DOWN, "server"),
        (State.STALE, "server"),
        (State.STARTING, "server"),
        (State.SUSPECT, "server"),
        (State.WAKING, "other"),
        (State.VERIFYING, "sleeptui"),
    ],
)
def test_what_nobody_of_ours_has_done(state, by):
    assert told(awake(), 1.0, state) == by


def test_a_sleep_of_somebody_else_that_is_suspect_is_somebody_elses():
    states = StateLines()
    told(states, 0.0, State.NO_CONTROL)
    assert told(states, 1.0, State.SUSPECT, level=1) == "other"
    assert told(states, 2.0, State.NO_CONTROL) == "other"
    assert told(states, 3.0, State.SUSPECT) == "server"
    assert told(states, 4.0, State.STALE, level=1) == "server"


def test_back_by_itself():
    states = awake()
    told(states, 1.0, State.DOWN)
    assert told(states, 2.0, State.AWAKE) == "server"


def test_while_ours_acts_and_when_it_has_just_ended():
    states = awake()
    sleep = operation(Kind.SLEEP, phase=Phase.CALLING)
    assert told(states, 1.0, State.FALLING_ASLEEP, operation=sleep, is_look=False) == "sleeptui"
    states.ended(record(Kind.SLEEP), 2.0)
    assert told(states, 2.0, State.ASLEEP, is_look=False) == "sleeptui"
    assert told(states, 2.5, State.ASLEEP, level=1) == "sleeptui"
    assert told(states, 2.6, State.AWAKE) == "other"
    assert told(states, 4.0, State.ASLEEP) == "sleeptui"
    assert told(states, 9.0, State.PARTIAL) == "other"


def test_just_after_a_wake_of_ours():
    states = StateLines()
    told(states, 0.0, State.ASLEEP)
    states.ended(record(Kind.WAKE), 1.0)
    assert told(states, 1.5, State.AWAKE) == "sleeptui"
    assert told(states, 1.6, State.ASLEEP) == "other"
    assert told(states, 1.7, State.AWAKE, check_due=True) == "other"


def test_an_operation_that_did_nothing_explains_nothing():
    states = awake()
    states.ended(record(Kind.SLEEP, outcome=Outcome.CANCELLED), 1.0)
    states.ended(record(Kind.SLEEP, outcome=Outcome.FAILED, cause=Cause.NO_ROOM), 1.0)
    states.ended(record(Kind.PROMPT), 1.0)
    assert told(states, 1.5, State.ASLEEP) == "other"


def test_the_badge_of_an_awake_one():
    states = awake()
    checked = {"verification": verification()}
    assert told(states, 1.0, State.AWAKE, is_look=False, is_proof=True, **checked) == "sleeptui"
    assert told(states, 2.0, State.AWAKE) == "other"


def test_the_last_look_that_said_otherwise():
    states = awake()
    states.looked(1.0)
    states.looked(2.0)
    line = states.take(server(state=State.ASLEEP, level=1), 2.0, is_look=True, is_proof=False)
    assert (line.t, line.last_prev_ns, line.level) == (2_000_000_000, 1_000_000_000, 1)
    line = states.take(server(), 2.5, is_look=False, is_proof=False)
    assert (line.last_prev_ns, line.check) == (2_000_000_000, "unverified")
    assert states.state is State.AWAKE
