"""``sleeptui replay``: a recorded session in the panel, as it was."""

import re
from pathlib import Path
from typing import Final

import click

from sleeptui.cli_complete import sessions
from sleeptui.cli_options import settings_of
from sleeptui.cli_output import need_terminal, say
from sleeptui.config import Flags
from sleeptui.core.errors import JournalError
from sleeptui.core.events import Marked, OperationStarted
from sleeptui.core.tape import Tape
from sleeptui.recorder.folder import default_folder, find
from sleeptui.recorder.tape import read_tape

EXAMPLES = """\b
Examples:
  sleeptui replay last                        the newest session, from its start
  sleeptui replay 20261123 --speed 8          by a part of its name, eight times as fast
  sleeptui replay DIR --at 12:07              12 minutes and 7 seconds after its start
  sleeptui replay last --at op:31             where operation 31 of the report began
  sleeptui replay last --at mark:2            at the second mark
"""
SLOWEST, FASTEST = 0.25, 100.0
_TIME: Final = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)s?")
_NUMBERED: Final = re.compile(r"(op|mark):(\d{1,18})")


@click.command(epilog=EXAMPLES)
@click.argument("session", shell_complete=sessions)
@click.option(
    "--speed",
    type=click.FloatRange(SLOWEST, FASTEST),
    default=1.0,
    show_default=True,
    metavar="X",
    help="How many times faster than it was, 0.25 to 100.",
)
@click.option(
    "--at",
    "where",
    metavar="TIME",
    help="Start there: [[H:]M:]S after its start, op:N or mark:N.",
)
@click.option("--theme", metavar="NAME", help="Colour theme.")
@click.option("--ascii", "ascii_", is_flag=True, default=None, help="ASCII characters only.")
@click.option("--lent-by", "lender", type=int, hidden=True, help="The panel that it lies over.")
@click.pass_obj
def replay(
    before: Flags | None,
    *,
    session: str,
    speed: float,
    where: str | None,
    theme: str | None,
    ascii_: bool | None,
    lender: int | None,
) -> int:
    """Show a recorded SESSION in the panel, as it was.

    SESSION: its name, a part of it, its folder, or last. In the replay: p holds, + and - change
    the speed, left and right go from operation to operation, [ and ] from mark to mark, home and
    end to the ends.

    Exit code: 0 left, 1 there is no such session or place in it, 2 usage, or no terminal.
    """
    from dataclasses import replace

    from sleeptui.wiring import run_replay

    flags = before or Flags()
    flags = replace(flags, theme=theme or flags.theme, ascii=ascii_ or flags.ascii)
    settings = settings_of(flags)
    folder = find(Path(settings.recording.folder or default_folder()), session)
    say(f"reading {folder.name}")
    tape = read_tape(folder)
    at_s = None if where is None else moment(tape, where)
    need_terminal()
    return run_replay(tape, settings, speed=speed, at_s=at_s, lender=lender)


def moment(tape: Tape, where: str) -> float:
    """A place on the tape, in its own time.

    Raises:
        click.BadParameter: It is no place.
        JournalError: The session has no such place.
    """
    if found := _NUMBERED.fullmatch(where):
        kind, number = found[1], int(found[2])
        return _operation(tape, number) if kind == "op" else _mark(tape, number)
    if found := _TIME.fullmatch(where):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        passed_s = hours * 3600 + minutes * 60 + seconds
        length_s = tape.ended_s - tape.began_s
        if passed_s > length_s:
            raise JournalError(
                f"--at {where} is behind the end of {tape.name}",
                hint=f"it took {length_s:.0f} s",
            )
        return tape.began_s + passed_s
    raise click.BadParameter(
        f"“{where}” is no place in a session: use 90, 12:07, 1:02:03, op:31 or mark:2",
        param_hint="--at",
    )


def _operation(tape: Tape, number: int) -> float:
    numbers = []
    for event in tape.events:
        if isinstance(event, OperationStarted):
            if event.operation.id == number:
                return event.at_s
            numbers.append(event.operation.id)
    if not numbers:
        raise JournalError(f"no operation began in {tape.name}")
    raise JournalError(
        f"{tape.name} has no operation {number}", hint=f"it has {min(numbers)} to {max(numbers)}"
    )


def _mark(tape: Tape, number: int) -> float:
    marks = [event.at_s for event in tape.events if isinstance(event, Marked)]
    if not 0 < number <= len(marks):
        hint = f"it has {len(marks)}" if marks else "it has none; m sets one while recording"
        raise JournalError(f"{tape.name} has no mark {number}", hint=hint)
    return marks[number - 1]
