"""Plots of a recorded session: who held the GPU memory, and the requests, over its time. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import isnan
from typing import Final

from sleeptui.core import units
from sleeptui.core.session import Curve as Recorded
from sleeptui.core.session import Session
from sleeptui.tui.present_plot import BAND_TONES, LETTERS, Band, Curve, Plot
from sleeptui.tui.spark import Cells
from sleeptui.tui.tones import Tone, server_tone

STACKED: Final = 6
"""So many servers are told apart by colour; of more, only the sum is drawn."""
_LEAST_TOP: Final = 4
_DRAWN: Final = {kind.value: kind for kind in BAND_TONES}


def plots_of(session: Session, width: int) -> tuple[Plot, Plot]:
    """Memory and requests, ``width`` cells each.

    Reads every point once: for a long session better not on the loop.
    """
    bands = bands_of(session, width)
    return _memory(session, width, bands), _requests(session, width, bands)


def bands_of(session: Session, width: int) -> tuple[Band, ...]:
    """The sleeps, wakes and switches; what never ended reaches to the end."""
    bands = []
    for attempt in session.attempts:
        kind = _DRAWN.get(attempt.kind)
        if kind is None or not width:
            continue
        end_ns = session.ended_ns if attempt.ended_ns is None else attempt.ended_ns
        first, last = (_cell(session, at_ns, width) for at_ns in (attempt.began_ns, end_ns))
        bands.append(Band(first=first, last=last, tone=BAND_TONES[kind], letter=LETTERS[kind]))
    return tuple(bands)


def reduced(curve: Recorded, session: Session, count: int) -> Cells:
    """The highest value of each of ``count`` equal parts of the session; None: not known.

    A figure is written when it changes: until then it is the last one.
    """
    step_ns = max((session.ended_ns - session.began_ns) / max(count, 1), 1.0)
    edges = [
        bisect_left(curve.times_ns, session.began_ns + round(step_ns * number))
        for number in range(count)
    ]
    cells: Cells = []
    last: float | None = None
    for first, end in pairwise([*edges, len(curve)]):
        values = curve.values[first:end]
        if not values:
            cells.append(last)
            continue
        cells.append(max((value for value in values if not isnan(value)), default=None))
        last = None if isnan(values[-1]) else values[-1]
    return cells


def _memory(session: Session, width: int, bands: tuple[Band, ...]) -> Plot:
    used = _sum([reduced(gpu.used, session, 2 * width) for gpu in session.gpus], 2 * width)
    known = [value for value in used if value is not None]
    top = float(sum(gpu.total_bytes or 0 for gpu in session.gpus)) or max(known, default=0.0)
    curves = [Curve(values=tuple(used), tone=Tone.OTHER)]
    if len(session.servers) <= STACKED:
        curves += _stack(session, 2 * width)
    most = f"most {units.memory(max(known))}" if known else units.UNKNOWN
    gpus = "1 GPU" if len(session.gpus) == 1 else f"{len(session.gpus)} GPUs"
    return Plot(
        title=f"GPU memory, {gpus}",
        now=most,
        curves=tuple(curves),
        top=top or 1.0,
        top_label=units.gib(top) if top else "",
        bands=bands,
        span_s=session.duration_s,
        begin="0",
        end=units.duration(session.duration_s),
    )


def _stack(session: Session, count: int) -> list[Curve]:
    """Each server on top of those before it; drawn from the highest, so that all are seen."""
    below: Cells = [None] * count
    curves = []
    for index, server in enumerate(session.servers):
        if not len(server.memory):
            continue
        below = _sum([below, reduced(server.memory, session, count)], count)
        curves.append(Curve(values=tuple(below), tone=server_tone(index)))
    return curves[::-1]


def _requests(session: Session, width: int, bands: tuple[Band, ...]) -> Plot:
    count = 2 * width
    running = _sum([reduced(one.running, session, count) for one in session.servers], count)
    waiting = _sum([reduced(one.waiting, session, count) for one in session.servers], count)
    both = _sum([running, waiting], count)
    known = [value for value in both if value is not None]
    top = max(max(known, default=0.0), _LEAST_TOP)
    curves = [
        Curve(values=tuple(both), tone=Tone.WARN),
        Curve(values=tuple(running), tone=Tone.GOOD),
    ]
    most = f"most {units.count(max(known))}" if known else units.UNKNOWN
    return Plot(
        title="Requests",
        now=most,
        curves=tuple(curves),
        top=top,
        top_label=units.count(top),
        bands=bands,
        span_s=session.duration_s,
        begin="0",
        end=units.duration(session.duration_s),
    )


def _sum(every: Sequence[Cells], count: int) -> Cells:
    """Of what is known; None where nothing is."""
    total: Cells = []
    for index in range(count):
        known = [cells[index] for cells in every if cells[index] is not None]
        total.append(sum(value for value in known if value is not None) if known else None)
    return total


def _cell(session: Session, at_ns: int, width: int) -> int:
    length_ns = max(session.ended_ns - session.began_ns, 1)
    return min(max(int((at_ns - session.began_ns) * width / length_ns), 0), width - 1)
