"""What plots show, and how they are put together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import pictures
from support.builders import memory, metrics, operation, record, server

from sleeptui.core.operation import Kind, Phase
from sleeptui.tui.compose_plot import compose, rows_for
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present import Look
from sleeptui.tui.present_plot import (
    GUTTER,
    SPANS_S,
    Band,
    Curve,
    Plot,
    bands_of,
    plots_of,
    span_of,
)
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.tones import Tone

NOW = pictures.NOW_S
LOOK = Look(now_s=NOW, tones={"qwen": "server-0"}, gpu_bytes={0: 140 << 30})


def test_memory_is_drawn_against_all_memory_of_the_servers_gpus():
    plot, _ = plots_of(pictures.qwen(), LOOK, 50)
    assert (plot.title, plot.now, plot.top_label) == ("GPU memory", "85.3 GiB", "140.0")
    assert plot.top == 140 << 30
    assert len(plot.curves[0].values) == 100
    assert plot.curves[0].tone == "server-0"


def test_the_queue_is_stacked_running_in_front_of_all():
    view = server(
        metrics=metrics(running=5, waiting=2),
        running_series=pictures.series((300, 5)),
        waiting_series=pictures.series((300, 2)),
    )
    _, plot = plots_of(view, LOOK, 20)
    assert plot.now == "5 run, 2 wait"
    assert plot.top == 7
    both, running = plot.curves
    assert set(both.values) == {7.0}
    assert set(running.values) == {5.0}


def test_a_queue_that_stands_still_says_so():
    view = server(metrics=metrics(running=8, waiting=1), queue_frozen=True)
    assert plots_of(view, LOOK, 20)[1].now == "8 run, 1 wait, frozen"


def test_a_queue_known_in_half_is_drawn_as_far_as_it_is_known():
    view = server(running_series=pictures.series((300, 5)))
    _, plot = plots_of(view, LOOK, 20)
    assert set(plot.curves[0].values) == {5.0}


def test_without_data_plots_are_empty_not_zero():
    memory_plot, queue_plot = plots_of(server(metrics=None, memory=None), LOOK, 20)
    assert memory_plot.now == "--"
    assert memory_plot.top_label == ""
    assert queue_plot.now == "--"
    assert set(memory_plot.curves[0].values) == {None}
    assert set(queue_plot.curves[0].values) == {None}


def test_one_that_is_down_is_drawn_against_all_memory_of_the_gpus_it_was_on():
    view = server(memory=None, on_gpus=(0,), memory_series=pictures.series((300, 4 << 30)))
    assert plots_of(view, LOOK, 20)[0].top == 140 << 30


def test_without_known_gpus_memory_is_drawn_against_its_peak():
    view = server(memory=None, memory_series=pictures.series((300, 4 << 30)))
    assert plots_of(view, LOOK, 20)[0].top == 4 << 30


def test_a_plot_is_equal_until_half_a_cell_is_over():
    view = replace(pictures.qwen(), memory=memory())
    step_s = SPANS_S[-1] / 100
    start_s = NOW // step_s * step_s
    first = plots_of(view, replace(LOOK, now_s=start_s + 0.1), 50)
    assert plots_of(view, replace(LOOK, now_s=start_s + step_s * 0.9), 50) == first
    assert plots_of(view, replace(LOOK, now_s=start_s + step_s * 1.1), 50) != first


@pytest.mark.parametrize(
    ("known_s", "span_s"),
    [(0, 60), (5, 60), (59, 60), (61, 120), (119, 120), (130, 300), (900, 300)],
)
def test_the_span_grows_with_what_is_known(known_s, span_s):
    view = server(running_series=pictures.series((known_s, 5)))
    assert span_of(view, NOW) == span_s


def test_all_curves_and_bands_of_a_server_share_the_longest_span():
    view = server(
        memory_series=pictures.series((100, 1 << 30)),
        running_series=pictures.series((20, 5)),
        history=(record(Kind.WAKE, began_s=NOW - 90, duration_s=6.0),),
    )
    plots = plots_of(view, LOOK, 60)
    assert {plot.span_s for plot in plots} == {120.0}
    assert {(band.first, band.last) for plot in plots for band in plot.bands} == {(14, 17)}
    known = [sum(value is not None for value in plot.curves[-1].values) for plot in plots]
    assert known == [101, 21]  # the newest of the aligned parts has only begun


def test_operations_are_bands_in_the_colour_of_their_kind():
    view = server(
        history=(
            record(Kind.PROMPT, began_s=NOW - 10),
            record(Kind.WAKE, began_s=NOW - 150, duration_s=30.0),
            record(Kind.SLEEP, began_s=NOW - 301, duration_s=0.3),
            record(Kind.SLEEP, began_s=NOW - 900, duration_s=1.0),
        )
    )
    bands = bands_of(view, NOW, 50, 300.0)
    assert bands == (Band(first=24, last=29, tone=Tone.BAND_WAKE, letter="w"),)


def test_what_waits_in_the_queue_is_not_drawn():
    queued = operation(Kind.WAKE, began_s=NOW - 9, phase=Phase.QUEUED)
    assert bands_of(server(operation=queued), NOW, 50, 300.0) == ()


def test_a_running_operation_reaches_to_now():
    view = server(operation=operation(Kind.SWITCH, began_s=NOW - 12))
    (band,) = bands_of(view, NOW, 50, 300.0)
    assert (band.last, band.tone, band.letter) == (49, Tone.BAND_SWITCH, "x")
    assert band.first < band.last


@given(st.floats(0, 400), st.floats(0, 400), st.integers(1, 120))
def test_bands_never_leave_the_plot(ago_s, duration_s, width):
    view = server(history=(record(Kind.WAKE, began_s=NOW - ago_s, duration_s=duration_s),))
    for band in bands_of(view, NOW, width, 300.0):
        assert 0 <= band.first <= band.last < width or NOW - ago_s + duration_s > NOW


@pytest.mark.parametrize("height", range(40))
def test_rows_of_both_curves_titles_and_scale_fill_the_height(height):
    rows = rows_for(height)
    assert all(row >= 0 for row in rows)
    if height >= 8:
        assert sum(rows) + 3 == height
        assert rows[0] >= rows[1] >= 2


def small(*curves, bands=()):
    return Plot(
        title="Requests",
        now="5 run",
        curves=curves,
        top=4,
        top_label="4",
        bands=bands,
        span_s=300.0,
    )


def test_a_composed_plot_has_title_scales_curve_and_bands():
    curve = Curve(values=(1.0,) * 40, tone=Tone.GOOD)
    band = Band(first=10, last=11, tone=Tone.BAND_WAKE, letter="w")
    canvas = (" " * 20, "#" * 20)
    lines = compose([(small(curve, bands=(band,)), [canvas])], 20, ASCII)
    assert [plain(line).rstrip() for line in lines] == [
        "Requests 5 run",
        "    4",
        "    0 " + "#" * 20,
        "      -5 min ---w----- now",
    ]
    assert [(span.text, span.tone, span.back) for span in lines[2][1:]] == [
        ("#" * 10, Tone.GOOD, ""),
        ("##", Tone.GOOD, Tone.BAND_WAKE),
        ("#" * 8, Tone.GOOD, ""),
    ]
    assert {width_of(line) for line in lines} == {20 + GUTTER}


def test_of_two_that_begin_together_the_letter_is_that_of_the_band_on_top():
    curve = Curve(values=(1.0,) * 40, tone=Tone.GOOD)
    bands = (
        Band(first=10, last=14, tone=Tone.BAND_SWITCH, letter="x"),
        Band(first=10, last=12, tone=Tone.BAND_WAKE, letter="w"),
    )
    lines = compose([(small(curve, bands=bands), [("#" * 20,)])], 20, ASCII)
    assert plain(lines[-1]).strip() == "-5 min ---x----- now"
    assert {span.back for span in lines[1]} == {"", Tone.BAND_SWITCH}


def test_a_later_curve_covers_an_earlier_one_and_blanks_do_not():
    waiting, running = (Curve(values=(1.0,) * 8, tone=tone) for tone in (Tone.WARN, Tone.GOOD))
    lines = compose([(small(waiting, running), [("⣿⣿⣿⣿",), ("⣿⠀ ⣿",)])], 4, UNICODE)
    assert [(span.text, span.tone) for span in lines[1][1:]] == [
        ("⣿", Tone.GOOD),
        ("⣿⣿", Tone.WARN),
        ("⣿", Tone.GOOD),
    ]


def test_nothing_to_draw_gives_no_lines():
    assert compose([], 20, UNICODE) == []
