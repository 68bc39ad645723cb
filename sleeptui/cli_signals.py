"""Signals that end a command, and questions that a signal answers."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from sleeptui.adapters.ending import ENDING
from sleeptui.services.deadline import end

T = TypeVar("T")


@contextmanager
def signals(stop: Callable[[], None]) -> Iterator[None]:
    """Signals that end a program are told in this block; those that are ignored (nohup) stay so."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        for number in _heeded():
            loop.add_signal_handler(number, stop)
            stack.callback(loop.remove_signal_handler, number)
        yield


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Signals that end a program raise KeyboardInterrupt in this block, where no loop runs."""
    with ExitStack() as stack:
        for number in _heeded():
            stack.callback(signal.signal, number, signal.getsignal(number))
            signal.signal(number, signal.default_int_handler)
        yield


def _heeded() -> Sequence[signal.Signals]:
    return [one for one in ENDING if signal.getsignal(one) is not signal.SIG_IGN]


@dataclass(slots=True)
class Stops:
    """What signals ask for: the first to stop, the second not to wait for anything."""

    first: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)

    def order(self) -> None:
        """A signal came."""
        (self.second if self.first.is_set() else self.first).set()

    async def before(self, work: "asyncio.Future[T]", *, cancel: bool = True) -> bool:
        """Wait for some work; False: a signal came first, the work was cancelled if it may be."""
        stopped = asyncio.ensure_future(self.first.wait())
        both: set[asyncio.Future[Any]] = {work, stopped}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if work.done():
            return True
        if cancel:
            await end(work)
        return False


async def agreed(question: str, stops: Stops) -> bool:
    """Ask on the terminal; anything but a yes is a no, and so is a signal."""
    with suppress(OSError):
        click.echo(f"sleeptui: {question} [y/N] ", err=True, nl=False)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        """A line was typed, or the terminal has closed."""
        loop.remove_reader(sys.stdin.fileno())
        line = ""
        with suppress(OSError):
            line = sys.stdin.readline()
        answer.set_result(line)

    loop.add_reader(sys.stdin.fileno(), read)
    try:
        is_answered = await stops.before(answer)
    finally:
        loop.remove_reader(sys.stdin.fileno())
    line = answer.result() if is_answered else ""
    if not line.endswith("\n"):  # a signal, or ctrl+d: the cursor still stands behind the question
        with suppress(OSError):
            click.echo(err=True)
    return line.strip().lower() in {"y", "yes"}
