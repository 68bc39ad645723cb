"""Medians, ratios, percentiles and proportions against SciPy and NumPy, and by simulation."""

import random
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, median_abs_deviation

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
@given(values=st.lists(FLOATS, min_size=1, max_size=40))
def test_intervals_hold_what_they_are_of(values):
    ordered = stats.median_interval(values)
    if ordered.low is not None:
        assert ordered.low <= ordered.value <= ordered.high
