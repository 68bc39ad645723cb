"""The paper that charts are drawn on: one style, and SVG that is the same byte for byte.

Matplotlib's defaults and its font, whatever the user's own settings are: a chart is a function of
the session. Nothing of its global state stays changed. Text is drawn as paths: a page that shows
the chart needs no font.
"""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from sleeptui.core.text import one_line

WIDTH_IN = 9.0
"""864 pixels: the column of a README."""
PIXELS = 864
INK, SOFT, GRID, PAPER = "#1f2328", "#656d76", "#d8dee4", "#ffffff"
SERVERS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#6b705c")
"""Okabe and Ito's palette, told apart with any colour vision; then two that are darker."""
SLEEP, WAKE, BAD, OTHER = "#1b3a6b", "#e69f00", "#c1121f", "#8c959f"
_PIXELS_IN = 96
_SIZE = re.compile(rb'width="[\d.]+pt" height="[\d.]+pt"')
"""Pixels instead: not every reader of SVG knows how large a point is."""
_PATHS = re.compile(rb'\bd="[^"]*"')
_HASHED = re.compile(rb'\bid="([mp][0-9a-f]{10})"')
_NAME = re.compile(rb"\b[mp][0-9a-f]{10}\b")
"""Of markers and of paths to clip at."""
_DIGITS = re.compile(rb"(\.\d\d)\d+")
"""A hundredth of a point is enough, and two thirds of the size."""
_STYLE: dict[Any, object] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "text.parse_math": False,  # names have dollars and underscores
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.2,
    "path.simplify": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "sleeptui",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


def svg(draw: Callable[[Figure], None], height_in: float) -> bytes:
    """What ``draw`` puts on an empty figure, as a file."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name with characters that the font lacks: boxes
        mpl.rcParams.update(mpl.rcParamsDefault)
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        draw(figure)
        FigureCanvasSVG(figure)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "sleeptui"})
    drawn = _PATHS.sub(lambda path: _DIGITS.sub(rb"\1", path[0]), file.getvalue())
    sized = b'width="%d" height="%d"' % (PIXELS, height_in * _PIXELS_IN)
    return _SIZE.sub(sized, _numbered(drawn), count=1)


def _numbered(drawn: bytes) -> bytes:
    """With numbers for the names that Matplotlib makes of a hash of places to the last bit.

    The layout's solver gives the same places but for that bit from one process to the next.
    """
    names = {found: b"%s%d" % (found[:1], n) for n, found in enumerate(_HASHED.findall(drawn))}
    return _NAME.sub(lambda one: names.get(one[0], one[0]), drawn)


def colour_of(index: int) -> str:
    """Of the server with that number; with many of them colours come again, names do not."""
    return SERVERS[index % len(SERVERS)]


def name(text: str, limit: int = 24) -> str:
    """A name from outside, as it may be drawn."""
    return one_line(text, limit)


def bare(axes: Axes) -> None:
    """Take away the lines that carry nothing on a page of lanes."""
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
