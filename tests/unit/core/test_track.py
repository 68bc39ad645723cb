"""What the store remembers of a server: learnt late, learnt wrongly, and outlived."""

import pytest
from support.story import GIB, Story

from sleeptui.core.events import GpuSampled, StateObserved
from sleeptui.core.model import (
    EngineMetrics,
    GpuProcess,
    GpuReading,
    GpuSample,
    Observation,
    Reach,
    SleepMetric,
    State,
)
from sleeptui.core.operation import Cause, Kind, Outcome, Phase


def texts(story):
    return [text for _, text in story.log()]


def slow(story, **metrics):
    """A look at which /metrics answers and /is_sleeping does not."""
    seen = Observation(
        at_s=story.now_s,
        took_s=2.0,
        reach=Reach.ANSWERED,
        is_sleeping_slow=True,
        metrics=EngineMetrics(**metrics),
    )
    story.store.apply(StateObserved(at_s=story.now_s, server="a", observation=seen))
    return story.view()


def at_home():
    story = Story()
    story.at_home(10)
    story.look()
    story.gpu(90, (10, 87))
    story.wait(0.5).look()
    return story


def unread(story, problem="its queue is not known: /metrics has no metrics of vLLM"):
    """A look at which /is_sleeping answers and /metrics cannot be read."""
    seen = Observation(
        at_s=story.now_s, took_s=0.1, reach=Reach.ANSWERED, is_sleeping=False, problem=problem
    )
    story.store.apply(StateObserved(at_s=story.now_s, server="a", observation=seen))
    return story.view()


class TestMetricsThatCannotBeRead:
    def test_the_queue_is_unknown_and_not_what_it_was(self):
        story = Story()
        assert story.look(running=3, waiting=2, process_start_s=50.0).metrics.running == 3
        metrics = unread(story.wait(1)).metrics
        assert (metrics.running, metrics.waiting, metrics.kv_usage) == (None, None, None)
        assert metrics.process_start_s == 50.0
        assert story.view().running_series.last is None

    def test_the_life_of_the_server_is_still_known(self):
        story = Story()
        story.look(running=3, process_start_s=50.0)
        unread(story.wait(1))
        assert story.wait(1).look(running=1, process_start_s=50.0).metrics.running == 1
        assert "restarted" not in " ".join(texts(story))

    def test_nothing_was_known_before(self):
        story = Story()
        assert unread(story).metrics is None

    def test_a_short_look_is_no_loss(self):
        story = Story()
        story.look(running=3)
        assert unread(story.wait(1), problem=None).metrics.running == 3


class TestSomebodyElse:
    def test_a_long_wake_stays_a_wake(self):
        story = Story()
        story.look(sleeping=True)
        assert slow(story.wait(2)).state is State.WAKING
        assert slow(story.wait(2)).state is State.WAKING
        assert story.wait(1).look().state is State.AWAKE
        assert texts(story)[-1] == "awake, by somebody else"

    @pytest.mark.parametrize("kind", [Kind.VERIFY, Kind.PROMPT])
    def test_a_sleep_right_after_a_question_of_ours_is_noticed(self, kind):
        story = Story()
        story.look()
        story.start(kind, phase=Phase.VERIFYING)
        story.wait(0.2).end(kind)
        story.wait(0.2).look(sleeping=True)
        assert texts(story)[-1] == "asleep, by somebody else"

    def test_a_sleep_during_our_prompt_is_noticed(self):
        story = Story()
        story.look()
        story.start(Kind.PROMPT, phase=Phase.STREAMING)
        story.wait(5).look(sleeping=True)
        assert texts(story)[-1] == "asleep, by somebody else"

    def test_a_sleep_while_ours_is_queued_is_noticed(self):
        story = Story()
        story.look()
        story.start(Kind.SLEEP, phase=Phase.QUEUED, level=1)
        story.wait(5).look(sleeping=True)
        assert texts(story)[-1] == "asleep, by somebody else"

    def test_a_sleeper_that_was_restarted_is_awake_by_itself(self):
        story = Story()
        story.look(sleeping=True, process_start_s=1.0)
        story.wait(5).look(reach=Reach.REFUSED)
        story.wait(60).look(process_start_s=2.0)
        assert texts(story)[-1] == "awake again"

    def test_nobody_woke_a_server_that_comes_back_and_does_not_say_since_when_it_runs(self):
        story = Story()
        story.look(sleeping=True, process_start_s=1.0)
        story.wait(5).look(reach=Reach.REFUSED)
        story.wait(60).look()
        assert texts(story)[-1] == "is back, awake"

    @pytest.mark.parametrize(("kind", "asleep_after"), [(Kind.SLEEP, True), (Kind.WAKE, False)])
    def test_a_request_of_ours_that_got_no_answer_may_take_effect_late(self, kind, asleep_after):
        story = Story()
        story.look(sleeping=not asleep_after)
        story.start(kind, level=1)
        story.end(kind, Outcome.UNKNOWN, cause=Cause.NO_ANSWER, level=1)
        story.wait(60).look(sleeping=asleep_after)
        word = "asleep" if asleep_after else "awake"
        assert texts(story)[-1] == f"{word}: our last request has taken effect"
        story.wait(60).look(sleeping=not asleep_after)
        story.wait(60).look(sleeping=asleep_after)
        assert texts(story)[-1] == f"{word}, by somebody else"


class TestBusyEngine:
    def test_an_engine_that_says_it_does_not_operate_is_not_shown_in_transition(self):
        story = Story()
        story.look(operations_in_flight=0)
        assert slow(story.wait(2), operations_in_flight=0).state is State.AWAKE
        view = slow(story.wait(5), operations_in_flight=0)
        assert (view.state, view.before_stale) == (State.STALE, State.AWAKE)
        assert view.reason == "/is_sleeping does not answer, /metrics does"

    def test_a_server_of_which_nothing_is_known_is_not_said_to_fall_asleep(self):
        assert slow(Story()).state is State.UNKNOWN

    def test_a_wedged_engine_that_hangs_is_still_wedged(self):
        story = Story()
        story.look(sleeping=True)
        story.end(Kind.WAKE, Outcome.FAILED, cause=Cause.WEDGED, message="CUDA Error")
        assert story.look(sleeping=True).state is State.WEDGED
        assert slow(story.wait(2)).state is State.WEDGED

    def test_one_look_without_answer_changes_nothing(self):
        story = Story()
        before = story.look(sleeping=True)
        view = story.wait(2).look(reach=Reach.TIMED_OUT)
        assert (view.state, view.level) == (before.state, before.level) == (State.ASLEEP, 1)


class TestVerdictsEnd:
    @pytest.mark.parametrize(
        ("kind", "outcome", "cause"),
        [
            (Kind.SLEEP, Outcome.SUSPECT, Cause.NOTHING_FREED),
            (Kind.WAKE, Outcome.FAILED, Cause.WEDGED),
            (Kind.WAKE, Outcome.FAILED, Cause.OUT_OF_MEMORY),
            (Kind.WAKE, Outcome.FAILED, Cause.STOPPED_MIDWAY),
        ],
    )
    def test_what_was_wrong_with_a_sleep_ends_with_it(self, kind, outcome, cause):
        story = Story()
        story.look(sleeping=True)
        story.end(kind, outcome, cause=cause, level=1, message="bad")
        assert story.look(sleeping=True).state is not State.ASLEEP
        assert story.wait(60).look().state is State.AWAKE
        assert story.wait(60).look(sleeping=True).state is State.ASLEEP

    def test_a_second_sleep_is_not_taken_for_the_first(self):
        story = at_home()
        story.look(sleeping=True)
        story.gpu(4, (10, 2))
        story.start(Kind.WAKE)
        story.look()
        story.end(Kind.WAKE)
        story.start(Kind.SLEEP, id_=2, level=1)
        story.look(sleeping=True)
        story.gpu(90, (10, 87))
        story.end(Kind.SLEEP, id_=2, level=1)
        assert story.wait(0.5).look(sleeping=True).state is State.SUSPECT


class TestWeightsNotReadAgain:
    def test_an_awake_server_without_its_weights_is_suspect_until_a_wake_reads_them(self):
        story = Story()
        story.look(sleeping=True, sleep_metric=SleepMetric.DISCARDED)
        story.start(Kind.WAKE)
        story.look()
        view = story.end(Kind.WAKE, Outcome.FAILED, cause=Cause.NO_WEIGHTS, message="reload failed")
        assert view.state is State.SUSPECT
        assert story.wait(60).look().state is State.SUSPECT
        story.start(Kind.WAKE, id_=2)
        assert story.end(Kind.WAKE, id_=2).state is State.AWAKE

    def test_asleep_it_is_half_awake(self):
        story = Story()
        story.look(sleeping=True)
        view = story.end(Kind.WAKE, Outcome.FAILED, cause=Cause.NO_WEIGHTS, message="reload failed")
        assert (view.state, view.reason) == (State.PARTIAL, "reload failed")


class TestBrokenSleep:
    """/sleep answered 500 and /is_sleeping says awake."""

    def failed(self, story):
        story.start(Kind.SLEEP, level=1)
        story.wait(0.1).look()
        return story.end(
            Kind.SLEEP, Outcome.FAILED, cause=Cause.WEDGED, message="Memory usage increased"
        )

    def test_that_has_lost_its_memory_is_wedged(self):
        story = at_home()
        story.start(Kind.SLEEP, level=1)
        story.gpu(4, (10, 2))
        assert self.failed(story).state is State.WEDGED
        assert story.wait(5).look().state is State.WEDGED

    def test_that_holds_its_memory_is_awake(self):
        assert self.failed(at_home()).state is State.AWAKE

    def test_whose_memory_is_not_known_is_suspect_until_it_answers_a_prompt(self):
        story = Story()
        story.look()
        assert self.failed(story).state is State.SUSPECT
        assert story.wait(5).look().state is State.SUSPECT
        assert story.end(Kind.PROMPT, id_=2).state is State.AWAKE


class TestPendingSleep:
    """Our /sleep got no answer in time: its drain goes on in the engine."""

    def unanswered(self, story, mode="wait"):
        story.look(running=3)
        story.start(Kind.SLEEP, level=1)
        story.look(sleeping=True, sleep_metric=SleepMetric.AWAKE, running=3)
        return story.end(Kind.SLEEP, Outcome.UNKNOWN, cause=Cause.NO_ANSWER, level=1, mode=mode)

    def test_is_draining_not_paused(self):
        story = Story()
        view = self.unanswered(story)
        assert (view.state, view.level) == (State.DRAINING, 1)
        assert story.wait(9).look(sleeping=True).state is State.ASLEEP

    def test_without_requests_in_flight_or_another_mode_nothing_is_waited_for(self):
        story = Story()
        assert self.unanswered(story, mode="keep").state is State.PAUSED
        story = Story()
        self.unanswered(story)
        view = story.look(sleeping=True, sleep_metric=SleepMetric.AWAKE, running=0)
        assert view.state is State.PAUSED

    def test_ends_when_the_server_is_awake_again(self):
        story = Story()
        self.unanswered(story)
        story.wait(9).look(running=3)
        view = story.wait(9).look(sleeping=True, sleep_metric=SleepMetric.AWAKE, running=3)
        assert view.state is State.PAUSED

    def test_memory_tells_where_the_metric_does_not(self):
        story = at_home()
        self.unanswered(story)
        story.gpu(4, (10, 2))
        view = story.wait(1).look(sleeping=True, sleep_metric=SleepMetric.AWAKE)
        assert (view.state, view.level) == (State.ASLEEP, 1)


class TestLevels:
    def test_a_metric_that_turns_awake_while_asleep_is_a_part_wake(self):
        story = Story()
        story.look(sleeping=True, sleep_metric=SleepMetric.DISCARDED)
        view = story.wait(5).look(sleeping=True, sleep_metric=SleepMetric.AWAKE)
        assert (view.state, view.level) == (State.PARTIAL, 2)
        story.wait(5).look()
        view = story.wait(5).look(sleeping=True, sleep_metric=SleepMetric.AWAKE)
        assert (view.state, view.level) == (State.PAUSED, 0)

    def test_level_0_on_top_of_level_1_is_still_level_1(self):
        story = Story()
        story.look(sleeping=True)
        view = story.wait(5).look(sleeping=True, sleep_metric=SleepMetric.NONE)
        assert (view.state, view.level) == (State.ASLEEP, 1)


class TestMemory:
    def test_a_sleep_under_way_does_not_change_what_it_held_awake(self):
        story = at_home()
        story.wait(0.1).gpu(5, (10, 3))
        story.wait(0.4).look(sleeping=True)
        story.gpu(4, (10, 2))
        assert story.wait(0.5).look(sleeping=True).state is State.ASLEEP

    def test_a_wake_by_somebody_else_is_no_half_wake(self):
        story = at_home()
        story.wait(5).look(sleeping=True)
        story.gpu(4, (10, 2))
        story.wait(0.5).look(sleeping=True)
        story.wait(0.3).gpu(90, (10, 87))
        assert story.view().state is State.ASLEEP
        story.wait(0.2).look()
        assert texts(story)[-1] == "awake, by somebody else"
        assert not any("grown back" in text for text in texts(story))

    def test_what_was_measured_before_the_sleep_is_not_held_against_it(self):
        story = at_home()
        story.wait(0.4).gpu(90, (10, 87))
        story.wait(0.1).look(sleeping=True)
        story.gpu(4, (10, 2))
        for _ in range(3):
            assert story.wait(0.5).look(sleeping=True).state is State.ASLEEP
            assert story.gpu(4, (10, 2)).server("a").state is State.ASLEEP

    def test_less_is_learnt_when_the_server_stays_awake(self):
        story = at_home()
        story.gpu(60, (10, 50))
        story.wait(0.5).look()
        story.look(sleeping=True)
        story.gpu(42, (10, 30))
        assert story.wait(0.5).look(sleeping=True).state is State.SUSPECT

    def test_a_gpu_that_lists_no_processes_makes_the_sum_unknown(self):
        story = Story()
        story.at_home(10)
        story.look()

        def sampled(*listed):
            gpus = tuple(
                GpuSample(
                    index=index,
                    name="H200",
                    used_bytes=50 * GIB,
                    processes=(GpuProcess(pid=10, used_bytes=40 * GIB),) if known else None,
                )
                for index, known in enumerate(listed)
            )
            reading = GpuReading(at_s=story.now_s, gpus=gpus)
            story.store.apply(GpuSampled(at_s=story.now_s, reading=reading))
            return story.view().memory

        assert sampled(True, True).total_bytes == 80 * GIB
        assert sampled(True, False) is None
        assert sampled(True, False) is None
        assert sampled(True, True).total_bytes == 80 * GIB


def test_a_queued_transition_is_not_hidden_by_a_prompt():
    story = Story()
    story.look()
    story.start(Kind.SLEEP, id_=1, phase=Phase.QUEUED, level=1)
    story.start(Kind.PROMPT, id_=2, phase=Phase.STREAMING)
    assert story.view().operation.id == 1
