"""The requests that sleeptui itself has open on each server, and what becomes of them."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count, takewhile
from typing import TYPE_CHECKING

from sleeptui.core.canary import Reference, judge
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.events import (
    Event,
    RequestAdvanced,
    RequestBegan,
    RequestEnded,
    StateObserved,
)
from sleeptui.core.operation import GIVEN_UP, Fate
from sleeptui.core.ports import Clock
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import within

if TYPE_CHECKING:
    from sleeptui.core.completion import Completion, TokenEvent  # no first frame asks anything

WHOLE = frozenset({"stop", "length"})
"""Reasons for which an answer ends that is all there."""


class Request:
    """One request of ours.

    Attributes:
        id: Counts the requests of this run.
        began_s: Just before it was sent.
        tokens: That came so far.
        chunks: When each piece came, and tokens so far.
        completion: Its answer, once it has come.
        error: Why there is none.
        fate: How it ended; None while it is open.
        slept_s: How long its server slept, from the first look that said so to the one that
            said that it was over; not the time that an open request is asleep now.
        asleep_since_s: When its server was first seen asleep; None: it is awake.
        http: Status with which it was refused; None: it was not.
        control: The request without a sleep that asked the same.
        equal: Its text is that of the control; None: not compared.
        equal_chars: So many characters from the begin are the same.
        tie: They part by the noise of a batch only; None: they do not part.
    """

    def __init__(self, server: str, *, number: int = 0, began_s: float = 0.0) -> None:
        self.id = number
        self.server = server
        self.began_s = began_s
        self.tokens = 0
        self.chunks: list[tuple[float, int]] = []
        self.completion: Completion | None = None
        self.error = ""
        self.fate: Fate | None = None
        self.slept_s = 0.0
        self.asleep_since_s: float | None = None
        self.http: int | None = None
        self.control: int | None = None
        self.equal: bool | None = None
        self.equal_chars: int | None = None
        self.tie: bool | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, completion: "Completion") -> None:
        """Take in how its stream ended."""
        self.completion = completion
        self.tokens = max(self.tokens, completion.completion_tokens or 0)
        if completion.finish_reason == "abort":
            self.fate = Fate.ABORTED
        elif completion.error is None and completion.finish_reason in WHOLE:
            self.fate = Fate.COMPLETED
        else:
            self.fate = Fate.CUT

    def failed(self, error: EngineError) -> None:
        """Take in why there is no answer."""
        self.error = error.message
        self.http = error.status if isinstance(error, Refused) else None

    def compared(self, control: int, before: "Completion") -> None:
        """Hold its answer against that of its control, which had no sleep in it."""
        self.control, now = control, self.completion
        if now is None:
            return
        pairs = zip(now.text, before.text, strict=False)
        self.equal = now.text == before.text
        self.equal_chars = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if not self.equal and before.tokens:
            reference = Reference(
                model="", prompt="", max_tokens=0, taken_wall_s=0.0, answers=(before.tokens,)
            )
            self.tie = judge(now.tokens, reference).matches

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
    """Knows every request of ours from its sending to its end, and tells everybody."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        """Nothing is open; what happens to requests is published on ``bus``."""
        self._bus = bus
        self._clock = clock
        self._open: list[Request] = []
        self._numbers = count(1)

    def follow(self, event: Event) -> None:
        """A look at a server tells which of its requests are held up by its sleep."""
        if not isinstance(event, StateObserved) or event.observation.is_sleeping is None:
            return
        for request in self._open:
            if request.server == event.server:
                request.watched(event.at_s, is_sleeping=event.observation.is_sleeping)

    @contextmanager
    def entry(
        self,
        server: str,
        *,
        cohort: str,
        prompt: str,
        max_tokens: int,
        operation: int | None = None,
        scheduled_s: float | None = None,
        xid: str = "",
    ) -> Iterator[Request]:
        """A request that is open until the block ends; one that was not answered was cut.

        Its begin is published before the block, its end after it, whatever happens in it.

        Args:
            server: Whom it is sent to.
            cohort: As of ``RequestBegan``.
            prompt: What it asks.
            max_tokens: Where its answer is cut.
            operation: The one that sends it.
            scheduled_s: When an open-loop load wants it sent.
            xid: Its X-Request-Id.
        """
        now_s = self._clock.now_s()
        request = Request(server, number=next(self._numbers), began_s=now_s)
        began = RequestBegan(
            at_s=now_s,
            id=request.id,
            server=server,
            cohort=cohort,
            operation=operation,
            prompt=prompt,
            max_tokens=max_tokens,
            scheduled_s=scheduled_s,
            xid=xid,
        )
        self._bus.publish(began)
        self._open.append(request)
        try:
            yield request
        finally:
            self._open.remove(request)
            request.fate = request.fate or Fate.CUT
            if not request.over.done():
                request.over.set_result(None)
            self._publish_end(request, request.fate)

    def heard(self, request: Request, event: "TokenEvent") -> None:
        """Take in a piece of its answer."""
        if not request.chunks:
            self._bus.publish(
                RequestAdvanced(at_s=event.at_s, id=request.id, server=request.server)
            )
        request.tokens = event.tokens
        request.chunks.append((event.at_s, event.tokens))

    def open_on(self, server: str) -> tuple[Request, ...]:
        """Those that are open on a server now, oldest first."""
        return tuple(request for request in self._open if request.server == server)

    def _publish_end(self, request: Request, fate: Fate) -> None:
        ended = RequestEnded(
            at_s=self._clock.now_s(),
            id=request.id,
            server=request.server,
            fate=fate,
            completion=request.completion,
            error=None if request.completion is not None else request.error or GIVEN_UP,
            control=request.control,
            equal=request.equal,
            equal_chars=request.equal_chars,
            tie=request.tie,
            http=request.http,
            chunks=tuple(request.chunks),
        )
        self._bus.publish(ended)


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


def was_sent(error: EngineError) -> bool:
    """Whether a request that failed so has reached its server."""
    match error:
        case Unreachable() | TimedOut():
            return error.sent
        case Refused() | BadReply():
            return True
        case _:
            return False
