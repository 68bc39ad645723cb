"""Which events get a notice, and what it says."""

from dataclasses import replace

import pytest
from support import builders as build
from support import pictures

from sleeptui.core.errors import NotAllowed
from sleeptui.core.events import (
    Marked,
    Noted,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
)
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.tui import notices
from sleeptui.tui.notices import Notices


def ended(**fields):
    return OperationEnded(at_s=1.0, record=build.record(**fields))


def test_a_wake_that_ended_well_says_how_long_it_took():
    notice = Notices().of(ended(kind=Kind.WAKE, duration_s=0.38))
    assert notice is not None
    assert (notice.title, notice.severity) == ("qwen awake · 0.38 s", "information")


@pytest.mark.parametrize(("kind", "word"), [(Kind.START, "started"), (Kind.STOP, "stopped")])
def test_a_start_and_a_stop_say_how_long_they_took(kind, word):
    notice = Notices().of(ended(kind=kind, duration_s=41.2))
    assert notice is not None
    assert notice.title == f"qwen {word} · 41.2 s"


@pytest.mark.parametrize(("level", "word"), [(0, "paused"), (1, "asleep"), (2, "asleep")])
def test_level_0_is_a_pause_and_no_sleep(level, word):
    notice = Notices().of(ended(kind=Kind.SLEEP, level=level, duration_s=0.38))
    assert notice is not None
    assert notice.title == f"qwen {word} · 0.38 s"


@pytest.mark.parametrize(
    ("outcome", "severity", "words"),
    [
        (Outcome.FAILED, "error", "sleep of qwen failed"),
        (Outcome.SUSPECT, "warning", "sleep of qwen suspect"),
        (Outcome.UNKNOWN, "warning", "sleep of qwen not known to have ended"),
        (Outcome.CANCELLED, "information", "sleep of qwen cancelled"),
    ],
)
def test_a_bad_end_says_what_is_true_and_what_helps(outcome, severity, words):
    notice = Notices().of(ended(outcome=outcome, message="it said no.", hint="restart it"))
    assert notice is not None
    assert (notice.title, notice.severity) == (words, severity)
    assert notice.text == "it said no. Restart it"


def test_the_parts_of_a_switch_are_told_by_the_switch():
    heard = Notices()
    part = build.operation(Kind.SLEEP, "code", parent=7)
    own = build.operation(Kind.SLEEP, "qwen")
    assert heard.of(OperationQueued(at_s=0.0, operation=part)) is None
    assert heard.of(OperationStarted(at_s=0.0, operation=part)) is None
    assert heard.of(OperationStarted(at_s=0.0, operation=own)) is None
    assert heard.of(ended(id=part.id, server="code")) is None
    assert heard.of(ended(id=own.id)) is not None


def test_prompts_and_other_events_get_none():
    heard = Notices()
    assert heard.of(ended(kind=Kind.PROMPT)) is None
    assert heard.of(Noted(at_s=0.0, server=None, severity="bad", text="x")) is None


def test_text_from_servers_is_cleaned():
    notice = Notices().of(
        ended(server="q\x1b[31mwen", outcome=Outcome.FAILED, message="no\x07\nroom")
    )
    assert notice is not None
    assert notice.title == "sleep of qwen failed"
    assert notice.text == "no room"


def test_a_refusal_is_a_warning_with_its_hint():
    notice = notices.of_error(NotAllowed("qwen is asleep", hint="wake it"))
    assert (notice.title, notice.severity) == ("Not now", "warning")
    assert notice.text == "qwen is asleep. Wake it"


def asked_for(**fields):
    """The notice of a verification that the user has asked for."""
    heard = Notices()
    event = ended(kind=Kind.VERIFY, **fields)
    heard.asked(event.record.id)
    notice = heard.of(event)
    assert notice is not None
    return notice


@pytest.mark.parametrize(
    ("verification", "title"),
    [
        (pictures.asked(), "qwen verified · identical"),
        (pictures.asked(99), "qwen answers otherwise · garbage"),
        (pictures.asked(with_reference=False), "qwen answers · nothing to compare with"),
        (replace(pictures.asked(), is_inconclusive=True), "qwen not verified · not known"),
        (None, "verify of qwen done"),
    ],
)
def test_a_verification_that_was_asked_for_is_told(verification, title):
    assert asked_for(verification=verification).title == title


def test_a_check_that_nobody_asked_for_is_told_only_if_it_does_not_match():
    heard = Notices()
    assert heard.of(ended(kind=Kind.VERIFY, verification=pictures.asked())) is None
    assert heard.of(ended(kind=Kind.VERIFY, verification=None)) is None
    bad = heard.of(
        ended(kind=Kind.VERIFY, verification=pictures.asked(99), outcome=Outcome.SUSPECT,
              cause=Cause.GARBAGE)
    )  # fmt: skip
    assert bad is not None
    assert bad.severity == "error"


def test_a_wake_that_was_checked_says_so():
    notice = Notices().of(ended(kind=Kind.WAKE, duration_s=0.5, verification=pictures.asked()))
    assert notice is not None
    assert notice.title == "qwen awake and verified · 0.50 s"


@pytest.mark.parametrize(
    ("cause", "title"),
    [(Cause.GARBAGE, "qwen answers garbage"), (Cause.NO_TOKENS, "qwen does not answer")],
)
def test_a_server_that_serves_what_is_wrong_is_an_error_with_what_to_do(cause, title):
    notice = Notices().of(
        ended(kind=Kind.WAKE, outcome=Outcome.SUSPECT, cause=cause, message="it is awake",
              hint="w reads its weights again")
    )  # fmt: skip
    assert notice is not None
    assert (notice.title, notice.severity) == (title, "error")
    assert notice.text == "it is awake. w reads its weights again"


def test_a_late_divergence_is_not_called_garbage():
    late = pictures.asked(*range(1, 9), *range(40, 48))
    notice = Notices().of(
        ended(kind=Kind.WAKE, outcome=Outcome.SUSPECT, cause=Cause.GARBAGE, verification=late)
    )
    assert notice is not None
    assert notice.title == "qwen answers otherwise than before"


@pytest.mark.parametrize(
    ("event", "title", "text", "severity"),
    [
        (RecordingBegan(at_s=1.0, path="/s/1"), "Recording", "/s/1", "information"),
        (
            RecordingRefused(at_s=1.0, problem="/s: permission denied", hint="use another"),
            "No recording",
            "/s: permission denied. Use another",
            "error",
        ),
        (
            RecordingTroubled(at_s=1.0, problem="the disk is full"),
            "Recording troubled",
            "the disk is full",
            "error",
        ),
        (RecordingEnded(at_s=1.0, path="/s/1"), "Recorded", "/s/1", "information"),
        (
            RecordingEnded(at_s=1.0, path="/s/1", problem="the disk is full"),
            "Recorded, not whole",
            "the disk is full. /s/1",
            "error",
        ),
        (Marked(at_s=1.0, text="mark 2"), "Marked", "mark 2", "information"),
    ],
)
def test_what_a_recording_does_is_told(event, title, text, severity):
    notice = Notices().of(event)
    assert notice is not None
    assert (notice.title, notice.text, notice.severity) == (title, text, severity)


def test_the_end_of_a_trouble_is_seen_by_the_light_alone():
    assert Notices().of(RecordingTroubled(at_s=1.0, problem="")) is None
