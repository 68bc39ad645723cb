from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sessions import S, attempt, request

from sleeptui.core.fates import Class, Tokens, Window, classify, tokens

WINDOW = Window(s0=10 * S, s1=int(10.3 * S), w0=20 * S, w1=int(20.5 * S))


def came(*at_s):
    """A piece of two tokens at each moment."""
    return tuple((int(at * S), 2 * number) for number, at in enumerate(at_s, start=1))


FROZEN = {"ended_s": 25.0, "chunks": came(9.5, 9.9, 20.6, 24.9)}


@pytest.mark.parametrize(
    ("fate", "fields"),
    [
        (Class.HUNG, {"ended_s": None}),
        (Class.HUNG, {"ended_s": 60.0, "fate": "hung", "error": "still open"}),
        (Class.LOST, {"ended_s": 60.0, "fate": "lost", "error": "still open"}),
        (Class.GIVEN_UP, {"ended_s": 12.0, "fate": "cut", "error": "given up"}),
        (Class.REFUSED, {"ended_s": 10.2, "http": 503, "error": "503", "finish_reason": None}),
        (Class.ERRORED, {"ended_s": 12.0, "error": "engine died"}),
        (Class.ERRORED, {"ended_s": 12.0, "finish_reason": "error"}),
        (Class.ABORTED, {"ended_s": 10.2, "finish_reason": "abort"}),
        (Class.ABORTED, {"ended_s": 10.2, "fate": "aborted", "finish_reason": None}),
        (Class.TRUNCATED, {"ended_s": 12.0, "finish_reason": None}),
        (Class.TRUNCATED, {"ended_s": 12.0, "terminated": False}),
        (Class.TRUNCATED, {"ended_s": 12.0, "terminated": False, "error": "the connection broke"}),
        (Class.FINISHED_EARLY, {"ended_s": 9.9}),
        (Class.DRAINED, {"ended_s": 10.4}),
        (Class.UNCLASSIFIED, {"ended_s": 15.0}),
        (Class.RESUMED, {"ended_s": 25.0}),
        (Class.RESUMED, FROZEN),
        (Class.RESUMED_EXACT, {**FROZEN, "equal": True}),
        (Class.RESUMED_DIFFERS, {**FROZEN, "equal": False}),
        (Class.UNCLASSIFIED, {**FROZEN, "chunks": came(9.5, 15.0, 24.9)}),
        (Class.UNCLASSIFIED, {**FROZEN, "chunks": came(9.5, 9.9)}),
        (Class.RELEASED, {"ended_s": 25.0, "first_ns": 21 * S}),
        (Class.RELEASED, {"ended_s": 25.0, "first_ns": None}),
        (Class.SERVED, {"ended_s": 25.0, "sent_ns": 21 * S, "first_ns": 22 * S}),
    ],
)
def test_what_became_of_a_request(fate, fields):
    assert classify(request(9.0, **fields), WINDOW) is fate


def test_without_a_wake_an_answer_or_a_sleep_nothing_is_resumed():
    seen = request(9.0, 25.0)
    assert classify(seen, Window(s0=10 * S, s1=11 * S)) is Class.UNCLASSIFIED
    assert classify(seen, Window(s0=10 * S)) is Class.UNCLASSIFIED
    assert classify(seen, Window()) is Class.UNCLASSIFIED


def test_a_request_that_was_never_written_counts_from_its_begin():
    assert classify(request(21.0, 25.0, sent_ns=None), WINDOW) is Class.SERVED


def test_a_window_is_that_of_the_operations():
    sleep, wake = attempt("sleep", 0.3, at_s=10), attempt("wake", 0.5, at_s=20)
    assert Window.of(sleep, wake) == WINDOW
    assert Window.of(None, None) == Window()
    drained = attempt("sleep", at_s=10, sent_ns=14 * S, record={"parts": (("drain", 4.0),)})
    assert Window.of(drained, None).s0 == Window.of(drained, None).taken == 10 * S
    unanswered = attempt("sleep", at_s=10, done_ns=None, ended_ns=12 * S)
    assert Window.of(unanswered, None) == Window(s0=10 * S, s1=12 * S)


@pytest.mark.parametrize(
    ("told", "taken_s", "late_s", "over_by_s"),
    [
        ({}, None, 0.0, 10.25),
        ({"stamp_lag_s": 0.05}, None, 0.05, 10.3),
        ({"server_s": 0.28}, 10.02, 0.02, 10.04),
        ({"server_s": 0.28, "stamp_lag_s": 0.05}, 10.02, 0.05, 10.07),
        ({"server_s": 0.1, "stamp_lag_s": 0.05}, 10.2, 0.2, 10.4),
        ({"server_s": 0.4}, 10.0, 0.0, 10.0),
    ],
)
def test_when_the_server_took_the_sleep(told, taken_s, late_s, over_by_s):
    window = Window.of(attempt("sleep", 0.3, at_s=10, record=dict(told)), None)
    assert window.taken == (None if taken_s is None else int(taken_s * S))
    assert (window.late, window.over_by) == (int(late_s * S), int(over_by_s * S))
    assert window.on_its_way == int(0.25 * S) + window.late


def test_it_is_not_known_when_a_sleep_without_an_answer_was_taken():
    told = {"server_s": 0.1, "stamp_lag_s": 0.5}
    unanswered = attempt("sleep", at_s=10, done_ns=None, ended_ns=12 * S, record=told)
    assert Window.of(unanswered, None) == Window(s0=10 * S, s1=12 * S, late=S // 2)
    assert Window.of(attempt("sleep", record=None), None).late == 0
    assert Window().over_by is None


def test_a_window_is_as_late_as_the_latest_of_its_stamps():
    window = replace(WINDOW, late=S // 10)
    assert window.heard([]) == window.heard([request(), request(late_s=0.05)]) == window
    late = window.heard([request(late_s=0.4), request(late_s=0.3)])
    assert late == replace(window, late=int(0.4 * S))


def test_what_comes_late_was_on_its_way_for_longer():
    late = replace(WINDOW, late=int(0.2 * S))
    ended = request(9.0, 10.7)
    assert classify(ended, WINDOW) is Class.UNCLASSIFIED
    assert classify(ended, late) is Class.DRAINED
    frozen = request(9.0, 25.0, chunks=came(9.5, 10.7, 20.6))
    assert classify(frozen, WINDOW) is Class.UNCLASSIFIED
    assert classify(frozen, late) is Class.RESUMED
    assert (tokens(frozen, WINDOW).asleep_chunks, tokens(frozen, late).asleep_chunks) == (1, 0)


def test_what_began_after_the_wake_was_released_however_late_things_were():
    late = replace(WINDOW, late=11 * S)
    assert classify(request(10.1, 20.9, first_ns=int(20.6 * S)), late) is Class.RELEASED
    assert classify(request(9.0, 20.9), late) is Class.DRAINED
    assert classify(request(9.0, 20.9, first_ns=None), late) is Class.DRAINED


def test_tokens_by_part_of_the_window():
    seen = request(9.0, 25.0, chunks=came(9.5, 9.9, 10.1, 10.4, 15.0, 20.2, 21.0, 22.0))
    assert tokens(seen, WINDOW) == Tokens(
        before_s0=4, s0_s1=2, asleep=4, w0_w1=2, after_w1=4, asleep_chunks=1
    )
    none = Tokens(before_s0=0, s0_s1=0, asleep=0, w0_w1=0, after_w1=0)
    assert tokens(request(9.0, None), WINDOW) == none
    unslept = tokens(seen, Window())
    assert (unslept.before_s0, unslept.after_w1) == (16, 0)


moments = st.integers(min_value=0, max_value=40 * S)
windows = st.lists(moments, max_size=4).map(
    lambda found: Window(**dict(zip(("s0", "s1", "w0", "w1"), sorted(found), strict=False)))
)
requests = st.fixed_dictionaries(
    {
        "ended_s": st.none() | st.floats(min_value=0, max_value=40),
        "first_ns": st.none() | moments,
        "finish_reason": st.sampled_from([None, "stop", "length", "abort", "error"]),
        "terminated": st.booleans(),
        "error": st.sampled_from([None, "given up", "no"]),
        "fate": st.sampled_from(["completed", "aborted", "cut", "open", "hung", "lost"]),
        "http": st.sampled_from([None, 503]),
        "equal": st.sampled_from([None, True, False]),
        "chunks": st.lists(st.integers(min_value=0, max_value=4 * S), max_size=12).map(
            lambda steps: tuple((at, n) for n, at in enumerate(accumulate(steps), start=1))
        ),
    }
)


@given(fields=requests, window=windows)
def test_every_request_has_one_class_and_every_token_one_part(fields, window):
    seen = request(0.0, **fields)
    assert classify(seen, window) in tuple(Class)
    found = tokens(seen, window)
    parts = (found.before_s0, found.s0_s1, found.asleep, found.w0_w1, found.after_w1)
    assert sum(parts) == len(seen.chunks)
    assert min(parts) >= 0
