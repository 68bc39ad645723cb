import pytest

from sleeptui.core.interval import Interval, Sample, measured
from sleeptui.core.stats_blocks import median_of_blocks


def interval(*lives, **fields):
    samples = tuple(
        Sample(value_s=value, attempt_id=life * 100 + number, at_ns=0, life=life)
        for life, values in enumerate(lives, start=1)
        for number, value in enumerate(values)
    )
    return measured(Interval(id="wake.call", server="q", model="q", samples=samples, **fields))


def test_nothing_measured_is_nothing():
    found = interval(others={"timeout": 2})
    assert (found.n, found.lives, found.median, found.method) == (0, 0, None, "")
    assert found.others == {"timeout": 2}


def test_figures_of_one_life():
    found = interval([0.5, 0.52, 0.51, 0.53, 0.5, 0.54])
    assert (found.n, found.lives) == (6, 1)
    assert found.median == pytest.approx(0.515)
    assert (found.low, found.high, found.confidence) == (0.5, 0.54, 0.96875)
    assert (found.min, found.max, found.method) == (0.5, 0.54, "order statistics")
    assert found.mean == pytest.approx(3.1 / 6)
    assert found.q1 == pytest.approx(0.5025)
    assert found.p90 is found.p95 is found.p99 is None
    assert found.percentile_note.startswith("p90 needs 29 values, there are 6; p95")
    assert found.note == (
        "too few restarts for an interval that holds beyond this one start of the server"
    )
    assert found.warnings == ()


def test_one_value_has_no_interval():
    found = interval([0.5])
    assert (found.median, found.low, found.high, found.confidence) == (0.5, None, None, 0.0)


def test_a_few_lives_say_how_many():
    assert "these 2 starts of the server" in interval([0.5, 0.6], [0.55]).note


def test_two_lives_of_a_value_each_have_what_two_values_have():
    found = interval([0.5], [0.6])
    assert (found.method, found.note, found.confidence) == ("order statistics", "", 0.5)


@pytest.mark.parametrize(("lives", "method"), [(3, "Student's t on logarithms"), (12, "order")])
def test_lives_enough_have_an_interval_of_lives(lives, method):
    blocks = [[life / 100 + 1, life / 100 + 1.001] for life in range(lives)]
    found = interval(*blocks)
    expected, _ = median_of_blocks(blocks)
    assert found.method.startswith(method)
    assert (found.note, found.lives) == ("", lives)
    assert (found.low, found.high) == (expected.low, expected.high)


def test_percentiles_where_there_are_values_enough():
    found = interval([float(x) for x in range(59)])
    assert (found.p90, found.p95, found.p99) == (52.2, 55.1, None)
    assert found.percentile_note == "p99 needs 299 values, there are 59"


def test_what_is_noisy_or_slow_at_first_is_told():
    found = interval([0.9, 0.5, 0.51, 0.5, 0.52, 0.49])
    assert found.warnings == (
        "standard deviation is 26 % of the mean",
        "the first value is slower than the others",
    )
    assert found.outliers[0] == "far"
    assert interval([0.9, 0.5, 0.5, 0.5, 0.5]).warnings == (
        "standard deviation is 28 % of the mean",
    )
    assert interval([0.0, 0.0]).warnings == ()
