"""A trial whose sleep found nothing in flight does not count; what is lost in it does."""

import pytest
from support.sessions import S, attempt, request, session

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.fates import Class
from sleeptui.core.judge import judge
from sleeptui.core.measure_fates import in_flight
from sleeptui.core.operation import InFlight
from sleeptui.core.session import PhaseSeen
from sleeptui.core.trials import trials
from sleeptui.core.verdict import Expectation, Word

TRIAL = 3
PROMPT = {"server_s": 0.29}
"""The server took the sleep at once: 10 ms after it was sent."""
SLOW = {"server_s": 0.05}
"""It took it 0.25 s after it was sent, or its answer was under way for so long."""


def stream(ended_s, **fields):
    """Under way at second 10, when the sleep is sent; it has ended whole at ``ended_s``."""
    chunks = ((int(9.5 * S), 8), (int(min(ended_s, 30.0) * S), 32))
    values = {"phase": TRIAL, "cohort": "inflight", "equal": True, "chunks": chunks}
    return request(9.0, ended_s, **{**values, **fields})


def frozen(**fields):
    return stream(25.0, gap_covers_sleep=True, **fields)


def aborted(**fields):
    return stream(10.1, finish_reason="abort", fate="aborted", **fields)


def told(*requests, mode="keep", took_s=0.3, sleep=PROMPT, cls="ok", **fields):
    """A trial: the sleep is sent at second 10 and answered ``took_s`` later, the wake at 20."""
    phase = BenchPhase(
        id=TRIAL,
        kind=PhaseKind.TRIAL,
        title="",
        server="qwen",
        mode=mode,
        level=1,
        streams=len(requests),
    )
    return session(
        attempt(
            "sleep", took_s, at_s=10, phase=TRIAL, mode=mode, record=dict(sleep or {}), **fields
        ),
        attempt("wake", 0.5, at_s=20, phase=TRIAL),
        phases=(PhaseSeen(phase=phase, began_ns=8 * S, ended_ns=30 * S, cls=cls),),
        requests=requests,
    )


def trial(*requests, **fields):
    (found,) = trials(told(*requests, **fields))
    return found


def verdicts(seen, mode="keep"):
    """Of what the mode promises, and of what is never lost."""
    values = {"question": "in_flight", "title": "x", "op": ">=", "threshold": 1.0}
    expected = Expectation(id="x", metric="in_flight.expected", mode=mode, **values)
    answered = Expectation(id="y", metric="in_flight.answered", **values)
    return [(one.word, one.n, one.reason) for one in judge([expected, answered], seen)]


OVER = "may have been answered before the server took the sleep"


@pytest.mark.parametrize("mode", ["wait", "abort", "keep"])
@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ((9.8, 9.9), "2 of 2 requests had ended before the sleep was sent"),
        ((9.8, 26.0), "1 of 2 requests had ended before the sleep was sent"),
        ((10.1, 10.2), f"2 of 2 requests {OVER}"),
        ((10.2, 10.7), f"1 of 2 requests {OVER}"),
    ],
)
def test_streams_that_were_over_before_the_sleep_took_hold(mode, ends, why):
    seen = told(*map(stream, ends), mode=mode, took_s=0.6, sleep={"server_s": 0.4})
    (found,) = trials(seen)
    assert (found.invalid, found.is_doubtful) == (why, True)
    assert (found.counted, found.around) == ((), ())
    assert verdicts(seen, mode) == [(Word.INVALID, 0, f"none of 1 counts: 1 x {why}")] * 2


@pytest.mark.parametrize(("ended_s", "counts"), [(10.24, False), (10.26, True)])
def test_without_a_figure_of_the_server_a_sleep_is_taken_to_be_under_way_for_a_while(
    ended_s, counts
):
    found = trial(stream(ended_s), frozen(), sleep=None)
    assert (found.invalid == "") is counts
    assert [one.cls for one in found.of("inflight")] == [Class.DRAINED, Class.RESUMED_EXACT]


@pytest.mark.parametrize(
    ("mode", "requests", "fails"),
    [
        ("keep", (stream(10.28), frozen()), "1 of 2 did not: 1 drained"),
        ("abort", (stream(10.28), aborted()), "1 of 2 did not: 1 drained"),
        ("wait", (frozen(), stream(10.28)), "1 of 2 did not: 1 resumed exact"),
        ("keep", (stream(12.0), frozen()), "1 of 2 did not: 1 unclassified"),
        ("keep", (frozen(equal=False), frozen()), "1 of 2 did not: 1 resumed differs"),
        ("keep", (aborted(), frozen()), "1 of 2 did not: 1 aborted"),
    ],
)
def test_what_a_server_does_wrong_that_took_the_sleep_at_once(mode, requests, fails):
    seen = told(*requests, mode=mode)
    assert verdicts(seen, mode) == [(Word.FAIL, 2, fails), (Word.PASS, 2, "")]


@pytest.mark.parametrize(
    "late",
    [
        {"took_s": 0.7, "sleep": {"server_s": 0.3}},
        {"sleep": {"server_s": 0.3, "stamp_lag_s": 0.4}},
        {"sleep": {"stamp_lag_s": 0.4}},
    ],
)
def test_where_the_machine_was_too_busy_to_tell_nothing_fails(late):
    seen = told(stream(12.0), stream(25.0, gap_covers_sleep=True), mode="keep", **late)
    why = "too busy to tell: what was under way came up to 0.40 s late"
    assert trials(seen)[0].invalid == why
    assert [word for word, *_ in verdicts(seen)] == [Word.INVALID] * 2


def test_it_cannot_be_told_whether_what_was_so_late_had_waited_for_the_wake():
    told_s = {"server_s": 4.99, "stamp_lag_s": 6.0}
    late = trial(stream(20.5), stream(17.0), mode="wait", took_s=5.0, sleep=told_s)
    assert late.invalid == "1 of 2 requests may have been answered only after the wake"
    assert late.is_doubtful


def test_stamps_of_the_streams_may_be_late_as_well():
    late = trial(stream(12.0, late_s=0.3), frozen())
    assert late.invalid == "too busy to tell: what was under way came up to 0.30 s late"
    probe = stream(12.0, cohort="probe", late_s=0.3)
    assert trial(stream(12.0), frozen(), probe).invalid == ""
    a_little = trial(stream(10.7, late_s=0.2), mode="wait")
    assert (a_little.invalid, a_little.expected) == ("", 1)


def test_a_busy_machine_is_no_excuse_for_what_came_out_right():
    found = trial(frozen(), frozen(late_s=0.9), took_s=0.9)
    assert (found.invalid, found.expected) == ("", 2)


@pytest.mark.parametrize(
    ("running", "waiting", "counts"), [(0, 0, False), (1, 0, False), (1, 1, True), (2, None, True)]
)
def test_the_server_had_fewer_requests_left_than_we_had_open(running, waiting, counts):
    left = InFlight(running=running, waiting=waiting)
    found = trial(stream(12.0), stream(12.0), sleep={**PROMPT, "in_flight": left})
    told_why = f"the server had {running + (waiting or 0)} of 2 requests left before the sleep"
    assert found.invalid == ("" if counts else told_why)
    good = trial(frozen(), frozen(), sleep={**PROMPT, "in_flight": left})
    assert good.invalid == ""  # its figures may be of a moment ago


def test_streams_that_were_nearly_answered_do_not_count():
    found = trial(frozen(max_tokens=8), frozen())
    assert found.invalid == "1 of 2 requests were nearly answered before the sleep"


LOST = [
    ({"fate": "hung"}, "hung"),
    ({"fate": "lost"}, "lost"),
    ({"finish_reason": None, "terminated": False, "error": "the connection broke"}, "truncated"),
    ({"finish_reason": "error"}, "errored"),
    ({"http": 503, "error": "503", "finish_reason": None}, "refused"),
]


@pytest.mark.parametrize("mode", ["wait", "abort", "keep"])
@pytest.mark.parametrize(("fields", "cls"), LOST)
@pytest.mark.parametrize("other", [9.8, 10.2])
def test_a_real_loss_fails_also_where_the_trial_does_not_count(mode, fields, cls, other):
    seen = told(
        stream(26.0, late_s=2.0, **fields), stream(other), mode=mode, took_s=0.9, sleep=SLOW
    )
    (found,) = trials(seen)
    assert found.is_doubtful
    fails = (Word.FAIL, 1, f"1 of 1 did not: 1 {cls}")
    assert verdicts(seen, mode) == [fails, fails]
    (row,) = in_flight(seen)
    assert (row.fates, row.invalid, row.expected.n) == ({cls: 1}, 1, 1)


def test_a_loss_beside_the_streams_is_one_too():
    seen = told(stream(9.8), stream(26.0, cohort="late", fate="hung"), mode="wait")
    (promised, _, _), answered = verdicts(seen, "wait")
    assert (promised, answered) == (Word.INVALID, (Word.FAIL, 1, "1 of 1 did not: 1 hung"))


@pytest.mark.parametrize(("mode", "word"), [("wait", Word.FAIL), ("abort", Word.INVALID)])
def test_an_abort_is_one_whenever_it_came(mode, word):
    seen = told(aborted(), stream(9.8), mode=mode)
    assert verdicts(seen, mode)[0][0] is word


def test_a_text_that_differs_is_wrong_also_on_a_busy_machine():
    busy = {"took_s": 0.9, "sleep": SLOW}
    seen = told(frozen(equal=False), stream(15.0), **busy)
    assert verdicts(seen)[0] == (Word.FAIL, 1, "1 of 1 did not: 1 resumed differs")
    tie = told(frozen(equal=False, tie=True), stream(15.0), **busy)
    assert verdicts(tie)[0][0] is Word.INVALID


def test_what_we_stopped_ourselves_lost_nothing():
    seen = told(stream(26.0, fate="hung"), frozen(), cls="user_abort")
    assert [word for word, *_ in verdicts(seen)] == [Word.NOT_RUN] * 2
    back = told(stream(26.0, fate="hung"), stream(26.0, fate="cut", error="given up"))
    assert trials(back)[0].invalid == "1 of 2 requests were taken back"
    assert [word for word, *_ in verdicts(back)] == [Word.INVALID] * 2
