"""``python -m tests.soak [MINUTES] [--seed TEXT] [--keep DIR]``: 30 minutes if not said.

Prints a line a check. Exit code 1 if one does not hold; then what was recorded is kept.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Soak
from tests.soak.verdict import checks

_RECORDINGS = 6
"""One after the other, each of minutes; two where it is shorter."""


def main() -> int:
    """Soak, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("minutes", type=float, nargs="?", default=30.0)
    parser.add_argument("--seed", default="1", help="another one, other operations and faults")
    parser.add_argument("--keep", type=Path, help="folder for what was recorded and sampled")
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="sleeptui-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"soak of {asked.minutes:g} min, seed {asked.seed}", flush=True)
    recordings = _RECORDINGS if asked.minutes >= _RECORDINGS else 2
    soak = Soak(folder, seconds=asked.minutes * 60, seed=asked.seed, recordings=recordings)
    good = True
    for soaked in soak.run(lambda line: print(line, flush=True)):
        for check in checks(soaked):
            print(check, flush=True)
            good = good and check.holds
    if soak.lost:
        print(soak.lost)
    if asked.keep or not good:
        print(f"what was recorded and sampled is in {folder}")
    else:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
