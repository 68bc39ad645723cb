"""ASCII instead of Textual's drawings."""

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from sleeptui.tui.plain import AsciiLines

BLACK = Color.parse("black")


def plain(text):
    (segment,) = AsciiLines().apply([Segment(text, Style(bold=True))], BLACK)
    assert segment.style == Style(bold=True)
    return segment.text


@pytest.mark.parametrize(
    ("drawn", "ascii_text"),
    [
        ("╭─ Answer ─╮", "+- Answer -+"),
        ("│ x ┃", "| x |"),
        ("▐●▌ wait", "|*| wait"),
        ("ctrl+⏎ Send · Sleep…", "ctrl+< Send - Sleep."),
    ],
)
def test_drawings_become_ascii_of_the_same_width(drawn, ascii_text):
    assert plain(drawn) == ascii_text
    assert cell_len(ascii_text) == cell_len(drawn)


def test_every_box_character_has_a_stand_in():
    boxes = "".join(chr(code) for code in range(0x2500, 0x2580))
    assert set(plain(boxes)) <= set("+-|")


@pytest.mark.parametrize("text", ["plain", "Größe", "空は青い", "Привет"])
def test_letters_of_any_script_stay(text):
    assert plain(text) == text
