"""What is known of the answers of a server, in words."""

import time
from dataclasses import replace

import pytest
from support import pictures
from support.builders import reference, server, spec

from sleeptui.core.canary import Check, Grade, Verdict, Verification
from sleeptui.core.learned import Learned
from sleeptui.core.model import State
from sleeptui.core.settings import Canary
from sleeptui.tui.glyphs import ASCII
from sleeptui.tui.present import Look
from sleeptui.tui.present_proof import check_line, grade_words, proof_rows
from sleeptui.tui.spans import plain
from sleeptui.tui.tones import Tone

LOOK = Look(now_s=pictures.NOW_S, epoch_s=pictures.WALL_S - pictures.NOW_S)
DAY = 86_400.0


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def clock(at_s):
    return f"t-{pictures.NOW_S - at_s:.0f}"


def rows(view, look=LOOK, width=100):
    return [plain(each).strip() for each in proof_rows(view, look, width, clock)]


def judged(grade, *, decodes=True, matches=None, words="so it is", **fields):
    verdict = Verdict(grade=grade, decodes=decodes, matches=matches, words=words)
    return Verification(at_s=pictures.NOW_S - 5, verdict=verdict, **fields)


def test_a_verified_server_says_when_against_what_and_how_fast():
    assert rows(server(verification=pictures.asked())) == [
        "decodes ✓ matches ✓ identical",
        "the same 16 tokens as before; asked at t-94; first token 52 ms; reference of 13:06:40",
    ]


def test_a_reference_of_another_day_has_its_date():
    old = replace(pictures.asked(), reference_wall_s=pictures.WALL_S - DAY)
    assert rows(server(verification=old))[1].endswith("reference of 2026-09-20 14:13")


@pytest.mark.parametrize(
    ("verification", "badges", "tone"),
    [
        (judged(Grade.WITHIN_NOISE, matches=True), "decodes ✓ matches ✓ within noise", Tone.GOOD),
        (judged(Grade.LATE_DIVERGENCE, matches=False), "decodes ✓ matches ✗ late divergence",
         Tone.BAD),
        (judged(Grade.GARBAGE, matches=False), "decodes ✓ matches ✗ garbage", Tone.BAD),
        (judged(Grade.GARBAGE, decodes=False, matches=False), "decodes ✗ matches ✗ garbage",
         Tone.BAD),
        (judged(Grade.NO_ANSWER, decodes=False), "decodes ✗ matches ? no answer", Tone.BAD),
        (judged(None), "decodes ✓ matches ?", None),
        (judged(Grade.NO_ANSWER, decodes=False, is_inconclusive=True), "decodes ? matches ?",
         None),
    ],
)  # fmt: skip
def test_each_grade_has_its_two_badges(verification, badges, tone):
    view = server(verification=verification)
    assert rows(view)[0] == badges
    last = proof_rows(view, LOOK, 100, clock)[0][-1]
    assert tone is None or last.tone == tone


def test_ascii_has_its_own_badges():
    view = server(verification=pictures.asked())
    assert rows(view, replace(LOOK, glyphs=ASCII))[0] == "decodes v matches v identical"


@pytest.mark.parametrize("state", [State.SUSPECT, State.NO_CONTROL, State.STALE])
def test_a_server_that_was_asked_shows_it_in_any_state(state):
    assert rows(server(state=state, verification=pictures.asked()))[0].startswith("decodes ✓")


def test_what_the_state_says_already_is_not_said_twice():
    garbage = pictures.asked(99, 98)
    view = server(
        state=State.SUSPECT, verification=garbage, reason=f"garbage: {garbage.verdict.words}"
    )
    assert garbage.verdict.words not in " ".join(rows(view))
    assert rows(view)[1].startswith("asked at t-94")


@pytest.mark.parametrize("state", [State.AWAKE, State.NO_CONTROL])
def test_a_server_that_was_not_asked_says_how_to_ask(state):
    assert rows(server(state=state)) == [
        "decodes ? matches ?",
        "not asked since it is awake; v asks",
    ]


def test_somebody_elses_wake_is_named():
    assert "not asked since somebody else woke it; v asks" in rows(server(check_due=True))
    told = server(check_due=True, reason="somebody else woke it", advice="v verifies it")
    assert rows(told) == ["decodes ? matches ?"]


def test_a_canary_that_is_off_is_said():
    off = spec(canary=Canary(enabled=False))
    assert rows(server(spec=off))[1] == "its canary is off: its answers are not checked"
    assert rows(server(state=State.ASLEEP, spec=off)) == []


def test_a_sleeper_says_what_it_will_be_compared_with():
    known = Learned(reference=reference(taken_wall_s=pictures.WALL_S))
    assert rows(server(state=State.ASLEEP, learned=known)) == [
        "its next wake is compared with the reference of 14:13:20"
    ]
    assert rows(server(state=State.ASLEEP)) == [
        "no reference: its next wake has nothing to be compared with"
    ]


@pytest.mark.parametrize("state", [State.SUSPECT, State.DOWN, State.WEDGED, State.WAKING])
def test_nothing_is_said_of_answers_that_cannot_be(state):
    assert rows(server(state=state)) == []


def test_a_check_as_one_word():
    assert plain(check_line(pictures.asked(), LOOK)) == "✓ identical"
    assert plain(check_line(pictures.asked(99), LOOK)) == "✗ garbage"
    assert check_line(pictures.asked(99), LOOK)[0].tone == Tone.BAD
    unsure = judged(Grade.NO_ANSWER, decodes=False, is_inconclusive=True)
    assert unsure.check is Check.UNVERIFIED
    assert plain(check_line(unsure, LOOK)) == "? not known"
    assert grade_words(judged(None, words="no\x1b[2J thing")) == "no thing"
