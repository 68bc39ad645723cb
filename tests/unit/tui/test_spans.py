"""Spans: cutting, padding and wrapping by cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sleeptui.tui.spans import Span, cut, fit, line, plain, width_of, wrapped

TEXTS = st.text(alphabet="ab 模型é-", max_size=12)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("qwen", 4, "qwen"),
        ("qwen-coder", 5, "qwen…"),
        ("qwen", 1, "…"),
        ("qwen", 0, ""),
        ("模型千问", 5, "模型…"),
        ("模型千问", 4, "模…"),
        ("a bcd", 3, "a…"),
    ],
)
def test_cut_keeps_what_fits_and_says_that_there_was_more(text, width, shown):
    assert cut(text, width, "…") == shown


def test_a_longer_ellipsis_is_cut_itself_where_it_has_no_room():
    assert cut("qwen", 1, "..") == "."


def test_fit_pads_figures_at_the_left_and_words_at_the_right():
    assert plain(fit(line("87.3"), 6, ellipsis="…", right=True)) == "  87.3"
    assert plain(fit(line("qwen"), 6, ellipsis="…")) == "qwen  "


def test_fit_cuts_in_the_span_where_the_room_ends_and_keeps_its_tone():
    spans = (Span("qwen", "strong"), Span(" · coder", "muted"))
    fitted = fit(spans, 8, ellipsis="…")
    assert plain(fitted) == "qwen ·… "
    assert fitted[1].tone == "muted"


def test_fit_shows_the_ellipsis_when_the_cut_falls_between_two_spans():
    assert plain(fit((Span("qwen"), Span("coder")), 4, ellipsis="…")) == "qwe…"


@given(st.lists(TEXTS, max_size=4), st.integers(0, 20), st.booleans())
def test_a_fitted_line_has_exactly_the_width(texts, width, right):
    spans = tuple(Span(text) for text in texts)
    assert width_of(fit(spans, width, ellipsis="…", right=right)) == width


@given(TEXTS, st.integers(0, 12))
def test_a_cut_text_is_never_too_wide(text, width):
    assert cell_len(cut(text, width, "…")) <= width


def test_wrapped_indents_the_first_line_with_a_sign_and_the_others_with_blanks():
    rows = [plain(row) for row in wrapped("no answer in two seconds", 12, indent="· ")]
    assert rows == ["· no answer", "  in two", "  seconds"]
    assert wrapped("", 12) == []
