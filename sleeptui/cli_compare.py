"""``sleeptui compare A B``: two recorded sessions side by side."""

import sys
from typing import Final

import click

from sleeptui.cli_complete import sessions
from sleeptui.cli_options import settings_of
from sleeptui.cli_output import Paper, put, say
from sleeptui.config import Flags
from sleeptui.core.compare import Comparison
from sleeptui.core.compare import compare as compared
from sleeptui.core.errors import ExportError
from sleeptui.recorder.archive import SessionArchive
from sleeptui.services import as_json, compare_json, compare_words

EXAMPLES = """\b
Examples:
  sleeptui compare 20261120 last       an older session with the newest
  sleeptui compare a/journal.jsonl b   by their folders
  sleeptui compare A B --json | jq '.intervals[] | select(.verdict == "slower")'

\b
Verdicts of B beside A, from the ratio of the medians and its 95 % interval:
  same      within 5 %, or within the noise of the values
  faster    more than 5 % less time, and the interval leaves no doubt
  slower    more than 5 % more time, and the interval leaves no doubt
  unclear   anything else: more values would tell
"""
_COLOURS: Final = {
    compare_words.WARNING: "yellow",
    compare_words.BETTER: "green",
    compare_words.WORSE: "red",
}


@click.command(epilog=EXAMPLES)
@click.argument("a", metavar="A", shell_complete=sessions)
@click.argument("b", metavar="B", shell_complete=sessions)
@click.option("--json", "is_json", is_flag=True, help="One JSON document instead of a table.")
@click.option("--force", is_flag=True, help="Compare also what is not alike, and say so.")
@click.option("--ascii", "ascii_", is_flag=True, default=None, help="ASCII characters only.")
@click.pass_obj
def compare(
    before: Flags | None, *, a: str, b: str, is_json: bool, force: bool, ascii_: bool | None
) -> int:
    """Compare session B with session A.

    What differs around them comes first, then each time, memory figure and success rate that both
    have. A and B: a name, a part of it, a folder, or last. Other models, other GPUs, and a
    simulated fleet against a real one are refused.

    Exit code: 0 compared, also where B is slower; 1 refused or not readable; 2 usage.
    """
    settings = settings_of(before or Flags())
    archive = SessionArchive(settings.recording.folder)
    say(f"reading {a} and {b}")
    comparison = compared(archive.read(a), archive.read(b), force=force)
    if comparison.unlike and not force:
        raise ExportError(
            "; ".join(comparison.unlike),
            hint="--force compares them all the same",
        )
    if is_json:
        put(as_json.text("compare", compare_json.of(comparison, forced=force)))
    else:
        put("\n".join(_page(comparison, Paper.of(sys.stdout, ascii_only=ascii_ or settings.ascii))))
    return 0


def _page(comparison: Comparison, paper: Paper) -> list[str]:
    return [
        paper.style(
            paper.spelt(said.text).rstrip(),
            _COLOURS.get(said.tone),
            bold=said.tone == compare_words.TITLE,
        )
        for said in compare_words.lines(comparison)
    ]
