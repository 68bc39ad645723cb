"""A journal of one million lines as a report, by the real program in a process of its own."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support import journals

LINES = 1_000_000
BAR_S = 15.0
BAR_MB = 400
BAR_RATIO = 3.0
"""Of the time in which Python's own json module reads the same file: the machine's speed."""


def measure() -> tuple[str, bool]:
    """One line with time and memory, and whether the bars hold.

    Processor time: the machine may do something else beside.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = Path(folder) / journals.RUN_ID
        session.mkdir()
        count = journals.large(session / "journal.jsonl", LINES)
        began = time.process_time()
        with (session / "journal.jsonl").open("rb") as file:
            for line in file:
                json.loads(line)
        base_s = time.process_time() - began
        command = [sys.executable, "-m", "sleeptui", "report", str(session)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    most_mb = after.ru_maxrss / 1024  # of the largest child that there ever was: no less than this
    line = (
        f"report of {count} lines: {took_s:.1f} s (bar {BAR_S:g} s) and {most_mb:.0f} MB (bar"
        f" {BAR_MB} MB); json.loads of the file alone {base_s:.1f} s, ratio {took_s / base_s:.2f}"
        f" (bar {BAR_RATIO:g})"
    )
    return line, took_s <= max(BAR_S, BAR_RATIO * base_s) and most_mb <= BAR_MB
