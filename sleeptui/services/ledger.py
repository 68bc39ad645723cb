"""The requests that sleeptui itself has open on each server, and what becomes of them."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from sleeptui.core.completion import Completion
from sleeptui.core.events import Event, StateObserved
from sleeptui.core.operation import Fate
from sleeptui.core.ports import Clock
from sleeptui.services.deadline import within

WHOLE = frozenset({"stop", "length"})
"""Reasons for which an answer ends that is all there."""


class Request:
    """One request of ours.

    Attributes:
        tokens: That came so far.
        fate: How it ended; None while it is open.
        slept_s: How long its server slept, from the first look that said so to the one that
            said that it was over; not the time that an open request is asleep now.
        asleep_since_s: When its server was first seen asleep; None: it is awake.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.tokens = 0
        self.fate: Fate | None = None
        self.slept_s = 0.0
        self.asleep_since_s: float | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, completion: Completion) -> None:
        """Take in how its stream ended."""
        self.tokens = max(self.tokens, completion.completion_tokens or 0)
        if completion.finish_reason == "abort":
            self.fate = Fate.ABORTED
        elif completion.error is None and completion.finish_reason in WHOLE:
            self.fate = Fate.COMPLETED
        else:
            self.fate = Fate.CUT

    def watched(self, at_s: float, *, is_sleeping: bool) -> None:
        """Take in a look at its server."""
        if is_sleeping and self.asleep_since_s is None:
            self.asleep_since_s = at_s
        elif not is_sleeping and self.asleep_since_s is not None:
            self.slept_s += at_s - self.asleep_since_s
            self.asleep_since_s = None

    @property
    def now(self) -> Fate:
        """Its fate; of an open one on a sleeping server: frozen with tokens, parked without."""
        return self.fate or self.held

    @property
    def held(self) -> Fate:
        """What a sleep makes of it while it is open."""
        return Fate.FROZEN if self.tokens else Fate.PARKED


class Ledger:
    """Knows every request of ours from its sending to its end."""

    def __init__(self) -> None:
        self._open: list[Request] = []

    def follow(self, event: Event) -> None:
        """A look at a server tells which of its requests are held up by its sleep."""
        if not isinstance(event, StateObserved) or event.observation.is_sleeping is None:
            return
        for request in self._open:
            if request.server == event.server:
                request.watched(event.at_s, is_sleeping=event.observation.is_sleeping)

    @contextmanager
    def entry(self, server: str) -> Iterator[Request]:
        """A request that is open until the block ends; one that was not answered was cut."""
        request = Request(server)
        self._open.append(request)
        try:
            yield request
        finally:
            self._open.remove(request)
            request.fate = request.fate or Fate.CUT
            if not request.over.done():
                request.over.set_result(None)

    def open_on(self, server: str) -> tuple[Request, ...]:
        """Those that are open on a server now, oldest first."""
        return tuple(request for request in self._open if request.server == server)


async def ended(clock: Clock, requests: Sequence[Request], limit_s: float) -> None:
    """Wait until all of them have ended, at most ``limit_s``."""
    waiting = [request.over for request in requests if not request.over.done()]
    if not waiting:
        return
    with suppress(TimeoutError):
        await within(clock, limit_s, _all(waiting))


async def _all(futures: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.wait(futures)


def fates(requests: Sequence[Request]) -> Mapping[Fate, int]:
    """How many of them have which fate now."""
    return dict(Counter(request.now for request in requests))
