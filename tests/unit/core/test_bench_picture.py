"""The picture of a benchmark, from its events."""

import pytest
from support.bench_story import BEGAN_S, ESTIMATE_S, Story, running, whole
from support.builders import GIB, record

from sleeptui.core.bench import PhaseEnded, PhaseKind, Question
from sleeptui.core.bench_picture import BenchFold, Topic
from sleeptui.core.cold import ColdKind
from sleeptui.core.events import Noted, OperationAdvanced, OperationEnded, RequestEnded
from sleeptui.core.operation import Fate, Kind, Outcome, Phase


def picture(events):
    fold = BenchFold()
    for event in events:
        fold.apply(event)
    return fold.picture


def rows(events):
    return {row.key[:5]: row for row in picture(events).rows}


def test_before_anything_is_known():
    empty = BenchFold().picture
    assert (empty.share(5.0), empty.elapsed_s(5.0), empty.remaining_s(5.0)) == (0.0, 0.0, None)
    assert not empty.is_restoring
    assert empty.rows == ()


def test_the_plan_gives_the_first_estimate():
    planned = picture([Story().planned()])
    assert planned.remaining_s(BEGAN_S + 100) == ESTIMATE_S - 100
    assert planned.share(BEGAN_S + ESTIMATE_S / 2) == pytest.approx(0.5)
    assert planned.remaining_s(BEGAN_S + 9999) == 0.0


def test_without_an_estimate_the_steps_count():
    story = Story()
    planned = story.planned(steps=4)
    fold = BenchFold()
    fold.apply(type(planned)(**{**fields(planned), "estimate_s": 0.0}))
    begun = story.begin(PhaseKind.CYCLE)
    fold.apply(type(begun)(**{**fields(begun), "done": 1, "left_s": None}))
    assert fold.picture.share(BEGAN_S) == pytest.approx(0.25)


def fields(event):
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


def test_phases_nest_and_the_operation_that_runs_is_known():
    now = picture(running())
    assert [phase.kind for phase in now.trail] == [PhaseKind.CYCLE]
    assert now.operation is not None
    assert (now.operation.kind, now.operation.phase) == (Kind.WAKE, Phase.CALLING)
    assert now.done == 11


def test_wakes_are_compared_with_the_cold_starts_of_their_server():
    found = rows(running())
    cold = found["code", Topic.COLD, ColdKind.CACHED, None, None]
    wake = found["code", Topic.WAKE, None, 1, None]
    assert (cold.n, cold.last_s, cold.median_s, cold.ratio) == (1, 39.0, 39.0, None)
    assert (wake.n, wake.failed) == (2, 1)
    assert wake.median_s == pytest.approx(0.65)
    assert wake.ratio == pytest.approx(39.0 / 0.65)
    assert (wake.freed_bytes, wake.residual_bytes) == (56 * GIB, 2 * GIB)


def test_what_ended_badly_gives_no_value():
    now = picture(running())
    wake = rows(running())["code", Topic.WAKE, None, 1, None]
    assert wake.last_s == pytest.approx(0.7)  # not the 9 s of the wrong answer
    assert now.failed == 1
    assert now.failures[0].note == "it answers with something else"


def test_stability_and_requests_in_flight_have_rows_of_their_own():
    found = rows(running())
    assert found["code", Topic.STABILITY, None, 1, None].n == 1
    trial = found["code", Topic.IN_FLIGHT, None, 1, "abort"]
    assert trial.key.streams == 3
    assert trial.fates == {Fate.ABORTED: 2, Fate.COMPLETED: 1}  # the probe is not of them


def test_rows_stand_by_server_then_by_topic():
    keys = [row.key for row in picture(running()).rows]
    assert [key.server for key in keys] == ["summarize"] * 3 + ["code"] * 5
    assert [key.topic for key in keys[3:]] == [
        Topic.COLD, Topic.WAKE, Topic.WAKE, Topic.IN_FLIGHT, Topic.STABILITY,
    ]  # fmt: skip


def test_room_for_another_is_a_row():
    story = Story()
    begun = story.begin(PhaseKind.PROOF, question=Question.MEMORY, level=2)
    events = [begun, *story.operation(Kind.SLEEP, "code", 1.0, freed_bytes=GIB), story.end(begun)]
    (row,) = picture(events).rows
    assert (row.key.topic, row.key.level, row.n, row.freed_bytes) == (Topic.MEMORY, 2, 1, GIB)


def test_a_wake_with_another_kind_of_cold_start_is_compared_with_that():
    story = Story()
    begun = story.begin(PhaseKind.COLD, cold=ColdKind.DISK)
    events = [begun, *story.operation(Kind.START, "code", 60.0, first_token_s=60.0)]
    events += [story.end(begun), *story.cycle("code", 0.5)]
    assert picture(events).rows[1].ratio == pytest.approx(100.0)


def test_a_stop_counts_neither_as_good_nor_as_a_failure():
    story = Story()
    events = list(story.cycle("code", 0.5, cls="user_abort"))
    now = picture(events)
    assert now.is_stopped
    assert (now.rows, now.failed) == ((), 0)


def test_restoring_is_seen_and_verdicts_are_the_end():
    story = Story()
    assert picture([story.begin(PhaseKind.RESTORE, "")]).is_restoring
    over = picture(whole())
    assert len(over.verdicts) == 5
    assert over.share(0.0) == 1.0
    assert over.trail == ()


def test_what_began_before_it_was_followed_is_borne():
    fold = BenchFold()
    assert fold.apply(PhaseEnded(at_s=1.0, id=9))
    advanced = OperationAdvanced(at_s=1.0, id=9, server="code", phase=Phase.CALLING)
    assert not fold.apply(advanced)
    assert not fold.apply(RequestEnded(at_s=1.0, id=9, server="code", fate=Fate.CUT))
    assert fold.apply(OperationEnded(at_s=1.0, record=record(Kind.VERIFY, "code", id=9)))
    assert not fold.apply(Noted(at_s=1.0, server=None, severity="info", text="x"))
    assert fold.picture.rows == ()


def test_an_operation_that_did_not_end_well_gives_nothing():
    story = Story()
    begun = story.begin(PhaseKind.CYCLE, level=1)
    events = [
        begun,
        *story.operation(Kind.WAKE, "code", 3.0, outcome=Outcome.FAILED, first_token_s=3.0),
        *story.operation(Kind.VERIFY, "code", 0.1),
        story.end(begun),
    ]
    (row,) = picture(events).rows
    assert (row.n, row.last_s, row.median_s) == (1, None, None)


def test_phases_that_measure_nothing_have_no_row():
    story = Story()
    begun = story.begin(PhaseKind.WARM_UP)
    assert picture([begun, story.end(begun)]).rows == ()
