import pytest
from support import journals
from support.sessions import S, attempt, request, session

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.session import CountsSeen, PhaseSeen
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.report_flights import in_flight
from sleeptui.recorder.fold import fold


def phase(number, kind=PhaseKind.TRIAL, **fields):
    values = {"server": "qwen", "mode": "keep", "level": 1, "streams": 1, "title": "keep, 1 of 5"}
    about = BenchPhase(id=number, kind=kind, **{**values, **fields})
    return PhaseSeen(phase=about, began_ns=8 * S, ended_ns=30 * S, cls="ok")


def flight(number, **fields):
    values = {
        "cohort": "inflight",
        "phase": number,
        "equal": True,
        "chunks": ((int(9.5 * S), 2), (int(20.6 * S), 4)),
        "max_gap_s": 11.1,
        "gap_covers_sleep": True,
    }
    return request(9.0, 25.0, **{**values, **fields})


def moves(number):
    return (
        attempt("sleep", 0.3, at_s=10, phase=number),
        attempt("wake", 0.5, at_s=20, phase=number),
    )


def told(every):
    return "\n".join(in_flight(Measured(every)))


def cells(page, *begin):
    """The cells of the first row that begins with these."""
    for line in page.splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if row[: len(begin)] == list(begin):
            return row
    raise LookupError(begin)


def test_nothing_in_flight_is_no_section():
    assert told(session(attempt())) == ""


def test_by_hand_it_is_as_it_was():
    page = told(fold(journals.lines()))
    assert cells(page, "abort", "1")[2:5] == ["1", "1", "1"]
    assert "In a trial" not in page


def test_the_matrix_of_a_benchmark():
    page = told(fold(journals.bench_lines()))
    assert cells(page, "summarize", "abort", "1")[3:6] == ["4", "1", "4"]
    assert "4 of 4" in page
    assert cells(page, "code", "wait", "1", "parked")[4:6] == ["2", "2 released"]
    assert cells(page, "streams with a class")[1:] == ["6", "6"]
    assert "differed" not in page
    assert "the server's |" not in page


def test_a_queue_a_probe_and_trials_that_do_not_count():
    probe = flight(
        1, cohort="probe", sent_ns=12 * S, scheduled_ns=int(11.5 * S), first_ns=21 * S,
        chunks=((21 * S, 1),),
    )  # fmt: skip
    never = flight(1, cohort="probe", sent_ns=None, first_ns=None, fate="lost", chunks=())
    every = session(
        *moves(1),
        *moves(2),
        phases=(phase(1, streams=2), phase(2, streams=2)),
        requests=(
            flight(1),
            flight(1, chunks=(), first_ns=22 * S),
            probe,
            never,
            flight(2, error="given up"),
        ),
    )
    page = told(every)
    row = cells(page, "qwen", "keep", "1", "2")
    assert row[4] == "1 (1 not counted)"
    assert "2 of 2" in row
    assert cells(page, "qwen", "keep", "1", "probe")[4:] == [
        "2", "1 lost, 1 released", "9.50", "9.50", "0.500",
    ]  # fmt: skip


@pytest.mark.parametrize("trials", [1, 25])
def test_what_the_server_counts_otherwise_is_listed(trials):
    numbers = range(1, trials + 1)
    every = session(
        *(one for number in numbers for one in moves(number)),
        phases=tuple(phase(number) for number in numbers),
        requests=tuple(flight(number) for number in numbers),
        counts=tuple(
            CountsSeen(at_ns=9 * S, server="qwen", phase=n, moment="before", running=3, waiting=0)
            for n in numbers
        ),
    )
    page = told(every)
    assert cells(page, "keep, 1 of 5", "open before the sleep")[2:] == ["0", "3"]
    assert cells(page, "open before the sleep")[1:] == [str(trials), "0"]
    assert ("5 more are in `results.json`" in page) is (trials == 25)


def test_what_differs_without_a_sleep_is_said():
    control = phase(2, PhaseKind.CONTROL)
    asked = (request(1.0, cohort="control", phase=2, equal=equal) for equal in (None, True, False))
    page = told(
        session(*moves(1), phases=(control, phase(1)), requests=(flight(1, equal=None), *asked))
    )
    assert "Without a sleep 1 of 2 answers differed" in page
    assert cells(page, "qwen", "keep", "1", "1")[4:] == ["1", "1", "11.1"]


def test_modes_and_reasons_from_outside_are_no_markup():
    nasty = "<script>|"
    every = session(
        *moves(1),
        phases=(phase(1, mode=nasty),),
        requests=(
            flight(1, finish_reason=nasty),
            flight(1, cohort="parked", sent_ns=12 * S),
        ),
        counts=tuple(
            CountsSeen(
                at_ns=at_s * S, server="qwen", phase=1, moment=moment, running=0, waiting=0,
                finished={nasty: at_s},
            )
            for at_s, moment in ((9, "before"), (29, "after"))
        ),
    )  # fmt: skip
    page = told(every)
    assert "ended with &lt;script&gt;\\|" in page
    assert "<script" not in page
    assert {line.count("&lt;script&gt;\\|") for line in page.splitlines()} == {0, 1}
