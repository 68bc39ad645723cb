"""Markdown that reads well as source and as a page."""

import re
from collections.abc import Iterable, Sequence

from sleeptui.core.text import one_line
from sleeptui.core.units import UNKNOWN

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")
_MARKER = re.compile(r"^(\d*)([-+.)])(?= |$)")
"""What would begin a list, where the words come first on their line."""
_LIMIT = 300


def text(words: str, limit: int = _LIMIT) -> str:
    """Words from outside: shown as they are, whatever they hold."""
    plain = _MARKER.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", one_line(words, limit)))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(words: str, limit: int = 600) -> str:
    """Words from outside in a fixed font; in a table too."""
    plain = one_line(words, limit)
    longest = max((len(run) for run in re.findall(r"`+", plain)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{plain}{pad}{fence}".replace("|", "\\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in columns; a head that begins with ``>`` is that of figures, set to the right.

    A column in which nothing is known is left out.
    """
    every = [list(row) for row in rows]
    kept = [
        number
        for number in range(len(heads))
        if any(row[number] not in ("", UNKNOWN) for row in every)
    ]
    columns = [
        [heads[number].removeprefix(">"), *(row[number] for row in every)] for number in kept
    ]
    widths = [max(3, *(len(cell) for cell in column)) for column in columns]
    is_figure = [heads[number].startswith(">") for number in kept]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if figure else cell.ljust(width)
            for cell, width, figure in zip(cells, widths, is_figure, strict=True)
        )
        + " |"
        for cells in zip(*columns, strict=True)
    ]
    rule = "|".join(
        f" {'-' * (width - 1)}: " if figure else f" {'-' * width} "
        for width, figure in zip(widths, is_figure, strict=True)
    )
    return [*lines[:1], f"|{rule}|", *lines[1:]]


def notes(those: Iterable[str]) -> list[str]:
    """Each note once, as a list."""
    return [f"- {one}" for one in dict.fromkeys(those)]


def section(title: str, *parts: Sequence[str]) -> list[str]:
    """A heading and what is below it, parts apart; nothing where nothing is below it."""
    full = [part for part in parts if part]
    if not full:
        return []
    lines = [f"## {title}", ""]
    for part in full:
        lines += [*part, ""]
    return lines
