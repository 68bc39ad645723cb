"""An operation under way: its stamps, its parts and the events that it publishes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from sleeptui.core.canary import Verification
from sleeptui.core.errors import NotAllowed
from sleeptui.core.events import OperationAdvanced, OperationEnded, OperationStarted
from sleeptui.core.evidence import LAST, said_of_times
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import Observation, ServerView
from sleeptui.core.operation import (
    ASKING,
    Cause,
    InFlight,
    Kind,
    Operation,
    OperationRecord,
    Outcome,
    Part,
    Phase,
)
from sleeptui.core.ports import Clock, EngineClient
from sleeptui.core.settings import Settings
from sleeptui.services.bus import Bus
from sleeptui.services.lag import LagMeter
from sleeptui.services.ledger import Ledger
from sleeptui.services.supervisor import Supervisor
from sleeptui.services.ticket import Stopped, Ticket

if TYPE_CHECKING:
    from sleeptui.core.cold import ColdStart  # no first frame starts a server
    from sleeptui.core.runtime import Runtimes, WeightFiles

log = logging.getLogger(__name__)

_NEXT_STEP = {
    Outcome.SUSPECT: "l shows its log",
    Outcome.FAILED: "l shows its log",
    Outcome.UNKNOWN: "wait until it answers; l shows its log",
}
"""What to do where nobody knew better."""
_SENT = frozenset({Kind.SLEEP, Kind.WAKE})
"""They do nothing but by a request of their own."""
_UNTIL = {Phase.SETTLING: "it was confirmed", Phase.VERIFYING: "its answers were checked"}


async def _nothing() -> None:
    """There is no journal to wait for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Desk:
    """What every operation works with."""

    settings: Settings
    bus: Bus
    store: FleetStore
    supervisor: Supervisor
    clock: Clock
    ledger: Ledger
    runtimes: "Runtimes | None" = None
    """What starts and ends servers; None: nothing does."""
    weights: "WeightFiles | None" = None
    """Their weights as files of this machine; None: nothing is known of the page cache."""
    lag: LagMeter = field(default_factory=LagMeter)
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    written: Callable[[], Awaitable[None]] = field(default=_nothing)
    """Waits until the journal has what was published; at once where nothing is recorded."""

    def view(self, server: str) -> ServerView:
        """The picture of a server now.

        Raises:
            NotAllowed: There is no such server.
        """
        view = self.store.server(server)
        if view is None:
            raise NotAllowed(f"no server is called {server}")
        return view


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an operation ended; the rest of its record is known to its Run."""

    outcome: Outcome
    message: str = ""
    hint: str = ""
    cause: Cause | None = None
    duration_s: float | None = None
    """None: from the start to now."""
    freed_bytes: int | None = None
    residual_bytes: int | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    server_s: float | None = None
    host_bytes: int | None = None
    in_flight: InFlight | None = None
    verification: Verification | None = None
    known: tuple[str, ...] = ()
    """How it is known, a line each; after those that the Run was told before."""


class Ended(Exception):
    """The operation is over before its last step."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.message)
        self.result = result


class Run:
    """One operation from its start to its end.

    Attributes:
        known: How it is known what is true now, a line each, for the record.
        verification: What the canary said, for the record.
        in_flight: What was in flight around a sleep, for the record.
        cold: From what a start began, for the record.
        is_forced: The user has overruled the fit check, for the record.
        sent_s: When its first request was written; None: nothing was sent.
        done_s: When the answer to its last control request was complete; None: there was none.
        unsent: Steps that come after the one that is with the server, by name.
        late_s: How late the loop that takes the stamps was, at most; None: not measured.
    """

    def __init__(self, desk: Desk, operation: Operation, ticket: Ticket) -> None:
        self.desk = desk
        self.ticket = ticket
        self.operation = operation
        self.parts: list[Part] = []
        self.known: list[str] = []
        self.verification: Verification | None = None
        self.in_flight: InFlight | None = None
        self.cold: ColdStart | None = None
        self.is_forced = False
        self.sent_s: float | None = None
        self.done_s: float | None = None
        self.unsent: tuple[str, ...] = ()
        self.late_s: float | None = None
        self.found = self.view
        """The picture of the server before the operation began."""
        self.record: OperationRecord | None = None

    @property
    def server(self) -> str:
        """Name of the server."""
        return self.operation.server

    @property
    def view(self) -> ServerView:
        """The picture of the server now."""
        return self.desk.view(self.server)

    @property
    def client(self) -> EngineClient:
        """Speaks with the server."""
        return self.desk.supervisor.client(self.server)

    def now_s(self) -> float:
        """Monotonic time."""
        return self.desk.clock.now_s()

    async def look(self) -> Observation:
        """Look at the server in full."""
        return await self.desk.supervisor.look(self.server)

    def advance(self, phase: Phase) -> None:
        """Enter a phase, if it is another one."""
        if phase is self.operation.phase:
            return
        self.operation = replace(self.operation, phase=phase)
        self.desk.bus.publish(
            OperationAdvanced(
                at_s=self.now_s(), id=self.operation.id, server=self.server, phase=phase
            )
        )

    def part(self, name: str, duration_s: float) -> None:
        """Note a timed part."""
        self.parts.append(Part(name=name, duration_s=duration_s))

    def stamped(self, late_s: float | None) -> None:
        """Take in how late the stamps of one of its requests may be."""
        if late_s is not None:
            self.late_s = max(late_s, self.late_s or 0.0)

    def know(self, *lines: str) -> None:
        """Note how something is known; empty lines are left out."""
        self.known += (line for line in lines if line)

    def child(self, kind: Kind, server: str, *, level: int | None, mode: str | None) -> "Run":
        """An operation that this one consists of; it does not queue and stops with this one."""
        operation = Operation(
            id=next(self.desk.numbers),
            kind=kind,
            server=server,
            began_s=self.now_s(),
            level=level,
            mode=mode,
            parent=self.operation.id,
        )
        return Run(self.desk, operation, self.ticket)

    async def perform(
        self, work: Callable[["Run"], Awaitable[Result]], *, phase: Phase
    ) -> OperationRecord:
        """Start, do the work, end; each is published, the start before the first request."""
        self.found = self.view
        self.operation = replace(self.operation, phase=phase, began_s=self.now_s(), note="")
        self.desk.bus.publish(OperationStarted(at_s=self.now_s(), operation=self.operation))
        with ExitStack() as stack:
            lag = stack.enter_context(self.desk.lag.measuring())
            if self.operation.kind not in ASKING:
                stack.enter_context(self.desk.supervisor.fast())
            try:
                await self.desk.written()
                result = await work(self)
            except Ended as ended:
                result = ended.result
            except Stopped:
                result = Result(outcome=Outcome.CANCELLED, message=_stopped(self.operation.kind))
            except asyncio.CancelledError:
                self.end(self._left_alone(), lag.worst_s)
                raise
        return self.end(result, lag.worst_s)

    def end(self, result: Result, lag_s: float = 0.0) -> OperationRecord:
        """Publish the record of the end."""
        now_s, operation = self.now_s(), self.operation
        duration_s = result.duration_s
        record = OperationRecord(
            id=operation.id,
            kind=operation.kind,
            server=operation.server,
            began_s=operation.began_s,
            duration_s=now_s - operation.began_s if duration_s is None else duration_s,
            sent_s=self.sent_s,
            done_s=self.done_s,
            outcome=result.outcome,
            level=operation.level,
            mode=operation.mode,
            parts=tuple(self.parts),
            freed_bytes=result.freed_bytes,
            residual_bytes=result.residual_bytes,
            cold=self.cold,
            first_token_s=result.first_token_s,
            tokens_per_s=result.tokens_per_s,
            server_s=result.server_s,
            host_bytes=result.host_bytes,
            in_flight=result.in_flight or self.in_flight,
            verification=result.verification or self.verification,
            is_forced=self.is_forced,
            loop_lag_s=lag_s,
            stamp_lag_s=self.late_s,
            message=_without_name(result.message, operation.server),
            known=self._told(result, lag_s),
            hint=result.hint or _NEXT_STEP.get(result.outcome, ""),
            cause=result.cause,
        )
        log.info(
            "%s of %s: %s, level %s, mode %s, %.4f s, by the server %s, freed %s bytes,"
            " lag %.3f s: %s",
            record.kind.value,
            record.server,
            record.outcome.value,
            record.level,
            record.mode,
            record.duration_s,
            "unknown" if record.server_s is None else f"{record.server_s:.4f} s",
            record.freed_bytes,
            record.loop_lag_s,
            record.message,
        )
        self.record = record
        self.desk.bus.publish(OperationEnded(at_s=now_s, record=record))
        return record

    def _left_alone(self) -> Result:
        """The program ends while a request is with the server, which goes on with it."""
        if self.operation.kind in ASKING:
            return Result(outcome=Outcome.CANCELLED, message="sleeptui ended")
        if self.sent_s is None and self.operation.kind in _SENT:
            return Result(outcome=Outcome.CANCELLED, message=_stopped(self.operation.kind))
        if self.unsent:
            return Result(
                outcome=Outcome.UNKNOWN,
                cause=Cause.NO_WEIGHTS if "reload" in self.unsent else Cause.STOPPED_MIDWAY,
                message=f"sleeptui ended midway: not sent were {', '.join(self.unsent)}",
                hint="wait until it answers, then wake it again",
            )
        what = _UNTIL.get(self.operation.phase, "the answer came")
        return Result(
            outcome=Outcome.UNKNOWN,
            cause=Cause.NO_ANSWER,
            message=f"sleeptui ended before {what}; the server goes on",
        )

    def _told(self, result: Result, lag_s: float) -> tuple[str, ...]:
        """How it is known, and whether its times are."""
        known = (*self.known, *result.known) or self._evidence()
        return (*said_of_times(lag_s), *known)

    def _evidence(self) -> tuple[str, ...]:
        """How the state of the server is known, where the operation itself has proved nothing."""
        view = self.desk.store.server(self.server)
        lines = view.evidence if view is not None else ()
        return tuple(line for line in lines if not line.startswith(LAST)) or ("nothing was asked",)


def _stopped(kind: Kind) -> str:
    match kind:
        case Kind.PROMPT:
            return "stopped"
        case Kind.VERIFY:
            return "stopped before it was judged"
        case _:
            return "stopped; nothing was sent"


def _without_name(message: str, server: str) -> str:
    """An error says whose it is; the record does too, and is shown beside the name."""
    return message.removeprefix(f"{server}: ").replace(f": {server}: ", ": ")
