"""What this process has open, to compare before and after."""

import threading
from contextlib import suppress
from pathlib import Path


def left() -> dict[str, list[str]]:
    """What this process has open now: threads, file handles, children."""
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": _files(),
        "children": _children(),
    }


def _files() -> list[str]:
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(f"{one.name} {one.readlink()}")
    return sorted(found)


def _children() -> list[str]:
    pids = Path("/proc/self/task").glob("*/children")
    return sorted(pid for path in pids for pid in path.read_text().split())
