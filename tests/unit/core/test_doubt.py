"""Whether a server may give the answers that later wakes are compared with."""

import pytest
from support.builders import metrics, operation, record, seen, spec, verification
from support.story import Story

from sleeptui.core.canary import Check, Verification, no_answer
from sleeptui.core.events import Verified
from sleeptui.core.model import Reach, SleepMetric, State
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.core.proof import Proof
from sleeptui.core.settings import Settings
from sleeptui.core.track import Track


def inconclusive():
    return Verification(at_s=0.0, verdict=no_answer("no token"), is_inconclusive=True)


def moved_by_others(story, sleep):
    story.look()
    story.wait(60).look(sleeping=True, sleep_metric=sleep)
    return story.wait(60).look()


@pytest.mark.parametrize(
    ("sleep", "doubted"), [(SleepMetric.OFFLOADED, False), (SleepMetric.DISCARDED, True)]
)
def test_what_somebody_else_woke_from_level_2_may_be_garbage(sleep, doubted):
    view = moved_by_others(Story(), sleep)
    assert (view.state, view.check_due, view.is_doubted) == (State.AWAKE, True, doubted)


def test_the_doubt_outlives_an_answer_that_is_compared_with_nothing():
    story = Story()
    moved_by_others(story, SleepMetric.DISCARDED)
    for found, doubted in ((inconclusive(), True), (verification(), False)):
        story.store.apply(Verified(at_s=story.now_s, server="a", verification=found))
        assert story.view().is_doubted is doubted


class TestProof:
    def doubted(self):
        proof = Proof()
        proof.woken_by_others(None)
        return proof

    def test_a_level_that_is_not_known_is_doubted(self):
        assert self.doubted().is_doubted

    def test_a_sleep_does_not_end_it(self):
        proof = self.doubted()
        proof.asleep()
        assert (proof.verification, proof.check_due, proof.is_doubted) == (None, False, True)

    def test_a_later_wake_from_level_1_does_not_end_it(self):
        proof = self.doubted()
        proof.woken_by_others(1)
        assert proof.is_doubted

    @pytest.mark.parametrize(
        ("fields", "doubted"),
        [
            ({"level": 2}, False),
            ({"level": 1}, True),
            ({"level": 2, "outcome": Outcome.FAILED}, True),
        ],
    )
    def test_our_own_wake_from_level_2_ends_it(self, fields, doubted):
        proof = self.doubted()
        proof.end(record(Kind.WAKE, **fields))
        assert proof.is_doubted is doubted

    @pytest.mark.parametrize(
        ("fields", "doubted"),
        [
            ({"level": 2, "cause": Cause.NO_WEIGHTS, "outcome": Outcome.FAILED}, True),
            ({"level": None}, True),
            ({"level": None, "verification": verification()}, False),
            ({"level": 1}, False),
            ({"level": 1, "verification": verification(Check.CHANGED)}, False),
        ],
    )
    def test_a_wake_that_may_have_read_no_weights_begins_it(self, fields, doubted):
        proof = Proof()
        proof.end(record(Kind.WAKE, **fields))
        assert proof.is_doubted is doubted

    def test_a_sleep_neither_begins_nor_ends_it(self):
        for proof in (Proof(), self.doubted()):
            before = proof.is_doubted
            proof.end(record(Kind.SLEEP, level=2))
            assert proof.is_doubted is before

    @pytest.mark.parametrize("known", [Check.CHANGED, Check.VERIFIED])
    def test_an_answer_that_says_nothing_leaves_what_is_known(self, known):
        proof, nothing = Proof(), inconclusive()
        proof.take(nothing)
        assert proof.verification is nothing
        proof.take(verification(known))
        proof.take(inconclusive())
        assert proof.verification.check is known

    @pytest.mark.parametrize("said", [None, "nothing"])
    def test_weights_that_were_read_again_answer_for_themselves(self, said):
        proof, found = Proof(), said and inconclusive()
        proof.take(verification(Check.CHANGED))
        proof.end(record(Kind.WAKE, level=2, verification=found))
        assert proof.verification is found
        proof.take(verification())
        proof.end(record(Kind.WAKE, level=2, verification=verification()))
        assert proof.verification.check is Check.VERIFIED

    def test_a_new_process_ends_it(self):
        proof = self.doubted()
        proof.take(verification(Check.CHANGED))
        proof.forget()
        assert proof.verification is proof.woken_from is None
        assert not proof.check_due
        assert not proof.is_doubted


class TestQuestionsAreNoTransitions:
    """A verify changes nothing: what the server does meanwhile is somebody else's doing."""

    def track(self, *operations):
        track = Track(spec=spec(), settings=Settings())
        for one in operations:
            track.begin(one)
        return track

    def test_a_queued_sleep_is_shown_before_a_running_verify(self):
        queued = operation(Kind.SLEEP, phase=Phase.QUEUED)
        track = self.track(queued, operation(Kind.VERIFY, phase=Phase.VERIFYING))
        assert track.operation is queued
        assert not track.is_ours

    def test_a_sleep_by_others_during_it_is_noticed(self):
        track = self.track(operation(Kind.VERIFY, phase=Phase.VERIFYING))
        assert not track.is_ours
        track.observe(seen(1.0))
        track.observe(seen(2.0, sleeping=True))
        track.observe(seen(3.0, metrics=metrics()))
        assert track.proof.check_due


@pytest.mark.parametrize("between", [{"reach": Reach.TIMED_OUT}, {"sleeping": None}])
def test_a_wake_by_others_is_noticed_also_where_a_look_in_it_was_not_answered(between):
    """A wake that takes longer than a look is waited for: /is_sleeping blocks until its end."""
    story = Story()
    story.look()
    story.wait(60).look(sleeping=True, sleep_metric=SleepMetric.DISCARDED)
    story.wait(1).look(**between)
    view = story.wait(1).look()
    assert (view.state, view.check_due, view.is_doubted) == (State.AWAKE, True, True)


def test_a_late_wake_of_ours_is_noticed_then_too():
    story = Story()
    story.look(sleeping=True)
    story.start(Kind.WAKE, level=1)
    story.wait(1).look(sleeping=None)
    story.end(Kind.WAKE, Outcome.UNKNOWN, cause=Cause.NO_ANSWER, level=1)
    story.wait(1).look(sleeping=None)
    view = story.wait(60).look()
    assert view.reason.startswith("its wake had no answer and took effect later")


def test_a_wake_of_ours_is_not_noticed_as_one_of_others():
    story = Story()
    story.look(sleeping=True)
    story.start(Kind.WAKE, level=1)
    story.wait(1).look(sleeping=None)
    story.wait(1).look()
    story.end(Kind.WAKE, level=1)
    assert not story.wait(1).look().check_due
