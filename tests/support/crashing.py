"""Recordings that are killed: ``python -m support.crashing FOLDER TIMES`` tells what they had told.

Each one is a process that writes samples and operations, and says of each operation that it was
told as written. After some of them it is killed, at a moment that nothing waits for.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from support.disks import header, op_end, prom

from sleeptui.recorder.writer import Writer


def record(folder: Path, told: int) -> None:
    """Write until somebody ends it."""
    writer = Writer(folder, header())
    op = 0
    while True:
        for at in range(op % 5):
            writer.put(prom(t=op * 10 + at))
        writer.put(op_end(op, t=op * 10 + 9))
        if op % 3 == 0:
            writer.written().result()
            os.write(told, b"%d\n" % op)
        op += 1


def kill_one(folder: Path, rng: random.Random) -> int:
    """The last operation that was told as written by a recording that was killed."""
    folder.mkdir()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        record(folder, theirs)
    os.close(theirs)
    told, wanted = b"", rng.randint(1, 40)
    while told.count(b"\n") < wanted:
        told += os.read(ours, 4096)
    end_s = time.monotonic() + rng.random() * 0.003
    while time.monotonic() < end_s:
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(ours, 4096):
        told += more
    os.close(ours)
    return int(told[: told.rindex(b"\n")].split(b"\n")[-1])


def main() -> None:
    """All of them, one after the other."""
    folder, times = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(4)
    for n in range(times):
        session = folder / f"{n:03}"
        print(json.dumps({"folder": str(session), "told": kill_one(session, rng)}), flush=True)


if __name__ == "__main__":
    main()
