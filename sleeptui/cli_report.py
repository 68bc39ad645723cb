"""``sleeptui report`` and ``sleeptui export``: files from a recorded session."""

from typing import Final

import click

from sleeptui.cli_complete import folders, sessions
from sleeptui.cli_options import settings_of
from sleeptui.cli_output import put, put_bytes, say
from sleeptui.config import Flags
from sleeptui.config_toml import path_of
from sleeptui.core.errors import ConfigError
from sleeptui.recorder.archive import SessionArchive
from sleeptui.recorder.exports.table import EXPORTERS

REPORT_EXAMPLES = """\b
Examples:
  sleeptui report last                 the newest session
  sleeptui report 20261123 --to out    by a part of its name, into another folder
"""
EXPORT_EXAMPLES = """\b
Examples:
  sleeptui export last --format csv --format trace    into the session's own folder
  sleeptui export last --format json --to - | jq .    to standard output

\b
Formats:
""" + "\n".join(f"  {one.name:<12} {one.says}" for one in EXPORTERS.values())
PIPE: Final = "-"


@click.command(epilog=REPORT_EXAMPLES, short_help="Make report and files of a session.")
@click.argument("session", shell_complete=sessions)
@click.option(
    "--to",
    metavar="DIR",
    help="Write there; else into the session's own folder.",
    shell_complete=folders,
)
@click.pass_obj
def report(before: Flags | None, *, session: str, to: str | None) -> int:
    """Make all files of a recorded SESSION and print where the report is.

    SESSION: its name, a part of it, its folder, or last. report.md with its charts, results.json,
    results.csv, requests.csv, trace.json and their hashes: from the journal alone, the same each
    time.

    Exit code: 0 made, 1 there is no such session, or a file cannot be made, 2 usage.
    """
    if to == PIPE:
        raise ConfigError("a report is several files, which no pipe can take", hint=_ONE_FILE)
    say(f"reading {session}")
    written = _archive(before).export(session, (), _folder(to))
    put(next(path for path in written if path.endswith("report.md")))
    return 0


@click.command(epilog=EXPORT_EXAMPLES)
@click.argument("session", shell_complete=sessions)
@click.option(
    "--format",
    "formats",
    type=click.Choice(list(EXPORTERS)),
    multiple=True,
    help="What to make; repeatable.",
)
@click.option(
    "--to",
    metavar="DIR|-",
    help="Write there, - to standard output; else to the session's folder.",
    shell_complete=folders,
)
@click.pass_obj
def export(before: Flags | None, *, session: str, formats: tuple[str, ...], to: str | None) -> int:
    """Make some files of a recorded SESSION and print their paths.

    SESSION: its name, a part of it, its folder, or last.

    Exit code: 0 made, 1 there is no such session, or a file cannot be made, 2 usage.
    """
    if not formats:
        raise ConfigError("no format is named", hint=f"use --format {', '.join(EXPORTERS)}")
    archive = _archive(before)
    if to != PIPE:
        for path in archive.export(session, formats, _folder(to)):
            put(path)
        return 0
    if len(formats) > 1 or not EXPORTERS[formats[0]].is_single:
        raise ConfigError("standard output takes one file", hint=_ONE_FILE)
    put_bytes(archive.text(session, formats[0]))
    return 0


_ONE_FILE = "use --to DIR, or sleeptui export SESSION --format json --to -"


def _folder(to: str | None) -> str | None:
    return None if to is None else str(path_of(to, "--to"))


def _archive(before: Flags | None) -> SessionArchive:
    return SessionArchive(settings_of(before or Flags()).recording.folder)
