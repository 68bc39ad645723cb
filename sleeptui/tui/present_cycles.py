"""What many cycles of a server tell: how often it slept, what it kept, what grows. Pure."""

from sleeptui.core import units
from sleeptui.core.drift import Drift
from sleeptui.core.model import ServerView
from sleeptui.tui.present import Look
from sleeptui.tui.spans import Line, Span, wrapped
from sleeptui.tui.spark import bars
from sleeptui.tui.tones import Tone

_SPARK = 12
"""Newest cycles that are drawn."""
_LEAST_RISE = 0.1
"""The height of the bars is at least this share of the value: noise must not look like growth."""


def cycle_line(view: ServerView, look: Look) -> Line:
    """Cycles since its start, the course of the residual, now and at first; empty: no cycle."""
    if not view.cycles:
        return ()
    spans = [Span(units.count(view.cycles))]
    kept = residuals(view)
    if kept:
        spans.append(Span(f" {look.glyphs.dot} residual "))
    if len(kept) > 1:
        spans.append(Span(f"{_course(kept, look)} ", Tone.WARN if view.drift else Tone.ASLEEP))
    if kept:
        spans.append(Span(units.memory(kept[-1])))
    if len(kept) > 1:
        spans.append(Span(f", first {units.memory(kept[0])}", Tone.MUTED))
    return tuple(spans)


def residuals(view: ServerView) -> tuple[int, ...]:
    """What it kept after each sleep of this life at the newest level, oldest first.

    The levels leave different residuals, so that one course cannot have both.
    """
    start_s = view.metrics.process_start_s if view.metrics is not None else None
    cycles = view.learned.cycles_of(start_s)
    level = cycles[-1].level if cycles else None
    return tuple(
        one.residual_bytes
        for one in cycles
        if one.level == level and one.residual_bytes is not None
    )


def drift_lines(view: ServerView, width: int, indent: str = "") -> list[Line]:
    """A warning for each thing that grows from cycle to cycle."""
    lines: list[Line] = []
    for one in view.drift:
        lines += wrapped(drift_words(one), width, Tone.WARN, indent=indent)
    return lines


def drift_words(drift: Drift) -> str:
    """One sentence: what grew, by how much, how sure that is, what helps."""
    low, high = units.memory(drift.low_bytes), units.memory(drift.high_bytes)
    pace = low if low == high else f"{low} to {high}"
    return (
        f"{drift.what} grew {units.memory(drift.grown_bytes)} in {drift.cycles} cycles,"
        f" {pace} a cycle; a restart gives it back"
    )


def _course(values: tuple[int, ...], look: Look) -> str:
    newest = values[-_SPARK:]
    low = min(newest)
    rise = max(max(newest) - low, _LEAST_RISE * low, 1.0)
    return bars([value - low for value in newest], rise, look.glyphs.spark)
