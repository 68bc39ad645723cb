"""Pieces of a painted line: text with the name of its colour, and how they are fitted to a width.

Presenters make lines of spans, widgets paint them. A span knows no colour, only a tone, so that
presenters are pure and every theme works.
"""

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from sleeptui.tui.tones import Tone


class Span(NamedTuple):
    """A run of text in one style.

    A tuple, not a dataclass: some thousand are made and compared every second.
    """

    text: str
    tone: str = Tone.TEXT
    """Colour of the text."""
    back: str = ""
    """Colour behind the text; empty: that of the line."""


Line = tuple[Span, ...]
BLANK: Line = ()


def line(text: str, tone: str = Tone.TEXT) -> Line:
    """A line of one span."""
    return (Span(text, tone),)


def plain(spans: Iterable[Span]) -> str:
    """The text alone."""
    return "".join(span.text for span in spans)


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the line takes; wide characters take two."""
    return sum(cell_len(span.text) for span in spans)


def cut(text: str, width: int, ellipsis: str) -> str:
    """The text in at most ``width`` cells, its end replaced by the ellipsis if it is longer."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(ellipsis)
    return set_cell_size(text, room).rstrip() + ellipsis if room > 0 else ellipsis[:width]


def fit(spans: Line, width: int, *, ellipsis: str, right: bool = False) -> Line:
    """The line in exactly ``width`` cells: cut with an ellipsis, or padded with spaces."""
    missing = width - width_of(spans)
    if missing < 0:
        return _shorten(spans, width, ellipsis)
    if missing == 0:
        return spans
    padding = Span(" " * missing)
    return (padding, *spans) if right else (*spans, padding)


def wrapped(text: str, width: int, tone: str = Tone.TEXT, *, indent: str = "") -> list[Line]:
    """The text as lines of at most ``width`` cells, broken at words; nothing for no text."""
    rows = textwrap.wrap(
        text,
        max(width, 1),
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_on_hyphens=False,  # an option of a command line is one word
    )
    return [line(row, tone) for row in rows]


def _shorten(spans: Line, width: int, ellipsis: str) -> Line:
    kept: list[Span] = []
    room = width
    for span in spans:
        taken = cell_len(span.text)
        # The ellipsis must still fit behind a span that is not the last.
        if taken < room:
            kept.append(span)
            room -= taken
            continue
        text = cut(span.text + " " * (room + 1 - taken), room, ellipsis)
        kept.append(Span(text, span.tone, span.back))
        break
    missing = width - width_of(kept)
    return (*kept, Span(" " * missing)) if missing > 0 else tuple(kept)
