from dataclasses import replace

import pytest
from support import journals
from support.sessions import attempt, session, standing

from sleeptui.core.environment import Card, Machine
from sleeptui.core.measure_memory import memory, trends
from sleeptui.core.operation import InFlight
from sleeptui.recorder.fold import fold

MIB = 1 << 20


@pytest.fixture(scope="module")
def sample():
    return fold(journals.lines())


def cycles(count, *, grows=0, host=0, life=1, level=1, slower=0.0):
    """Sleeps and wakes whose residual grows."""
    for number in range(count):
        fields = {"cycle": number + 1, "life": life, "level": level}
        told = {"freed_bytes": 38 * 10**9, "residual_bytes": 10**9 + number * grows}
        told["host_bytes"] = number * host
        yield attempt("sleep", 0.3, nth=number + 1, record=told, **fields)
        yield attempt("wake", 0.5 + number * slower, nth=number + 1, **fields)


def test_the_sample(sample):
    found = memory(sample)
    assert len(found) == 25
    first = found[0]
    assert (first.server, first.life, first.cycle, first.level) == ("summarize", 1, 1, 1)
    assert first.held_bytes == 84 << 30
    assert first.host_bytes == 13_825 * MIB
    assert first.freed_frac == pytest.approx(0.972, abs=0.001)
    assert first.regrown_bytes == 0
    (failed,) = [one for one in found if one.cls == "no_op"]
    assert failed.freed_bytes == 12 * MIB
    grown = [one for one in trends(sample) if one.is_notable]
    assert grown == []


def test_what_is_not_measured_is_not_known():
    told = {"freed_bytes": None, "residual_bytes": None}
    blind = standing(held_bytes=None, source=None)
    sure = attempt("sleep", record=told, pre=blind, post=None, cycle=1)
    guess = attempt("sleep", record={}, pre=standing(source="estimated"), cycle=2)
    bare = attempt("sleep", pre=None, record=None, cycle=3)
    for one in memory(session(sure, guess, bare)):
        assert (one.held_bytes, one.freed_frac, one.regrown_bytes) == (None, None, None)


def test_what_was_not_answered_is_no_cycle():
    every = session(attempt("sleep", done_ns=None), attempt("sleep", level=0), attempt("prompt"))
    assert memory(every) == ()


def test_what_grew_again_after_the_wake():
    every = session(
        attempt("sleep", cycle=1, record={"freed_bytes": 10}),
        attempt("wake", cycle=1, post=standing(held_bytes=41 * 10**9)),
        attempt("sleep", cycle=2, record={"freed_bytes": 10}),
        attempt("wake", cycle=2, cls="timeout", post=standing(held_bytes=99 * 10**9)),
    )
    assert [one.regrown_bytes for one in memory(every)] == [10**9, None]


def test_a_late_loop_spoils_times_and_not_bytes():
    every = session(*(replace(one, cls="disturbed") for one in cycles(7, grows=100 * MIB)))
    assert [one.what for one in trends(every)] == ["residual"]
    assert {one.regrown_bytes for one in memory(every)} == {0}


def trend(found, what):
    return next(one for one in found if one.what == what)


def test_a_leak_is_found():
    every = session(*cycles(7, grows=100 * MIB, host=90 * MIB, slower=0.02))
    found = trends(every, memory(every))
    leak = trend(found, "residual")
    assert (leak.unit, leak.cycles, leak.is_notable) == ("B", 7, True)
    assert leak.slope.value == 100 * MIB
    assert leak.grown == 600 * MIB
    slow = trend(found, "wake time")
    assert (slow.unit, slow.is_notable) == ("s", True)
    assert [one.what for one in found] == ["residual", "wake time", "sleep time"]


def test_host_memory_counts_from_the_third_sleep_on():
    every = session(*cycles(8, host=90 * MIB))
    assert trend(trends(every), "host memory").cycles == 6
    level2 = session(*cycles(8, host=90 * MIB, level=2))
    assert trend(trends(level2), "host memory").cycles == 8


def test_the_first_sleep_of_a_life_is_not_in_its_times():
    assert trend(trends(session(*cycles(8))), "sleep time").cycles == 7


def test_lives_and_levels_are_apart():
    every = session(*cycles(6, life=1), *cycles(6, life=2), *cycles(5, level=2))
    assert [(one.life, one.level) for one in trends(every) if one.what == "residual"] == [
        (1, 1),
        (2, 1),
    ]


def test_small_growth_and_failures_are_no_trend():
    every = session(
        *cycles(6, grows=MIB),
        attempt("sleep", cls="no_op", record={"residual_bytes": 40 << 30}, cycle=7),
        attempt("wake", 9.0, cls="timeout"),
        attempt("wake", cls="unfinished", record=None),
        attempt("wake", level=None),
    )
    leak = trend(trends(every), "residual")
    assert (leak.slope.low > 0, leak.is_notable, leak.cycles) == (True, False, 6)


def test_of_very_many_cycles_some_tell_the_slope():
    every = session(*cycles(900, grows=MIB))
    leak = trend(trends(every), "residual")
    assert (leak.cycles, leak.slope.value) == (900, MIB)


def test_a_wake_faster_than_its_link_is_no_part_of_a_slope():
    card = Card(index=0, name="NVIDIA H200", pcie_gen=5, pcie_width=16)
    pinned = {"host_bytes": 15 * 10**9, "freed_bytes": 38 * 10**9}
    first = attempt("sleep", 12.0, nth=1, cycle=1, record=pinned)
    wakes = [attempt("wake", 0.5) for _ in range(6)]
    fast = attempt("wake", 0.01)
    every = session(first, *wakes, fast, machine=Machine(cards=(card,)))
    assert trend(trends(every), "wake time").cycles == 6


def test_a_sleep_that_waited_for_requests_is_no_part_of_a_slope():
    busy = InFlight(running=3, waiting=0)
    waited = [attempt("sleep", 9.0, mode="wait", record={"in_flight": busy}) for _ in range(2)]
    idle = InFlight(running=0, waiting=0)
    plain = [attempt("sleep", mode="wait", record={"in_flight": idle}) for _ in range(6)]
    assert trend(trends(session(*plain, *waited)), "sleep time").cycles == 6
