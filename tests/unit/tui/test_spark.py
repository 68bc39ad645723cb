"""Sparklines."""

from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.series import Series
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.spark import Sparks, bars, held


def test_bars_go_from_zero_to_full_and_unknown_is_blank():
    assert bars([0.0, 70.0, 140.0, 200.0, None], 140.0, UNICODE.spark) == "▁▅██ "
    assert bars([0.0, 140.0], 140.0, ASCII.spark) == "_#"


def test_without_a_scale_all_that_is_known_is_flat():
    assert bars([3.0, None], 0.0, UNICODE.spark) == "▁ "


def test_short_unknown_stretches_are_bridged_and_long_ones_are_not():
    assert held([None, 1.0, None, None, 2.0, None, None, None], 2) == [
        None, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, None,
    ]  # fmt: skip


def filled(*values, step_s=1.0):
    series = Series()
    for number, value in enumerate(values):
        series.append(number * step_s, value)
    return series


def test_the_newest_cell_follows_within_its_time():
    sparks = Sparks(span_s=100.0)
    series = filled(*[1.0] * 95)
    assert sparks.cells("qwen", series, 10, 94.0)[-1] == 1.0
    series.append(96.0, 7.0)
    assert sparks.cells("qwen", series, 10, 96.0)[-1] == 7.0


def test_another_series_under_the_same_name_is_read_anew():
    sparks = Sparks(span_s=100.0)
    sparks.cells("qwen", filled(*[1.0] * 95), 10, 94.0)
    assert sparks.cells("qwen", filled(*[2.0] * 95), 10, 94.0) == [2.0] * 10


def test_what_is_gone_is_forgotten():
    sparks = Sparks()
    sparks.cells("qwen", filled(1.0), 4, 0.0)
    sparks.cells("llama", filled(1.0), 4, 0.0)
    sparks.forget(frozenset({"qwen"}))
    assert {key for key, _ in sparks._known} == {"qwen"}


def test_no_width_no_cells():
    assert Sparks().cells("qwen", filled(1.0), 0, 0.0) == []


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_looking_often_shows_the_same_as_looking_once(values, width):
    sparks, series = Sparks(span_s=24.0), Series()
    cells = []
    for at_s, value in enumerate(values):
        series.append(float(at_s), value)
        cells = sparks.cells("qwen", series, width, float(at_s))
    assert cells == Sparks(span_s=24.0).cells("qwen", series, width, len(values) - 1.0)
