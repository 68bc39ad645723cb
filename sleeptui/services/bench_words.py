"""A benchmark in words: progress, what is done now, the table so far, verdicts. Pure.

Lines of pieces with a sense, which the terminal and the panel paint each in their colours.
"""

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from sleeptui.core import units, verdict_words
from sleeptui.core.bench_picture import BenchPicture, BenchRow, Topic
from sleeptui.core.cold import ColdKind
from sleeptui.core.operation import Fate, Operation
from sleeptui.core.text import one_line
from sleeptui.core.verdict import Verdict, Word


class Sense(StrEnum):
    """What a piece of text means to the reader."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Piece(NamedTuple):
    """A run of text in one sense."""

    text: str
    sense: Sense = Sense.PLAIN


Line = tuple[Piece, ...]
SENSES: Final[Mapping[Word, Sense]] = {
    Word.PASS: Sense.GOOD,
    Word.FAIL: Sense.BAD,
    Word.INCONCLUSIVE: Sense.WARNING,
    Word.INVALID: Sense.BAD,
    Word.NOT_RUN: Sense.MUTED,
}
_WORST_FIRST: Final = (Word.FAIL, Word.INVALID, Word.INCONCLUSIVE, Word.PASS, Word.NOT_RUN)
_UNCUT: Final = 10_000
COLD: Final[Mapping[ColdKind | None, str]] = {
    ColdKind.CACHED: "cold start, cached",
    ColdKind.DISK: "cold start, disk",
    ColdKind.VIRGIN: "cold start, first",
    ColdKind.UNKNOWN: "cold start",
    None: "cold start",
}
_MINUTE: Final = 60
_BAR: Final = 30
_LEAST_BAR: Final = 8
_LEAST_TITLE: Final = 20
_NAME: Final = 18
_GAP: Final = 2
_TIMED: Final = ("MODEL", "WHAT", "N", "LAST", "MEDIAN", "FASTER", "FREED", "KEPT", "FAILED")
_LEFT: Final = frozenset({"MODEL", "WHAT"})
_LEAST_TO_KNOW: Final = ("LAST", "KEPT", "frozen", "parked", "FREED", "N", "TRIALS")
"""Columns that a narrow terminal leaves out, in this order."""


def progress(picture: BenchPicture, now_s: float, width: int, *, ascii_only: bool) -> Line:
    """``[######------]  34 %  step 12 of 40  00:03:10  about 6 m 10 s left``."""
    share = picture.share(now_s)
    steps = picture.planned.steps if picture.planned else 0
    facts = [f"{share * 100:3.0f} %", f"step {min(picture.done + 1, steps)} of {steps}"]
    facts.append(units.clock(picture.elapsed_s(now_s)))
    facts.append(left(picture, now_s))
    behind = "  ".join(fact for fact in facts if fact)
    room = min(width - len(behind) - _GAP, _BAR)
    if room < _LEAST_BAR:
        return (Piece(_cut(behind, width)),)
    filled = round(share * (room - 2))
    full, empty = ("#", "-") if ascii_only else ("█", "░")
    bar = f"[{full * filled}{empty * (room - 2 - filled)}]"
    return (Piece(bar, Sense.GOOD), Piece(" " * _GAP), Piece(behind))


def left(picture: BenchPicture, now_s: float) -> str:
    """How long it takes from here on."""
    if picture.is_stopped:
        return "stopped"
    if picture.verdicts:
        return "done"
    left_s = picture.remaining_s(now_s)
    if left_s is None:
        return ""
    whole = max(round(left_s), 1)
    return f"about {units.duration(whole) if whole >= _MINUTE else f'{whole} s'} left"


def doing(picture: BenchPicture, now_s: float) -> str:
    """What is done now: the innermost phase, and the operation in it."""
    running = picture.operation
    if not picture.trail and running is not None:
        return operating(running, now_s)
    if not picture.trail:
        return "the verdicts are made" if picture.done else "the first step is prepared"
    title = one_line(picture.trail[-1].title, 120)
    return f"{title}: {operating(running, now_s)}" if running else title


def operating(operation: Operation, now_s: float) -> str:
    """``wake of code, verifying, 1.2 s``."""
    told = f"{operation.kind.value} of {one_line(operation.server, _NAME)}"
    phase = operation.phase.value
    gone = units.elapsed(now_s - operation.began_s)
    return f"{told}, {gone}" if phase == operation.kind.value else f"{told}, {phase}, {gone}"


def table(picture: BenchPicture, width: int) -> list[Line]:
    """What was measured so far: times and memory, below them the requests in flight."""
    timed = [row for row in picture.rows if row.key.topic is not Topic.IN_FLIGHT]
    trials = [row for row in picture.rows if row.key.topic is Topic.IN_FLIGHT]
    made = _laid_out(_TIMED, [_timed(row) for row in timed], width) if timed else []
    if trials:
        fates = tuple(fate for fate in Fate if any(row.fates.get(fate) for row in trials))
        ends = ("done" if fate is Fate.COMPLETED else fate.value for fate in fates)
        heads = ("MODEL", "IN FLIGHT", "TRIALS", *ends, "FAILED")
        rows = [_trial(row, fates) for row in trials]
        made += [*([()] if made else []), *_laid_out(heads, rows, width)]
    return made


def what(row: BenchRow) -> str:
    """What a row is about: ``wake L1``, ``abort L1, 8 streams``."""
    key = row.key
    level = f" L{key.level}" if key.level is not None else ""
    match key.topic:
        case Topic.COLD:
            return COLD[key.cold]
        case Topic.IN_FLIGHT:
            streams = f", {key.streams} streams" if key.streams and key.streams > 1 else ""
            return f"{key.mode or 'sleep'}{level}{streams}"
        case Topic.MEMORY:
            return f"room for another{level}"
        case _:
            return f"{key.topic.value}{level}"


def failures(picture: BenchPicture, width: int) -> list[Line]:
    """What did not end well, the newest last; nothing where all did."""
    if not picture.failed:
        return []
    count = f"{picture.failed} phase{'s' if picture.failed > 1 else ''} did not end well"
    made: list[Line] = [(Piece(count, Sense.BAD),)]
    for each in picture.failures:
        note = f", {each.note}" if each.note else ""
        text = one_line(f"  {each.title}: {each.cls}{note}")
        made.append((Piece(_cut(f"  {text}", width), Sense.WARNING),))
    return made


def verdicts(every: Sequence[Verdict], width: int | None) -> list[Line]:
    """Each verdict on a line, what it rests on below it; the worst first, what was not run last.

    Args:
        every: The verdicts.
        width: Cells to cut at; None: lines stay whole.
    """
    every = sorted(every, key=lambda one: _WORST_FIRST.index(one.word))
    words = max((len(one.word.value) for one in every), default=0)
    names = max((cells(one_line(one.server, _NAME)) for one in every), default=0)
    made: list[Line] = []
    for one in every:
        room = (width or _UNCUT) - words - names - 2 * _GAP
        title, behind = one_line(one.expectation.title), measured(one)
        sense = Sense.PLAIN
        if one.word is Word.NOT_RUN:
            title, behind, sense = f"{title}: {behind}", "", Sense.MUTED
        titles = _rows(title, room)
        made.append(
            (
                Piece(f"{one.word.value:<{words}}", SENSES[one.word]),
                Piece(" " * _GAP),
                Piece(_padded(one_line(one.server, _NAME), names), Sense.STRONG),
                Piece(" " * _GAP),
                Piece(_cut(titles[0], room), sense),
            )
        )
        under = Piece(" " * (words + names + 2 * _GAP))
        made += [(under, Piece(_cut(row, room), sense)) for row in titles[1:]]
        indent = " " * (words + _GAP)
        rows = textwrap.wrap(behind, max((width or _UNCUT) - len(indent), 1))
        made += [(Piece(indent), Piece(row, Sense.MUTED)) for row in rows]
    return made


def _rows(title: str, room: int) -> list[str]:
    """A title over as many rows as it takes; where hardly a word fits on each it is cut."""
    return textwrap.wrap(title, room) if room >= _LEAST_TITLE and title else [title]


def measured(one: Verdict) -> str:
    """What a verdict rests on: ``93.1 x (88.2 to 97.4), wanted >= 5 x; n 24, 6 blocks; WHY``."""
    told = []
    if one.value is not None:
        between = verdict_words.interval(one)
        figure = f"{verdict_words.value(one)}{f' ({between})' if between else ''}"
        told.append(f"{figure}, wanted {verdict_words.wanted(one.expectation)}")
        counts = [] if verdict_words.is_rate(one.expectation) else [f"n {one.n}"]
        counts += [f"{one.blocks} block{'s' if one.blocks > 1 else ''}"] if one.blocks else []
        told += [", ".join(counts)] if counts else []
    if one.reason:
        told.append(one_line(one.reason))
    return "; ".join(told)


def summary(every: Sequence[Verdict]) -> Line:
    """``6 PASS, 1 FAIL, 2 NOT RUN``."""
    pieces: list[Piece] = []
    for word in Word:
        count = sum(one.word is word for one in every)
        if count:
            pieces += [Piece(", ")] if pieces else []
            pieces.append(Piece(f"{count} {word.value}", SENSES[word]))
    return tuple(pieces) or (Piece("no verdicts", Sense.WARNING),)


def plain(line: Line) -> str:
    """The text alone."""
    return "".join(piece.text for piece in line)


def fitted(line: Line, width: int) -> Line:
    """The line in at most so many cells."""
    kept: list[Piece] = []
    for piece in line:
        room = width - sum(cells(one.text) for one in kept)
        if cells(piece.text) > room:
            return (*kept, Piece(_cut(piece.text, room), piece.sense))
        kept.append(piece)
    return tuple(kept)


def cells(text: str) -> int:
    """Cells that a text takes in a terminal: wide characters take two, joined ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def _timed(row: BenchRow) -> tuple[Piece, ...]:
    ratio = Piece("") if row.ratio is None else Piece(f"{_figure(row.ratio)}x", Sense.STRONG)
    return (
        Piece(one_line(row.key.server, _NAME), Sense.STRONG),
        Piece(what(row)),
        Piece(str(row.n)),
        _optional(units.duration(row.last_s)),
        _optional(units.duration(row.median_s)),
        ratio,
        _optional(units.memory(row.freed_bytes)),
        _optional(units.memory(row.residual_bytes)),
        _failed(row),
    )


def _trial(row: BenchRow, fates: Sequence[Fate]) -> tuple[Piece, ...]:
    counts = (row.fates.get(fate, 0) for fate in fates)
    return (
        Piece(one_line(row.key.server, _NAME), Sense.STRONG),
        Piece(what(row)),
        Piece(str(row.n)),
        *(Piece(str(count) if count else "") for count in counts),
        _failed(row),
    )


def _optional(text: str) -> Piece:
    return Piece("") if text == units.UNKNOWN else Piece(text)


def _failed(row: BenchRow) -> Piece:
    return Piece(str(row.failed), Sense.BAD if row.failed else Sense.MUTED)


def _laid_out(heads: Sequence[str], rows: Sequence[Sequence[Piece]], width: int) -> list[Line]:
    """A table as wide as it must be; columns that matter least go where there is no room."""
    titles = tuple(Piece(head.upper(), Sense.MUTED) for head in heads)
    every = [titles, *rows]
    widths = [max(cells(row[column].text) for row in every) for column in range(len(heads))]
    shown = list(range(len(heads)))
    for name in _LEAST_TO_KNOW:
        if sum(widths[column] + _GAP for column in shown) - _GAP <= width:
            break
        shown = [column for column in shown if heads[column] != name]
    made: list[Line] = []
    for row in every:
        pieces: list[Piece] = []
        for number, column in enumerate(shown):
            is_left = heads[column] in _LEFT or heads[column] == "IN FLIGHT"
            text = _padded(row[column].text, widths[column], right=not is_left)
            pieces += [Piece(" " * _GAP)] if number else []
            pieces.append(Piece(text, row[column].sense))
        made.append(tuple(pieces))
    return made


def _padded(text: str, width: int, *, right: bool = False) -> str:
    blank = " " * (width - cells(text))
    return blank + text if right else text + blank


def _cut(text: str, width: int) -> str:
    if cells(text) <= width:
        return text
    kept = ""
    for one in text:
        if cells(kept + one) >= width:
            break
        kept += one
    return f"{kept}…" if width > 0 else ""


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
