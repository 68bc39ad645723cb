"""GPU memory over time, with what was done as bands: who held how much, and when."""

from collections.abc import Sequence
from math import fsum

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sleeptui.core.session import Curve, GpuSeen, Session
from sleeptui.core.units import GIB
from sleeptui.recorder.exports import canvas
from sleeptui.recorder.exports.chart_phases import shade
from sleeptui.recorder.exports.chart_time import lanes, mark_moments, scale_of, since
from sleeptui.recorder.exports.curves import told
from sleeptui.recorder.exports.measured import Measured

TITLE = "Memory over time"
CAPTION = (
    "Used memory of each GPU, and how much of it is held by each server that is on this GPU alone;"
    " a GPU on which nothing moved is left out. Below, the state of each server: narrow bars are"
    " operations, a red cross is one that did not end well. Flags are marks; of a"
    " benchmark every second block is grey, and a line stands where another experiment begins."
)
_POINTS = 4 * canvas.PIXELS
_MOST_POINTS = 2 * canvas.PIXELS
"""Of all curves of all GPUs together, and of one GPU."""
_NAMES_WIDE = 0.62
"""Room for the names of servers beside the title of their GPU, as a part of the chart's width."""
_LETTER = 0.0098
_TALL, _LOW = 1.9, 1.1
_MANY = 2
_STILL_BYTES = 64 << 20
_LANE_IN = 0.2


def is_worth(session: Session) -> bool:
    """Whether there is anything to draw."""
    return any(len(gpu.used) for gpu in session.gpus) or bool(session.states)


def draw(measured: Measured) -> bytes:
    """The chart as SVG."""
    session = measured.session
    gpus = _shown(session)
    tall = _TALL if len(gpus) <= _MANY else _LOW
    below = 0.75 + _LANE_IN * max(len(session.servers), 1)
    heights = [*(tall for _ in gpus), below]

    def paint(figure: Figure) -> None:
        """Onto an empty figure."""
        rows = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
        every: list[Axes] = [row[0] for row in rows]
        for axes, gpu in zip(every, gpus, strict=False):
            _gpu(axes, session, gpu, min(_POINTS // len(gpus), _MOST_POINTS))
        shade(every, session)
        lanes(every[-1], session)
        for axes in every[:-1]:
            axes.tick_params(axis="x", length=0)
        mark_moments(every, session)
        scale = scale_of(session)
        every[-1].set_xlim(0, max(session.duration_s, 1e-3) / scale.seconds)
        every[-1].set_xlabel(f"time since the recording began, {scale.name}")

    return canvas.svg(paint, fsum(heights) + 0.3)


def _shown(session: Session) -> list[GpuSeen]:
    """GPUs on which something changed; all, where nothing did on any."""
    known = [gpu for gpu in session.gpus if len(gpu.used)]
    moved = [gpu for gpu in known if np.ptp(_known(gpu.used)) > _STILL_BYTES]
    return moved or known


def _known(curve: Curve) -> "NDArray[np.float64]":
    values = np.frombuffer(curve.values, dtype=np.float64)
    known = values[~np.isnan(values)]
    return known if len(known) else np.zeros(1)


def _gpu(axes: Axes, session: Session, gpu: GpuSeen, most: int) -> None:
    inside = [
        (number, one)
        for number, one in enumerate(session.servers)
        if one.gpus == (gpu.index,) and len(one.memory)
    ]
    curves = [gpu.used, *(one.memory for _, one in inside)]
    times = np.unique(np.concatenate([told(curve, most // len(curves))[0] for curve in curves]))
    x = since(times, session)
    used = _at(gpu.used, times) / GIB
    floor = np.zeros(len(times))
    words = [("used", canvas.INK)]
    for number, one in inside:
        held = np.nan_to_num(_at(one.memory, times)) / GIB
        colour = canvas.colour_of(number)
        axes.fill_between(
            x, floor, floor + held, step="post", color=colour, alpha=0.45, linewidth=0
        )
        floor = floor + held
        words.append((canvas.name(one.name, 16), colour))
    if not inside:
        axes.fill_between(x, 0, used, step="post", color=canvas.OTHER, alpha=0.25, linewidth=0)
    axes.plot(x, used, color=canvas.INK, linewidth=0.9, drawstyle="steps-post")
    top = gpu.total_bytes / GIB if gpu.total_bytes else None
    if top is not None:
        axes.axhline(top, color=canvas.SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(0, (top or float(np.nanmax(used, initial=1.0))) * 1.06)
    axes.set_ylabel("GiB")
    axes.set_title(f"GPU {gpu.index}  {canvas.name(gpu.name)}")
    _legend(axes, words)


def _legend(axes: Axes, words: Sequence[tuple[str, str]]) -> None:
    """Names in their colours, right of the title."""
    x = 1.0
    shown: list[tuple[str, str]] = []
    taken = 0.0
    for one in words:
        taken += _LETTER * (len(one[0]) + 2)
        if taken > _NAMES_WIDE:
            shown.append((f"and {len(words) - len(shown)} more", canvas.SOFT))
            break
        shown.append(one)
    for word, colour in reversed(shown):
        axes.text(
            x, 1.02, word, color=colour, transform=axes.transAxes, ha="right", va="bottom",
            fontweight="bold",
        )  # fmt: skip
        x -= _LETTER * (len(word) + 2)


def _at(curve: Curve, times: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """The last value of the curve before each time."""
    known = np.frombuffer(curve.times_ns, dtype=np.int64)
    values = np.concatenate(([np.nan], np.frombuffer(curve.values, dtype=np.float64)))
    return values[np.searchsorted(known, times, side="right")]
