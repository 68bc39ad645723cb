"""What was done with a server, in words."""

import pytest
from support import pictures
from support.builders import GIB, operation, record, server

from sleeptui.core.cold import ColdKind, ColdStart
from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Fate, InFlight, Kind, Outcome, Part, Phase
from sleeptui.tui.present import Look
from sleeptui.tui.present_operations import in_flight_words, operation_lines
from sleeptui.tui.spans import plain
from sleeptui.tui.tones import Tone

NOW = pictures.NOW_S
LOOK = Look(now_s=NOW)


def clock(at_s):
    return f"t-{NOW - at_s:.0f}"


def text(view, width=100):
    return [plain(line).rstrip() for line in operation_lines(view, LOOK, width, clock)]


def slept(**fields):
    values = {"began_s": NOW - 40, "duration_s": 0.33, "level": 1, "freed_bytes": 83 * GIB}
    return record(Kind.SLEEP, **{**values, **fields})


def test_the_newest_says_all_that_its_record_says():
    last = slept(
        residual_bytes=2 * GIB,
        message="qwen is asleep at level 1",
        known=("/is_sleeping: true", "the metric says\x1b[2J level 1"),
        hint="w wakes it",
        in_flight=InFlight(running=6, waiting=2, finished={"abort": 8}, ours={Fate.FROZEN: 2}),
    )
    assert text(server(history=(last,))) == [
        "t-40 ✓ sleep L1 0.33 s freed 83.0 GiB · holds 2.0 GiB",
        "  qwen is asleep at level 1",
        "  → w wakes it",
        "  · 8 in flight: 8 aborted; ours: 2 frozen",
        "  · /is_sleeping: true",
        "  · the metric says level 1",
    ]


def test_requests_that_the_record_tells_of_are_told_once():
    flight = InFlight(running=6, waiting=2, finished={"abort": 8})
    last = slept(known=("requests: 6 running and 2 waiting before it",), in_flight=flight)
    assert not any("in flight" in line for line in text(server(history=(last,))))


def test_older_ones_have_a_line_and_bad_ones_their_reason():
    older = (
        slept(message="well done", known=("seen",), hint="nothing"),
        slept(outcome=Outcome.FAILED, freed_bytes=None, message="it said no", hint="restart it",
              known=("a 500",)),
    )  # fmt: skip
    assert text(server(history=(slept(), *older)))[1:] == [
        "t-40 ✓ sleep L1 0.33 s freed 83.0 GiB",
        "t-40 ✗ sleep L1 0.33 s failed",
        "  it said no",
        "  → restart it",
    ]


@pytest.mark.parametrize(
    ("width", "told"),
    [(60, "freed 83.0 GiB · holds 2.0 GiB"), (50, "freed 83.0 GiB"), (30, "")],
)
def test_what_does_not_fit_is_left_out_whole(width, told):
    (line,) = text(server(history=(slept(residual_bytes=2 * GIB, message=""),)), width)
    assert line == f"t-40 ✓ sleep L1 0.33 s {told}".rstrip()


def test_a_prompt_is_not_what_is_told_in_full():
    prompt = record(Kind.PROMPT, began_s=NOW, first_token_s=0.04, message="16 tokens")
    lines = text(server(history=(prompt, slept(message="asleep"))))
    assert lines[0].endswith("TTFT 40 ms")
    assert lines[-1] == "  asleep"


def test_what_the_state_tells_to_do_is_not_told_again():
    bad = record(Kind.WAKE, outcome=Outcome.FAILED, message="no", hint="restart it")
    assert "  → restart it" in text(server(history=(bad,)))
    assert "  → restart it" not in text(server(history=(bad,), advice="restart it"))


@pytest.mark.parametrize("kind", [Kind.WAKE, Kind.SWITCH, Kind.VERIFY])
def test_a_check_is_a_badge_and_a_word(kind):
    good = record(kind, began_s=NOW, verification=pictures.asked(), first_token_s=0.6, parts=())
    bad = record(kind, began_s=NOW, verification=pictures.asked(99), outcome=Outcome.SUSPECT,
                 cause=Cause.GARBAGE, parts=(), is_forced=True)  # fmt: skip
    lines = text(server(history=(good, bad)))
    assert lines[0].endswith("✓ identical · TTFT 0.60 s")
    assert lines[1].endswith("✗ garbage · suspect · forced")


def test_a_check_alone_needs_no_parts():
    alone = record(Kind.VERIFY, began_s=NOW, verification=pictures.asked())
    assert text(server(history=(alone,))) == ["t-0 ✓ verify   0.30 s ✓ identical"]


def test_a_sleep_shows_its_check_only_where_the_answers_had_changed():
    well, changed = (slept(verification=pictures.asked(*tokens)) for tokens in ((), (99,)))
    assert "identical" not in text(server(history=(well,)))[0]
    assert "✗ garbage · freed 83.0 GiB" in text(server(history=(changed,)))[0]


def test_a_switch_shows_its_parts():
    parts = (Part(name="sleep llama", duration_s=0.15), Part(name="wake qwen", duration_s=0.32))
    switch = record(Kind.SWITCH, began_s=NOW - 9, duration_s=0.66, parts=parts)
    assert text(server(history=(switch,))) == [
        "t-9 ✓ switch   0.66 s sleep llama 0.15 s · wake qwen 0.32 s"
    ]


def test_what_runs_now_stands_first_with_the_time_it_should_take():
    running = operation(Kind.WAKE, began_s=NOW - 0.4)
    lines = text(server(state=State.WAKING, operation=running, expected_s=0.53))
    assert lines == ["t-0 ▶ wake sent 0.4 s of about 0.53 s"]


def test_a_verification_that_runs_needs_no_second_word():
    running = operation(Kind.VERIFY, began_s=NOW - 0.1, phase=Phase.VERIFYING)
    assert text(server(operation=running)) == ["t-0 ▶ verify 0.1 s"]
    waking = operation(Kind.WAKE, began_s=NOW - 0.1, phase=Phase.VERIFYING)
    assert text(server(operation=waking)) == ["t-0 ▶ wake verifying 0.1 s"]


def test_only_the_last_ones_are_listed():
    assert len(text(server(history=tuple(slept(began_s=NOW - each) for each in range(30))))) == 8


def test_a_start_says_how_long_it_takes_and_from_what_it_came():
    starting = operation(Kind.START, phase=Phase.STARTING, began_s=NOW - 12)
    (line,) = text(server(operation=starting, expected_s=41.0))
    assert line.endswith("starting 12 s of about 41.0 s")
    cold = ColdStart(kind=ColdKind.DISK)
    ended = record(Kind.START, duration_s=41.2, first_token_s=41.5, cold=cold)
    assert text(server(history=(ended,)))[0].endswith("start    41.2 s TTFT 41.5 s · cold disk")
    unknown = record(Kind.START, duration_s=41.2, first_token_s=41.5, cold=ColdStart())
    assert text(server(history=(unknown,)))[0].endswith("TTFT 41.5 s")


def test_a_bad_end_has_the_colour_of_its_outcome():
    failed = record(Kind.WAKE, outcome=Outcome.FAILED, message="out of memory")
    (_, why) = operation_lines(server(history=(failed,)), LOOK, 80, clock)
    assert why[0].tone == Tone.BAD


@pytest.mark.parametrize(
    ("flight", "words"),
    [
        (InFlight(running=0, waiting=0), ""),
        (InFlight(running=0, waiting=0, ours={Fate.COMPLETED: 0}), ""),
        (InFlight(running=6, waiting=2, finished={"abort": 8}), "8 in flight: 8 aborted"),
        (InFlight(running=3, waiting=0, finished={"stop": 1, "length": 2}),
         "3 in flight: 3 completed"),
        (InFlight(running=2, waiting=0, ours={Fate.FROZEN: 2}), "2 in flight; ours: 2 frozen"),
        (InFlight(running=2, waiting=1, finished={"abort": 1, "stop": 1, "odd\x07": 1},
                  ours={Fate.ABORTED: 1, Fate.PARKED: 0}),
         "3 in flight: 1 aborted, 1 completed, 1 odd; ours: 1 aborted"),
        (InFlight(running=None, waiting=0), "requests in flight not known"),
    ],
)  # fmt: skip
def test_the_fate_of_the_requests_in_flight(flight, words):
    assert in_flight_words(flight) == words
