"""Puts scales, labels, colours and bands around the drawn curves of a plot. Pure."""

from collections.abc import Sequence
from itertools import groupby

from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_plot import GUTTER, Band, Plot
from sleeptui.tui.spans import Line, Span, fit
from sleeptui.tui.tones import Tone

Canvas = tuple[str, ...]
"""Rows of a drawn curve, from the top."""
_LEAST_FOR_TWO = 8
_MINUTE = 60


def rows_for(height: int) -> tuple[int, int]:
    """Rows of the memory's and of the queue's curve; 0: it does not fit.

    A title goes with each, and one time scale with both.
    """
    if height < _LEAST_FOR_TWO:
        return max(height - 2, 0), 0
    room = height - 3
    queue = room * 2 // 5
    return room - queue, queue


def compose(
    drawn: Sequence[tuple[Plot, Sequence[Canvas]]], cells: int, glyphs: Glyphs
) -> list[Line]:
    """All plots as lines, one below the other, with the time scale at the end."""
    lines: list[Line] = []
    for plot, curves in drawn:
        title = (Span(f"{plot.title} ", Tone.TITLE), Span(plot.now, Tone.MUTED))
        lines.append(fit(title, cells + GUTTER, ellipsis=glyphs.ellipsis))
        height = len(curves[0])
        for row in range(height):
            label = plot.top_label if row == 0 else "0" if row == height - 1 else ""
            gutter = Span(f"{label:>{GUTTER - 1}} ", Tone.MUTED)
            lines.append((gutter, *_row(plot, [curve[row] for curve in curves], cells)))
    if drawn:
        lines.append(_scale(drawn[-1][0], cells, glyphs))
    return lines


def _row(plot: Plot, rows: Sequence[str], cells: int) -> Line:
    """One row of cells: the last curve that has something there, over the bands."""
    painted = []
    for cell in range(cells):
        mark, tone = " ", str(Tone.TEXT)
        for curve, row in zip(plot.curves, rows, strict=True):
            if row[cell] not in " \N{BRAILLE PATTERN BLANK}":
                mark, tone = row[cell], curve.tone
        painted.append((mark, tone, _band_at(plot.bands, cell)))
    return tuple(
        Span("".join(mark for mark, _, _ in run), *style)
        for style, run in groupby(painted, key=lambda one: (one[1], one[2]))
    )


def _band_at(bands: Sequence[Band], cell: int) -> str:
    return next((band.tone for band in bands if band.first <= cell <= band.last), "")


def _ago(span_s: float) -> str:
    return f"-{span_s / _MINUTE:.0f} min"


def _scale(plot: Plot, cells: int, glyphs: Glyphs) -> Line:
    """The time scale, with the letter of each operation where it began."""
    begin, end = f"{plot.begin or _ago(plot.span_s)} ", f" {plot.end}"
    axis = [glyphs.axis] * max(cells - len(begin) - len(end), 0)
    tones = [str(Tone.FAINT)] * len(axis)
    for band in plot.bands:
        place = band.first - len(begin)
        # Where two begin together the letter is that of the band that is seen.
        if 0 <= place < len(axis) and tones[place] == Tone.FAINT:
            axis[place], tones[place] = band.letter, Tone.STRONG
    middle = tuple(
        Span("".join(mark for mark, _ in run), tone)
        for tone, run in groupby(zip(axis, tones, strict=True), key=lambda one: one[1])
    )
    return (Span(" " * GUTTER), Span(begin, Tone.MUTED), *middle, Span(end, Tone.MUTED))
