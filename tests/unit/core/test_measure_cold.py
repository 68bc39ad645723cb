import pytest
from support.benches import asked, phase, start
from support.sessions import attempt, session

from sleeptui.core.cold import ColdKind
from sleeptui.core.measure import intervals, ratios
from sleeptui.core.measure_cold import arm_of, cold_class, pace
from sleeptui.core.measure_fates import classes

BLOCK = (
    phase(1, "block", question="latency"),
    phase(2, "cold", parent=1),
    phase(3, "baseline", parent=1),
    phase(4, "cycle", parent=1, nth=0, level=1),
    phase(5, "cycle", parent=1, nth=1, level=1),
    phase(6, "trial", question="in_flight"),
)
BEFORE = [asked(at_s, phase=3) for at_s in (1, 2, 3)]


def found(*attempts, requests=()):
    seen = intervals(session(*attempts, phases=BLOCK, requests=tuple(requests)))
    return {(one.id, one.arm): one for one in seen}


def wake(at_s=10.0, **fields):
    told = {"first_token_s": 0.5, **fields.pop("record", {})}
    return attempt("wake", 0.4, **{"at_s": at_s, "phase": 5, "record": told, **fields})


def test_a_start_is_timed_by_its_kind():
    told = {"phases": {"weights": 3.5}, "container_started_s": 0.4}
    seen = found(start(60.0, phase=2, cold=told), start(90.0, kind=ColdKind.DISK, asked=None))
    assert seen["cold.ttft", "cold_cached"].values == (60.0,)
    assert seen["cold.health", "cold_cached"].values == (59.0,)
    assert seen["cold.container", "cold_cached"].values == (0.4,)
    assert seen["cold.phases.weights", "cold_cached"].values == (3.5,)
    assert seen["cold.ttft", "cold_disk"].values == (90.0,)


def test_a_start_from_another_cache_than_asked_counts_as_invalid():
    one = start(90.0, kind=ColdKind.DISK, asked=ColdKind.CACHED)
    seen = found(one)["cold.ttft", "cold_cached"]
    assert (seen.n, dict(seen.others)) == (0, {"invalid:cache": 1})
    assert classes(session(one)) == {one.id: "invalid:cache"}


def test_a_start_that_brings_a_server_back_is_no_measurement():
    phases = (phase(1, "prepare"), phase(2, "cold"), phase(3, "restore"))
    every = session(*(start(phase=number) for number in (1, 2, 3)), phases=phases)
    (one,) = (one for one in intervals(every) if one.id == "cold.ttft")
    assert (one.n, dict(one.others)) == (1, {})


def test_a_start_whose_cache_is_not_known_is_a_series_of_its_own():
    one = start(kind=ColdKind.UNKNOWN)
    assert (cold_class(one), arm_of(one)) == ("ok", "cold_unknown")


def test_a_start_that_never_came_is_counted():
    lost = attempt("start", cls="unfinished", record=None)
    dead = start(cls="engine_dead", kind=ColdKind.UNKNOWN)
    seen = found(lost, dead)
    assert dict(seen["cold.ttft", "cold_unknown"].others) == {"unfinished": 1}
    assert dict(seen["cold.ttft", "cold_cached"].others) == {"engine_dead": 1}


def test_a_start_without_parts_took_as_long_as_it_took():
    bare = attempt("start", 30.0, record={"first_token_s": 31.0})
    seen = found(bare)
    assert seen["cold.health", "cold_unknown"].values == (30.0,)


def test_the_first_cycle_and_trials_are_series_of_their_own():
    seen = found(
        attempt("sleep", phase=4, nth=1),
        wake(phase=4),
        attempt("sleep", phase=5),
        wake(phase=5),
        attempt("wake", phase=5, cls="unfinished", record=None),
        attempt("sleep", phase=6),
        wake(phase=6),
        attempt("sleep", phase=2),
        wake(phase=2),
    )
    counts = {name: one.n for (name, _), one in seen.items()}
    assert counts == {
        "sleep.first": 1,
        "sleep.call": 1,
        "sleep.in_flight": 1,
        "wake.first": 1,
        "wake.first.ttft": 1,
        "wake.call": 1,
        "wake.ttft": 1,
        "wake.in_flight": 1,
    }


def test_steady_from_the_first_of_three_that_are_as_fast_as_before():
    after = [asked(11.0, ttft_s=0.9, phase=5)]
    after += [asked(12.0 + number, phase=5) for number in range(3)]
    other = asked(11.5, phase=5, cohort="probe")
    seen = found(wake(10.0), requests=[*BEFORE, *after, other])
    assert seen["wake.steady", ""].values == (2.0,)


def test_not_steady_is_not_measured():
    slow = [asked(11.0 + number, tpot_s=0.05, phase=5) for number in range(3)]
    early = [asked(9.0 - number, phase=5) for number in range(3)]
    seen = found(wake(10.0), requests=[*BEFORE, *early, *slow])
    assert dict(seen["wake.steady", ""].others) == {"not measured": 1}


@pytest.mark.parametrize("requests", [[], BEFORE, [asked(11.0, phase=5)]])
def test_without_requests_before_and_after_nothing_is_said(requests):
    warm_up = asked(0.5, phase=3, cohort="warmup")
    assert ("wake.steady", "") not in found(wake(10.0), requests=[warm_up, *requests])


def test_the_pace_of_a_request():
    assert pace(asked(1.0)).tpot_s == pytest.approx(0.01)
    assert pace(asked(1.0, output_tokens=1)).tpot_s is None
    assert pace(asked(1.0, error="lost")) is None
    assert pace(asked(1.0, first_ns=None)) is None


def test_how_much_sooner_it_answers_after_a_wake():
    starts = [start(60.0 + life, life=life, phase=2) for life in range(1, 4)]
    wakes = [wake(life=life) for life in range(1, 4)]
    both = ratios(session(*starts, *wakes, phases=BLOCK))
    one = next(one for one in both if one.id == "cold.ttft/wake.ttft")
    assert (one.level, one.arm, one.ratio.value) == (1, "cold_cached", pytest.approx(124.0))
