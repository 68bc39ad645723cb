"""Columns of the fleet table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import pictures

from sleeptui.tui.columns import GAP, MARKS, columns_for, marks
from sleeptui.tui.present import Look
from sleeptui.tui.spans import plain, width_of

LOOK = Look(now_s=pictures.NOW_S)


def titles(width):
    return [column.title for column in columns_for(width)]


def test_at_120_all_columns_are_shown():
    assert titles(119) == [
        "MODEL", "STATE", "GPU GiB", "2 MIN", "RUN", "WAIT", "KV", "TOK/S", "TTFT", "LAST", "CYC",
    ]  # fmt: skip


def test_at_80_the_most_important_are_shown():
    assert titles(79) == ["MODEL", "STATE", "GPU GiB", "RUN", "WAIT", "TOK/S", "LAST"]


def test_the_narrowest_screen_still_shows_state_memory_and_queue():
    assert titles(59) == ["MODEL", "STATE", "GPU GiB", "RUN", "WAIT"]


@given(st.integers(40, 240))
def test_columns_never_overlap_and_never_leave_the_table(width):
    columns = columns_for(width)
    end = MARKS
    for column in columns:
        assert column.x == end
        end = column.x + column.width + GAP
    assert end - GAP <= width
    assert columns[0].width >= 1


@pytest.mark.parametrize("width", [59, 79, 119, 200])
@pytest.mark.parametrize("picture", ["calm", "busy", "all_states", "hostile", "many"])
def test_every_cell_has_exactly_its_width_whatever_is_in_it(width, picture):
    for view in getattr(pictures, picture)().servers:
        for column in columns_for(width):
            assert width_of(column.text(view, LOOK)) == column.width
            assert width_of(column.heading()) == column.width


def test_marks_show_cursor_selection_and_colour_without_needing_colour():
    view = pictures.qwen()
    assert plain(marks(view, LOOK, current=True, marked=False)) == "▶ ■ "
    assert plain(marks(view, LOOK, current=False, marked=True)) == " ◆■ "
    assert width_of(marks(view, LOOK, current=True, marked=True)) == MARKS
