import pytest
from support.builders import GIB, operation, record, reference

from sleeptui.core.learned import CYCLES_KEPT, FIRST, TIMES_KEPT, Cycle, Learned, time_key
from sleeptui.core.operation import STOOD_STILL_S, InFlight, Kind, Outcome

LIFE = 1_000.0


def slept(level=1, **fields):
    values = {"freed_bytes": 38 * GIB, "residual_bytes": 2 * GIB, **fields}
    return record(Kind.SLEEP, level=level, **values)


def after(*records, life=LIFE, learned=None):
    learned = learned or Learned()
    for one in records:
        learned = learned.after(one, life)
    return learned


class TestAfter:
    @pytest.mark.parametrize("kind", [Kind.START, Kind.STOP])
    def test_a_start_and_a_stop_have_no_level(self, kind):
        learned = after(record(kind, duration_s=41.0), record(kind, duration_s=43.0))
        assert learned.times == {kind.value: (41.0, 43.0)}
        assert learned.cycles == ()
        assert learned.expected_of(operation(kind), None) == 43.0
        assert learned.expected_of(operation(Kind.WAKE), None) is None

    def test_a_sleep_is_a_cycle_and_a_time(self):
        learned = Learned().after(slept(duration_s=12.0), LIFE, 7 * GIB)
        assert learned.cycles == (
            Cycle(
                process_start_s=LIFE,
                level=1,
                freed_bytes=38 * GIB,
                residual_bytes=2 * GIB,
                host_bytes=7 * GIB,
            ),
        )
        assert learned.times == {FIRST: (12.0,)}

    @pytest.mark.parametrize(
        ("mode", "running", "is_timed"),
        [("wait", 8, False), ("wait", 0, True), ("abort", 8, True), ("wait", None, True)],
    )
    def test_the_time_of_a_drain_is_not_that_of_a_sleep(self, mode, running, is_timed):
        requests = InFlight(running=running, waiting=0)
        learned = after(slept(mode=mode, in_flight=requests, duration_s=7.4))
        assert len(learned.cycles) == 1
        assert bool(learned.times) is is_timed

    def test_a_time_in_which_the_program_was_stopped_is_none(self):
        stopped = slept(duration_s=30.0, loop_lag_s=STOOD_STILL_S + 0.1)
        learned = after(stopped, slept(duration_s=0.3, loop_lag_s=STOOD_STILL_S))
        assert len(learned.cycles) == 2
        assert learned.times == {"sleep 1": (0.3,)}

    def test_the_first_sleep_of_a_life_has_a_time_of_its_own(self):
        learned = after(slept(duration_s=12.0), slept(duration_s=0.3), slept(duration_s=0.4))
        assert learned.times == {FIRST: (12.0,), "sleep 1": (0.3, 0.4)}
        learned = after(slept(duration_s=11.0), life=2_000.0, learned=learned)
        assert learned.times[FIRST] == (12.0, 11.0)

    def test_wakes_and_switches_are_times(self):
        wake, switch = record(Kind.WAKE, level=2, duration_s=0.9), record(Kind.SWITCH, level=1)
        learned = after(wake, switch)
        assert learned.times == {"wake 2": (0.9,), "switch 1": (0.3,)}
        assert learned.cycles == ()

    def test_a_pause_is_no_cycle(self):
        learned = after(slept(level=0))
        assert (learned.cycles, set(learned.times)) == ((), {"sleep 0"})

    @pytest.mark.parametrize(
        "one",
        [
            slept(outcome=Outcome.SUSPECT),
            slept(outcome=Outcome.FAILED),
            slept(level=None),
            record(Kind.PROMPT),
            record(Kind.VERIFY, level=1),
        ],
    )
    def test_what_did_not_end_well_or_is_no_transition_teaches_nothing(self, one):
        assert after(one) == Learned()

    def test_it_is_bounded(self):
        learned = after(*[slept() for _ in range(CYCLES_KEPT + 5)])
        assert len(learned.cycles) == CYCLES_KEPT
        assert {len(times) for times in learned.times.values()} == {1, TIMES_KEPT}


class TestExpected:
    def test_the_median_of_the_last_times(self):
        wakes = [record(Kind.WAKE, level=1, duration_s=time) for time in (9.0, 0.4, 0.5, 0.45, 0.6)]
        assert after(*wakes).expected_s(Kind.WAKE, 1, LIFE) == 0.5
        assert Learned().expected_s(Kind.WAKE, 1, LIFE) is None

    def test_of_an_operation(self):
        learned = after(record(Kind.WAKE, level=1, duration_s=0.4))
        assert learned.expected_of(operation(Kind.WAKE, level=1), LIFE) == 0.4
        assert learned.expected_of(operation(Kind.WAKE, level=2), LIFE) is None
        assert learned.expected_of(operation(Kind.PROMPT), LIFE) is None
        assert learned.expected_of(None, LIFE) is None

    def test_the_first_sleep_of_each_life_is_expected_to_be_slow(self):
        learned = after(slept(duration_s=12.0), slept(duration_s=0.3))
        assert learned.expected_s(Kind.SLEEP, 1, LIFE) == 0.3
        assert learned.expected_s(Kind.SLEEP, 1, 2_000.0) == 12.0
        assert time_key(Kind.SLEEP, 2, learned, 2_000.0) == "sleep 2"


class TestAwake:
    def test_what_it_held(self):
        learned = Learned().seen_awake({0: 40 * GIB, 1: 39 * GIB}, LIFE)
        assert learned.awake_bytes(LIFE) == 79 * GIB
        assert learned.awake_bytes(2_000.0) is None
        assert learned.awake_bytes(None) is None
        assert Learned(awake_in_s=LIFE).awake_bytes(LIFE) is None

    def test_the_same_again_is_the_same_value(self):
        learned = Learned().seen_awake({0: 40 * GIB}, LIFE)
        assert learned.seen_awake({0: 40 * GIB}, LIFE) is learned
        assert learned.seen_awake({0: 40 * GIB}, 2_000.0).awake_in_s == 2_000.0


class TestJoined:
    def test_what_this_run_has_seen_counts_more(self):
        earlier = after(slept(), slept(duration_s=0.2)).seen_awake({0: GIB}, LIFE)
        earlier = Learned(
            awake_by_gpu={0: GIB},
            awake_in_s=LIFE,
            times=earlier.times,
            cycles=earlier.cycles,
            reference=reference(taken_wall_s=1.0),
        )
        now = after(record(Kind.WAKE, level=1), slept(duration_s=0.4), learned=Learned())
        joined = now.seen_awake({0: 2 * GIB}, 2_000.0).joined(earlier)
        assert (joined.awake_by_gpu, joined.awake_in_s) == ({0: 2 * GIB}, 2_000.0)
        assert joined.cycles == (*earlier.cycles, *now.cycles)
        assert joined.times == {FIRST: (0.3, 0.4), "sleep 1": (0.2,), "wake 1": (0.3,)}
        assert joined.reference == earlier.reference
        assert now.joined(earlier).awake_by_gpu == {0: GIB}
        assert now.joined(earlier).awake_in_s == LIFE

    def test_a_reference_of_this_run_stays(self):
        mine = Learned(reference=reference(taken_wall_s=2.0))
        assert mine.joined(Learned(reference=reference())).reference == mine.reference

    def test_it_is_bounded(self):
        many = after(*[slept() for _ in range(CYCLES_KEPT)])
        joined = many.joined(many)
        assert len(joined.cycles) == CYCLES_KEPT
        assert len(joined.times["sleep 1"]) == TIMES_KEPT


def test_cycles_of_one_life():
    learned = after(slept(), life=1.0)
    learned = after(slept(), slept(), life=2.0, learned=learned)
    assert len(learned.cycles_of(2.0)) == 2
    assert learned.cycles_of(None) == ()


def test_cycles_of_earlier_runs_without_a_start_time_could_be_of_any_life():
    nameless, named = Cycle(process_start_s=None, level=1), Cycle(process_start_s=LIFE, level=1)
    now = Learned(cycles=(nameless,)).joined(Learned(cycles=(nameless, named)))
    assert now.cycles == (named, nameless)
