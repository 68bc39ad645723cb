from dataclasses import replace

import pytest
from support.benches import asked, phase
from support.builders import verification
from support.sessions import S, attempt, session

from sleeptui.core.canary import Check
from sleeptui.core.judge import judge
from sleeptui.core.operation import Cause
from sleeptui.core.verdict import Expectation, Word


def only(seen, metric, **fields):
    values = {"id": "x", "question": "stability", "title": "x", "op": ">=", "threshold": 1.0}
    (found,) = judge([Expectation(metric=metric, **{**values, **fields})], seen)
    return found


def cycle(number, **fields):
    values = {"question": "stability", "nth": number, "level": 1}
    return phase(number, "cycle", **{**values, **fields})


def moved(number, check=Check.VERIFIED, **fields):
    """The sleep and the wake of a cycle."""
    told = {"verification": verification(check)} if check else {}
    return attempt("sleep", phase=number), attempt("wake", phase=number, record=told, **fields)


def test_cycles_in_a_row():
    phases = (cycle(1), cycle(2), cycle(3, cls="user_abort"), cycle(4), cycle(5, level=2))
    seen = session(*moved(1), *moved(2), *moved(4), *moved(5), phases=phases)
    found = only(seen, "stability.cycles", level=1)
    assert (found.word, found.value, found.n) == (Word.PASS, 1.0, 3)
    assert found.low == pytest.approx(0.05 ** (1 / 3))


def test_a_cycle_whose_wake_is_wrong_has_failed():
    phases = (cycle(1), cycle(2, cls="timeout", note="no answer in time"), cycle(3))
    seen = session(*moved(1, cls="wrong_output"), *moved(2), phases=phases)
    found = only(seen, "stability.cycles")
    assert (found.word, found.value) == (Word.FAIL, 0.0)
    assert found.reason == "3 of 3 did not: cycle 1: ok (and 2 more)"


@pytest.mark.parametrize(
    ("lag_s", "sent_ns", "word", "n"),
    [(1.2, None, Word.PASS, 1), (0.9, None, Word.FAIL, 2), (1.2, 5 * S, Word.FAIL, 2)],
)
def test_a_cycle_counts_unless_we_stood_still_when_it_was_to_be_sent(lag_s, sent_ns, word, n):
    phases = (cycle(1), cycle(2, cls="invalid:rejected", note="nothing was sent"))
    told = {"loop_lag_s": lag_s}
    unsent = attempt("sleep", phase=2, cls="invalid:rejected", sent_ns=sent_ns, record=told)
    running = attempt("sleep", phase=1, cls="unfinished", sent_ns=None, record=None)
    found = only(session(*moved(1), unsent, phases=phases), "stability.cycles")
    assert (found.word, found.n) == (word, n)
    assert only(session(running, phases=phases[:1]), "stability.cycles").word is Word.FAIL


def test_cycles_that_were_all_stopped_are_no_figure():
    seen = session(phases=(cycle(1, cls="user_abort", note="ctrl+c"),))
    found = only(seen, "stability.cycles")
    assert (found.word, found.reason) == (Word.NOT_RUN, "none of 1 counts: 1 x ctrl+c")
    seen = session(phases=(cycle(1, cls="time_over"), cycle(2, cls="invalid:gone")))
    assert only(seen, "stability.cycles").word is Word.INVALID


def test_a_rate_below_one_has_an_interval():
    phases = tuple(cycle(number) for number in range(1, 41))
    every = [one for number in range(1, 41) for one in moved(number)]
    seen = session(*every, phases=phases)
    assert only(seen, "stability.cycles", threshold=0.9).word is Word.PASS
    few = only(seen, "stability.cycles", threshold=0.9, min_n=59)
    assert few.reason == "19 more without a failure would do"
    assert only(seen, "stability.cycles", threshold=0.99).reason == "too few to tell"
    half = session(*every[:40], phases=phases)
    found = only(half, "stability.cycles", threshold=0.9)
    assert found.word is Word.FAIL
    assert found.low < 0.5 < found.high


def test_answers_after_wakes():
    phases = (cycle(1), cycle(2), cycle(3), cycle(4))
    good, bad = moved(1), moved(2, Check.CHANGED)
    none, busy = moved(3, None), moved(4)
    busy = (
        busy[0],
        replace(
            busy[1],
            record=replace(
                busy[1].record,
                verification=replace(busy[1].record.verification, is_inconclusive=True),
            ),
        ),
    )
    seen = session(*good, *bad, *none, *busy, attempt("wake"), phases=phases)
    found = only(seen, "stability.canary")
    assert (found.word, found.n, found.reason) == (Word.FAIL, 2, "1 of 2 did not: 1 garbage")
    assert only(session(*none, phases=phases), "stability.canary").word is Word.NOT_RUN


def test_engines_that_live():
    phases = (cycle(1), cycle(2), cycle(3))
    lost = attempt("wake", phase=3, cls="http_error", record={"cause": Cause.ENGINE_LOST})
    gone = attempt("sleep", phase=3, cls="unfinished", record=None)
    seen = session(*moved(1), *moved(2, cls="engine_dead"), lost, gone, phases=phases)
    found = only(seen, "stability.alive")
    assert (found.word, found.n) == (Word.FAIL, 5)
    assert found.reason == "2 of 5 did not: wake at level 1 (and 1 more)"
    assert only(session(phases=phases), "stability.alive").word is Word.NOT_RUN


def trial(number, **fields):
    values = {"question": "in_flight", "level": 1, "mode": "abort", "streams": 2}
    return phase(number, "trial", **{**values, **fields})


def flown(number, *ends, at_s=0.0):
    """A sleep at second 5, a wake at 10, and requests from second 1 on that ended so."""
    sleep = attempt("sleep", phase=number, mode="abort", at_s=at_s + 5)
    wake = attempt("wake", phase=number, at_s=at_s + 10)
    requests = []
    for end in ends:
        one = asked(at_s + 1, cohort="inflight", phase=number)
        chunks = ((int((at_s + 2) * S), 4),)
        values = {"ended_ns": int((at_s + 5.1) * S), "chunks": chunks}
        if end == "aborted":
            values |= {"finish_reason": "abort", "fate": "aborted"}
        if end == "cut":
            values |= {"finish_reason": None, "fate": "cut", "error": "reset", "terminated": False}
        if end == "early":
            values |= {"ended_ns": int((at_s + 3) * S)}
        requests.append(replace(one, **values))
    return (sleep, wake), requests


def flights(*trials, phases):
    attempts = [one for those, _ in trials for one in those]
    requests = tuple(one for _, those in trials for one in those)
    return session(*attempts, phases=phases, requests=requests)


def test_requests_in_flight_become_what_the_mode_promises():
    seen = flights(flown(1, "aborted", "aborted"), phases=(trial(1), trial(9, server="code")))
    asked_for = Expectation(
        id="x", question="in_flight", title="x", metric="in_flight.expected", op=">=", threshold=1
    )
    found = judge([replace(asked_for, mode="abort"), replace(asked_for, mode="keep")], seen)
    assert [(one.server, one.word, one.n) for one in found] == [
        ("qwen", Word.PASS, 2),
        ("code", Word.INVALID, 0),
        ("qwen", Word.NOT_RUN, 0),
        ("code", Word.NOT_RUN, 0),
    ]
    assert found[1].reason == "none of 1 counts: 1 x no sleep was sent"


def test_how_many_went_on_with_another_text_is_told():
    (sleep, wake), requests = flown(1, "kept", "kept", "kept")
    kept = [
        replace(
            one,
            ended_ns=13 * S,
            chunks=((2 * S, 4), (12 * S, 8)),
            equal=equal,
            tie=None if equal else True,
        )
        for one, equal in zip(requests, (True, False, False), strict=True)
    ]
    seen = flights(((sleep, wake), kept), phases=(trial(1, mode="keep"),))
    found = only(seen, "in_flight.expected", mode="keep")
    assert (found.word, found.n) == (Word.PASS, 3)
    assert found.reason == "2 of 3 with another text from two as likely tokens on"


def test_requests_that_are_cut_off_are_told():
    phases = (trial(1), trial(2))
    both = flown(1, "aborted", "cut"), flown(2, "early", "aborted", at_s=20)
    seen = flights(*both, phases=phases)
    found = only(seen, "in_flight.answered")
    assert (found.word, found.n, found.reason) == (Word.FAIL, 2, "1 of 2 did not: 1 truncated")
    assert only(seen, "in_flight.expected").reason == "1 of 2 did not: 1 truncated"
    good = flights(flown(1, "aborted", "aborted"), both[1], phases=phases)
    assert only(good, "in_flight.answered").reason == "1 of 2 trials do not count"
    early = only(flights(both[1], phases=phases[1:]), "in_flight.answered")
    assert early.word is Word.INVALID


def test_proof_by_use():
    told = {"verification": verification()}
    good = [attempt("sleep", phase=1), attempt("wake", phase=1, server="code", record=told)]
    bad = [attempt("sleep", phase=2)]
    phases = (phase(1, "proof", level=1), phase(2, "proof", level=2))
    seen = session(*good, *bad, phases=phases)
    held = only(seen, "memory.proof", level=1)
    assert (held.word, held.reason) == (
        Word.PASS,
        "whether it needs the freed space was not measured",
    )
    found = only(seen, "memory.proof")
    assert (found.word, found.n) == (Word.FAIL, 2)
    assert found.reason == (
        "1 of 2 did not: the other server at level 2: the wake in its place was not verified"
    )
    off = [good[0], attempt("wake", phase=1, server="code", record={})]
    unasked = only(session(*off, phases=phases[:1]), "memory.proof")
    assert (unasked.word, unasked.reason) == (
        Word.NOT_RUN,
        "none of 1 counts: 1 x whether code answers as before is not known",
    )
    stopped = session(phases=(phase(1, "proof", level=1, cls="user_abort"),))
    found = only(stopped, "memory.proof")
    assert (found.word, found.reason) == (Word.NOT_RUN, "none of 1 counts: 1 x it was stopped")
