"""Which events get a notice, and what it says."""

import pytest
from support import builders as build

from sleeptui.core.errors import NotAllowed
from sleeptui.core.events import Noted, OperationEnded, OperationQueued, OperationStarted
from sleeptui.core.operation import Kind, Outcome
from sleeptui.tui import notices
from sleeptui.tui.notices import Notices


def ended(**fields):
    return OperationEnded(at_s=1.0, record=build.record(**fields))


def test_a_wake_that_ended_well_says_how_long_it_took():
    notice = Notices().of(ended(kind=Kind.WAKE, duration_s=0.38))
    assert notice is not None
    assert (notice.title, notice.severity) == ("qwen awake · 0.38 s", "information")


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
    assert notice.text == "it said no. restart it"


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
    assert notice.text == "qwen is asleep. wake it"
