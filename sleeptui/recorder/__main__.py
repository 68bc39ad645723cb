"""``python -m sleeptui.recorder SESSION``: the files of a session that has just been recorded.

The panel starts it as a process of its own, so that drawing charts holds up nobody.
"""

import os
import sys
from contextlib import suppress

from sleeptui.core.errors import SleeptuiError
from sleeptui.recorder.archive import SessionArchive

_POLITE = 10


def main(arguments: list[str]) -> int:
    """Make them and print their paths; why it cannot goes to standard error, in one line."""
    with suppress(OSError):
        os.nice(_POLITE)
    try:
        for path in SessionArchive(None).export(arguments[0]):
            sys.stdout.write(f"{path}\n")
    except SleeptuiError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
