"""Every sleep and every wake as a point, by server and level; failures too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.measure_cold import arm_of
from sleeptui.core.operation import OperationRecord
from sleeptui.core.session import Attempt, Session
from sleeptui.core.stats import median
from sleeptui.core.units import duration
from sleeptui.recorder.exports import canvas
from sleeptui.recorder.exports.cold_words import KINDS
from sleeptui.recorder.exports.measured import Measured

TITLE = "Every sleep and wake"
CAPTION = (
    "One point an attempt, in their order from top to bottom; the line is the median of those that"
    " ended well. Hollow, and not in the median: the first level 1 sleep of a process, which"
    " allocates its host memory, a sleep that waited for requests, and what was measured while our"
    " own loop stalled; of a benchmark also the first wake of a process, and what was done with"
    " requests in flight or to make room. Red: it did not end well, at the time it took. Left on a"
    " logarithmic axis, right how far each lies off its row's median."
)
_ROW_IN = 0.34
_KINDS = ("start", "sleep", "wake", "switch")
_SERIES = ("cold.health", "sleep.call", "wake.call", "wake.ready_l2", "switch.total")
_TO_TOKEN = ("cold.ttft", "wake.ttft")
_WITH_TOKEN = ("start", "wake")
"""What ends with a first token has a row for it."""


_Timed = tuple[Attempt, OperationRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One series of the chart."""

    label: str
    colour: str
    good: tuple[float, ...]
    apart: tuple[float, ...]
    bad: tuple[float, ...]


def is_worth(session: Session) -> bool:
    """Whether there is anything to draw."""
    return any(_is_shown(one) for one in session.attempts)


def draw(measured: Measured) -> bytes:
    """The chart as SVG."""
    rows = _rows(measured)

    def paint(figure: Figure) -> None:
        """Onto an empty figure."""
        axes, near = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        axes.set_xscale("log")
        reach = _reach(rows)
        for number, row in enumerate(rows):
            _paint_row(axes, number, row)
            _paint_near(near, number, row, reach)
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel("s")
        near.set_xlabel("off its median, %")
        near.set_xlim(-reach, reach)
        _ticks(axes, rows)
        canvas.bare(axes)
        canvas.bare(near)

    return canvas.svg(paint, 0.7 + _ROW_IN * len(rows))


def _is_shown(one: Attempt) -> bool:
    return one.record is not None and one.record.duration_s > 0 and one.kind in _KINDS


def _rows(measured: Measured) -> list[_Row]:
    """Series by server, kind and level, with the first token of a wake or start below its call."""
    groups: dict[tuple[int, int, int, str], list[_Timed]] = {}
    servers = {one.name: number for number, one in enumerate(measured.session.servers)}
    for one in measured.session.attempts:
        if one.record is not None and _is_shown(one) and one.server in servers:
            arm = _arm(one)
            key = servers[one.server], _KINDS.index(one.kind), one.level or 0, arm
            groups.setdefault(key, []).append((one, one.record))
    rows = []
    for (server, kind, _, _), attempts in sorted(groups.items()):
        rows.append(_row(measured, attempts, canvas.colour_of(server)))
        if _KINDS[kind] in _WITH_TOKEN:
            rows.append(_first_tokens(measured, attempts, canvas.colour_of(server)))
    return [row for row in rows if row.good or row.apart or row.bad]


def _row(measured: Measured, attempts: Sequence[_Timed], colour: str) -> _Row:
    good, apart, bad = [], [], []
    for one, record in attempts:
        cls = measured.classes[one.id]
        if cls not in (OK, DISTURBED):
            bad.append(record.duration_s)
        elif cls == DISTURBED or _is_apart(measured, one):
            apart.append(record.duration_s)
        else:
            good.append(record.duration_s)
    return _Row(
        label=_label(attempts[0][0]),
        colour=colour,
        good=_above(good),
        apart=_above(apart),
        bad=_above(bad),
    )


def _first_tokens(measured: Measured, attempts: Sequence[_Timed], colour: str) -> _Row:
    known = [
        record.first_token_s
        for one, record in attempts
        if record.first_token_s is not None and not _is_apart(measured, one, to_token=True)
    ]
    label = f"{_label(attempts[0][0])} → token"
    return _Row(label=label, colour=colour, good=_above(known), apart=(), bad=())


def _is_apart(measured: Measured, one: Attempt, *, to_token: bool = False) -> bool:
    """Not in the series of its kind: it had something else in it, or was disturbed."""
    series = _TO_TOKEN if to_token else _SERIES
    counted = measured.values.get(one.id, ())
    return not any(name in series for name, _ in counted)


def _label(one: Attempt) -> str:
    level = "" if one.level is None else f" L{one.level}"
    arm = f", {KINDS[_arm(one)]}" if _arm(one) else ""
    return f"{canvas.name(one.server, 18)}  {one.kind}{level}{arm}"


def _arm(one: Attempt) -> str:
    """From what it started; of what is no start nothing."""
    return arm_of(one) if one.kind == "start" else ""


def _above(values: Iterable[float]) -> tuple[float, ...]:
    """A logarithmic axis has no zero."""
    return tuple(value for value in values if value > 0)


def _paint_row(axes: Axes, number: int, row: _Row) -> None:
    shape: dict[str, Any] = {"markersize": 5.5, "linestyle": "none", "alpha": 0.75}
    axes.plot(
        row.good, _spread(row.good, number), "o", color=row.colour, markeredgewidth=0, **shape
    )
    axes.plot(
        row.apart, _spread(row.apart, number), "o", markerfacecolor="none",
        markeredgecolor=row.colour, markeredgewidth=1.3, **shape,
    )  # fmt: skip
    axes.plot(
        row.bad,
        _spread(row.bad, number),
        "x",
        color=canvas.BAD,
        markeredgewidth=1.6,
        zorder=5,
        **shape,
    )
    if row.good:
        middle = median(row.good)
        axes.vlines(middle, number - 0.36, number + 0.36, color=canvas.INK, linewidth=1.2)


def _paint_near(axes: Axes, number: int, row: _Row, reach: float) -> None:
    """The same good points, as far from their median as they are; what is farther at the edge."""
    words = f"n = {len(row.good)}"
    if row.good:
        middle = median(row.good)
        off = [max(-reach, min((value / middle - 1) * 100, reach)) for value in row.good]
        axes.plot(
            off, _spread(row.good, number), "o", color=row.colour, markersize=4.5, alpha=0.75,
            markeredgewidth=0, linestyle="none", clip_on=False,
        )  # fmt: skip
        axes.vlines(0, number - 0.36, number + 0.36, color=canvas.INK, linewidth=1.2)
        words = f"{duration(middle)}, {words}"
    if row.bad:
        words += f"\n{len(row.bad)} not well"
    axes.text(
        1.02, number, words, transform=axes.get_yaxis_transform(), va="center",
        color=canvas.SOFT, fontsize=8,
    )  # fmt: skip


def _reach(rows: Sequence[_Row]) -> float:
    """How far from their median the points lie, in percent, within reason."""
    farthest = max(
        (abs(value / median(row.good) - 1) * 100 for row in rows for value in row.good),
        default=0.0,
    )
    return min(max(farthest * 1.05, 2.0), 50.0)


def _spread(values: Sequence[float], number: int) -> list[float]:
    """Points in their order, a little below one another: equal ones stay apart."""
    count = len(values)
    if count < 2:  # noqa: PLR2004 - one alone stands in the middle
        return [float(number)] * count
    return [number - 0.24 + 0.48 * index / (count - 1) for index in range(count)]


def _ticks(axes: Axes, rows: Sequence[_Row]) -> None:
    """1, 2 and 5 of each decade, as plain numbers."""
    every = [value for row in rows for value in (*row.good, *row.apart, *row.bad)]
    low, high = min(every) / 1.25, max(every) * 1.25
    places = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
    shown = [place for place in places if low <= place <= high]
    axes.set_xticks(shown, [f"{place:g}" for place in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)
