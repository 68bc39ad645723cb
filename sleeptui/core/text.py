"""Text from outside, made safe for a terminal."""

import re
import unicodedata

# CSI, OSC (ended by BEL or ST), DCS/SOS/PM/APC strings, and two-byte escapes (ECMA-48).
_ESCAPES = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"
    "|\x9b[0-?]*[ -/]*[@-~]"
    "|\x1b\\][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
)
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = frozenset({"\u200d", "\ufe0f"})


def clean(text: str, *, lines: bool = False) -> str:
    """Remove control sequences, control and invisible characters.

    Args:
        text: Anything a server sent.
        lines: Keep line feeds and tabs (answers, logs); else they become spaces.
    """
    plain = _ESCAPES.sub("", text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(_safe(character, lines=lines) for character in plain)


def one_line(text: str, limit: int = 300) -> str:
    """Clean, white space folded, cut to ``limit`` characters."""
    folded = " ".join(clean(text).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _safe(character: str, *, lines: bool) -> str:
    if character in "\n\t":
        return character if lines else " "
    if character in _JOINERS:
        return character
    return "" if unicodedata.category(character) in _DROPPED else character
