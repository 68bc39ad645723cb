"""How ``sleeptui bench`` is seen on standard error: a live picture, or a line a step."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from typing import TextIO

import click

from sleeptui.cli_output import Paper
from sleeptui.core.bench import PhaseBegan, PhaseKind
from sleeptui.core.bench_picture import BenchFold, BenchPicture
from sleeptui.core.events import Event
from sleeptui.core.ports import Clock
from sleeptui.services import bench_words
from sleeptui.services.bench_words import Line, Piece, Sense

EVERY_S = 0.25
"""Between two paintings."""
COLOURS: Mapping[Sense, str | None] = {
    Sense.PLAIN: None,
    Sense.STRONG: None,
    Sense.MUTED: "bright_black",
    Sense.GOOD: "green",
    Sense.WARNING: "yellow",
    Sense.BAD: "red",
}
_UP = "\x1b[{}A"
_CLEAR_BELOW = "\r\x1b[J"
_BOXES = str.maketrans({"█": "#", "░": "-"})
_DOTS = 2
"""More cells that an ellipsis takes in ASCII."""
_LEAST_WIDTH, _LEAST_HEIGHT = 20, 3


class BenchScreen:
    """Follows a benchmark, and shows it where somebody can see it.

    Writing is done in a thread, one at a time: a terminal that is held (ctrl+s) or slow must not
    hold up the loop that measures.

    Attributes:
        fold: Of its events.
    """

    def __init__(self, stream: TextIO, paper: Paper, clock: Clock) -> None:
        """On a stream; a live picture only where that is a terminal."""
        self.fold = BenchFold()
        self._stream = stream
        self._paper = paper
        self._clock = clock
        self._is_live = paper.width is not None
        self._painted: Sequence[str] = ()
        self._waiting: list[str] = []
        self._lock = asyncio.Lock()
        self._is_over = False

    def heard(self, event: Event) -> None:
        """Take in an event; a step that begins is a line where there is no live picture."""
        self.fold.apply(event)
        if isinstance(event, PhaseBegan) and not self._is_live:
            if event.phase.kind is PhaseKind.BLOCK:
                return
            picture = self.fold.picture
            steps = picture.planned.steps if picture.planned else 0
            left = bench_words.left(picture, event.at_s)
            step = f"step {min(event.done + 1, steps)} of {steps}: {event.phase.title}"
            self.say(f"{step}{left and f', {left}'}")

    def say(self, text: str) -> None:
        """A line that stays; written with the next painting where there is one."""
        line = self._paper.spelt(f"sleeptui: {text}")
        if self._is_live:
            self._waiting.append(line)
        else:
            self._write(f"{line}\n")

    async def run(self) -> None:
        """Paint again and again, until it is closed or the terminal is gone."""
        while self._is_live and not self._is_over:
            await self.paint()
            if not self._is_over:
                await self._clock.sleep(EVERY_S)

    async def paint(self) -> None:
        """Paint what there is now; waits for the terminal, in a thread."""
        if not self._is_live:
            return
        async with self._lock:
            size = shutil.get_terminal_size()
            width, height = max(size.columns - 1, _LEAST_WIDTH), max(size.lines - 1, _LEAST_HEIGHT)
            room = room_of(self._paper, width)
            made = screenful(self.fold.picture, self._clock.now_s(), room, height)
            lines = [inked(line, self._paper) for line in made]
            await asyncio.to_thread(self._repaint, lines, width)

    async def close(self) -> None:
        """Take the live picture away, and say what still waits; from now on there are lines."""
        self._is_over = True
        if self._is_live:
            async with self._lock:
                width = max(shutil.get_terminal_size().columns - 1, _LEAST_WIDTH)
                await asyncio.to_thread(self._repaint, (), width)
                self._is_live = False

    def _repaint(self, lines: Sequence[str], width: int) -> None:
        """Over what was painted before, in one write."""
        # Where the terminal has become narrower, each line of before may take several rows.
        rows = sum(-(-max(_cells(line), 1) // (width + 1)) for line in self._painted)
        said, self._waiting = self._waiting, []
        text = _UP.format(rows) if rows else ""
        text += _CLEAR_BELOW if rows or said else ""
        text += "".join(f"{line}\n" for line in (*said, *lines))
        self._painted = lines
        self._write(text)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone, or the stream was closed
            self._is_over = True


def screenful(picture: BenchPicture, now_s: float, width: int, height: int) -> list[Line]:
    """The live picture: at most so many lines, the first ones matter most."""
    lines: list[Line] = [
        bench_words.progress(picture, now_s, width, ascii_only=False),
        (Piece(f"now: {bench_words.doing(picture, now_s)}"),),
    ]
    table = bench_words.table(picture, width)
    lines += [(), *table] if table else []
    lines += bench_words.failures(picture, width)
    return [bench_words.fitted(line, width) for line in lines[:height]]


def room_of(paper: Paper, width: int) -> int:
    """Cells for a line that may end in an ellipsis."""
    return width - _DOTS if paper.is_ascii else width


def inked(line: Line, paper: Paper) -> str:
    """The line in the colours and the characters of the paper."""
    text = ""
    for piece in line:
        spelt = piece.text.translate(_BOXES) if paper.is_ascii else piece.text
        spelt = paper.spelt(spelt)
        is_bold = piece.sense in (Sense.STRONG, Sense.BAD)
        is_styled = piece.sense is not Sense.PLAIN
        text += paper.style(spelt, COLOURS[piece.sense], bold=is_bold) if is_styled else spelt
    return text.rstrip()


def _cells(line: str) -> int:
    """Cells of a painted line: its colours take none."""
    return bench_words.cells(click.unstyle(line))
