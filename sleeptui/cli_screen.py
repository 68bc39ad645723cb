"""A picture in the terminal that is painted again in place, as ``watch`` does, without a panel."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from sleeptui.cli_output import pour

_OPEN = "\x1b[?1049h\x1b[?25l"
"""Another screen, so that what stood in the terminal comes back; no cursor."""
_CLOSE = "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""While it is painted: a line that is too long for a terminal that was made smaller is cut."""


class Screen:
    """The whole terminal, for one picture; a context.

    Attributes:
        is_there: The terminal still takes what is painted.
    """

    def __init__(self, repaint: Callable[[], None]) -> None:
        """Nothing is shown before the context is entered.

        Args:
            repaint: Called when the picture must be painted again: another size, or back from
                the shell.
        """
        self._repaint = repaint
        self.is_there = True

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._repaint)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._write(_OPEN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGWINCH)
        loop.remove_signal_handler(signal.SIGTSTP)
        self._write(_CLOSE)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows now."""
        with suppress(OSError):
            found = os.get_terminal_size(sys.stdout.fileno())
            return found.columns, found.lines
        return 80, 24

    def paint(self, lines: Sequence[str]) -> None:
        """Show these lines from the top, as many as there is room for."""
        _, rows = self.size
        shown = f"{_END_OF_LINE}\r\n".join(lines[:rows])
        self._write(f"{_NO_WRAP}{_HOME}{shown}{_END_OF_LINE}{_END_OF_SCREEN}{_WRAP}")

    def _suspend(self) -> None:
        """ctrl+z: give the terminal back to the shell, and take it again afterwards.

        The whole job stops, as at the kernel's own ctrl+z; one that no shell looks after does not.
        """
        loop = asyncio.get_running_loop()
        self._write(_CLOSE)
        loop.remove_signal_handler(signal.SIGTSTP)
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._write(_OPEN)
        self._repaint()

    def _write(self, text: str) -> None:
        self.is_there = self.is_there and pour(text)
