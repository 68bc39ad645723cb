"""The real program in a real pseudo-terminal, seen as a person sees it.

pexpect runs it, pyte is the terminal's memory, Rich draws that as a picture.
"""

import io
import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

LIMIT_S = 30.0
KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "home": "\x1b[H",
    "tab": "\t",
    "space": " ",
    "ctrl+c": "\x03",
    "ctrl+z": "\x1a",
    "ctrl+p": "\x10",
    "ctrl+j": "\n",
    "ctrl+g": "\x07",
}
JOB = (
    *("bash", "--norc", "-ic"),
    'set -m; "$@"; echo "stopped $?"; read -r; fg; echo "ended $?"',
    "job",
)
"""A shell that runs the program as a job: once it has stopped, enter brings it back."""
_MODES = tuple(
    (f"\x1b[?{mode}{on}".encode(), f"\x1b[?{mode}{off}".encode())
    for on, off, modes in (("h", "l", (1049, 1000, 1003, 1006, 1004, 2004)), ("l", "h", (25, 7)))
    for mode in modes
)
"""Alternate screen, mouse, focus, bracketed paste, cursor, line wrap: as switched, and back."""
_SWITCHED = re.compile(rb"\x1b\[\?[0-9]+[hl]|\x1b\]22;default\x07")
"""A mode, or the shape of the pointer: sets something and writes nothing."""
_NAMED = {"brown": "yellow", "brightbrown": "bright_yellow"}


class Terminal:
    """One program in a terminal of its own."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 36,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        wrapper: Sequence[str] = (),
        program: Sequence[str] = (sys.executable, "-m", "sleeptui"),
    ) -> None:
        """Start it.

        Args:
            arguments: Of the program.
            columns: Of the terminal.
            rows: Of the terminal.
            environment: Beside PATH, TERM, HOME and LANG.
            cwd: Its working directory.
            wrapper: A command that runs the command behind it.
            program: What is run, in the place of sleeptui.
        """
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        base = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "PYTHONPATH") if key in os.environ}
        command, *rest = [*wrapper, *program, *arguments]
        self._child = pexpect.spawn(
            command,
            rest,
            dimensions=(rows, columns),
            env={**base, **kept, **(environment or {})},
            cwd=str(cwd) if cwd else None,
            timeout=LIMIT_S,
        )
        self._attributes = self._last_attributes = termios.tcgetattr(self._child.child_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        """Process id of the program."""
        return self._child.pid

    @property
    def text(self) -> str:
        """What stands on the screen now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, *keys: str) -> None:
        """Type keys by name, or single characters."""
        for key in keys:
            self._child.send(KEYS.get(key, key))
            self.pump(0.02)

    def type(self, text: str) -> None:
        """Type a text."""
        self._child.send(text)

    def pump(self, seconds: float) -> None:
        """Read what the program writes for a moment."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                data = self._child.read_nonblocking(1 << 16, timeout=left)
            except pexpect.TIMEOUT:
                return
            except pexpect.EOF:
                return
            self.raw += data
            self._stream.feed(data)

    def pump_for(self, seconds: float) -> None:
        """Read for a whole time, as a terminal does, even while nothing is written."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.pump(min(left, 0.2))

    def until(self, condition: Callable[[str], bool], what: str, limit_s: float = LIMIT_S) -> str:
        """Wait until the screen fulfils a condition, and return the screen."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if condition(self.text):
                return self.text
            if not self._child.isalive():
                self.pump(0.05)
                if condition(self.text):
                    return self.text
                break
            self.pump(0.05)
        raise AssertionError(f"never saw {what}; the screen is:\n{self.text}")

    def shows(self, *words: str, limit_s: float = LIMIT_S) -> str:
        """Wait until all the words stand on the screen."""
        return self.until(lambda text: all(word in text for word in words), repr(words), limit_s)

    def row(self, name: str) -> str:
        """The first line on the screen that contains a name."""
        return next((line for line in self.text.splitlines() if name in line), "")

    def row_shows(self, name: str, word: str, limit_s: float = LIMIT_S) -> str:
        """Wait until a line has both the name and the word."""
        return self.until(
            lambda text: any(name in line and word in line for line in text.splitlines()),
            f"{word!r} in the line of {name!r}",
            limit_s,
        )

    def cursor_to(self, name: str) -> None:
        """Move the cursor of the fleet table to a model."""
        self.press("home")
        self.pump_for(0.5)
        for _ in range(self.screen.lines):
            before = self.cursor_line
            if f" {name} " in before:
                return
            self.press("down")
            self.until(lambda _, before=before: self.cursor_line != before, "the cursor move")
        raise AssertionError(f"no cursor on {name!r}; the screen is:\n{self.text}")

    @property
    def cursor_line(self) -> str:
        """The line of the fleet table with the cursor."""
        return next((line[:28] for line in self.text.splitlines() if line.startswith("▶")), "")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self._child.setwinsize(rows, columns)
        self.screen.resize(rows, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        os.kill(self._child.pid, number)

    def lose(self) -> None:
        """Take the terminal away, as a lost connection does."""
        self._child.ptyproc.fileobj.close()

    def hang_up(self) -> None:
        """Take the terminal away, and wait for the end."""
        self.lose()
        self._child.ptyproc.wait()

    def ended(self, limit_s: float = LIMIT_S) -> int:
        """Wait for the end and return the exit code (minus the signal that killed it)."""
        until = time.monotonic() + limit_s
        while self._child.isalive():
            self.pump(0.05)
            if time.monotonic() > until:
                raise AssertionError(f"it does not end; the screen is:\n{self.text}")
        self.pump(0.05)
        self._last_attributes = termios.tcgetattr(self._child.child_fd)
        self._child.close()
        status = self._child.exitstatus
        return -self._child.signalstatus if status is None else status

    @property
    def is_restored(self) -> bool:
        """Whether it ended and left all as it was: modes, echo and lines, no escapes after it."""
        raw = bytes(self.raw)
        is_back = all(raw.rfind(off) >= raw.rfind(on) for on, off in _MODES)
        _, _, after = raw.rpartition(b"\x1b[?1049l")
        is_clean = b"\x1b" not in _SWITCHED.sub(b"", after)
        return is_back and is_clean and self._last_attributes == self._attributes

    @property
    def is_lent_back(self) -> bool:
        """The same of a program that has stopped, and may go on."""
        self._last_attributes = termios.tcgetattr(self._child.child_fd)
        return self.is_restored

    def svg(self, title: str = "sleeptui") -> str:
        """The screen as a picture."""
        console = Console(
            width=self.screen.columns,
            file=io.StringIO(),
            record=True,
            force_terminal=True,
            color_system="truecolor",
            legacy_windows=False,
        )
        for number in range(self.screen.lines):
            line = Text(no_wrap=True, end="\n")
            cells = self.screen.buffer[number]
            for column in range(self.screen.columns):
                cell = cells[column]
                line.append(cell.data, _style(cell))
            console.print(line, crop=False, overflow="ignore", soft_wrap=True)
        return console.export_svg(title=title)


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if len(name) == 6 and all(char in "0123456789abcdefABCDEF" for char in name):
        return f"#{name}"
    name = _NAMED.get(name, name)
    return f"bright_{name[6:]}" if name.startswith("bright") and "_" not in name else name
