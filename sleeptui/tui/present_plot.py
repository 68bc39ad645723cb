"""What the detail's plots show: memory and queue over time, operations as bands. Pure."""

from typing import NamedTuple

from sleeptui.core import units
from sleeptui.core.model import ServerView
from sleeptui.core.operation import Kind, Phase
from sleeptui.core.series import Series
from sleeptui.tui.present import Look, memory_top
from sleeptui.tui.spark import HOLD_S, Cells, held
from sleeptui.tui.tones import Tone

GUTTER = 6
"""Cells of the scale at the left of a plot."""
SPANS_S = (60.0, 120.0, 300.0)
"""Times that a plot can show: the least that holds all that is known, at most the last."""
BAND_TONES = {
    Kind.SLEEP: Tone.BAND_SLEEP,
    Kind.WAKE: Tone.BAND_WAKE,
    Kind.SWITCH: Tone.BAND_SWITCH,
    Kind.START: Tone.BAND_WAKE,
    Kind.STOP: Tone.BAND_SLEEP,
}
LETTERS = {
    Kind.SLEEP: "s",
    Kind.WAKE: "w",
    Kind.SWITCH: "x",
    Kind.START: "u",
    Kind.STOP: "d",
}
_LEAST_TOP = 4


class Band(NamedTuple):
    """An operation in a plot."""

    first: int
    """Its first cell."""
    last: int
    """Its last cell, at least the first."""
    tone: str
    letter: str
    """The key of the command, or up and down, for terminals without colour."""


class Curve(NamedTuple):
    """One filled curve: two values a cell, oldest first; unknown is a gap."""

    values: tuple[float | None, ...]
    tone: str


class Plot(NamedTuple):
    """One plot, ready to be drawn."""

    title: str
    now: str
    """The newest value, in words."""
    curves: tuple[Curve, ...]
    """Drawn in this order, later ones over earlier ones."""
    top: float
    """The value at the upper end; the lower end is 0."""
    top_label: str
    bands: tuple[Band, ...]
    span_s: float
    """Time from the left edge to the right."""
    begin: str = ""
    """At the left edge; empty: so many minutes ago."""
    end: str = "now"


def plots_of(view: ServerView, look: Look, width: int) -> tuple[Plot, Plot]:
    """Memory and queue of a server, ``width`` cells each.

    Values are reduced to whole multiples of half a cell, so a plot changes only when a
    half cell is over, or when the newest value does.
    """
    span_s = span_of(view, look.now_s)
    bands = bands_of(view, look.now_s, width, span_s)
    return _memory(view, look, width, bands, span_s), _queue(view, look, width, bands, span_s)


def span_of(view: ServerView, now_s: float) -> float:
    """The time that the plots of a server show; grows with what is known of it."""
    series = (view.memory_series, view.running_series, view.waiting_series)
    oldest_s = min((each.oldest_s for each in series if each.oldest_s is not None), default=now_s)
    return next((span_s for span_s in SPANS_S if now_s - oldest_s <= span_s), SPANS_S[-1])


def bands_of(view: ServerView, now_s: float, width: int, span_s: float) -> tuple[Band, ...]:
    """The transitions of the span; a running one reaches to now."""
    spans = [(each.kind, each.began_s, each.began_s + each.duration_s) for each in view.history]
    if view.operation is not None and view.operation.phase is not Phase.QUEUED:
        spans.append((view.operation.kind, view.operation.began_s, now_s))
    bands: list[Band] = []
    for kind, begin_s, end_s in spans:
        first, last = (_cell(at_s, now_s, width, span_s) for at_s in (begin_s, end_s))
        if kind in BAND_TONES and last >= 0:
            bands.append(
                Band(
                    first=max(first, 0),
                    last=min(last, width - 1),
                    tone=BAND_TONES[kind],
                    letter=LETTERS[kind],
                )
            )
    return tuple(bands)


def _memory(
    view: ServerView, look: Look, width: int, bands: tuple[Band, ...], span_s: float
) -> Plot:
    values = _reduced(view.memory_series, look, width, span_s)
    top = memory_top(view, look, values)
    now = view.memory.total_bytes if view.memory is not None else None
    return Plot(
        title="GPU memory",
        now=units.memory(now),
        curves=(Curve(values=tuple(values), tone=look.tone(view.name)),),
        top=top or 1.0,
        top_label=units.gib(top) if top else "",
        bands=bands,
        span_s=span_s,
    )


def _queue(
    view: ServerView, look: Look, width: int, bands: tuple[Band, ...], span_s: float
) -> Plot:
    running = _reduced(view.running_series, look, width, span_s)
    waiting = _reduced(view.waiting_series, look, width, span_s)
    both: Cells = [
        None if run is None and wait is None else (run or 0) + (wait or 0)
        for run, wait in zip(running, waiting, strict=True)
    ]
    top = max((value for value in both if value is not None), default=0.0)
    top = max(top, _LEAST_TOP)
    return Plot(
        title="Requests",
        now=_queue_now(view),
        curves=(
            Curve(values=tuple(both), tone=Tone.WARN),
            Curve(values=tuple(running), tone=Tone.GOOD),
        ),
        top=top,
        top_label=units.count(top),
        bands=bands,
        span_s=span_s,
    )


def _queue_now(view: ServerView) -> str:
    metrics = view.metrics
    if metrics is None:
        return units.UNKNOWN
    frozen = ", frozen" if view.queue_frozen else ""
    return f"{units.count(metrics.running)} run, {units.count(metrics.waiting)} wait{frozen}"


def _reduced(series: Series, look: Look, width: int, span_s: float) -> Cells:
    cells = series.buckets(2 * width, span_s, look.now_s)
    return held(cells, int(HOLD_S * len(cells) / span_s))


def _cell(at_s: float, now_s: float, width: int, span_s: float) -> int:
    """The cell of a time; negative before the span. Aligned as ``Series.buckets`` is."""
    step_s = span_s / (2 * width)
    return (int(at_s // step_s) - int(now_s // step_s) + 2 * width - 1) // 2
