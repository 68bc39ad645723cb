"""The tables: a row for all that was tried, read back as it was."""

import csv
import io
from dataclasses import replace

import pytest

from sleeptui.core.session import Attempt, ServerSeen
from sleeptui.recorder.exports.measured import Measured, grade_of
from sleeptui.recorder.exports.requests_csv import requests_csv
from sleeptui.recorder.exports.results_csv import COLUMNS, results_csv
from sleeptui.recorder.exports.tables import table

SPECIFIED = [
    "run_id",
    "env_id",
    "server",
    "model",
    "arm",
    "level",
    "mode",
    "cold_kind",
    "block",
    "cycle",
    "nth_in_process",
    "interval",
    "value_s",
    "class",
    "freed_bytes",
    "residual_bytes",
    "canary",
]


def rows(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_every_attempt_is_there_with_its_class(measured):
    those = rows(results_csv(measured))
    assert list(COLUMNS[: len(SPECIFIED)]) == SPECIFIED
    assert {int(row["attempt"]) for row in those} == {one.id for one in measured.session.attempts}
    bad = {row["class"] for row in those} - {"ok"}
    assert bad == {"http_error", "no_op", "user_abort"}


def test_values_are_those_of_the_intervals(measured):
    those = rows(results_csv(measured))
    (wakes,) = [i for i in measured.intervals if (i.server, i.id) == ("code", "wake.ttft")]
    told = [
        float(row["value_s"])
        for row in those
        if (row["server"], row["interval"], row["class"]) == ("code", "wake.ttft", "ok")
    ]
    assert told == list(wakes.values)


def test_a_failure_has_the_time_that_it_took(measured):
    (row,) = [row for row in rows(results_csv(measured)) if row["class"] == "http_error"]
    assert row["interval"] == "wake.ready_l2"
    assert 0 < float(row["value_s"]) < 0.1


def test_what_never_ended_is_a_row_without_a_value(empty):
    one = Attempt(id=1, kind="wake", server="a", model="a", level=1, began_ns=5, cls="unfinished")
    both = (one, replace(one, id=2, kind="other"))
    session = replace(empty, servers=(ServerSeen(name="a", url="http://a"),), attempts=both)
    first, second = rows(results_csv(Measured(session)))
    assert (first["interval"], first["value_s"], first["class"]) == ("wake.call", "", "unfinished")
    assert second["interval"] == "other"
    assert grade_of(one) is None


def test_canaries_are_graded(measured):
    grades = {row["canary"] for row in rows(results_csv(measured))}
    assert {"", "identical", "within noise"} <= grades


def test_a_canary_that_says_nothing_is_busy_or_has_no_reference(session):
    one = next(one for one in session.attempts if one.record and one.record.verification)
    verification = one.record.verification
    bare = replace(verification, verdict=replace(verification.verdict, grade=None))
    busy = replace(verification, is_inconclusive=True)
    told = [
        grade_of(replace(one, record=replace(one.record, verification=v))) for v in (bare, busy)
    ]
    assert told == ["nothing to compare with", "busy"]


def test_every_request_is_there(session):
    those = rows(requests_csv(session))
    assert len(those) == len(session.requests)
    assert {row["fate"] for row in those} >= {"completed", "aborted"}
    for row, one in zip(those, session.requests, strict=True):
        if one.first_ns and one.sent_ns:
            assert float(row["ttft_s"]) == (one.first_ns - one.sent_ns) / 1e9


def test_a_request_of_which_little_is_known_has_empty_cells(session):
    one = replace(
        session.requests[0], sent_ns=None, scheduled_ns=None, first_ns=None, ended_ns=None
    )
    (row,) = rows(requests_csv(replace(session, requests=(one,))))
    assert row["ttft_s"] == row["tpot_s"] == row["e2el_s"] == row["ended_s"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)"])
def test_no_text_runs_in_a_spreadsheet(text):
    assert table(("a",), [(text,)]) == f"a\n'{text}\n".encode()


def test_cells_are_plain():
    data = table(("a", "b", "c", "d"), [(True, False, None, 0.1), ("x,y\n\x1b[31mz", -1, 2.5, "ü")])
    assert data.decode() == 'a,b,c,d\ntrue,false,,0.1\n"x,y z",-1,2.5,ü\n'
