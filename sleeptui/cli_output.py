"""How the subcommands write: data to stdout, talk to stderr, glyphs and colours where they fit."""

import errno
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from sleeptui.core.errors import ConfigError, OutputError

_STAND_INS = str.maketrans(
    {"“": '"', "”": '"', "…": "...", "–": "-", "×": "x", "→": "->", "·": "-"}  # noqa: RUF001 - what is meant
)
_WIDEST = 110
_NARROWEST = 30
"""Columns that a sentence needs at least."""
_DEEPER = "  "
_READER_GONE = frozenset({errno.EPIPE, errno.EIO})
"""Of a pipe, and of a terminal that was closed."""
ANEW = "\r\x1b[K"
"""To the begin of the line, and clear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a stream can show."""

    is_ascii: bool
    """Only ASCII characters."""
    has_colour: bool
    width: int | None
    """Columns to wrap at; None: it is no terminal, lines stay whole."""

    @classmethod
    def of(cls, stream: TextIO, *, ascii_only: bool) -> "Paper":
        """What this stream can show; NO_COLOR and a dumb TERM are respected."""
        encoding = (stream.encoding or "").lower().replace("-", "").replace("_", "")
        is_terminal = stream.isatty()
        columns = min(shutil.get_terminal_size().columns - 1, _WIDEST)
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(
            is_ascii=ascii_only or not encoding.startswith("utf"),
            has_colour=is_terminal and not plain,
            width=columns if is_terminal else None,
        )

    def style(
        self, text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False
    ) -> str:
        """The text in a colour, where there are colours."""
        if not self.has_colour or not (colour or bold or dim):
            return text
        return click.style(text, fg=colour, bold=bold or None, dim=dim or None)

    def folded(self, line: str) -> list[str]:
        """The line as this stream can show it: on a terminal in its width, the rest indented."""
        spelt = self.spelt(line)
        if self.width is None or len(spelt) <= self.width:
            return [spelt]
        indent = spelt[: len(spelt) - len(spelt.lstrip())]
        rest = textwrap.wrap(
            spelt.lstrip(),
            max(self.width - len(indent), _NARROWEST),
            subsequent_indent=_DEEPER,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [indent + part for part in rest]

    def whole(self, line: str) -> list[str]:
        """The line as it is, however long."""
        return [self.spelt(line)]

    def spelt(self, text: str) -> str:
        """The text as this stream can show it."""
        if not self.is_ascii:
            return text
        return text.translate(_STAND_INS).encode("ascii", "replace").decode()


def put(text: str) -> None:
    """Write data and a line feed; a reader who has gone is no error.

    Raises:
        OutputError: It is not taken: a full disk.
    """
    pour(text + "\n")


def pour(text: str) -> bool:
    """Write a piece of data at once. Returns whether its reader is still there.

    Raises:
        OutputError: It is not taken: a full disk.
    """
    with _output():
        sys.stdout.write(text)
        sys.stdout.flush()
        return True
    return False


def put_bytes(data: bytes) -> None:
    """Write a file as it is, whatever the locale; a reader who has gone is no error.

    Raises:
        OutputError: It is not taken: a full disk.
    """
    with _output():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def _output() -> Iterator[None]:
    """Write to standard output in this block; what cannot be written is dropped from then on."""
    try:
        yield
    except OSError as error:
        _lead_nowhere(sys.stdout)
        if error.errno not in _READER_GONE:
            raise OutputError(
                f"standard output cannot be written: {error.strerror or error}",
                hint="make room, or write elsewhere",
            ) from error


def settle_streams() -> None:
    """Write what still waits, or drop it: Python would complain at its end, and exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    """What is still written there is dropped."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def open_closed_streams() -> None:
    """Give a stream that was closed before the start (``2>&-``) a place where all is dropped.

    Else Python has None in its place, and the next file that is opened gets its number: what the
    program says would be written into it.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, stream)


def say(text: str) -> None:
    """A word on how far it is, only where somebody reads along."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo(f"sleeptui: {text}", err=True)


def passing(text: str = "") -> None:
    """A word on how far it is, in the place of the one before; nothing: it is done."""
    if sys.stderr is None or not sys.stderr.isatty():
        return
    columns = shutil.get_terminal_size().columns - 1
    click.echo(f"\r\x1b[K{text}"[: columns + len("\r\x1b[K")], err=True, nl=False)


def need_terminal() -> None:
    """The panel needs a terminal on all sides, and one that can place a cursor.

    Raises:
        ConfigError: There is none.
    """
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout)):
        raise ConfigError(
            "the panel needs a terminal, and this is a pipe or a file",
            hint="run it in a terminal, or with ssh -t",
        )
    if not _is_terminal(sys.stderr):  # Textual draws on it
        raise ConfigError(
            "the panel draws on standard error, and that is no terminal",
            hint="leave out 2>, its log has a file of its own",
        )
    if os.environ.get("TERM") in (None, "", "dumb"):
        raise ConfigError(
            "the terminal says it can show plain lines only (TERM)",
            hint="set TERM, for example TERM=xterm-256color",
        )


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether it leads to a terminal; Python has None for one that was closed before its start."""
    return stream is not None and stream.isatty()
