"""What a stream can show."""

import pytest

from sleeptui.cli_output import Paper

WIDE = Paper(is_ascii=False, has_colour=False, width=None)
NARROW = Paper(is_ascii=True, has_colour=False, width=40)


def test_lines_stay_whole_where_there_is_no_terminal():
    assert WIDE.folded("  word " * 40) == ["  word " * 40]
    assert NARROW.whole("word " * 40) == ["word " * 40]


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("short", ["short"]),
        (
            "  → one two three four five six seven eight nine",
            ["  -> one two three four five six seven", "    eight nine"],
        ),
        ("x" * 60, ["x" * 60]),
    ],
)
def test_on_a_terminal_the_rest_of_a_line_is_indented(line, folded):
    assert NARROW.folded(line) == folded
