"""Reads back what a soak has recorded."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.journal_file import sessions

from sleeptui.recorder.line import seconds
from sleeptui.recorder.line_operations import OpBegin, OpEnd, OpQueued
from sleeptui.recorder.line_session import Clock, End
from sleeptui.recorder.reader import Reading


@dataclass(slots=True)
class ReadBack:
    """What the journals of one program are worth."""

    count: int = 0
    size_bytes: int = 0
    begun: int = 0
    """Operations that began in a journal, those counted again that went on in the next one."""
    flaws: list[str] = field(default_factory=list)


def read_back(folder: Path, ended: Mapping[int, float]) -> ReadBack:
    """All sessions in a folder: whole, each operation with its end, a report can be made.

    Args:
        folder: Of the sessions.
        ended: When each operation ended, by the clock of the journals.
    """
    found = ReadBack()
    all_sessions = sessions(folder)
    for number, session in enumerate(all_sessions):
        found.count += 1
        reading = Reading(session / "journal.jsonl")
        open_: dict[int, str] = {}
        last_s = 0.0
        for line in reading:
            # The two are written while it is closed: nothing is heard any more.
            if not isinstance(line, Clock | End):
                last_s = seconds(line.t)
            match line:
                case OpQueued() | OpBegin():
                    found.begun += line.op not in open_
                    open_[line.op] = f"{line.name} of {line.s}"
                case OpEnd():
                    open_.pop(line.op, None)
                case _:
                    pass
        found.size_bytes += reading.size_bytes
        if reading.partial:
            found.flaws.append(f"{session.name}: {reading.partial}")
        is_last = number + 1 == len(all_sessions)
        found.flaws += [
            f"{session.name}: no end of {what} ({id_})"
            for id_, what in open_.items()
            if is_last or ended.get(id_, 0.0) <= last_s
        ]
        found.flaws += _report(session)
    return found


def _report(session: Path) -> list[str]:
    """Why no report can be made of it; nothing: it can."""
    command = [sys.executable, "-m", "sleeptui", "report", str(session)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return [f"{session.name}: {made.stderr.strip()}"] if made.returncode else []
