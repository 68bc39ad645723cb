import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sessions import S, attempt, request, session

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.fates import Class
from sleeptui.core.measure_fates import in_flight
from sleeptui.core.operation import InFlight
from sleeptui.core.session import CountsSeen, PhaseSeen
from sleeptui.core.trials import trials

TRIAL, CONTROL = 3, 2


def phase(number=TRIAL, kind=PhaseKind.TRIAL, cls="ok", **fields):
    values = {"server": "qwen", "mode": "keep", "level": 1, "streams": 2, **fields}
    about = BenchPhase(id=number, kind=kind, title="", **values)
    return PhaseSeen(phase=about, began_ns=8 * S, ended_ns=30 * S, cls=cls)


def stream(cohort="inflight", **fields):
    """Two tokens before the sleep, two after the wake, its text that of its control."""
    values = {"phase": TRIAL, "cohort": cohort, "equal": True, "ended_s": 25.0, **fields}
    values.setdefault("chunks", ((int(9.5 * S), 2), (int(20.6 * S), 4)))
    values.setdefault("max_gap_s", 11.1)
    values.setdefault("gap_covers_sleep", True)
    return request(9.0, **values)


def late(**fields):
    values = {"first_ns": 21 * S, "chunks": ((21 * S, 1),), "gap_covers_sleep": False}
    return stream(**{"cohort": "late", "sent_ns": 11 * S, **values, **fields})


def counts(moment, at_s, **fields):
    return CountsSeen(at_ns=at_s * S, server="qwen", phase=TRIAL, moment=moment, **fields)


def told(*requests, phases=None, attempts=None, **fields):
    if attempts is None:
        attempts = (
            attempt("sleep", 0.3, at_s=10, phase=TRIAL),
            attempt("wake", 0.5, at_s=20, phase=TRIAL),
        )
    return session(*attempts, phases=phases or (phase(),), requests=requests, **fields)


def test_a_session_by_hand_has_none():
    assert trials(session(attempt(), requests=(request(),))) == ()


def test_a_trial_in_which_all_went_well():
    (trial,) = trials(told(stream(), stream(), late(), request(1.0, phase=1), request(1.0)))
    assert (trial.server, trial.mode, trial.level, trial.streams) == ("qwen", "keep", 1, 2)
    assert [one.cls for one in trial.counted] == [Class.RESUMED_EXACT] * 2
    assert (trial.expected, trial.broken, trial.mismatches, trial.invalid) == (2, (), (), "")
    (other,) = trial.of("late")
    assert (other.cls, other.is_expected, other.stall_s) == (Class.RELEASED, True, 10.0)
    assert trial.counted[0].stall_s == 11.1
    assert (trial.sleep.kind, trial.wake.kind) == ("sleep", "wake")


ENDED = {"ended_s": 10.4, "chunks": ((int(9.5 * S), 2),), "gap_covers_sleep": False}
WITHOUT = {"chunks": (), "first_ns": 22 * S}


@pytest.mark.parametrize(
    ("mode", "fields", "cls", "expected"),
    [
        ("wait", ENDED, Class.DRAINED, True),
        ("wait", {}, Class.RESUMED_EXACT, False),
        ("wait", WITHOUT, Class.RELEASED, True),
        ("abort", {**ENDED, "finish_reason": "abort"}, Class.ABORTED, True),
        ("abort", ENDED, Class.DRAINED, False),
        ("abort", WITHOUT, Class.RELEASED, True),
        ("keep", {"equal": False}, Class.RESUMED_DIFFERS, False),
        ("keep", ENDED, Class.DRAINED, False),
        ("keep", WITHOUT, Class.RELEASED, True),
        ("keep", {"fate": "hung"}, Class.HUNG, False),
        ("keep", {"finish_reason": None}, Class.TRUNCATED, False),
    ],
)
def test_what_a_mode_promises_a_stream(mode, fields, cls, expected):
    (trial,) = trials(told(stream(**fields), phases=(phase(mode=mode, streams=1),)))
    (flight,) = trial.counted
    assert (flight.cls, flight.is_expected) == (cls, expected)
    assert flight.cohort == ("queued" if fields is WITHOUT else "inflight")


@pytest.mark.parametrize(
    ("mode", "cohort", "fields", "expected"),
    [
        ("abort", "late", {"finish_reason": "abort"}, True),
        ("keep", "late", {"finish_reason": "abort"}, False),
        ("keep", "probe", {"ended_s": 9.5}, True),
        ("keep", "parked", {"ended_s": 9.5}, False),
        ("wait", "parked", {"fate": "lost"}, False),
        ("wait", "probe", {"sent_ns": 22 * S, "first_ns": 23 * S}, True),
    ],
)
def test_all_others_are_to_be_answered(mode, cohort, fields, expected):
    (trial,) = trials(told(late(cohort=cohort, **fields), phases=(phase(mode=mode),)))
    (flight,) = trial.of(cohort)
    assert flight.is_expected is expected
    assert trial.counted == ()


def test_a_request_without_its_control_is_not_judged():
    (trial,) = trials(told(stream(equal=None)))
    assert (trial.counted, trial.of("inflight")[0].cls) == ((), Class.RESUMED)


@pytest.mark.parametrize(("tie", "expected"), [(True, 1), (False, 0), (None, 0)])
def test_another_text_is_no_doing_of_the_sleep_where_two_tokens_were_as_likely(tie, expected):
    control = phase(CONTROL, PhaseKind.CONTROL)
    asked = [
        request(1.0, cohort="control", phase=CONTROL, equal=equal) for equal in (None, True, False)
    ]
    (trial,) = trials(told(stream(equal=False, tie=tie), *asked, phases=(control, phase())))
    assert trial.differs == (1, 2)
    assert (trial.expected, trial.counted[0].cls) == (expected, Class.RESUMED_DIFFERS)


@pytest.mark.parametrize(
    ("fields", "requests", "why"),
    [
        ({"cls": "invalid:busy"}, (), "invalid:busy"),
        ({"cls": "user_abort"}, (), "user_abort"),
        ({"cls": "engine_dead"}, (stream(fate="lost"),), ""),
        ({}, (stream(ended_s=9.9),), "1 of 1 requests had ended before the sleep was sent"),
        ({}, (stream(error="given up"), stream()), "1 of 2 requests were taken back"),
    ],
)
def test_which_trials_do_not_count(fields, requests, why):
    (trial,) = trials(told(*requests, phases=(phase(**fields),)))
    assert trial.invalid == why


def test_without_a_sleep_it_does_not_count():
    attempts = (attempt("wake", phase=TRIAL), attempt("sleep", sent_ns=None, phase=TRIAL))
    (trial,) = trials(told(stream(), attempts=attempts))
    assert (trial.sleep, trial.wake, trial.invalid) == (None, None, "no sleep was sent")


def checked(*requests, mode="keep", counted=(), **fields):
    (trial,) = trials(told(*requests, phases=(phase(mode=mode),), counts=counted, **fields))
    return {one.what: (one.ours, one.theirs) for one in trial.checks}, trial


def test_what_the_server_counted_is_held_against_what_we_saw():
    counted = (
        counts("before", 9, running=2, waiting=0, ours=2, finished={"stop": 3.0, "length": 1.0}),
        counts("after", 30, finished={"stop": 3.0, "length": 3.0}),
    )
    found, trial = checked(stream(), stream(), counted=counted)
    assert found == {
        "streams with a class": (2, 2),
        "open before the sleep": (2, 2),
        "ended with length": (2, 2),
        "resumed, by its preemptions": (2, None),
        "that went on while it was asleep": (0, 0),
    }
    assert trial.mismatches == ()


def test_a_difference_is_shown():
    counted = (
        counts("before", 9, running=3, waiting=None, ours=2, preemptions=1.0),
        counts("after", 30, finished={"abort": 1.0}, preemptions=2.0),
    )
    falling = ((int(9.5 * S), 2), (int(10.4 * S), 3), (15 * S, 4), (21 * S, 5))
    found, trial = checked(stream(), stream(), stream(chunks=falling), counted=counted)
    assert found["open before the sleep"] == (2, None)
    assert found["ended with length"] == (3, None)
    assert {one.what for one in trial.mismatches} == {
        "streams with a class",
        "ended with abort",
        "resumed, by its preemptions",
        "that went on while it was asleep",
    }


@pytest.mark.parametrize(("rise", "agrees"), [(0, False), (1, True), (2, True), (3, False)])
def test_one_without_a_token_may_have_been_preempted_as_well(rise, agrees):
    counted = (counts("before", 9, preemptions=1.0), counts("after", 30, preemptions=1.0 + rise))
    queued = stream(chunks=(), first_ns=22 * S)
    _, trial = checked(stream(), queued, late(began_ns=15 * S), counted=counted)
    (check,) = [one for one in trial.checks if one.what == "resumed, by its preemptions"]
    assert check.agrees is agrees


def test_wait_and_abort_leave_no_stream_open():
    found, trial = checked(stream(), stream(ended_s=10.4), mode="wait")
    assert found["streams open after the answer to the sleep"] == (1, 0)
    assert trial.mismatches
    unslept, _ = checked(stream(), mode="wait", attempts=())
    assert set(unslept) == {"streams with a class"}


def test_the_matrix_has_a_row_for_each_arm():
    record = {"in_flight": InFlight(running=2, waiting=0, finished={"abort": 2.0})}
    attempts = (
        attempt("sleep", 0.3, at_s=10, phase=TRIAL, mode="keep", cycle=1, record=record),
        attempt("wake", 0.5, at_s=20, phase=TRIAL, cycle=1),
        attempt("sleep", 0.3, at_s=40, mode="wait", cycle=2),
    )
    every = told(
        stream(),
        stream(fate="lost"),
        late(),
        request(39.0, 40.2),
        attempts=attempts,
        phases=(phase(), phase(4, cls="user_abort"), phase(5, mode="abort", cls="invalid:x")),
    )
    by_hand, nothing, kept = in_flight(every)
    assert (by_hand.mode, by_hand.server, by_hand.fates) == ("wait", "", {"drained": 1})
    assert (kept.server, kept.mode, kept.streams, kept.sleeps, kept.invalid) == (
        "qwen", "keep", 2, 1, 1,
    )  # fmt: skip
    assert (kept.fates, kept.running) == ({"lost": 1, "resumed_exact": 1}, 2)
    assert (kept.expected.k, kept.expected.n) == (1, 2)
    assert kept.cohorts == {"late": {"released": 1}}
    assert (kept.finished, kept.worst_stall_s, kept.checks) == ({"abort": 2}, 11.1, (2, 2))
    assert (nothing.mode, nothing.sleeps, nothing.expected, nothing.invalid) == (
        "abort",
        0,
        None,
        1,
    )


@given(
    ends=st.lists(st.floats(min_value=9.1, max_value=40), max_size=6),
    mode=st.sampled_from(["wait", "abort", "keep"]),
)
def test_the_classes_of_a_trial_sum_to_its_streams(ends, mode):
    every = told(
        *(stream(ended_s=at_s) for at_s in ends),
        late(),
        phases=(phase(mode=mode, streams=len(ends)),),
    )
    (trial,) = trials(every)
    (row,) = in_flight(every)
    check = next(one for one in trial.checks if one.what == "streams with a class")
    assert check.agrees
    if not trial.invalid:
        assert row.requests == len(ends) == len(trial.counted)
