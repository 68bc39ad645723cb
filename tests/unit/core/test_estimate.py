import pytest

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.estimate import (
    Remaining,
    Speed,
    about,
    briefing,
    seconds_by_question,
    seconds_of,
    speed_of,
)
from sleeptui.core.learned import Learned
from sleeptui.core.plan import InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.schedule import Subject, schedule

SUBJECTS = (Subject(name="a", partners=("b",)), Subject(name="b", partners=("a",)))
PLAN = Plan(
    name="all",
    latency=Latency(blocks=2, cycles=2),
    memory=Memory(),
    in_flight=InFlight(repeats=2),
    stability=Stability(cycles=3),
    max_duration_s=3600,
)
STEPS = schedule(PLAN, SUBJECTS, 1)


def step(kind, **fields):
    found = [
        one
        for one in STEPS
        if one.phase.kind is kind
        and all(getattr(one.phase, name) == value for name, value in fields.items())
    ]
    return found[0]


def test_a_slow_server_takes_longer():
    slow = {"a": Speed(start_s=600.0, wake_s={1: 30.0, 2: 60.0}), "b": Speed()}
    for kind in (PhaseKind.COLD, PhaseKind.CYCLE, PhaseKind.PROOF, PhaseKind.TRIAL):
        one = step(kind, server="a")
        assert seconds_of(one, PLAN, slow) > seconds_of(one, PLAN, {})


def test_the_first_sleep_of_a_process_is_slower():
    first = step(PhaseKind.CYCLE, nth=0, level=1, question=Question.LATENCY)
    later = step(PhaseKind.CYCLE, nth=1, level=1, question=Question.LATENCY)
    free = Speed(first_sleep_s=100.0)
    speeds = {"a": free, "b": free}
    assert seconds_of(first, PLAN, speeds) > seconds_of(later, PLAN, speeds) + 50


def test_every_step_takes_some_time():
    assert all(seconds_of(one, PLAN, {}) > 0 for one in STEPS)
    assert sum(seconds_by_question(STEPS, PLAN, {}).values()) == pytest.approx(
        sum(seconds_of(one, PLAN, {}) for one in STEPS)
    )


def test_steps_of_another_plan_still_take_some_time():
    bare = Plan(name="bare")
    assert all(seconds_of(one, bare, {}) > 0 for one in STEPS)


def test_what_is_learnt_counts_more_than_what_is_usual():
    learned = Learned(times={"wake 1": (9.0, 11.0, 10.0), "start": (50.0,)})
    speed = speed_of(learned)
    assert (speed.wake_s[1], speed.start_s) == (10.0, 50.0)
    assert speed.wake_s[2] == Speed().wake_s[2]


def test_what_is_left_shrinks_to_nothing():
    left = Remaining(STEPS, PLAN, {})
    before = left.left_s
    for index, one in enumerate(STEPS):
        left.done(index, seconds_of(one, PLAN, {}))
        assert left.left_s <= before
        before = left.left_s
    assert before == pytest.approx(0.0, abs=1e-6)


def test_what_is_left_follows_what_was_seen():
    slow, skipped = Remaining(STEPS, PLAN, {}), Remaining(STEPS, PLAN, {})
    slow.done(0, 10 * seconds_of(STEPS[0], PLAN, {}))
    skipped.done(0, None)
    assert skipped.left_s < slow.left_s < 10 * skipped.left_s


def test_like_steps_correct_their_like():
    left = Remaining(STEPS, PLAN, {})
    expected = left.left_s
    quick = [index for index, one in enumerate(STEPS) if one.phase.kind is PhaseKind.WARM_UP]
    cold = [index for index, one in enumerate(STEPS) if one.phase.kind is PhaseKind.COLD]
    left.done(quick[0], seconds_of(STEPS[quick[0]], PLAN, {}))
    left.done(cold[0], 20 * seconds_of(STEPS[cold[0]], PLAN, {}))
    assert left.left_s > expected


def test_the_briefing_says_what_is_done_how_long_it_takes_and_what_is_left_out():
    text = briefing(PLAN, STEPS, {}, ["b: no second card"])
    said = "\n".join(text)
    assert "a is restarted 2 times, is put to sleep and woken " in said
    assert "of them with requests in flight" in said
    assert "Wake against cold start: about" in said
    assert "It ends after 1 h 00 m at the latest." in said
    assert "Left out: b: no second card." in said
    assert "Every server ends as it was found" in said


def test_the_briefing_of_a_small_plan_is_small():
    plan = Plan(name="x", stability=Stability(cycles=1))
    said = briefing(plan, schedule(plan, SUBJECTS[:1], 1), {}, [])
    assert said[0] == "a is put to sleep and woken once."
    assert not any("Left out" in line or "cold start" in line for line in said)
    warm = [one for one in STEPS if one.phase.kind is PhaseKind.WARM_UP][:1]
    assert "is looked at." in briefing(PLAN, warm, {}, [])[0]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1.0, "about 5 s"), (93.0, "about 95 s"), (600.0, "about 10 min"), (9000.0, "about 2.5 h")],
)
def test_durations_are_rounded(seconds, words):
    assert about(seconds) == words
