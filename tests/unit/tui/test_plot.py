"""Curves as plotext draws them."""

import pytest

from sleeptui.tui.widgets.plot import _stretches, canvas

BLANK = " \N{BRAILLE PATTERN BLANK}"


def filled(row):
    """Which cells of a row have something in them."""
    return [cell not in BLANK for cell in row]


def test_a_full_curve_fills_all_and_half_of_it_the_lower_half():
    full = canvas((10.0,) * 40, 10.0, 20, 4, "braille")
    assert full == ("⣿" * 20,) * 4
    half = canvas((4.9,) * 40, 10.0, 20, 4, "braille")
    assert [any(filled(row)) for row in half] == [False, False, True, True]


def test_zero_is_a_line_at_the_bottom_and_unknown_is_nothing():
    rows = canvas((0.0,) * 20 + (None,) * 20, 10.0, 20, 3, "braille")
    assert filled(rows[-1]) == [True] * 10 + [False] * 10
    assert not any(filled(rows[0]))


def test_a_gap_stays_open():
    rows = canvas((9.0,) * 10 + (None,) * 20 + (9.0,) * 10, 10.0, 20, 3, "braille")
    assert filled(rows[1]) == [True] * 5 + [False] * 10 + [True] * 5


def test_nothing_known_draws_nothing():
    assert not any(any(filled(row)) for row in canvas((None,) * 40, 1.0, 20, 3, "braille"))


def test_a_value_above_the_top_ends_there():
    assert canvas((99.0,) * 20, 10.0, 10, 2, "braille") == ("⣿" * 10,) * 2


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (60, 8), (300, 40)])
@pytest.mark.parametrize("marker", ["braille", "#"])
def test_a_canvas_has_exactly_its_size(width, height, marker):
    rows = canvas(tuple(float(n % 7) for n in range(2 * width)), 7.0, width, height, marker)
    assert len(rows) == height
    assert {len(row) for row in rows} == {width}


def test_ascii_curves_are_ascii():
    assert all(row.isascii() for row in canvas((3.0,) * 20, 7.0, 10, 4, "#"))


def test_stretches_begin_where_values_do():
    assert _stretches([None, 1.0, 2.0, None, 3.0]) == [(1, [1.0, 2.0]), (4, [3.0])]
    assert _stretches([]) == []
