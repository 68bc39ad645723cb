"""How long a verification holds, and what the state makes of it."""

import pytest
from support.builders import answer, reference, verification
from support.story import Story

from sleeptui.core.canary import Check, Verification, judge, no_answer
from sleeptui.core.events import (
    FactsLearned,
    OperationAdvanced,
    Recalled,
    ReferenceTaken,
    Verified,
)
from sleeptui.core.learned import Cycle, Learned
from sleeptui.core.model import Reach, ServerFacts, SleepMetric, State
from sleeptui.core.operation import Cause, Kind, Outcome, Phase
from sleeptui.core.settings import Settings, Thresholds
from sleeptui.core.units import GIB, MIB


def verified(story, found=None):
    found = found or verification()
    story.store.apply(Verified(at_s=story.now_s, server="a", verification=found))
    return story.view()


def cycle(story, start_s, **metrics):
    """Our own sleep and wake, with the looks that come with them."""
    story.start(Kind.SLEEP, level=1)
    story.look(sleeping=True, process_start_s=start_s, **metrics)
    story.end(Kind.SLEEP, level=1, residual_bytes=2 * GIB)
    story.look(sleeping=True, process_start_s=start_s, **metrics)
    story.start(Kind.WAKE, level=1)
    story.look(process_start_s=start_s, **metrics)


class TestHowLongItHolds:
    def test_it_holds_while_the_server_stays_awake(self):
        story = Story()
        story.look()
        assert verified(story).check is Check.VERIFIED
        assert story.wait(600).look().check is Check.VERIFIED

    def test_it_ends_with_the_next_sleep(self):
        story = Story()
        story.look()
        verified(story)
        story.start(Kind.SLEEP, level=1)
        assert story.look(sleeping=True).verification is None

    def test_it_ends_with_a_restart(self):
        story = Story()
        story.look(process_start_s=1.0)
        verified(story)
        view = story.look(process_start_s=2.0)
        assert (view.check, view.check_due) == (Check.UNVERIFIED, False)

    def test_that_of_our_own_wake_stays_when_the_wake_has_ended(self):
        story = Story()
        story.look(process_start_s=1.0, wake_operations=0)
        cycle(story, 1.0, wake_operations=1)
        verified(story)
        story.end(Kind.WAKE, level=1)
        view = story.wait(1).look(process_start_s=1.0, wake_operations=1)
        assert (view.check, view.check_due) == (Check.VERIFIED, False)

    def test_a_wake_by_somebody_else_is_to_be_checked(self):
        story = Story()
        story.look()
        verified(story)
        story.wait(60).look(sleeping=True)
        view = story.wait(60).look()
        assert (view.state, view.check, view.check_due) == (State.AWAKE, Check.UNVERIFIED, True)
        assert view.reason == "somebody else woke it: its answers are not checked"
        view = verified(story)
        assert (view.check, view.check_due, view.reason) == (Check.VERIFIED, False, "")

    def test_from_level_2_that_is_said_and_logged(self):
        story = Story()
        story.look()
        story.wait(60).look(sleeping=True, sleep_metric=SleepMetric.DISCARDED)
        view = story.wait(60).look()
        assert "garbage, unless its weights were read again" in view.reason
        assert story.log()[-1][1].startswith("awake, by somebody else from level 2")

    def test_a_sleep_and_a_wake_between_two_looks_are_told_by_the_counters(self):
        story = Story()
        story.look(process_start_s=1.0, wake_operations=3)
        verified(story)
        view = story.wait(1).look(process_start_s=1.0, wake_operations=4)
        assert (view.check, view.check_due) == (Check.UNVERIFIED, True)

    def test_a_wake_of_ours_that_takes_effect_late_is_not_somebody_elses(self):
        story = Story()
        story.look(sleeping=True)
        story.start(Kind.WAKE, level=1)
        story.end(Kind.WAKE, Outcome.UNKNOWN, cause=Cause.NO_ANSWER, level=1)
        view = story.wait(60).look()
        assert view.check_due
        assert view.reason.startswith("its wake had no answer and took effect later")

    def test_a_canary_that_says_nothing_leaves_it_to_be_checked(self):
        story = Story()
        story.look(sleeping=True)
        story.wait(60).look()
        busy = Verification(at_s=0.0, verdict=no_answer("busy"), is_inconclusive=True)
        view = verified(story, busy)
        assert (view.state, view.check_due) == (State.AWAKE, True)

    def test_a_server_that_is_not_watched_any_more_is_nobodys(self):
        story = Story()
        story.store.apply(Verified(at_s=1.0, server="gone", verification=verification()))
        assert story.store.server("gone") is None


class TestState:
    def judged(self, *tokens, version="0.25.1"):
        story = Story()
        facts = ServerFacts(version=version, sleep_enabled=True)
        story.store.apply(FactsLearned(at_s=0.0, server="a", facts=facts))
        story.look()
        found = Verification(at_s=0.0, verdict=judge(answer(*tokens), reference()))
        return verified(story, found)

    def test_garbage_is_suspect_and_can_be_mended(self):
        view = self.judged(98, 97)
        assert view.state is State.SUSPECT
        assert view.reason.startswith("its answers are garbage: another answer")
        assert view.advice.startswith("w reads its weights again")
        assert any(line.startswith("canary: decodes; garbage") for line in view.evidence)

    def test_before_0_11_only_a_restart_helps(self):
        assert self.judged(98, 97, version="0.10.0").advice == "restart it"

    def test_a_late_divergence_is_suspect_too(self):
        view = self.judged(1, 2, 3, 98)
        assert view.reason.startswith("its answers are not what they were")

    def test_no_answer_is_suspect(self):
        story = Story()
        story.look()
        view = verified(story, Verification(at_s=0.0, verdict=no_answer("no answer in 10 s")))
        assert view.state is State.SUSPECT
        assert view.reason == "it says awake and does not answer: no answer in 10 s"
        assert view.advice.startswith("v asks again")

    def test_what_is_not_known_is_said_among_the_evidence(self):
        story = Story()
        story.look()
        silent = Verification(at_s=0.0, verdict=no_answer("busy"), is_inconclusive=True)
        assert "canary: not known, busy" in verified(story, silent).evidence
        alone = Verification(at_s=0.0, verdict=judge(answer(), None))
        assert "canary: decodes; nothing to compare with" in verified(story, alone).evidence

    @pytest.mark.parametrize("kind", [Kind.SLEEP, Kind.WAKE])
    def test_while_the_canary_is_with_the_server_it_is_verifying(self, kind):
        story = Story()
        story.look()
        assert story.start(kind, phase=Phase.VERIFYING).state is State.VERIFYING

    def test_a_verify_on_its_own_leaves_the_state_as_it_is(self):
        story = Story()
        story.look()
        view = story.start(Kind.VERIFY, phase=Phase.VERIFYING)
        assert (view.state, view.operation.kind) == (State.AWAKE, Kind.VERIFY)

    def test_a_residual_above_its_ceiling_is_suspect(self):
        settings = Settings(thresholds=Thresholds(residual_bytes=3 * GIB))
        story = Story(settings=settings)
        story.at_home(10)
        story.look()
        story.gpu(90, (10, 87))
        story.wait(0.5).look()
        story.start(Kind.SLEEP, level=1)
        story.look(sleeping=True)
        story.end(Kind.SLEEP, level=1)
        story.gpu(5, (10, 4))
        view = story.wait(0.5).look(sleeping=True)
        assert view.state is State.SUSPECT
        assert view.reason == "asleep it holds 4.0 GiB, more than its ceiling 3.0 GiB"


class TestLearned:
    def test_what_earlier_runs_knew_is_joined(self):
        story = Story()
        story.look(process_start_s=1.0, sleeping=True)
        cycles = (Cycle(process_start_s=1.0, level=1, residual_bytes=3 * GIB),)
        earlier = Learned(times={"wake 1": (0.5,)}, cycles=cycles, reference=reference())
        story.store.apply(Recalled(at_s=0.0, server="a", learned=earlier))
        view = story.view()
        assert (view.cycles, view.residual_bytes) == (1, 3 * GIB)
        assert view.learned.reference == reference()
        story.start(Kind.WAKE, level=1)
        assert story.view().expected_s == 0.5

    def test_a_footprint_of_this_life_tells_whether_a_sleeper_has_let_go(self):
        story = Story()
        story.at_home(10)
        earlier = Learned(awake_by_gpu={0: 80 * GIB}, awake_in_s=1.0)
        story.look(process_start_s=1.0, sleeping=True)
        story.store.apply(Recalled(at_s=0.0, server="a", learned=earlier))
        story.gpu(90, (10, 78))
        view = story.wait(0.5).look(process_start_s=1.0, sleeping=True)
        assert view.state is State.SUSPECT

    def test_the_footprint_is_learnt_between_two_looks_that_say_awake(self):
        story = Story()
        story.at_home(10)
        story.look(process_start_s=7.0)
        story.gpu(90, (10, 87))
        learned = story.wait(0.5).look(process_start_s=7.0).learned
        assert (learned.awake_by_gpu, learned.awake_in_s) == ({0: 87 * GIB}, 7.0)

    def test_a_reference_is_kept(self):
        story = Story()
        taken = reference(taken_wall_s=5.0)
        story.store.apply(ReferenceTaken(at_s=0.0, server="a", reference=taken))
        assert story.view().learned.reference == taken

    def test_a_leak_is_said_once_and_forgotten_with_the_restart(self):
        story = Story()
        story.look(process_start_s=1.0)
        for number in range(12):
            story.start(Kind.SLEEP, level=1)
            residual = 2 * GIB + number * 200 * MIB
            story.end(Kind.SLEEP, level=1, residual_bytes=residual)
        warnings = [text for _, text in story.log() if "residual grew" in text]
        assert len(warnings) == 1
        assert story.view().drift[0].what == "residual"
        assert story.look(process_start_s=2.0).drift == ()

    def test_a_server_that_is_down_keeps_what_was_learnt(self):
        story = Story()
        story.look(process_start_s=1.0)
        story.end(Kind.SLEEP, level=1, residual_bytes=2 * GIB)
        view = story.look(reach=Reach.REFUSED)
        assert len(view.learned.cycles) == 1


def test_only_that_wake_is_told_to_be_late():
    story = Story()
    story.look(sleeping=True)
    story.start(Kind.WAKE, level=1)
    story.end(Kind.WAKE, Outcome.UNKNOWN, cause=Cause.NO_ANSWER, level=1)
    story.wait(60).look()
    story.wait(60).look(sleeping=True)
    view = story.wait(60).look()
    assert view.reason == "somebody else woke it: its answers are not checked"


class TestWhoseDoingItIs:
    """A transition that has asked for nothing yet, or is confirmed, explains no change."""

    def counted(self, story, wakes):
        return story.wait(1).look(process_start_s=1.0, wake_operations=wakes)

    def test_a_wake_by_others_while_the_reference_is_taken(self):
        story = Story()
        self.counted(story, 1)
        story.start(Kind.SLEEP, phase=Phase.VERIFYING, level=1)
        assert self.counted(story, 2).check_due

    def test_a_wake_by_others_while_a_switch_makes_room(self):
        story = Story()
        story.look(sleeping=True, sleep_metric=SleepMetric.DISCARDED)
        story.start(Kind.SWITCH, phase=Phase.MAKING_ROOM, level=2)
        view = story.wait(1).look()
        assert (view.state, view.check_due, view.is_doubted) == (State.AWAKE, True, True)

    def test_a_wake_by_others_while_ours_is_verified(self):
        story = Story()
        story.look(sleeping=True, process_start_s=1.0)
        story.start(Kind.WAKE, level=1)
        self.counted(story, 1)
        event = OperationAdvanced(at_s=story.now_s, id=1, server="a", phase=Phase.VERIFYING)
        story.store.apply(event)
        assert self.counted(story, 2).check_due
        story.end(Kind.WAKE, level=1)
        verified(story)
        assert self.counted(story, 3).check_due

    def test_one_that_is_not_known_advances_nowhere(self):
        story = Story()
        event = OperationAdvanced(at_s=story.now_s, id=9, server="a", phase=Phase.VERIFYING)
        story.store.apply(event)
        assert story.view().operation is None
