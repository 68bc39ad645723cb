"""Where the output of a local process goes, and the end of it, where that is a file."""

import os
from collections.abc import Sequence
from pathlib import Path

from sleeptui.core.errors import ProcessError
from sleeptui.core.text import clean

LONGEST_TAIL = 256 << 10
"""Bytes: at most so much of the end of a log is read."""

_HINT = "Start it with its output in a file: vllm serve … >server.log 2>&1"
_NO_FILE = (
    ("pipe:", "The server's output goes into a pipe, to another program"),
    ("socket:", "The server's output goes to a socket, perhaps to systemd's journal"),
    ("/dev/null", "The server's output is thrown away, it goes to /dev/null"),
    ("/dev/", "The server's output goes to the terminal {target}"),
)


def log_path(pid: int) -> str:
    """The file that a process writes its standard output to, else its standard error.

    Raises:
        ProcessError: It is not a file, or cannot be seen; says where the output goes.
    """
    output = _target(pid, 1)
    if isinstance(output, Path):
        return str(output)
    errors = _target(pid, 2)
    if isinstance(errors, Path):
        return str(errors)
    raise output


def tail(path: str, lines: int, *, most: int = LONGEST_TAIL) -> Sequence[str]:
    """The last lines of a file, cleaned, read from its end; at most ``most`` bytes of it.

    Raises:
        ProcessError: It cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(size - most, 0)
            file.seek(start)
            content = file.read(most)
    except OSError as error:
        raise ProcessError(
            f"The log {clean(path)} cannot be read: {error.strerror or error}"
        ) from error
    if start:
        # The first line is cut somewhere, perhaps within a character.
        content = content.partition(b"\n")[2] or content
    return log_lines(content, lines)


def log_lines(content: bytes, lines: int) -> Sequence[str]:
    """The last lines of some output, cleaned; of a line that was redrawn, its last state."""
    text = content.decode(errors="replace").rstrip("\n")
    if not text or lines <= 0:
        return ()
    # Progress bars redraw their line with a carriage return.
    return tuple(
        clean(line.rstrip("\r").rpartition("\r")[2], lines=True)
        for line in text.split("\n")[-lines:]
    )


def _target(pid: int, descriptor: int) -> Path | ProcessError:
    link = Path(f"/proc/{pid}/fd/{descriptor}")
    try:
        target = str(link.readlink())
    except PermissionError:
        return ProcessError(
            "The server's output cannot be seen: the process belongs to another user",
            hint="Run sleeptui as that user, or as root.",
        )
    except OSError:
        return ProcessError("The server's process has ended, or has closed its output")
    for start, sentence in _NO_FILE:
        if target.startswith(start):
            return ProcessError(sentence.format(target=clean(target)), hint=_HINT)
    path = Path(target)
    try:
        # Of a process in another file system the same path may be another file, or none.
        if path.is_file() and path.samefile(link):
            return path
    except OSError:
        pass
    return ProcessError(f"The server's log {clean(target)} is not there any more", hint=_HINT)
