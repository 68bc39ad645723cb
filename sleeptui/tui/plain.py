"""The last step of ``--ascii``: what Textual itself draws, in ASCII.

Our own glyphs come from a set of their own; borders, scroll bars, radio buttons and key names
are Textual's. They are replaced as lines leave the compositor, cell by cell. Letters of any
script are left alone: they are somebody's text, not a drawing.
"""

from collections.abc import Mapping
from typing import Final

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_HORIZONTAL: Final = "─━┄┅┈┉╌╍═╴╶╸╺╼╾▔▁▂▃▄▀▆▅▇🮂🮃🮄🮅🮆"
_VERTICAL: Final = "│┃┆┇┊┋╎╏║╵╷╹╻╽╿▏▎▍▌▐▕▋▊▉🮇🮈🮉🮊🮋"
_SINGLE: Final[Mapping[str, str]] = {
    "·": "-",
    "…": ".",
    "●": "*",
    "○": "o",
    "⏎": "<",
    "↵": "<",
    "↑": "^",
    "↓": "v",
    "←": "<",
    "→": ">",
    "▶": ">",
    "▼": "v",
    "▲": "^",
    "◀": "<",
    "█": "#",
    "▓": "#",
    "▒": "=",
    "░": "-",
    "✓": "v",
    "✗": "x",
    "🔎": "? ",
}
_BOXES: Final = range(0x2500, 0x2580)
_TABLE: Final = str.maketrans(
    {chr(code): "+" for code in _BOXES}
    | dict.fromkeys(_HORIZONTAL, "-")
    | dict.fromkeys(_VERTICAL, "|")
    | dict(_SINGLE)
)


class AsciiLines(LineFilter):
    """Replaces drawings by ASCII of the same width."""

    def apply(
        self,
        segments: list[Segment],
        background: Color,  # noqa: ARG002 - Textual's signature
    ) -> list[Segment]:
        """The segments of one line; those that are ASCII already stay as they are."""
        return [
            segment
            if segment.text.isascii()
            else Segment(segment.text.translate(_TABLE), segment.style, segment.control)
            for segment in segments
        ]
