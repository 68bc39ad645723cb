"""Stacked bars: parts of a whole on one line, to an eighth of a cell. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.spans import Line, Span, cut
from sleeptui.tui.tones import Tone

_EIGHTHS = 8
_LEAST_LABEL = 4
"""A blank and three letters."""


class Part(NamedTuple):
    """A part of a bar."""

    label: str
    size: float
    """In the unit of the bar's total."""
    tone: str


class _Run(NamedTuple):
    label: str
    tone: str
    begin: int
    """In eighths of a cell, as ``end``."""
    end: int


def stacked(parts: Sequence[Part], total: float, free: str, width: int, glyphs: Glyphs) -> Line:
    """The bar: each part as wide as its share, labelled where the label fits.

    Where colours tell the parts apart, an edge inside a cell is drawn to an eighth of it;
    else the parts have patterns and an edge between them.

    Args:
        parts: From the left; parts beyond the total are cut off.
        total: The size of the whole bar.
        free: What to write at the right end of the empty rest.
        width: Cells.
        glyphs: Say how parts are told apart.
    """
    runs = _runs(parts, total, width)
    rest = _Run(
        label=free, tone=Tone.TRACK, begin=runs[-1].end if runs else 0, end=width * _EIGHTHS
    )
    if glyphs.eighths:
        return _coloured(runs, rest, glyphs)
    return _patterned(runs, rest, glyphs)


def _runs(parts: Sequence[Part], total: float, width: int) -> list[_Run]:
    runs: list[_Run] = []
    reached, begin = 0.0, 0
    for part in parts:
        reached += part.size
        share = min(reached / total, 1.0) if total > 0 else 0.0
        end = round(share * width * _EIGHTHS)
        runs.append(_Run(label=part.label, tone=part.tone, begin=begin, end=end))
        begin = end
    return runs


def _coloured(runs: Sequence[_Run], rest: _Run, glyphs: Glyphs) -> Line:
    placed: dict[int, Span] = {}
    mixed: dict[int, list[tuple[int, str]]] = {}
    for run in (*runs, rest):
        first, last = -(-run.begin // _EIGHTHS), run.end // _EIGHTHS
        if last > first:
            placed[first] = _filled(run, last - first, glyphs, free=run is rest)
        for cell in {run.begin // _EIGHTHS, run.end // _EIGHTHS}:
            covered = min(run.end, (cell + 1) * _EIGHTHS) - max(run.begin, cell * _EIGHTHS)
            if 0 < covered < _EIGHTHS:
                mixed.setdefault(cell, []).append((covered, run.tone))
    placed.update({cell: _edge(pieces, glyphs) for cell, pieces in mixed.items()})
    return tuple(placed[cell] for cell in sorted(placed))


def _filled(run: _Run, room: int, glyphs: Glyphs, *, free: bool) -> Span:
    if free:
        return Span(_at_right(run.label, room), Tone.MUTED, run.tone)
    text = f" {run.label}"
    if room < min(cell_len(text), _LEAST_LABEL):
        text = ""
    shown = cut(text, room, glyphs.ellipsis)
    return Span(shown + " " * (room - cell_len(shown)), Tone.ON, run.tone)


def _edge(pieces: list[tuple[int, str]], glyphs: Glyphs) -> Span:
    """A cell that several runs share: the two largest pieces, in their order."""
    while len(pieces) > 2:  # noqa: PLR2004 - a cell has two colours
        smallest = min(range(len(pieces)), key=lambda index: pieces[index][0])
        neighbour = smallest - 1 if smallest else 1
        pieces[neighbour] = (pieces[neighbour][0] + pieces[smallest][0], pieces[neighbour][1])
        del pieces[smallest]
    (eighths, left), right = pieces[0], pieces[-1][1]
    return Span(glyphs.eighths[eighths - 1], left, right)


def _patterned(runs: Sequence[_Run], rest: _Run, glyphs: Glyphs) -> Line:
    spans: list[Span] = []
    cell = 0
    for index, run in enumerate(runs):
        room = round(run.end / _EIGHTHS) - cell
        if room <= 0:
            continue
        fill = glyphs.fills[index % len(glyphs.fills)]
        label = cut(run.label, room - 1, glyphs.ellipsis) if room > _LEAST_LABEL else ""
        spans.append(Span(label + fill * (room - cell_len(label) - 1) + glyphs.edge, run.tone))
        cell += room
    room = rest.end // _EIGHTHS - cell
    if room > 0:
        spans.append(Span(_at_right(rest.label, room), Tone.MUTED))
    return tuple(spans)


def _at_right(text: str, room: int) -> str:
    return f"{text if len(text) < room else '':>{room}}"
