"""Columns of the fleet table, and which of them fit a width. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sleeptui.core.model import ServerView
from sleeptui.tui import present
from sleeptui.tui.present import Look
from sleeptui.tui.spans import Line, Span, fit, line
from sleeptui.tui.tones import Tone

MARKS = 4
"""Cells before the name: pointer, selection, colour, and a blank."""
GAP = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column."""

    title: str
    width: int
    cell: Callable[[ServerView, Look, int], Line]
    """Server, look and width in cells, to the content before it is fitted."""
    right: bool = True
    """Aligned right, as figures are."""
    x: int = 0
    """Left edge in the table."""

    def text(self, view: ServerView, look: Look) -> Line:
        """The cell of a server, as wide as the column."""
        content = self.cell(view, look, self.width)
        return fit(content, self.width, ellipsis=look.glyphs.ellipsis, right=self.right)

    def heading(self) -> Line:
        """The head of the column."""
        return fit(line(self.title, Tone.MUTED), self.width, ellipsis="", right=self.right)


_NAME = Column(title="MODEL", width=12, cell=present.name, right=False)
_NAME_BEST = 18
_NAME_MOST = 44
_STATE = Column(title="STATE", width=18, cell=present.badge, right=False)
_STATE_BEST = 22
_STATE_FROM = 104
"""From this table width on the state gets its whole words."""
_LAST = Column(title="LAST", width=15, cell=present.last_operation, right=False)
_ORDER = (
    _STATE,
    Column(title="GPU GiB", width=7, cell=present.gpu_memory),
    Column(title="2 MIN", width=10, cell=present.memory_spark),
    Column(title="RUN", width=5, cell=present.running),
    Column(title="WAIT", width=5, cell=present.waiting),
    Column(title="KV", width=5, cell=present.kv_use),
    Column(title="TOK/S", width=5, cell=present.token_rate),
    Column(title="TTFT", width=7, cell=present.first_token),
    _LAST,
    Column(title="CYC", width=4, cell=present.cycles),
)
_IMPORTANCE = ("STATE", "GPU GiB", "RUN", "WAIT", "LAST", "TOK/S", "2 MIN", "TTFT", "KV", "CYC")


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns that fit, in their order, with their places; the name takes what is left."""
    order = [
        replace(column, width=_STATE_BEST) if column is _STATE and width >= _STATE_FROM else column
        for column in _ORDER
    ]
    kept = _important(order, width - MARKS - _NAME.width)
    used = sum(column.width + GAP for column in kept)
    name = min(max(width - MARKS - used, 1), _NAME_MOST)
    placed: list[Column] = []
    x = MARKS
    for column in (replace(_NAME, width=name), *kept):
        placed.append(replace(column, x=x))
        x += column.width + GAP
    return tuple(placed)


def marks(view: ServerView, look: Look, *, current: bool, marked: bool) -> Line:
    """What stands before the name: the pointer, the selection, the server's colour."""
    glyphs = look.glyphs
    return (
        Span(glyphs.pointer if current else " ", Tone.TITLE),
        Span(glyphs.marked if marked else " ", Tone.WARN),
        Span(f"{glyphs.swatch} ", look.tone(view.name)),
    )


def _important(order: list[Column], room: int) -> list[Column]:
    by_title = {column.title: column for column in order}
    kept: set[str] = set()
    for title in _IMPORTANCE:
        room -= by_title[title].width + GAP
        if room < 0:
            break
        if title == "CYC" and room < _NAME_BEST - _NAME.width:
            break
        kept.add(title)
    return [column for column in order if column.title in kept]
