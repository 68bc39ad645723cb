"""A recording on a disk that gets full: ``python -m support.filling FOLDER HOW`` tells how it went.

How: ``freed``: something else gives room back before the end; ``full``: nothing does; ``limit``:
files of this process may not grow beyond a limit.
"""

import json
import resource
import sys
import time
from pathlib import Path

from support.disks import header, op_end, prom

from sleeptui.recorder import pen
from sleeptui.recorder.writer import Writer

OPERATIONS = 400
_FREE_BYTES = 700_000
_BOUND_S = 60.0


def fill(folder: Path) -> Path:
    """A file beside the session that leaves little room."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                file.truncate(file.tell() - _FREE_BYTES)
                return filler


def main() -> None:
    """Record, and tell."""
    folder, how = Path(sys.argv[1]), sys.argv[2]
    pen.RETRY_S = 0.01
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    session = folder / "session"
    session.mkdir()
    filler = folder / "filler" if how == "limit" else fill(folder)
    writer = Writer(session, header())
    problems, taken = [], []
    for op in range(OPERATIONS):
        for at in range(30):
            writer.put(prom(t=op * 100 + at, problem="a long one " * 10 if op < 40 else None))
        writer.put(op_end(op, t=op * 100 + 99))
        if writer.written().result(_BOUND_S):
            taken.append(op)
        problems.append(writer.problem)
    if how == "freed":
        filler.unlink()
        end_s = time.monotonic() + _BOUND_S
        while writer.problem and time.monotonic() < end_s:
            writer.written().result(_BOUND_S)
        problems.append(writer.problem)
        writer.put(prom(t=OPERATIONS * 100))
    writer.close(aborted=False)
    print(json.dumps({"problems": problems, "taken": taken, "last": writer.problem}))
    sys.stdout.flush()
    filler.unlink(missing_ok=True)
    journal = (session / "journal.jsonl").read_bytes()
    sys.stdout.buffer.write(journal)


if __name__ == "__main__":
    main()
