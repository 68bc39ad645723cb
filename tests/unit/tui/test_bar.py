"""Stacked bars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.tui.bar import Part, stacked
from sleeptui.tui.glyphs import ASCII, COLOURLESS, UNICODE
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.tones import Tone


def part(label="qwen", size=50.0, tone="server-0"):
    return Part(label=label, size=size, tone=tone)


def test_a_part_is_as_wide_as_its_share_and_carries_its_label():
    bar = stacked([part(size=50)], 100, "50 free", 20, UNICODE)
    assert [(span.text, span.back) for span in bar] == [
        (" qwen     ", "server-0"),
        ("   50 free", Tone.TRACK),
    ]


def test_an_edge_inside_a_cell_is_drawn_to_an_eighth_in_both_colours():
    bar = stacked([part(size=33), part("llama", 20, "server-1")], 100, "", 10, UNICODE)
    edge = bar[1]
    assert edge.text == "▎"  # 3.3 cells: two eighths of the fourth
    assert (edge.tone, edge.back) == ("server-0", "server-1")


def test_a_thin_part_is_still_seen():
    bar = stacked([part(size=1)], 100, "", 20, UNICODE)
    assert (bar[0].text, bar[0].tone) == ("▎", "server-0")


def test_in_a_cell_with_many_edges_the_two_largest_pieces_are_drawn():
    thin = [part(str(number), 0.4, f"server-{number}") for number in range(1, 4)]
    bar = stacked([part(size=47), *thin], 100, "", 10, UNICODE)
    shared = bar[1]
    assert (shared.tone, shared.back) == ("server-0", Tone.TRACK)


def test_what_holds_next_to_nothing_does_not_hide_the_others():
    bar = stacked([part(size=50), part("tiny", 0.01, "server-1")], 100, "", 10, UNICODE)
    assert [span.back for span in bar] == ["server-0", Tone.TRACK]


def test_parts_that_are_more_than_the_whole_end_at_its_end():
    bar = stacked([part(size=90), part("llama", 60, "server-1")], 100, "free", 10, UNICODE)
    assert width_of(bar) == 10
    assert bar[-1].back == "server-1"


def test_without_a_total_nothing_is_drawn_but_the_track():
    bar = stacked([part(size=5)], 0, "", 10, UNICODE)
    assert plain(bar) == " " * 10


def test_a_label_that_does_not_fit_is_cut_and_a_hopeless_one_left_out():
    assert plain(stacked([part("mistral", 60)], 100, "", 10, UNICODE))[:6] == " mist…"
    assert plain(stacked([part("mistral", 30)], 100, "", 10, UNICODE))[:3] == "   "


def test_where_colour_is_not_seen_patterns_and_edges_tell_the_parts_apart():
    parts = [part("qwen", 50), part("llama", 30, "server-1")]
    assert plain(stacked(parts, 100, "20 free", 40, ASCII)) == (
        "qwen###############|llama======|" + " 20 free"
    )
    assert plain(stacked(parts, 100, "", 20, COLOURLESS)).startswith("qwen█████│llama│")


@pytest.mark.parametrize("glyphs", [ASCII, COLOURLESS])
def test_patterned_bars_use_no_ground(glyphs):
    bar = stacked([part(), part("llama", 20, "server-1")], 100, "", 20, glyphs)
    assert {span.back for span in bar} == {""}


@given(
    st.lists(st.floats(0, 60), max_size=9),
    st.integers(1, 60),
    st.sampled_from([UNICODE, ASCII, COLOURLESS]),
)
def test_a_bar_is_always_exactly_as_wide_as_asked(sizes, width, glyphs):
    parts = [part(f"model-{number}", size) for number, size in enumerate(sizes)]
    assert width_of(stacked(parts, 100, "12.5 free", width, glyphs)) == width
