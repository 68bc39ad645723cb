"""What the doctor's page says: findings as rows of lines. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sleeptui.core.canary import Check
from sleeptui.core.text import one_line
from sleeptui.services.doctor import counts
from sleeptui.services.doctor_finding import ORDER, Finding, Status
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.spans import BLANK, Line, Span, cut, line, wrapped
from sleeptui.tui.tones import Tone

WELL: Final = "well"
"""Second half of the key of the row that has all that is well."""
WORDS: Final = {
    Status.BAD: "bad",
    Status.WARN: "to watch",
    Status.UNKNOWN: "not known",
    Status.OK: WELL,
}
_TONES: Final = {
    Status.BAD: Tone.BAD,
    Status.WARN: Tone.WARN,
    Status.UNKNOWN: Tone.ASLEEP,
    Status.OK: Tone.GOOD,
}
_SEVERITIES: Final = {Status.BAD: "bad", Status.WARN: "warning", Status.OK: "good"}
_TITLE: Final = 17
_LEFT: Final = 4 + _TITLE + 1
_NAME: Final = 40

Key = tuple[str | None, str]
"""Server (None: the machine) and id of a finding: what the cursor stays with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the cursor can stand on."""

    key: Key
    heading: tuple[Line, ...]
    """Above it: the name of its server, where it is the first of it."""
    lines: tuple[Line, ...]


def summary(findings: Sequence[Finding], glyphs: Glyphs) -> str:
    """How many there are of each: ``2 bad · 40 well``."""
    return f" {glyphs.dot} ".join(
        f"{number} {WORDS[status]}" for status, number in counts(findings).items() if number
    )


def rows(
    findings: Sequence[Finding], width: int, glyphs: Glyphs, opened: Collection[Key]
) -> list[Row]:
    """Findings by subject, the subject with the worst first; what is well in one row.

    Args:
        findings: As the doctor has them, by subject.
        width: Cells of a line.
        glyphs: The set in use.
        opened: Rows that say more.
    """
    groups = [
        (server, tuple(group)) for server, group in groupby(findings, key=lambda one: one.server)
    ]
    groups.sort(key=lambda group: min(ORDER.index(one.status) for one in group[1]))
    made: list[Row] = []
    for server, group in groups:
        heading = (*((BLANK,) if made else ()), _heading(server, group, glyphs))
        for row in _rows_of(server, group, width, glyphs, opened):
            made.append(Row(key=row.key, heading=heading, lines=row.lines))
            heading = ()
    return made


def _rows_of(
    server: str | None,
    group: Sequence[Finding],
    width: int,
    glyphs: Glyphs,
    opened: Collection[Key],
) -> list[Row]:
    made = []
    for one in group:
        if one.status is Status.OK:
            continue
        key = (server, one.id)
        lines = _lines(one, width, glyphs, is_open=key in opened)
        made.append(Row(key=key, heading=(), lines=lines))
    well = [one for one in group if one.status is Status.OK]
    if well:
        key = (server, WELL)
        if key in opened:
            lines = tuple(each for one in well for each in _lines(one, width, glyphs, is_open=True))
        else:
            lines = (_well(well, width, glyphs),)
        made.append(Row(key=key, heading=(), lines=lines))
    return made


def _heading(server: str | None, group: Sequence[Finding], glyphs: Glyphs) -> Line:
    name = "This machine" if server is None else one_line(server, _NAME)
    return (
        Span(f" {name}", Tone.TITLE),
        Span(f"  {summary(group, glyphs)}", Tone.MUTED),
    )


def _lines(one: Finding, width: int, glyphs: Glyphs, *, is_open: bool) -> tuple[Line, ...]:
    """The finding with its next step; opened, also how it is known."""
    tone = _TONES[one.status]
    room = max(width - _LEFT, 1)
    first, *others = wrapped(one.what, room) or [BLANK]
    mark = (
        Span(f"  {_glyph(one.status, glyphs)} ", tone),
        Span(f"{cut(one.title, _TITLE, glyphs.ellipsis):<{_TITLE}} ", Tone.STRONG),
    )
    steps = wrapped(one.next, room, tone, indent=f"{glyphs.arrow} ") if one.next else []
    known = wrapped(one.known, room, Tone.MUTED, indent="known: ") if is_open and one.known else []
    indent = Span(" " * _LEFT)
    return ((*mark, *first), *((indent, *each) for each in (*others, *steps, *known)))


def _well(well: Sequence[Finding], width: int, glyphs: Glyphs) -> Line:
    head = f"{len(well)} well"
    titles = ", ".join(one.title for one in well)
    return (
        Span(f"  {_glyph(Status.OK, glyphs)} ", Tone.GOOD),
        Span(f"{head:<{_TITLE}} ", Tone.STRONG),
        *line(cut(titles, max(width - _LEFT, 1), glyphs.ellipsis), Tone.MUTED),
    )


def _glyph(status: Status, glyphs: Glyphs) -> str:
    if status is Status.UNKNOWN:
        return glyphs.checks[Check.UNVERIFIED]
    return glyphs.severities[_SEVERITIES[status]]
