"""Words of the sleep options."""

import pytest
from support import builders as build

from sleeptui.core.model import SleepLevel, SleepMode
from sleeptui.core.operation import InFlight, Kind, Outcome
from sleeptui.tui import sleeping

OLD = build.facts("0.12.0")


def busy(name="qwen", *, running=3, waiting=1, **fields):
    return build.server(name, metrics=build.metrics(running=running, waiting=waiting), **fields)


def test_the_usual_level_is_that_of_the_last_sleep_that_went_through():
    history = (
        build.record(Kind.WAKE),
        build.record(Kind.SLEEP, level=0, outcome=Outcome.FAILED),
        build.record(Kind.SLEEP, level=2),
        build.record(Kind.SLEEP, level=1),
    )
    assert sleeping.usual_level(build.server(history=history)) is SleepLevel.DISCARD


def test_the_usual_level_without_history_is_the_configured_one():
    assert sleeping.usual_level(build.server(spec=build.spec(level=2))) is SleepLevel.DISCARD
    assert sleeping.usual_level(build.server(spec=build.spec(level=7))) is SleepLevel.OFFLOAD


def test_levels_are_refused_with_the_reason_of_the_first_that_cannot():
    views = [build.server(), build.server("old", facts=OLD)]
    assert sleeping.level_refusal(views, SleepLevel.OFFLOAD) == ""
    assert sleeping.level_refusal(views, SleepLevel.PAUSE).startswith("old: level 0")
    ancient = [build.server(facts=build.facts("0.10.0"))]
    assert "reload" in sleeping.level_refusal(ancient, SleepLevel.DISCARD)


def test_modes_need_a_version_that_has_them_waiting_does_not():
    views = [build.server("old", facts=OLD)]
    assert sleeping.mode_refusal(views, SleepMode.WAIT) == ""
    assert "0.12.0" in sleeping.mode_refusal(views, SleepMode.ABORT)
    unknown = [build.server(facts=build.facts(None))]
    assert "unknown version" in sleeping.mode_refusal(unknown, SleepMode.KEEP)
    assert sleeping.mode_refusal([build.server()], SleepMode.KEEP) == ""


def test_no_mode_is_sent_to_a_version_that_would_ignore_it():
    assert sleeping.sent_mode(build.server(), SleepMode.KEEP) is SleepMode.KEEP
    assert sleeping.sent_mode(build.server(facts=OLD), SleepMode.WAIT) is None


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (SleepMode.ABORT, "3 running and 1 waiting requests are cut off now"),
        (SleepMode.KEEP, "3 running and 1 waiting requests are frozen"),
        (SleepMode.WAIT, "3 running and 1 waiting requests are in flight: running ones finish"),
    ],
)
def test_the_fate_of_the_requests_is_said_with_counts(mode, words):
    assert sleeping.fate([busy()], mode).startswith(words)


def test_one_request_is_singular():
    assert sleeping.fate([busy(running=1, waiting=0)], SleepMode.ABORT).startswith(
        "1 running request is cut off"
    )


def test_an_idle_server_loses_nothing():
    assert "nothing is lost" in sleeping.fate([build.server()], SleepMode.ABORT)


def test_our_own_drain_is_bounded_and_says_so():
    sentence = sleeping.fate([busy(facts=OLD)], SleepMode.WAIT)
    assert "within 2 m 00 s, else nothing is sent" in sentence


def test_an_unknown_queue_is_not_called_idle():
    sentence = sleeping.fate([build.server(metrics=None)], SleepMode.ABORT)
    assert sentence == "The queue of qwen cannot be read: whatever is in flight is cut off."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_names_are_joined_as_in_a_sentence(given, said):
    assert sleeping.names(given) == said


def test_the_last_time_is_that_of_the_same_level_and_mode():
    history = (
        build.record(Kind.SLEEP, level=1, mode="abort", outcome=Outcome.FAILED),
        build.record(Kind.SLEEP, level=1, mode="wait", duration_s=2.5),
        build.record(
            Kind.SLEEP,
            level=1,
            mode="abort",
            duration_s=0.33,
            freed_bytes=83 << 30,
            in_flight=InFlight(running=6, waiting=2, finished={"abort": 8}),
        ),
    )
    view = build.server(history=history)
    told = sleeping.last_time([view], SleepLevel.OFFLOAD, SleepMode.ABORT)
    assert told == "Last time: 0.33 s, freed 83.0 GiB, 8 in flight: 8 aborted."
    wait = sleeping.last_time([view], SleepLevel.OFFLOAD, SleepMode.WAIT)
    assert wait == "Last time: 2.50 s."
    assert sleeping.last_time([view], SleepLevel.DISCARD, SleepMode.ABORT) == ""
    assert sleeping.last_time([view, view], SleepLevel.OFFLOAD, SleepMode.WAIT) == ""
