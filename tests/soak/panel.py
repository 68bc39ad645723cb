"""The real program, which tells at its end what it leaves.

``python -m tests.soak.panel FILE python -m sleeptui ...``, as ``support.terminal`` wraps it.
"""

import sys
from pathlib import Path

from support.leaving import left

from sleeptui.cli import main
from tests.soak.inside import Inside, reach_bounds

_OWN = 5
"""Words before those of the program."""


def run(told: Path, arguments: list[str]) -> int:
    """Run the program to its end. Returns its exit code."""
    inside = Inside()
    reach_bounds()
    before = left()
    with inside.listening(), inside.watching():
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
    told.write_text(inside.report(before, left()))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[_OWN:]))
