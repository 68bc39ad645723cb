import random
import warnings
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import theilslopes

from sleeptui.core.stats import mean_std, slope_within, theil_sen

VALUES = st.one_of(
    st.integers(-5, 5).map(float),  # many ties
    st.floats(-1e9, 1e9, allow_nan=False, width=32),
)
POINTS = st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=50).filter(
    lambda points: len({x for x, _ in points}) > 1
)


def agrees(points, confidence):
    ours = theil_sen(points, confidence)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = theilslopes([y for _, y in points], [x for x, _ in points], confidence)
    assert ours.value == pytest.approx(theirs.slope, rel=1e-9, abs=1e-12)
    expected = theirs.low_slope, theirs.high_slope
    if isnan(theirs.low_slope):  # ties in x and y at once: Sen's variance is below 0, we take 0
        expected = ours.low, ours.high
        assert ours.low <= ours.value <= ours.high
    assert (ours.low, ours.high) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(deadline=None, derandomize=True, database=None)
@given(points=POINTS, confidence=st.sampled_from([0.9, 0.95, 0.99, 0.998]))
def test_as_scipy(points, confidence):
    agrees(points, confidence)


@pytest.mark.parametrize("count", range(2, 51))
def test_as_scipy_at_every_length(count):
    dice = random.Random(count)
    agrees([(float(x), dice.gauss(0, 1)) for x in range(count)], 0.95)
    agrees([(float(x), float(dice.randrange(3))) for x in range(count)], 0.95)
    agrees([(float(x), 7.0) for x in range(count)], 0.998)
    agrees([(float(x // 2), 2.0 * x) for x in range(count + 1)], 0.95)


def test_a_line_is_found_and_outliers_are_borne():
    line = [(float(x), 3.0 * x + 1) for x in range(20)]
    assert theil_sen(line).value == 3
    line[4], line[11] = (4.0, 900.0), (11.0, -900.0)
    assert theil_sen(line).value == pytest.approx(3, abs=0.2)


def test_points_below_each_other_have_no_slope():
    with pytest.raises(ValueError, match=r"1\.0"):
        theil_sen([(1.0, 2.0), (1.0, 3.0)])


@pytest.mark.parametrize("count", [8, 15, 30])
@pytest.mark.parametrize("noise", ["normal", "uniform", "heavy"])
def test_the_interval_holds_the_slope_as_often_as_it_says(count, noise):
    dice = random.Random(f"{count} {noise}")
    draw = {
        "normal": lambda: dice.gauss(0, 5),
        "uniform": lambda: dice.uniform(-5, 5),
        "heavy": lambda: dice.gauss(0, 1) / max(dice.random(), 0.01),
    }[noise]
    runs = 1_000
    held = 0
    for _ in range(runs):
        slope = theil_sen([(float(x), 2.0 * x + draw()) for x in range(count)])
        held += slope.low <= 2.0 <= slope.high
    assert held / runs >= 0.93


def test_lives_at_different_heights_tell_of_one_slope():
    low = [(float(x), 2.0 * x) for x in range(8)]
    high = [(float(x), 900.0 + 2.0 * x) for x in range(8)]
    found = slope_within([low, high])
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match=r"1\.0"):
        slope_within([[(1.0, 2.0)], [(1.0, 3.0)]])


def test_the_interval_of_many_lives_holds_the_slope_as_often_as_it_says():
    dice = random.Random(7)
    held, runs = 0, 500
    for _ in range(runs):
        groups = [
            [(float(x), here + 2.0 * x + dice.gauss(0, 5)) for x in range(5)]
            for here in (dice.gauss(0, 100) for _ in range(6))
        ]
        found = slope_within(groups)
        held += found.low <= 2.0 <= found.high
    assert held / runs >= 0.93


def test_a_mean_is_the_same_on_every_python():
    """``sum`` of floats is compensated from 3.12 on; ten times 0.1 is less than 1 before."""
    assert mean_std([0.1] * 10)[0] == 0.1
