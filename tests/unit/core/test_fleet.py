"""The fleet store: events in, one picture out."""

from types import SimpleNamespace

import pytest
from support.story import GIB, Story

from sleeptui.core.events import (
    Discovered,
    FactsLearned,
    GpuSampled,
    Noted,
    OperationAdvanced,
    ServerRemoved,
)
from sleeptui.core.model import (
    GpuReading,
    MemorySource,
    Reach,
    ServerFacts,
    State,
)
from sleeptui.core.operation import Cause, Kind, Outcome, Phase


def test_a_new_server_is_unknown():
    view = Story().view()
    assert (view.state, view.metrics, view.memory, view.tokens_per_s) == (
        State.UNKNOWN,
        None,
        None,
        None,
    )


def test_the_same_picture_until_something_happens():
    story = Story()
    assert story.store.view is story.store.view
    before = story.store.view
    story.look()
    assert story.store.view is not before


def test_a_server_that_nothing_was_heard_of_keeps_its_part_of_the_picture():
    story = Story("a", "b")
    story.look(server="a")
    before = story.view("b")
    story.look(server="a")
    assert story.view("b") is before


def test_operation_from_queue_to_end():
    story = Story()
    story.look()
    assert story.start(Kind.SLEEP, phase=Phase.QUEUED, level=1).state is State.AWAKE
    assert story.start(Kind.SLEEP, level=1).state is State.FALLING_ASLEEP
    story.store.apply(OperationAdvanced(at_s=story.now_s, id=1, server="a", phase=Phase.DRAINING))
    assert story.view().state is State.DRAINING
    story.look(sleeping=True)
    view = story.end(
        Kind.SLEEP, level=1, freed_bytes=80 * GIB, residual_bytes=2 * GIB, message="freed 80.0 GiB"
    )
    assert (view.state, view.level, view.cycles) == (State.ASLEEP, 1, 1)
    assert (view.operation, view.residual_bytes) == (None, 2 * GIB)
    assert view.history[0].freed_bytes == 80 * GIB
    assert story.log()[-1] == ("a", "sleep L1 done in 1.00 s: freed 80.0 GiB")


def test_a_running_transition_is_shown_before_a_prompt_and_before_a_queued_one():
    story = Story()
    story.look()
    story.start(Kind.PROMPT, id_=1, phase=Phase.STREAMING)
    story.start(Kind.SLEEP, id_=2)
    story.start(Kind.WAKE, id_=3, phase=Phase.QUEUED)
    assert story.view().operation.id == 2


def test_expected_time_is_the_median_of_the_last_times():
    story = Story()
    for index, took in enumerate((12.0, 0.3, 0.5)):
        story.end(Kind.SLEEP, id_=index, level=1, duration_s=took)
    assert story.start(Kind.SLEEP, level=1).expected_s == 0.5
    assert story.start(Kind.WAKE, id_=2).expected_s is None


def test_our_own_change_is_not_called_external():
    story = Story()
    story.look()
    story.start(Kind.SLEEP, level=1)
    story.look(sleeping=True)
    story.end(Kind.SLEEP, level=1)
    story.wait(0.5).look(sleeping=True)
    assert not any("somebody" in text for _, text in story.log())


def test_a_failed_wake_is_told_once_and_then_what_to_do():
    story = Story()
    story.look(sleeping=True)
    story.start(Kind.WAKE)
    problem = "/wake_up answered 500, invalid argument"
    story.end(Kind.WAKE, Outcome.FAILED, cause=Cause.WEDGED, message=problem)
    story.wait(0.5).look(sleeping=True)
    told = [text for _, text in story.log()][-2:]
    assert told[0].startswith("wake failed in")
    assert told[0].endswith(problem)
    assert told[1] == "wedged; restart it: it does not come back from a failed wake"


def test_a_reason_that_no_line_has_told_is_in_the_log():
    story = Story()
    story.look()
    story.wait(1).look(reach=Reach.REFUSED)
    assert story.log()[-1] == ("a", "down: refused")


def test_somebody_elses_sleep_is_logged():
    story = Story()
    story.look()
    story.wait(60).look(sleeping=True)
    assert story.log()[-1] == ("a", "asleep, by somebody else")
    story.wait(60).look()
    assert story.log()[-1] == ("a", "awake, by somebody else")


def test_down_and_back_is_logged_once_each():
    story = Story()
    story.look(process_start_s=1.0)
    for _ in range(3):
        story.wait(1).look(reach=Reach.REFUSED)
    story.wait(1).look(process_start_s=1.0)
    assert [text for _, text in story.log()] == ["found awake", "down: refused", "awake again"]


def test_a_restart_forgets_what_was_known_of_the_old_engine():
    story = Story()
    story.look(process_start_s=1.0)
    story.start(Kind.WAKE)
    story.look(sleeping=True, process_start_s=1.0)
    story.end(Kind.WAKE, Outcome.FAILED, cause=Cause.WEDGED, message="CUDA Error")
    assert story.view().state is State.WEDGED
    view = story.look(sleeping=True, process_start_s=2.0)
    assert view.state is State.ASLEEP
    assert ("a", "was restarted") in story.log()


def test_a_restart_of_ours_is_told_by_its_operation():
    story = Story()
    story.look(process_start_s=1.0)
    story.start(Kind.STOP, phase=Phase.STOPPING)
    story.look(reach=Reach.REFUSED, problem="nothing listens")
    assert story.end(Kind.STOP).state is State.DOWN
    story.wait(60).start(Kind.START, phase=Phase.STARTING, id_=2)
    story.wait(20).look(process_start_s=2.0)
    assert story.end(Kind.START, id_=2).state is State.AWAKE
    assert [text.partition(" in ")[0] for _, text in story.log()] == [
        "found awake",
        "stop done",
        "start done",
    ]


def test_what_goes_down_after_a_stop_that_went_wrong_is_told():
    story = Story()
    story.look()
    story.start(Kind.STOP, phase=Phase.STOPPING)
    story.look(reach=Reach.REFUSED, problem="nothing listens")
    story.end(Kind.STOP, Outcome.SUSPECT, cause=Cause.NOTHING_FREED)
    assert ("a", "down: nothing listens") in story.log()


def test_restarts_at_each_look_are_told_together():
    """Two servers behind one address: each look finds the start time of the other one."""
    story = Story()
    for number in range(30):
        story.wait(1).look(process_start_s=1.0 + number % 2)
    told = [text for _, text in story.log() if "restarted" in text]
    many = "was restarted 10 times in 10.0 s: do several servers answer on its address?"
    assert told == ["was restarted", many, many]


def test_what_hinders_the_looks_is_told_once():
    story = Story("a", "b")
    for _ in range(3):
        story.wait(1).look(problem="answers more than 8 MiB of metrics")
        story.look(server="b", reach=Reach.TIMED_OUT, problem="no answer in time from h:1")
    assert story.log() == [
        ("a", "found awake"),
        ("a", "its queue is not known: answers more than 8 MiB of metrics"),
        ("b", "unknown: no answer in time from h:1"),
    ]
    story.wait(1).look()
    assert story.view().reason == ""


def test_back_from_refused_counts_as_a_restart_where_no_start_time_is_exported():
    story = Story()
    story.look()
    story.end(Kind.SLEEP, level=1)
    story.look(reach=Reach.REFUSED)
    assert story.look().cycles == 0


def test_stale_keeps_the_last_state_and_values():
    story = Story()
    story.look(running=3)
    view = story.wait(20).look(reach=Reach.TIMED_OUT)
    assert (view.state, view.before_stale) == (State.STALE, State.AWAKE)
    assert view.metrics.running == 3
    assert view.seen_at_s == 100.0


def test_tokens_per_second_from_the_counter():
    story = Story()
    for total in (100.0, 150.0, 200.0, 260.0):
        view = story.look(generation_tokens_total=total)
        story.wait(1)
    assert view.tokens_per_s == pytest.approx(55.0)


def test_a_counter_that_went_back_starts_anew():
    story = Story()
    story.look(generation_tokens_total=100.0)
    assert story.wait(1).look(generation_tokens_total=5.0).tokens_per_s is None


def test_a_sleeping_server_makes_no_tokens_and_its_queue_is_frozen():
    story = Story()
    story.look(generation_tokens_total=1.0)
    view = story.wait(1).look(sleeping=True, generation_tokens_total=1.0, running=8, load=3)
    assert (view.tokens_per_s, view.queue_frozen, view.parked) == (None, True, 3)


def test_parked_is_unknown_without_load_tracking():
    assert Story().look(sleeping=True).parked is None


def test_first_token_time_from_the_histogram_and_from_our_prompt():
    story = Story()
    story.look(ttft_sum_s=1.0, ttft_count=10.0)
    assert story.look(ttft_sum_s=1.4, ttft_count=12.0).last_ttft_s == pytest.approx(0.2)
    assert story.look(ttft_sum_s=1.4, ttft_count=12.0).last_ttft_s == pytest.approx(0.2)
    assert story.end(Kind.PROMPT, first_token_s=0.05).last_ttft_s == 0.05


def test_memory_is_measured_over_the_process_tree():
    story = Story("a", "b")
    story.at_home(10, 11)
    story.look()
    view = story.gpu(90, (11, 80), (99, 2))
    assert view.server("a").memory.total_bytes == 80 * GIB
    assert view.server("a").memory.source is MemorySource.MEASURED
    assert view.server("b").memory is None
    assert view.gpus[0].holders == (("a", 80 * GIB, MemorySource.MEASURED),)
    assert view.gpus[0].other_bytes == 10 * GIB


def test_where_it_was_is_known_when_it_holds_nothing_any_more():
    story = Story()
    story.at_home(10)
    story.look()
    assert story.gpu(90, (10, 80)).server("a").on_gpus == (0,)
    gone = story.gpu(2).server("a")
    assert (gone.memory, gone.on_gpus) == (None, (0,))


def test_processes_that_nvml_does_not_show_are_unknown_not_zero():
    story = Story()
    story.at_home(10)
    story.look()
    assert story.gpu(90, (99, 80)).server("a").memory is None
    assert story.gpu(90, (10, None)).server("a").memory is None
    assert story.gpu(90, listed=False).gpus[0].other_bytes is None


def test_memory_is_estimated_from_our_own_sleep_and_says_so():
    story = Story()
    story.look(sleeping=True)
    story.end(Kind.SLEEP, level=1, freed_bytes=70 * GIB)
    assert story.gpu(4).server("a").memory is None
    story.look()
    memory = story.gpu(74).server("a").memory
    assert (memory.total_bytes, memory.source) == (70 * GIB, MemorySource.ESTIMATED)
    assert story.store.view.gpus[0].other_bytes is None


def test_asleep_but_never_let_go_is_suspect():
    story = Story()
    story.at_home(10)
    story.look()
    story.gpu(90, (10, 87))
    story.look(sleeping=True)
    story.gpu(90, (10, 87))
    story.wait(0.5).look(sleeping=True)
    assert story.view().state is State.SUSPECT


def test_half_awake_by_memory():
    story = Story()
    story.at_home(10)
    story.look()
    story.gpu(90, (10, 87))
    story.look(sleeping=True)
    story.gpu(4, (10, 2))
    assert story.view().state is State.ASLEEP
    story.gpu(62, (10, 60))
    assert story.wait(0.5).look(sleeping=True).state is State.PARTIAL


def test_a_figure_of_the_transition_that_comes_late_is_not_taken_for_memory_grown_back():
    story = Story()
    story.at_home(10)
    story.look()
    story.gpu(90, (10, 87))
    story.wait(1).look(sleeping=True)
    story.gpu(4, (10, 2))
    story.gpu(20, (10, 17), taken_s=story.now_s - 0.1)
    assert story.wait(0.5).look(sleeping=True).state is State.ASLEEP
    story.gpu(4, (10, 2))
    assert story.wait(0.5).look(sleeping=True).state is State.ASLEEP


def test_what_it_held_while_it_still_drained_is_not_taken_for_memory_grown_back():
    story = Story()
    story.at_home(10)
    story.look()
    story.gpu(90, (10, 87))
    story.look(sleeping=True)  # paused already, its requests still run
    story.gpu(90, (10, 87))
    story.wait(0.5).look(sleeping=True)
    story.wait(0.5).gpu(20, (10, 17))
    assert story.view().state is State.ASLEEP
    story.wait(0.5).look(sleeping=True)
    story.wait(0.5).gpu(4, (10, 2))
    assert story.view().state is State.ASLEEP
    assert story.wait(0.5).look(sleeping=True).state is State.ASLEEP


def test_gpu_problems_are_said_once():
    story = Story()
    for _ in range(3):
        story.gpu(1, problem="GPU 0 is lost")
    assert story.log().count((None, "GPU 0 is lost")) == 1
    for _ in range(2):
        story.store.apply(
            GpuSampled(at_s=story.now_s, reading=GpuReading(at_s=story.now_s, problem="no NVML"))
        )
    assert story.log().count((None, "no NVML")) == 1
    assert story.store.view.gpu_problem == "no NVML"


def test_discovery_notes_and_log():
    story = Story()
    assert story.store.view.looking
    story.store.apply(Discovered(at_s=story.now_s, notes=("port 8000: nothing",)))
    story.store.apply(Noted(at_s=story.now_s, server=None, severity="info", text="hello"))
    assert (story.store.view.looking, story.store.view.notes) == (False, ("port 8000: nothing",))
    assert story.log()[-1] == (None, "hello")


def test_a_removed_server_is_gone_and_late_events_of_it_do_no_harm():
    story = Story("a", "b")
    story.look()
    story.store.apply(ServerRemoved(at_s=story.now_s, server="a"))
    assert [view.name for view in story.store.view.servers] == ["b"]
    story.start(Kind.SLEEP)
    story.end(Kind.SLEEP)
    story.at_home(3)
    assert story.look() is None
    story.store.apply(OperationAdvanced(at_s=story.now_s, id=1, server="a", phase=Phase.CALLING))
    story.store.apply(FactsLearned(at_s=story.now_s, server="a", facts=ServerFacts()))
    assert story.view("a") is None


def test_a_cancelled_operation_leaves_no_trace_in_the_state():
    story = Story()
    story.look()
    story.start(Kind.SLEEP, phase=Phase.QUEUED, level=2)
    view = story.end(Kind.SLEEP, Outcome.CANCELLED, level=2)
    assert (view.state, view.cycles) == (State.AWAKE, 0)
    assert view.history[0].outcome is Outcome.CANCELLED


def test_one_server_can_be_asked_for_alone():
    story = Story("a", "b")
    story.look(server="a")
    found = story.store.server("a")
    assert found.state is State.AWAKE
    assert story.store.view.server("a") is found
    assert story.store.server("nobody") is None
    story.wait(1.0).look(server="a", sleeping=True)
    assert story.store.server("a").state is not State.AWAKE


def test_what_is_no_event_is_a_bug():
    with pytest.raises(TypeError):
        Story().store.apply(SimpleNamespace(at_s=1.0))


def test_a_rate_is_not_shown_long_after_its_last_figure():
    story = Story()
    story.look(generation_tokens_total=1.0)
    story.wait(1).look(generation_tokens_total=50.0)
    view = story.wait(30).look(generation_tokens_total=None)
    assert view.tokens_per_s is None


def test_a_change_that_our_unanswered_request_did_not_ask_for_is_somebody_elses():
    story = Story()
    story.look()
    story.end(Kind.WAKE, Outcome.UNKNOWN, cause=Cause.NO_ANSWER)
    story.wait(60).look(sleeping=True)
    assert story.log()[-1] == ("a", "asleep, by somebody else")


def test_one_server_is_asked_for_without_the_picture_of_all():
    story = Story("a", "b")
    assert story.store.server("a") is story.store.view.server("a")
    assert story.store.server("nobody") is None


def test_a_footprint_is_learnt_only_from_what_is_measured_now():
    story = Story()
    story.at_home(1)
    story.look()
    story.wait(1).gpu(60, (1, 40))
    story.gpu(60, listed=False)
    view = story.wait(1).look()
    assert view.memory is None
    assert view.learned.awake_by_gpu == {}
