"""The table of ``sleeptui ps``: the panel's words and figures, a row a server. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sleeptui.core import units
from sleeptui.core.idle import idle
from sleeptui.core.model import ServerView
from sleeptui.core.text import one_line
from sleeptui.tui import present
from sleeptui.tui.present import Look
from sleeptui.tui.spans import Line, Span, fit, line, width_of
from sleeptui.tui.tones import Tone

_NAME_LEAST = 8
_WHOLE_STATE, _SHORT_STATE = 22, 15
"""Cells of a state with its whole words, and with short ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """How much room a table takes."""

    gap: int = 2
    state: int = _WHOLE_STATE
    is_tight: bool = False
    """No units in the heads, no blanks within times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column."""

    title: str
    cell: Callable[[ServerView, Look, _Style], Line]
    unit: str = ""
    is_right: bool = True

    def head(self, style: _Style) -> str:
        """What stands over it."""
        return self.title if style.is_tight or not self.unit else f"{self.title} {self.unit}"


def table(views: Sequence[ServerView], look: Look, width: int | None) -> list[Line]:
    """The head, and a row for each server in the order given.

    Args:
        views: The servers.
        look: How it is shown; its times make the elapsed and the idle ones.
        width: Columns of the terminal; None: as wide as it comes, nothing is cut.
    """
    columns = list(_COLUMNS)
    style = _WIDE
    made = _made(views, look, columns, style)
    if width is None or _width(made, style) <= width:
        return _laid(made, columns, style)
    for style in (_NARROW, _TIGHT):
        made = _made(views, look, columns, style)
        if _width(made, style) <= width:
            return _laid(made, columns, style)
    for title in _LEAST_TO_KNOW:
        columns = [column for column in columns if column.title != title]
        made = _made(views, look, columns, style)
        if _width(made, style) - _widths(made)[0] + _NAME_LEAST <= width:
            break
    room = max(_widths(made)[0] - max(_width(made, style) - width, 0), _NAME_LEAST)
    ellipsis = look.glyphs.ellipsis
    short = [[fit(row[0], room, ellipsis=ellipsis), *row[1:]] for row in made]
    return _laid(short, columns, style)


def _made(
    views: Sequence[ServerView], look: Look, columns: Sequence[_Column], style: _Style
) -> list[list[Line]]:
    heads = [line(column.head(style), Tone.TITLE) for column in columns]
    return [heads, *([column.cell(view, look, style) for column in columns] for view in views)]


def _widths(made: Sequence[Sequence[Line]]) -> list[int]:
    return [max(width_of(row[at]) for row in made) for at in range(len(made[0]))]


def _width(made: Sequence[Sequence[Line]], style: _Style) -> int:
    widths = _widths(made)
    return sum(widths) + style.gap * (len(widths) - 1)


def _laid(made: Sequence[Sequence[Line]], columns: Sequence[_Column], style: _Style) -> list[Line]:
    """The rows as lines, their cells under each other, nothing behind the last one."""
    widths = _widths(made)
    gap = Span(" " * style.gap)
    lines: list[Line] = []
    for row in made:
        spans: list[Span] = []
        for at, (cell, column) in enumerate(zip(row, columns, strict=True)):
            is_last = at == len(columns) - 1
            spans += cell if is_last else fit(cell, widths[at], ellipsis="", right=column.is_right)
            spans += () if is_last else (gap,)
        lines.append(tuple(spans))
    return lines


def _name(view: ServerView, look: Look, style: _Style) -> Line:
    del look, style
    return line(one_line(view.name, _NAME_MOST), Tone.STRONG)


def _state(view: ServerView, look: Look, style: _Style) -> Line:
    return present.standing(view, look, style.state)


def _level(view: ServerView, look: Look, style: _Style) -> Line:
    del look, style
    if view.level is None:
        return line(units.UNKNOWN, Tone.FAINT)
    return line(str(view.level))


def _ram(view: ServerView, look: Look, style: _Style) -> Line:
    """Host memory; marked where it is a sum in which shared memory counts more than once."""
    del look, style
    held = view.home.host_bytes if view.home else None
    if held is None:
        return line(units.UNKNOWN, Tone.FAINT)
    if view.home is not None and view.home.shares_memory:
        return line(f"~{units.gib(held)}", Tone.MUTED)
    return line(units.gib(held))


def _idle(view: ServerView, look: Look, style: _Style) -> Line:
    known = idle(view, look.now_s, look.epoch_s)
    if known is None:
        return line(units.UNKNOWN, Tone.FAINT)
    if not known.seconds:
        return line("0 s")
    said = units.elapsed(known.seconds)
    said = said.replace(" ", "") if style.is_tight else said
    return line(f">{said}" if known.is_least else said, Tone.MUTED if known.is_least else Tone.TEXT)


_COLUMNS = (
    _Column(title="NAME", cell=_name, is_right=False),
    _Column(title="STATE", cell=_state, is_right=False),
    _Column(title="LEVEL", cell=_level),
    _Column(title="GPU", unit="GiB", cell=lambda view, look, _: present.gpu_memory(view, look, 0)),
    _Column(title="RAM", unit="GiB", cell=_ram),
    _Column(title="RUN", cell=lambda view, look, _: present.running(view, look, 0)),
    _Column(title="WAIT", cell=lambda view, look, _: present.waiting(view, look, 0)),
    _Column(title="IDLE", cell=_idle),
    _Column(title="CYCLES", cell=lambda view, look, _: present.cycles(view, look, 0)),
    _Column(
        title="LAST",
        cell=lambda view, look, style: present.last_operation(view, look, style.state),
        is_right=False,
    ),
)
_LEAST_TO_KNOW = ("CYCLES", "RAM", "IDLE", "LAST", "LEVEL", "WAIT")
"""Columns that a narrow terminal leaves out, in this order."""
_WIDE = _Style()
_NARROW = _Style(gap=1, state=_SHORT_STATE)
_TIGHT = _Style(gap=1, state=_SHORT_STATE, is_tight=True)
_NAME_MOST = 60
