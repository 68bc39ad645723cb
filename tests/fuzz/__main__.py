"""Dig: ``python -m tests.fuzz N [pytest arguments]`` tries N times as many examples as usual.

They are others in each run; a failure prints the line that repeats it.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(times: str = "20", *rest: str) -> int:
    """The exit code of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "--timeout", "0", "--no-header"]
    chosen = rest if any(not one.startswith("-") for one in rest) else (str(HERE), *rest)
    done = subprocess.run(
        [*command, "--hypothesis-show-statistics", *chosen],
        cwd=HERE.parents[1],
        env={**os.environ, "FUZZ": times},
        check=False,
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
