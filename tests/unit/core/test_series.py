"""Series: bounded, ordered, bucketed on aligned edges."""

import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.series import Series


def filled(values, *, step=1.0, limit=100):
    series = Series(limit)
    for index, value in enumerate(values):
        series.append(index * step, value)
    return series


def test_the_oldest_points_are_forgotten():
    series = filled(range(10), limit=3)
    assert series.points(0) == [(7.0, 7), (8.0, 8), (9.0, 9)]
    assert series.last == 9
    assert series.oldest_s == 7.0
    assert len(series) == 3


MOMENTS = st.tuples(st.floats(0, 2), st.one_of(st.none(), st.floats(0, 1e12)))


@given(st.lists(MOMENTS, max_size=40), st.integers(1, 7), st.floats(0, 40))
def test_points_are_the_newest_that_were_added_from_a_time_on(moments, limit, since_s):
    series, added, at_s = Series(limit), [], 0.0
    for number, (gap_s, value) in enumerate(moments):
        at_s += gap_s
        one = value if number % 2 else 2e12  # none stands still
        series.append(at_s, one)
        added.append((at_s, one))
    kept = added[-limit:]
    assert series.points(since_s) == [point for point in kept if point[0] >= since_s]
    assert len(series) == len(kept)
    assert (series.oldest_s, series.last) == ((kept[0][0], kept[-1][1]) if kept else (None, None))


def test_it_takes_no_more_memory_than_at_its_first_value():
    series = Series()
    series.append(0.0, 0.0)
    tracemalloc.start()
    try:
        for tick in range(1, 10_000):
            series.append(tick / 2, float(tick))
        assert tracemalloc.get_traced_memory()[0] < 1000
    finally:
        tracemalloc.stop()


def test_time_never_goes_back():
    series = filled([1, 2, 3])
    series.append(0.5, 9)
    assert series.last == 3


def test_an_empty_series_has_no_oldest_and_no_newest():
    assert (Series().oldest_s, Series().last) == (None, None)


def test_points_since_a_time():
    assert filled([1, None, 3]).points(1.0) == [(1.0, None), (2.0, 3)]


def test_buckets_keep_the_highest_value_and_show_gaps():
    series = Series()
    for at_s, value in ((0.0, 5.0), (0.5, 7.0), (3.2, 1.0)):
        series.append(at_s, value)
    assert series.buckets(4, 4.0, 3.9) == [7.0, None, None, 1.0]


def test_buckets_leave_out_what_was_not_known_and_what_is_yet_to_come():
    series = Series()
    for at_s, value in ((1.0, None), (2.0, 4.0), (9.0, 8.0)):
        series.append(at_s, value)
    assert series.buckets(4, 4.0, 3.5) == [None, None, 4.0, None]


def test_buckets_do_not_move_within_a_step():
    series = filled([1, 2, 3, 4, 5])
    assert series.buckets(5, 5.0, 4.01) == series.buckets(5, 5.0, 4.99)


def test_buckets_of_nothing():
    assert Series().buckets(3, 30.0, 100.0) == [None, None, None]
    assert Series().buckets(0, 30.0, 100.0) == []
    assert Series().last is None


@given(st.lists(st.floats(0, 1e12), max_size=60), st.integers(1, 40), st.floats(0.5, 600))
def test_buckets_never_invent_a_value(values, width, span_s):
    series = filled(values)
    cells = series.buckets(width, span_s, len(values))
    assert len(cells) == width
    assert {cell for cell in cells if cell is not None} <= set(values)


def test_what_stands_still_is_kept_twice_a_second():
    series = Series()
    for tick in range(101):
        series.append(tick / 10, 5.0)
    points = series.points(0.0)
    assert len(points) <= 22
    assert points[0] == (0.0, 5.0)
    assert points[-1] == (10.0, 5.0)
    gaps = [after - before for (before, _), (after, _) in pairwise(points)]
    assert max(gaps) <= 0.5


def test_a_change_keeps_the_last_moment_before_it():
    series = Series()
    for at_s, value in ((0.0, 1.0), (0.1, 1.0), (0.2, 1.0), (0.3, 2.0), (0.4, None), (0.5, None)):
        series.append(at_s, value)
    assert series.points(0.0) == [(0.0, 1.0), (0.2, 1.0), (0.3, 2.0), (0.4, None), (0.5, None)]
