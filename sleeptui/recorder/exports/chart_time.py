"""What charts over time share: lanes of states, bands of operations, flags of marks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.session import Session
from sleeptui.recorder.exports import canvas

ASLEEP, AWAKE, MOVING, WRONG, UNKNOWN = "#7f9fd1", "#cfe8d5", "#f2cc8f", "#c1121f", "#e4e8ec"
_STATES = {
    "asleep": ASLEEP,
    "paused": "#9db4d6",
    "awake": AWAKE,
    "draining": MOVING,
    "falling asleep": MOVING,
    "waking": MOVING,
    "reloading": MOVING,
    "verifying": MOVING,
    "starting": MOVING,
    "partial": WRONG,
    "suspect": WRONG,
    "wedged": WRONG,
    "down": "#3d434a",
}
_BANDS = {"sleep": canvas.SLEEP, "wake": canvas.WAKE}
_SHORT_S, _LONG_S = 600, 3 * 3600
"""Up to there the axis is in seconds, in minutes; then in hours."""
_FLAGS = 40
"""Marks that are drawn; the report lists all."""
_RIGHT = 0.95
"""Beyond that a label stands left of its mark."""
_LETTER = 0.0072
"""Width of a letter as a part of the chart's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The unit of the time axis."""

    name: str
    seconds: float


def scale_of(session: Session) -> Scale:
    """Seconds, minutes or hours, as long as the session is."""
    if session.duration_s < _SHORT_S:
        return Scale(name="s", seconds=1.0)
    if session.duration_s < _LONG_S:
        return Scale(name="min", seconds=60.0)
    return Scale(name="h", seconds=3600.0)


def since(times_ns: "NDArray[np.int64]", session: Session) -> "NDArray[np.float64]":
    """Since the recording began, in the unit of the axis."""
    return (times_ns - session.began_ns) / (1e9 * scale_of(session).seconds)


def at(at_ns: int, session: Session) -> float:
    """One moment, as ``since``."""
    return (at_ns - session.began_ns) / (1e9 * scale_of(session).seconds)


def lanes(axes: Axes, session: Session) -> None:
    """A lane for each server: its states as a bar, its operations on top."""
    rows = {one.name: number for number, one in enumerate(session.servers)}
    bars = _Bars(session)
    for span in session.states:
        if span.server in rows:
            colour = _STATES.get(span.state, UNKNOWN)
            bars.add(rows[span.server], colour, span.began_ns, span.ended_ns)
    bars.paint(axes, 0.64)
    bands = _Bars(session)
    for one in session.attempts:
        if one.server in rows and one.kind in _BANDS:
            end = session.ended_ns if one.ended_ns is None else one.ended_ns
            bands.add(rows[one.server], _BANDS[one.kind], one.began_ns, end)
            if one.cls not in (OK, DISTURBED):
                middle = at((one.began_ns + end) // 2, session)
                axes.plot(
                    middle, rows[one.server], "x", color=canvas.BAD, markersize=6,
                    markeredgewidth=1.6, zorder=3,
                )  # fmt: skip
    bands.paint(axes, 0.84)
    axes.set_yticks(list(rows.values()), [canvas.name(one, 18) for one in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    canvas.bare(axes)
    _key(axes)


class _Bars:
    """Bars by lane and colour; those that begin within the same pixel are one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pixel = max(at(session.ended_ns, session) / canvas.PIXELS, 1e-9)
        self._bars: dict[tuple[int, str], dict[int, tuple[float, float]]] = {}

    def add(self, row: int, colour: str, began_ns: int, ended_ns: int) -> None:
        """One more, at least a pixel wide."""
        begin, end = at(began_ns, self._session), at(ended_ns, self._session)
        bars = self._bars.setdefault((row, colour), {})
        pixel = int(begin / self._pixel)
        first, width = bars.get(pixel, (begin, self._pixel))
        bars[pixel] = first, max(width, end - first)

    def paint(self, axes: Axes, height: float) -> None:
        """All of them, around the middle of their lane."""
        for (row, colour), bars in self._bars.items():
            place = (row - height / 2, height)
            axes.broken_barh(list(bars.values()), place, facecolor=colour, linewidth=0)


def _key(axes: Axes) -> None:
    """What the colours mean, in their colours, as one line above."""
    x = 0.0
    for word, colour in (
        ("awake", AWAKE),
        ("asleep", ASLEEP),
        ("sleep under way", canvas.SLEEP),
        ("wake under way", canvas.WAKE),
        ("starting", MOVING),
        ("something is wrong", WRONG),
        ("down", _STATES["down"]),
    ):
        axes.text(x, 1.03, "■", color=colour, transform=axes.transAxes, va="bottom")
        axes.text(x + 0.016, 1.03, word, color=canvas.SOFT, transform=axes.transAxes, va="bottom")
        x += 0.04 + 0.0084 * len(word)


def mark_moments(every: Sequence[Axes], session: Session) -> None:
    """A dotted line for each mark, its number or its text on top."""
    marks = [one for one in session.moments if one.kind == "mark"][:_FLAGS]
    whole = max(at(session.ended_ns, session), 1e-9)
    places = [at(one.at_ns, session) / whole for one in marks]
    for number, (mark, place) in enumerate(zip(marks, places, strict=True)):
        moment = at(mark.at_ns, session)
        for axes in every:
            axes.axvline(moment, color=canvas.INK, linewidth=0.8, linestyle=":")
        room = (places[number + 1] if number + 1 < len(marks) else 1.0) - place
        text = canvas.name(mark.text, 40)
        label = text if len(text) * _LETTER < room else f"{number + 1}"
        every[0].annotate(
            f"⚑ {label}", (moment, 1.0), xycoords=("data", "axes fraction"),
            xytext=(-2 if place > _RIGHT else 2, -1), textcoords="offset points", va="top",
            ha="right" if place > _RIGHT else "left", fontsize=7.5, color=canvas.INK,
            bbox={"facecolor": canvas.PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.85},
        )  # fmt: skip
