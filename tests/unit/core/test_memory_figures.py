from array import array

import pytest
from support.benches import phase
from support.sessions import S, attempt, session

from sleeptui.core.measure_memory import memory
from sleeptui.core.memory_figures import HOST, RESIDUAL, WAKE, growth, memory_intervals
from sleeptui.core.session import Curve

MIB = 1 << 20


def sleep(number=0, *, residual=2000 * MIB, **fields):
    told = {"freed_bytes": 38 * 10**9, "residual_bytes": residual, "host_bytes": 0}
    values = {"at_s": 10.0 * number, "cycle": number, "nth": number + 3, **fields}
    return attempt("sleep", record={**told, **values.pop("record", {})}, **values)


def wake(number=0, seconds=0.4, *, residual=2000 * MIB, **fields):
    told = {"residual_bytes": residual}
    values = {"at_s": 10.0 * number + 5, "cycle": number, **fields}
    return attempt("wake", seconds, record=told, **values)


def test_figures_have_intervals():
    attempts = [one for number in range(6) for one in (sleep(number), wake(number, residual=3000))]
    seen = session(*attempts)
    found = {one.id: one for one in memory_intervals(seen, memory(seen))}
    assert list(found) == [
        "memory.freed",
        "memory.freed_frac",
        "memory.residual",
        "memory.regrown",
        "memory.asleep",
        "memory.host",
    ]
    share = found["memory.freed_frac"]
    assert (share.n, share.median, share.unit, share.level) == (6, pytest.approx(0.95), "", 1)
    assert found["memory.asleep"].median == 3000 - 2000 * MIB


def test_sleeps_with_requests_in_flight_are_left_out():
    phases = (phase(1, "trial"), phase(2, "prepare"))
    seen = session(sleep(1, phase=1), sleep(2, phase=2), sleep(3, cls="timeout"), phases=phases)
    found = {one.id: one.n for one in memory_intervals(seen, memory(seen))}
    assert found["memory.freed"] == 1


def test_what_grows_is_found_over_all_lives():
    attempts = [
        sleep(number, life=life, residual=(2000 + 500 * life + 200 * number) * MIB)
        for life in (1, 2)
        for number in range(6)
    ]
    found = growth(session(*attempts), "qwen", RESIDUAL, 1)
    assert found.slope.value == 200 * MIB
    assert (found.cycles, found.lives, found.span) == (12, 2, 5)
    assert found.grown == 1000 * MIB
    assert found.is_notable
    assert growth(session(*attempts), "qwen", RESIDUAL, 2) is None
    assert growth(session(*attempts), "code", RESIDUAL) is None


def test_noise_is_not_notable():
    attempts = [sleep(number, residual=(2000 + number % 2) * MIB) for number in range(12)]
    found = growth(session(*attempts), "qwen", RESIDUAL)
    assert not found.is_notable
    slow = [sleep(number, residual=2000 * MIB + 1000 * number) for number in range(12)]
    assert not growth(session(*slow), "qwen", RESIDUAL).is_notable


def test_many_cycles_in_a_row_count_alone():
    phases = (
        phase(1, "cycle", question="stability"),
        phase(2, "cycle", question="latency"),
        phase(3, "prepare", question="stability"),
        phase(4, "trial", question="in_flight"),
    )
    calm = [sleep(number, phase=1) for number in range(8)]
    grown = [sleep(20 + number, phase=2, residual=number * 10**9) for number in range(8)]
    room = [sleep(40, phase=3, residual=9 * 10**9), sleep(41, phase=4, residual=10**10)]
    found = growth(session(*calm, *grown, *room, phases=phases), "qwen", RESIDUAL)
    assert (found.cycles, found.slope.value) == (8, 0.0)


def test_a_wake_that_becomes_slower():
    attempts = [wake(number, 0.4 + 0.01 * number) for number in range(10)]
    attempts += [wake(20, 9.0, cls="disturbed"), wake(21, 9.0, cls="unfinished")]
    found = growth(session(*attempts), "qwen", WAKE)
    assert (found.unit, found.cycles) == ("s", 10)
    assert found.slope.value == pytest.approx(0.01)
    assert found.is_notable


def host(*values, at_s=10.0):
    """The first value at second 1, then one each ten seconds."""
    curve = Curve()
    for number, value in enumerate(values):
        curve.add(int((1 + at_s * number) * S), value)
    return curve


def test_the_host_has_less_and_less():
    curve = host(*(100e9 - number * 300 * MIB for number in range(12)))
    attempts = [sleep(number + 1) for number in range(8)]
    found = growth(session(*attempts, host_available=curve), "qwen", HOST)
    assert found.slope.value == pytest.approx(300 * MIB)
    assert found.is_notable


def test_what_the_pinned_copy_takes_does_not_count():
    attempts = [sleep(number + 1, nth=number + 1) for number in range(8)]
    found = growth(session(*attempts, host_available=host(*[5e9] * 12)), "qwen", HOST)
    assert (found.cycles, found.slope.value) == (6, 0.0)


def test_nor_do_sleeps_at_level_2_around_those_that_allocate_it():
    levels = (2, 1, 2, 1, 1, 2, 2, 1, 1, 2)
    attempts = [
        sleep(number + 1, level=level, nth=levels[: number + 1].count(level))
        for number, level in enumerate(levels)
    ]
    curve = host(*(100e9 - (number > 2) * 3e9 for number in range(12)))
    found = growth(session(*attempts, host_available=curve), "qwen", HOST)
    assert (found.cycles, found.slope.low, found.slope.high) == (6, 0.0, 0.0)
    early = session(*attempts[:4], host_available=curve)
    assert growth(early, "qwen", HOST) is None


@pytest.mark.parametrize("curve", [Curve(), host(None, None, None, None, None)])
def test_without_a_reading_nothing_is_said(curve):
    attempts = [sleep(number + 1, record={"residual_bytes": None}) for number in range(4)]
    seen = session(*attempts, host_available=curve)
    assert growth(seen, "qwen", HOST) is None
    assert growth(seen, "qwen", RESIDUAL) is None


def test_of_very_many_cycles_an_even_part_is_taken():
    attempts = [sleep(number, residual=number) for number in range(900)]
    found = growth(session(*attempts), "qwen", RESIDUAL)
    assert (found.cycles, found.slope.value) == (400, 1.0)
    assert array("d", [found.span])[0] > 890
