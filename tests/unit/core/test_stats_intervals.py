"""Medians, ratios, percentiles and proportions against SciPy and NumPy, and by simulation."""

import random
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap, median_abs_deviation

from sleeptui.core import stats

FLOATS = st.floats(-1e9, 1e9, allow_nan=False, width=32)
VALUES = st.lists(FLOATS, min_size=1, max_size=80)
quick = settings(deadline=None, derandomize=True, database=None, max_examples=100)


@quick
@given(values=VALUES)
def test_plain_figures_as_numpy(values):
    assert stats.median(values) == pytest.approx(np.median(values))
    assert stats.mean_std(values) == pytest.approx((np.mean(values), np.std(values)), abs=1e-6)
    assert stats.mad(values) == pytest.approx(median_abs_deviation(values))
    assert stats.quartiles(values) == pytest.approx(np.percentile(values, [25, 75]))


@quick
@given(values=st.lists(FLOATS, min_size=1, max_size=400), percent=st.integers(1, 99))
def test_percentiles_as_numpy_where_there_are_values_enough(values, percent):
    found = stats.percentile(values, percent)
    if len(values) < stats.values_needed(percent):
        assert found.value is None
        assert str(len(values)) in found.reason
    else:
        assert found.value == pytest.approx(np.percentile(values, percent), rel=1e-6)
        assert found.reason == ""


@pytest.mark.parametrize(("percent", "needed"), [(90, 29), (95, 59), (99, 299), (50, 5), (10, 29)])
def test_how_many_values_carry_a_percentile(percent, needed):
    assert stats.values_needed(percent) == needed


def test_why_there_is_no_percentile():
    assert stats.percentile([1.0] * 12, 90).reason == "p90 needs 29 values, there are 12"


@pytest.mark.parametrize(
    ("count", "low", "high", "confidence"),
    [
        (1, None, None, 0.0),
        (2, 1, 2, 0.5),
        (3, 1, 3, 0.75),
        (5, 1, 5, 0.9375),
        (6, 1, 6, 0.96875),
        (10, 2, 9, 0.978515625),
        (20, 6, 15, 0.9586),
        (30, 10, 21, 0.9572),
    ],
)
def test_which_values_bound_a_median(count, low, high, confidence):
    found = stats.median_interval([float(x) for x in range(count, 0, -1)])
    assert (found.low, found.high) == (low, high)
    assert found.confidence == pytest.approx(confidence, abs=1e-4)


@pytest.mark.parametrize("count", [8, 12, 25, 60, 301, 1100])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_an_interval_of_a_median_is_the_narrowest_that_is_sure_enough(count, confidence):
    found = stats.median_interval([float(x) for x in range(1, count + 1)], confidence)
    rank = round(found.low)
    assert found.high == count + 1 - rank

    def surety(rank):
        return 1 - 2 * sum(comb(count, i) for i in range(rank)) / 2**count

    assert surety(rank) >= confidence > surety(rank + 1)
    assert found.confidence == pytest.approx(surety(rank))


def test_of_very_many_values_the_normal_law_tells_the_ranks():
    many = [float(x) for x in range(1, 10_002)]
    found, exact = stats.median_interval(many), stats.median_interval(many[:-1])
    assert found.confidence == 0.95
    assert found.low == pytest.approx(exact.low, abs=2)


@pytest.mark.parametrize("count", [6, 11, 24])
def test_the_interval_of_a_median_holds_it_as_often_as_it_says(count):
    dice = random.Random(count)
    held = 0
    for _ in range(1_000):
        found = stats.median_interval([dice.lognormvariate(0, 1) for _ in range(count)])
        held += found.low <= 1.0 <= found.high
    assert held / 1_000 >= 0.935


def lives(dice, count, *, centre=1.0, each=4, between=0.03, within=0.01):
    """Values by life: a life has its own centre."""
    found = []
    for _ in range(count):
        here = centre * dice.gauss(1, between)
        found.append([here * dice.gauss(1, within) for _ in range(each)])
    return found


def test_drawing_lives_holds_the_truth_where_drawing_values_does_not():
    dice = random.Random(11)
    blocked = flat = 0
    runs = 250
    for run in range(runs):
        blocks = lives(dice, 8)
        found = stats.median_of_blocks(blocks, draws=300, seed=run)
        blocked += found.low <= 1.0 <= found.high
        bare = stats.median_interval([value for block in blocks for value in block])
        flat += bare.low <= 1.0 <= bare.high
    assert blocked / runs >= 0.85
    assert flat / runs <= 0.80


def test_a_ratio_holds_the_truth():
    dice = random.Random(5)
    held, runs = 0, 250
    for run in range(runs):
        found = stats.ratio(lives(dice, 7, centre=2.0), lives(dice, 7), draws=300, seed=run)
        held += found.low <= 2.0 <= found.high
    assert held / runs >= 0.85


@pytest.mark.parametrize("count", [9, 10, 40])
def test_a_ratio_of_one_life_each_as_scipy(count):
    dice = random.Random(count)
    top = [dice.gauss(2, 0.2) for _ in range(count)]
    bottom = [dice.gauss(1, 0.1) for _ in range(count)]
    ours = stats.ratio([top], [bottom])
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
    assert ours.note == stats.TOO_FEW_LIVES
    assert ours.blocks == (1, 1)


def test_a_ratio_is_the_same_each_time_and_another_with_another_seed():
    dice = random.Random(3)
    top, bottom = lives(dice, 6, centre=3.0), lives(dice, 6)
    assert stats.ratio(top, bottom) == stats.ratio(top, bottom)
    other = stats.ratio(top, bottom, seed=1)
    assert (other.value, other.low) != (other.value, stats.ratio(top, bottom).low)
    assert stats.ratio(top, bottom).note == ""


def test_one_value_has_no_interval():
    found = stats.ratio([[2.0]], [[1.0, 1.0]])
    assert (found.value, found.low, found.high) == (2.0, None, None)
    assert found.note == "one value has no interval"
    assert stats.ratio([[2.0, 2.0]], [[1.0], []]).low is None
    assert stats.median_of_blocks([[4.0], []]).low is None


def test_nothing_is_divided_by_nothing():
    with pytest.raises(ValueError, match=r"0\.0"):
        stats.ratio([[2.0]], [[1.0, 0.0]])


@quick
@given(data=st.data(), n=st.integers(1, 120), confidence=st.sampled_from([0.9, 0.95, 0.99]))
def test_proportions_as_scipy(data, n, confidence):
    k = data.draw(st.integers(0, n))
    found = stats.binomial(k, n, confidence)
    theirs = binomtest(k, n).proportion_ci(confidence, "exact")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    lower = binomtest(k, n, alternative="greater").proportion_ci(confidence, "exact").low
    assert found.at_least == pytest.approx(lower, abs=1e-9)


@pytest.mark.parametrize(("n", "least"), [(10, 0.741), (20, 0.861), (30, 0.905), (59, 0.9505)])
def test_what_a_row_of_successes_proves(n, least):
    assert stats.binomial(n, n).at_least == pytest.approx(least, abs=5e-4)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_no_proportion(k, n):
    with pytest.raises(ValueError, match=str(n)):
        stats.binomial(k, n)


def test_outliers_are_labelled():
    calm = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01]
    assert set(stats.outliers(calm)) == {""}
    assert stats.outliers([*calm, 9.0])[-1] == "far"
    assert stats.outliers([*calm, 1.04])[-1] == "out"
    assert stats.outliers([1.0, 9.0, 1.0, 1.0]) == ("",) * 4
    assert stats.outliers([1.0] * 5) == ("",) * 5


def test_a_far_value_among_many_wide_ones_is_labelled_by_its_distance_from_the_middle():
    # The range between the quartiles is wide, the middle is narrow.
    values = [1.0, 1.01, 1.0, 1.02, 0.99, 1.01, -1.0, -1.0, 3.0, 3.0, 5.0]
    assert stats.outliers(values)[-3:] == ("out", "out", "out")


@quick
@given(values=st.lists(FLOATS, min_size=1, max_size=40), seed=st.integers(0, 9))
def test_intervals_hold_what_they_are_of(values, seed):
    ordered = stats.median_interval(values)
    if ordered.low is not None:
        assert ordered.low <= ordered.value <= ordered.high
    halves = [values[::2], values[1::2]]
    drawn = stats.median_of_blocks(halves, draws=60, seed=seed)
    if drawn.low is not None:
        assert min(values) <= drawn.low <= drawn.high <= max(values)
