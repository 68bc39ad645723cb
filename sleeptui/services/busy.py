"""Requests in flight at some servers, in figures and in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from sleeptui.core.model import ServerView


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Requests in flight, summed over servers."""

    running: int = 0
    waiting: int = 0
    unknown: tuple[str, ...] = ()
    """Servers whose queue cannot be read."""

    @property
    def is_busy(self) -> bool:
        """Something would be waited for, cut off or frozen."""
        return self.running + self.waiting > 0


def queue_of(views: Sequence[ServerView]) -> Queue:
    """The requests in flight; parked ones count as waiting, they are with the server too."""
    running = waiting = 0
    unknown: list[str] = []
    for view in views:
        metrics = view.metrics
        if metrics is None or metrics.running is None:
            unknown.append(view.name)
        else:
            running += metrics.running
            waiting += metrics.waiting or 0
        waiting += view.parked or 0
    return Queue(running=running, waiting=waiting, unknown=tuple(unknown))


def counts(queue: Queue) -> str:
    """``3 running and 1 waiting request``, with the verb: ``... are``."""
    total = queue.running + queue.waiting
    parts = [
        f"{number} {word}"
        for number, word in ((queue.running, "running"), (queue.waiting, "waiting"))
        if number
    ]
    noun, verb = ("request", "is") if total == 1 else ("requests", "are")
    return f"{' and '.join(parts)} {noun} {verb}"
