"""Text from servers can do nothing to a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.text import clean, one_line


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2;0;0;0\x1b\\sixel", "sixel"),
        ("\x9b2Jcleared", "cleared"),
        ("a\x1bcb", "ab"),
        ("a\rb\x08c\x00d\x7f", "abcd"),
        ("new\nline\ttab", "new line tab"),
        ("right\u202eleft", "rightleft"),
        ("zero\u200bwidth", "zerowidth"),
        ("family 👨\u200d👩", "family 👨\u200d👩"),
        ("unterminated \x1b]0;rest of the text", "unterminated "),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_clean(raw, shown):
    assert clean(raw) == shown


def test_lines_are_kept_on_request():
    assert clean("a\n\tb\x1b[1m", lines=True) == "a\n\tb"


def test_one_line_folds_and_cuts():
    assert one_line("  a \n b  ") == "a b"
    assert one_line("x" * 10, limit=4) == "xxx…"


@given(st.text())
def test_no_control_character_is_left(text):
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in clean(text))
