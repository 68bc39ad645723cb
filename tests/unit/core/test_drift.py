import random

import pytest
from support.builders import GIB, MIB

from sleeptui.core.drift import FEWEST, LEAST_BYTES, drifts
from sleeptui.core.learned import Cycle


def cycle(residual=2 * GIB, *, level=1, host=None):
    return Cycle(process_start_s=1.0, level=level, residual_bytes=residual, host_bytes=host)


def cycles(*mib, **fields):
    return [cycle(int(value * MIB), **fields) for value in mib]


def first_warning(values):
    """At which cycle a warning comes, looked at after each; None: never."""
    story = cycles(*values)
    return next(
        (count for count in range(1, len(story) + 1) if drifts(story[:count])),
        None,
    )


def wrong_warnings(draw, *, runs=1_000, length=30):
    """In how many of the runs a residual that only wobbles is warned of."""
    return (
        sum(first_warning([2_048 + draw() for _ in range(length)]) is not None for _ in range(runs))
        / runs
    )


@pytest.mark.parametrize("noise", [0, 20, 60])
def test_a_leak_of_200_mib_a_cycle_is_found_by_the_eighth(noise):
    dice = random.Random(noise)
    for _ in range(100):
        values = [2_048 + 200 * n + dice.uniform(-noise, noise) for n in range(8)]
        assert FEWEST <= first_warning(values) <= 8


def test_what_it_says_of_a_leak():
    (found,) = drifts(cycles(*(2_048 + 100 * n for n in range(12))))
    assert (found.what, found.cycles) == ("residual", 12)
    assert found.grown_bytes == 1_100 * MIB
    assert found.low_bytes <= found.slope_bytes == 100 * MIB <= found.high_bytes


def test_a_leak_within_its_noise_is_found_a_little_later():
    dice = random.Random(1)
    for _ in range(100):
        values = [2_048 + 30 * n + dice.uniform(-60, 60) for n in range(30)]
        assert first_warning(values) <= 14


def test_a_constant_residual_is_no_drift():
    assert first_warning([2_048] * 40) is None


def test_a_noisy_one_is_hardly_ever():
    dice = random.Random(2)
    assert wrong_warnings(lambda: dice.uniform(-20, 20)) <= 0.001


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("wide", lambda dice: dice.uniform(-200, 200)),
        ("normal", lambda dice: dice.gauss(0, 200)),
        ("heavy", lambda dice: dice.gauss(0, 20) / max(dice.random(), 0.05)),
        ("grains", lambda dice: dice.choice([0, 100])),
    ],
)
def test_nor_one_with_much_more_noise(name, draw):
    dice = random.Random(name)
    assert wrong_warnings(lambda: draw(dice)) <= 0.05


@pytest.mark.parametrize("where", range(0, 30, 3))
@pytest.mark.parametrize("outlier", [900, 6_000])
def test_one_outlier_is_none(where, outlier):
    values = [2_048] * 30
    values[where] = outlier
    assert first_warning(values) is None


def test_a_step_is_none():
    assert first_warning([2_048] * 10 + [2_400] * 20) is None


def test_a_residual_that_falls_is_none():
    assert first_warning([4_000 - 100 * n for n in range(20)]) is None


def test_growth_within_what_counts_as_settled_is_none():
    slow = LEAST_BYTES / MIB / 40
    assert first_warning([2_048 + slow * n for n in range(40)]) is None


def test_few_cycles_tell_nothing():
    assert drifts([]) == ()
    assert drifts(cycles(*(2_048 + 500 * n for n in range(FEWEST - 1)))) == ()


def test_cycles_that_were_not_measured_are_left_out():
    story = cycles(*(2_048 + 100 * n for n in range(8)))
    story[3] = cycle(None)
    (found,) = drifts(story)
    assert found.cycles == 7
    assert found.grown_bytes == 700 * MIB
    assert drifts([cycle(None)] * 20) == ()


def test_only_cycles_of_the_newest_level_count():
    mixed = [cycle((2_048 if level == 1 else 500) * MIB, level=level) for level in (2, 1, 2, 1) * 6]
    assert drifts(mixed) == ()
    leaking = [
        one for n in range(8) for one in (cycle(9 * GIB, level=2), cycle((2_048 + 200 * n) * MIB))
    ]
    assert drifts(leaking)[0].cycles == 8


def test_host_memory_grows_from_the_third_cycle_on():
    pinned = [5, 20, *[21] * 20]
    assert drifts([cycle(host=gib * GIB) for gib in pinned]) == ()
    leaking = [cycle(host=(20_000 + 300 * n) * MIB) for n in range(10)]
    (found,) = drifts(leaking)
    assert (found.what, found.cycles) == ("host memory", 8)
