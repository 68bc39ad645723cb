"""Intervals of what comes in blocks, against SciPy and by simulation."""

import random
from math import exp

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, t, ttest_1samp, ttest_ind

from sleeptui.core import stats, stats_blocks

TIMES = st.floats(1e-3, 1e3)
BLOCKS = st.lists(st.lists(TIMES, min_size=1, max_size=5), min_size=3, max_size=11)
quick = settings(deadline=None, derandomize=True, database=None, max_examples=100)


def lives(dice, count, *, centre=1.0, each=4, between=0.03, within=0.01):
    """Values by life: a life has its own centre."""
    found = []
    for _ in range(count):
        here = centre * exp(dice.gauss(0, between))
        found.append([here * exp(dice.gauss(0, within)) for _ in range(each)])
    return found


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.998])
@pytest.mark.parametrize("degrees", [1, 2, 2.7, 5, 11.5, 40, 300])
def test_student_as_scipy(confidence, degrees):
    found = stats_blocks.student_t(confidence, degrees)
    assert found == pytest.approx(t.ppf((1 + confidence) / 2, degrees), rel=1e-9)


@quick
@given(blocks=BLOCKS)
def test_the_median_of_a_few_lives_as_scipy(blocks):
    found, method = stats_blocks.median_of_blocks(blocks)
    values = [value for block in blocks for value in block]
    logs = np.log([np.median(block) for block in blocks])
    assume(logs.std() > 1e-6)  # SciPy warns of what is all the same
    theirs = ttest_1samp(logs, 0).confidence_interval(0.95)
    assert method == "Student's t on logarithms"
    assert found.value == pytest.approx(np.median(values))
    assert found.low == pytest.approx(min(np.exp(theirs.low), found.value), rel=1e-6)
    assert found.high == pytest.approx(max(np.exp(theirs.high), found.value), rel=1e-6)


def test_the_median_of_lives_with_no_logarithm():
    found, method = stats_blocks.median_of_blocks([[-1.0], [0.0], [1.0], []])
    assert (found.value, method) == (0.0, "Student's t on logarithms")
    assert (found.low, found.high) == pytest.approx((-2.484, 2.484), abs=1e-3)


def test_the_median_of_many_lives_is_that_of_independent_values():
    blocks = lives(random.Random(4), 12)
    found, method = stats_blocks.median_of_blocks(blocks)
    bare = stats.median_interval([stats.median(block) for block in blocks])
    assert method == "order statistics of lives"
    assert (found.low, found.high, found.confidence) == (bare.low, bare.high, bare.confidence)


def test_two_lives_have_no_interval_of_lives():
    assert stats_blocks.median_of_blocks([[1.0, 2.0], [1.0, 2.0], []]) is None


@quick
@given(above=BLOCKS, below=BLOCKS)
def test_a_ratio_of_a_few_lives_as_scipy(above, below):
    found = stats_blocks.ratio(above, below)
    logs = [np.log([np.median(block) for block in blocks]) for blocks in (above, below)]
    assert (found.method, found.draws) == ("Welch's t on logarithms", 0)
    assume(min(one.std() for one in logs) > 1e-6)
    theirs = ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    low, high = (min(max(float(end), -600), 600) for end in (theirs.low, theirs.high))
    assert found.low == pytest.approx(min(np.exp(low), found.value), rel=1e-5)
    assert found.high == pytest.approx(max(np.exp(high), found.value), rel=1e-5)


def test_lives_that_are_all_the_same_have_a_ratio_without_doubt():
    found = stats_blocks.ratio([[4.0]] * 3, [[2.0]] * 3)
    assert (found.low, found.value, found.high) == (pytest.approx(2), 2, pytest.approx(2))


@pytest.mark.parametrize("count", [9, 10, 40])
def test_a_ratio_of_one_life_each_as_scipy(count):
    dice = random.Random(count)
    top = [dice.gauss(2, 0.2) for _ in range(count)]
    bottom = [dice.gauss(1, 0.1) for _ in range(count)]
    ours = stats_blocks.ratio([top], [bottom])
    theirs = bootstrap(
        (top, bottom),
        lambda a, b, axis: np.median(a, axis=axis) / np.median(b, axis=axis),
        vectorized=True,
        method="percentile",
        n_resamples=10_000,
        random_state=np.random.default_rng(1),
    ).confidence_interval
    assert ours.value == pytest.approx(np.median(top) / np.median(bottom))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)
    assert ours.note == stats_blocks.TOO_FEW_LIVES
    assert (ours.blocks, ours.method, ours.draws) == ((1, 1), "bootstrap", 10_000)


def test_a_ratio_of_many_lives_is_the_same_each_time_and_another_with_another_seed():
    dice = random.Random(3)
    top, bottom = lives(dice, 12, centre=3.0), lives(dice, 12)
    one = stats_blocks.ratio(top, bottom)
    other = stats_blocks.ratio(top, bottom, seed=1)
    assert one == stats_blocks.ratio(top, bottom)
    assert (other.value, other.low) != (other.value, one.low)
    assert (one.method, one.note) == ("block bootstrap", "")


def test_a_ratio_with_nothing_above_the_line_is_drawn():
    found = stats_blocks.ratio([[0.0, 1.0]] * 3, [[1.0, 1.0]] * 3, draws=50)
    assert (found.method, found.note) == ("block bootstrap", "")


def test_one_value_has_no_interval():
    found = stats_blocks.ratio([[2.0]], [[1.0, 1.0]])
    assert (found.value, found.low, found.high) == (2.0, None, None)
    assert found.note == "one value has no interval"
    assert stats_blocks.ratio([[2.0, 2.0]], [[1.0], []]).low is None


def test_nothing_is_divided_by_nothing():
    with pytest.raises(ValueError, match=r"0\.0"):
        stats_blocks.ratio([[2.0]], [[1.0, 0.0]])


@pytest.mark.parametrize("count", [3, 6, 12])
def test_intervals_hold_the_truth_where_drawing_values_does_not(count):
    dice = random.Random(count)
    held = shared = flat = 0
    runs = 300
    for _ in range(runs):
        blocks, starts = lives(dice, count), lives(dice, count, centre=50.0, each=1)
        found, _ = stats_blocks.median_of_blocks(blocks)
        held += found.low <= 1.0 <= found.high
        both = stats_blocks.ratio(starts, blocks, draws=200)
        shared += both.low <= 50.0 <= both.high
        bare = stats.median_interval([value for block in blocks for value in block])
        flat += bare.low <= 1.0 <= bare.high
    assert held / runs >= 0.92
    assert shared / runs >= 0.90
    assert flat / runs <= 0.80
