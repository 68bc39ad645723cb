"""Requests that are open on a server while it is put to sleep: streams, late ones, a probe.

Each goes through the ledger, so that the journal has its begin before a byte of it is written. What
is still open when the load is closed is taken back, which ends it in the engine.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sleeptui.core.completion import Completion
from sleeptui.core.errors import EngineError
from sleeptui.core.operation import Fate
from sleeptui.core.ports import Clock, EngineClient
from sleeptui.services.deadline import end
from sleeptui.services.ledger import WHOLE, Ledger, Request

LONGEST_S = 24 * 3600.0
"""No request of a load ends by itself before its deadline, which is the caller's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a request was answered when no sleep came."""

    id: int
    """Of the request."""
    completion: Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks."""

    cohort: str
    prompt: str
    max_tokens: int
    is_detailed: bool = False
    """Each token is asked for with its probabilities."""
    control: Answered | None = None
    """What its answer is held against."""
    scheduled_s: float | None = None
    """When an open-loop load wants it sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The streams of a trial, asked without a sleep."""

    asks: tuple[Ask, ...]
    """The same again, each with what it was answered."""
    duration_s: float
    """From the first request to the last end."""


class Flight:
    """A request under way.

    Attributes:
        ask: What it asks.
        request: As the ledger has it.
    """

    def __init__(self, ask: Ask, request: Request) -> None:
        self.ask = ask
        self.request = request

    @property
    def is_open(self) -> bool:
        """It has not ended."""
        return self.request.fate is None

    @property
    def is_whole(self) -> bool:
        """It was answered to its end."""
        completion = self.request.completion
        return (
            completion is not None
            and completion.finish_reason in WHOLE
            and completion.terminated
            and completion.error is None
        )


class Load:
    """All requests of one trial to one server."""

    def __init__(
        self, *, server: str, client: EngineClient, ledger: Ledger, clock: Clock, name: str
    ) -> None:
        """Nothing is sent; ``name`` begins the id of each request, and is of this load alone."""
        self._server = server
        self._client = client
        self._ledger = ledger
        self._clock = clock
        self._name = name
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = 0
        self.flights: list[Flight] = []
        """In the order in which they were sent."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Requests can be sent; those that are open at the end of the block are taken back."""
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Take back what is still open, and send nothing more."""
        while self._tasks:
            await end(self._tasks.pop())

    def send(self, *asks: Ask) -> None:
        """Send requests, all at once."""
        for ask in asks:
            self._sending += 1
            self.beside(self._send(ask))

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that sends requests, until the load is closed."""
        self._tasks.append(asyncio.create_task(work, name=f"load on {self._server}"))

    async def probe(self, asks: AsyncIterator[Ask]) -> None:
        """Send requests as they come due, whatever became of those before."""
        async for ask in asks:
            self.send(ask)

    def of(self, *cohorts: str) -> Sequence[Flight]:
        """Those of some cohorts."""
        return [one for one in self.flights if one.ask.cohort in cohorts]

    @property
    def is_open(self) -> bool:
        """Whether one is still open, or about to be sent."""
        return self._sending > 0

    def give_up(self, fate: Fate, why: str) -> int:
        """Say what became of those that are still open; closing takes them back.

        Returns:
            How many there were.
        """
        those = [one for one in self.flights if one.is_open]
        for one in those:
            one.request.fate, one.request.error = fate, why
        return len(those)

    async def _send(self, ask: Ask) -> None:
        number = len(self.flights) + 1
        xid = f"{self._name}-{number}"
        try:
            with self._ledger.entry(
                self._server,
                cohort=ask.cohort,
                prompt=ask.prompt,
                max_tokens=ask.max_tokens,
                scheduled_s=ask.scheduled_s,
                xid=xid,
            ) as request:
                self.flights.append(Flight(ask, request))
                try:
                    await self._ask(ask, request, xid)
                finally:
                    if ask.control is not None:
                        request.compared(ask.control.id, ask.control.completion)
        finally:
            self._sending -= 1

    async def _ask(self, ask: Ask, request: Request, xid: str) -> None:
        try:
            completion = await self._client.complete(
                ask.prompt,
                max_tokens=ask.max_tokens,
                on_token=lambda event: self._ledger.heard(request, event),
                ignore_eos=True,
                detailed=ask.is_detailed,
                request_id=xid,
                limit_s=LONGEST_S,
            )
        except EngineError as error:
            request.failed(error)
        else:
            request.answered(completion)
