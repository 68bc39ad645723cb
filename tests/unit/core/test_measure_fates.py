import pytest
from support import journals
from support.builders import verification
from support.sessions import attempt, request, session

from sleeptui.core.canary import Verdict, Verification
from sleeptui.core.measure_fates import canaries, classes, in_flight, reliability
from sleeptui.core.operation import InFlight
from sleeptui.core.session import CanarySeen
from sleeptui.recorder.fold import fold


@pytest.fixture(scope="module")
def sample():
    return fold(journals.lines())


def test_reliability_of_the_sample(sample):
    found = {
        (one.server, one.kind, one.level): (one.rate.k, one.rate.n, dict(one.classes))
        for one in reliability(sample)
    }
    assert found == {
        ("summarize", "sleep", 1): (15, 16, {"no_op": 1, "ok": 15}),
        ("summarize", "wake", 1): (16, 16, {"ok": 16}),
        ("summarize", "switch", None): (3, 3, {"ok": 3}),
        ("summarize", "prompt", None): (1, 1, {"ok": 1, "user_abort": 1}),
        ("code", "sleep", 2): (9, 9, {"ok": 9}),
        ("code", "wake", 2): (9, 10, {"http_error": 1, "ok": 9}),
        ("code", "switch", None): (3, 3, {"ok": 3}),
        ("code", "prompt", None): (2, 2, {"ok": 2}),
        ("code", "verify", None): (1, 1, {"ok": 1}),
    }


def test_what_was_not_tried_does_not_count():
    every = session(
        attempt(cls="ok"),
        attempt(cls="disturbed"),
        attempt(cls="timeout"),
        attempt(cls="user_abort"),
        attempt(cls="unfinished", record=None),
        attempt(cls="invalid:no room"),
        attempt("wake", cls="user_abort"),
    )
    slept, woken = reliability(every)
    assert (slept.rate.k, slept.rate.n) == (2, 3)
    assert sum(slept.classes.values()) == 6
    assert woken.rate is None
    assert set(classes(every).values()) >= {"ok", "disturbed", "timeout"}


def test_canaries_of_the_sample(sample):
    assert canaries(sample) == {
        "summarize": {"identical": 16},
        "code": {"identical": 9, "within noise": 1},
    }


def test_canaries_that_say_nothing():
    verdict = Verdict(grade=None, decodes=True, matches=None, words="")
    bare = Verification(at_s=0.0, verdict=verdict)
    busy = Verification(at_s=0.0, verdict=verification().verdict, is_inconclusive=True)
    those = [CanarySeen(at_ns=0, server="qwen", verification=one) for one in (busy, bare)]
    assert canaries(session(canaries=tuple(those))) == {
        "qwen": {"nothing to compare with": 1, "busy": 1}
    }


def test_requests_in_flight_of_the_sample(sample):
    found = {(one.mode, one.level): one for one in in_flight(sample)}
    assert set(found) == {("abort", 1), ("keep", 1)}
    cut, kept = found["abort", 1], found["keep", 1]
    assert (cut.sleeps, cut.running, cut.requests) == (1, 1, 1)
    assert (cut.fates, cut.finished) == ({"aborted": 1}, {"abort": 1})
    assert cut.worst_stall_s is None
    assert kept.fates == {"resumed": 1}
    assert kept.worst_stall_s == pytest.approx(7, abs=0.5)


def sleeping(**fields):
    return attempt("sleep", 0.3, at_s=10, cycle=1, mode="wait", **fields)


def woken(**fields):
    return attempt("wake", 0.5, at_s=20, cycle=1, **fields)


def test_the_matrix_counts_a_request_once_and_others_by_the_servers_figures():
    told = {"in_flight": InFlight(running=3, waiting=1, finished={"length": 2.0, "stop": 0.0})}
    every = session(
        attempt("prompt", at_s=9),
        sleeping(record=told),
        woken(),
        attempt("sleep", at_s=30, mode=None, cycle=2),
        attempt("sleep", at_s=40, cls="unfinished", record=None, sent_ns=None),
        attempt("sleep", at_s=41, cls="unfinished", record=None),
        requests=(
            request(9.0, 35.0, max_gap_s=10.0, gap_covers_sleep=True),
            request(9.5, 9.9),
            request(29.0, None),
            request(50.0, 51.0),
            request(9.0, 11.0, server="other"),
            request(9.0, 11.0, sent_ns=None),
        ),
    )
    (row,) = in_flight(every)
    assert (row.mode, row.level, row.sleeps, row.running) == ("wait", 1, 2, 4)
    assert row.fates == {"hung": 1, "resumed": 1}
    assert row.finished == {"length": 2}
    assert row.worst_stall_s == 10.0


def test_a_sleep_without_a_record_can_catch_a_request():
    every = session(
        attempt("sleep", at_s=10, mode="keep", cls="unfinished", record=None),
        requests=(request(9.0, None),),
    )
    (row,) = in_flight(every)
    assert (row.running, row.fates) == (0, {"hung": 1})
