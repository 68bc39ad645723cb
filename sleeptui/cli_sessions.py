"""``sleeptui sessions``: what was recorded, newest first."""

import sys
from collections.abc import Sequence
from typing import Final

import click

from sleeptui.cli_complete import folders
from sleeptui.cli_options import settings_of
from sleeptui.cli_output import Paper, put
from sleeptui.config import Flags
from sleeptui.config_toml import path_of
from sleeptui.core import units
from sleeptui.core.errors import JournalError
from sleeptui.core.session import SessionSummary
from sleeptui.core.text import one_line
from sleeptui.core.units import UNKNOWN
from sleeptui.recorder.folder import default_folder
from sleeptui.recorder.summaries import summaries
from sleeptui.services import as_json, session_words

EXAMPLES = """\b
Examples:
  sleeptui sessions                    all of them, newest first
  sleeptui sessions --json | jq -r '.sessions[] | select(.state == "partial") | .path'
  sleeptui replay last                 watch the newest one again
  sleeptui report last                 the newest one as a report with charts
"""
_COLOURS: Final = {"recording": "cyan", "partial": "red", "whole": "green", "imported": "blue"}
_HEADINGS: Final = (
    "NAME",
    "BEGAN",
    "DURATION",
    "STATE",
    "SERVERS",
    "OPERATIONS",
    "SIZE",
    "BENCHMARK",
)
_STATE: Final = 3
_LEAST_TO_KNOW: Final = (6, 5, 4, 1, 2, 7)
"""Columns that a narrow terminal leaves out, in this order."""
_SERVERS_LIMIT: Final = 32
_GAP: Final = 2


@click.command(epilog=EXAMPLES, short_help="List what was recorded.")
@click.argument("folder", required=False, metavar="[DIR]", shell_complete=folders)
@click.option("--json", "is_json", is_flag=True, help="One JSON document instead of a table.")
@click.option("--ascii", "ascii_", is_flag=True, default=None, help="ASCII characters only.")
@click.pass_obj
def sessions(
    before: Flags | None, *, folder: str | None, is_json: bool, ascii_: bool | None
) -> int:
    """List what was recorded: the sessions in DIR, else in the usual folder.

    PARTIAL: a recording that was cut off or lost lines; what was written is there. RECORDING: it
    is being written now.

    Exit code: 0 listed, also where there is none, 1 DIR is no folder, 2 usage.
    """
    settings = settings_of(before or Flags())
    where = path_of(str(folder or settings.recording.folder or default_folder()), "DIR")
    if folder is not None and not where.is_dir():
        raise JournalError(f"there is no folder {where}", hint="sleeptui sessions takes a folder")
    found = summaries(where)
    if is_json:
        rows = [session_words.as_json(each) for each in found]
        put(as_json.text("sessions", {"folder": str(where), "sessions": rows}))
        return 0
    if found:
        put("\n".join(_table(found, Paper.of(sys.stdout, ascii_only=ascii_ or settings.ascii))))
    else:
        hint = "record one: sleeptui --record, or r in the panel"
        click.echo(f"sleeptui: there are no sessions in {where}; {hint}", err=True)
    return 0


def _table(found: Sequence[SessionSummary], paper: Paper) -> list[str]:
    rows = [_HEADINGS, *(_cells(each) for each in found)]
    rows = [tuple(paper.spelt(one_line(cell)) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    known = [column for column in range(len(widths)) if any(row[column] for row in rows[1:])]
    shown = _fitting(known, widths, paper.width)
    lines = []
    for number, row in enumerate(rows):
        cells = [f"{row[column]:<{widths[column]}}" for column in shown]
        if number and _STATE in shown:
            at = shown.index(_STATE)
            cells[at] = paper.style(cells[at], _COLOURS[session_words.state(found[number - 1])])
        line = (" " * _GAP).join(cells).rstrip()
        lines.append(line if number else paper.style(line, bold=True))
    return lines


def _fitting(known: Sequence[int], widths: Sequence[int], width: int | None) -> list[int]:
    """The columns that there is room for; a name is never cut, the other commands need it."""
    shown = list(known)
    for column in (one for one in _LEAST_TO_KNOW if one in known):
        if width is None or sum(widths[each] + _GAP for each in shown) - _GAP <= width:
            break
        shown.remove(column)
    return shown


def _cells(each: SessionSummary) -> tuple[str, ...]:
    return (
        each.run_id,
        session_words.began(each),
        units.duration(each.duration_s),
        session_words.states(each),
        session_words.servers(each, _SERVERS_LIMIT),
        UNKNOWN if each.operations is None else str(each.operations),
        session_words.size(each.size_bytes),
        session_words.benchmark(each).removeprefix("benchmark "),
    )
