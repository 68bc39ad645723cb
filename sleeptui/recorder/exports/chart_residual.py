"""GPU memory that stays while asleep, cycle by cycle: does it grow?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.measure_memory import Trend
from sleeptui.core.session import Session
from sleeptui.core.stats import median
from sleeptui.core.units import MIB
from sleeptui.recorder.exports import canvas
from sleeptui.recorder.exports.measured import Measured

TITLE = "Memory held while asleep, by cycle"
CAPTION = (
    "What each sleep left on the GPUs. The line is the Theil-Sen slope over the sleeps of one level"
    " in one life of the process; the words give it per cycle, with its 95 % interval. A dotted"
    " line: the process began anew. Circles: level 1; squares: level 2; red: it did not end well."
)
_PANEL_IN = 1.7
_MOST = 16
"""Servers that are drawn."""
_LEAST_SPAN = 0.05
_LEAST_MIB = 16.0
"""An axis shows at least that much, as a part of the value and in all: no magnified noise."""
_SHAPES = {1: "o", 2: "s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One sleep that was measured."""

    cycle: int
    held_mib: float
    life: int
    level: int
    is_good: bool


_WORDS = 0.36
"""Share of the width that the words of a slope take."""
_ROW = 11
"""Points from one row of words to the next."""


def is_worth(session: Session) -> bool:
    """Whether any server has sleeps that can be compared."""
    return bool(_points(session))


def draw(measured: Measured) -> bytes:
    """The chart as SVG."""
    session = measured.session
    by_server = _points(session)
    trends = [one for one in measured.trends if one.what == "residual"]
    servers = {one.name: number for number, one in enumerate(session.servers)}

    def paint(figure: Figure) -> None:
        """Onto an empty figure."""
        rows = figure.subplots(len(by_server), 1, squeeze=False)
        for row, (name, points) in zip(rows, by_server.items(), strict=True):
            _panel(row[0], name, points, canvas.colour_of(servers[name]))
            ups: dict[int, list[tuple[float, float]]] = {}
            for trend in trends:
                if trend.server == name:
                    _line(row[0], trend, points, canvas.colour_of(servers[name]), ups)
        rows[-1][0].set_xlabel("sleep of the server, counted from the first of the session")

    return canvas.svg(paint, _PANEL_IN * len(by_server) + 0.35)


def _points(session: Session) -> Mapping[str, Sequence[_Point]]:
    """Measured sleeps by server, of as many servers as fit; one alone says nothing of growth."""
    found: dict[str, list[_Point]] = {one.name: [] for one in session.servers}
    for one in session.attempts:
        if one.kind != "sleep" or one.server not in found or one.cycle is None:
            continue
        if one.record is not None and one.record.residual_bytes is not None:
            point = _Point(
                cycle=one.cycle,
                held_mib=one.record.residual_bytes / MIB,
                life=one.life,
                level=one.level or 0,
                is_good=one.cls in (OK, DISTURBED),
            )
            found[one.server].append(point)
    worth = [(name, points) for name, points in found.items() if len(points) > 1]
    return dict(worth[:_MOST])


def _panel(axes: Axes, name: str, points: Sequence[_Point], colour: str) -> None:
    for one in points:
        axes.plot(
            one.cycle, one.held_mib, _SHAPES.get(one.level, "v"), markersize=5, markeredgewidth=0,
            color=colour if one.is_good else canvas.BAD,
        )  # fmt: skip
    for before, after in pairwise(points):
        if before.life != after.life:
            place = (before.cycle + after.cycle) / 2
            axes.axvline(place, color=canvas.SOFT, linewidth=1, linestyle=":")
    _scale(axes, points)
    axes.set_title(canvas.name(name))
    axes.set_ylabel("MiB")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _line(
    axes: Axes,
    trend: Trend,
    points: Sequence[_Point],
    colour: str,
    rows: dict[int, list[tuple[float, float]]],
) -> None:
    """Slope and interval of one level in one life; its words stand over it, in a free row."""
    own = [
        one
        for one in points
        if (one.life, one.level, one.is_good) == (trend.life, trend.level, True)
    ]
    rise = trend.slope.value / MIB
    base = median([one.held_mib - rise * number for number, one in enumerate(own)])
    cycles = [one.cycle for one in own]
    axes.plot(cycles, [base + rise * number for number in range(len(own))], color=colour, alpha=0.6)
    low, high = trend.slope.low / MIB, trend.slope.high / MIB
    middle = (cycles[0] + cycles[-1]) / 2
    half = max((cycles[-1] - cycles[0]) / 2, _WORDS * (points[-1].cycle - points[0].cycle) / 2)
    row = _row(rows, middle - half, middle + half)
    axes.annotate(
        f"level {trend.level}: {rise:+.1f} MiB a cycle ({low:+.1f} to {high:+.1f})",
        (middle, 1.0), xycoords=("data", "axes fraction"), xytext=(0, -2 - _ROW * row),
        textcoords="offset points", ha="center", va="top", fontsize=8, color=canvas.SOFT,
    )  # fmt: skip


def _row(rows: dict[int, list[tuple[float, float]]], left: float, right: float) -> int:
    """The first row in which nothing stands between; taken from now on."""
    row = 0
    while any(left < end and begin < right for begin, end in rows.setdefault(row, [])):
        row += 1
    rows[row].append((left, right))
    return row


def _scale(axes: Axes, points: Sequence[_Point]) -> None:
    """Room for the words above; what lies far beyond the others is told at the edge."""
    usual = [one.held_mib for one in points if one.is_good] or [one.held_mib for one in points]
    low, high = min(usual), max(usual)
    span = max(high - low, _LEAST_SPAN * high, _LEAST_MIB)
    bottom, top = (low + high) / 2 - 0.65 * span, (low + high) / 2 + 0.95 * span
    axes.set_ylim(bottom, top)
    for one in points:
        if not bottom <= one.held_mib <= top:
            above = one.held_mib > top
            place = one.cycle, top if above else bottom
            axes.annotate(
                f"{'↑' if above else '↓'} {one.held_mib:.0f}", place,
                xytext=(0, -14 if above else 14), textcoords="offset points", ha="center",
                va="top" if above else "bottom", fontsize=8, color=canvas.BAD,
            )  # fmt: skip
