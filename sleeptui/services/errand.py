"""One order to each of several servers: gives them, waits for their ends, keeps what came of each.

For those who order without a panel. The queue, the checks and the records are those of the panel.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sleeptui.core.completion import Completion
from sleeptui.core.errors import NoRoom, NotAllowed
from sleeptui.core.events import Event, OperationEnded, OperationQueued
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import Cause, Kind, Operation, OperationRecord, Outcome
from sleeptui.services.panel import Services
from sleeptui.services.ticket import Ticket

AWAY = frozenset({State.DOWN, State.STALE, State.UNKNOWN, State.STARTING})
"""Nobody answers there now: nothing can be asked of it."""
WRONG = frozenset({Cause.GARBAGE, Cause.NO_TOKENS})
"""Its answers are not what they were, or there are none."""
Told = Callable[[str, str], None]
"""Called with the name of a server, and what is true of it now."""


class End(StrEnum):
    """What came of an order, in one word."""

    DONE = "done"
    ALREADY = "already so"
    """It was found as it was wanted; nothing was sent."""
    SUSPECT = "suspect"
    """The server said yes, the measurement says otherwise."""
    WRONG = "wrong answers"
    FAILED = "failed"
    REFUSED = "refused"
    """It makes no sense there, or does no good; nothing was sent."""
    UNKNOWN = "unknown"
    """It was sent, and it is not known what came of it."""
    UNREACHABLE = "unreachable"
    """Nobody answers there; nothing was sent."""
    CANCELLED = "cancelled"
    """It was taken back; nothing was sent."""


WELL = frozenset({End.DONE, End.ALREADY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an order at one server."""

    server: str
    end: End
    message: str
    """What is true now, or why nothing was done."""
    hint: str = ""
    """What to do."""
    record: OperationRecord | None = None
    """None: there was no operation."""
    can_force: bool = False
    """It does not fit, and would be sent all the same if it were forced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a server."""

    kind: Kind
    give: Callable[[str], Ticket]
    """Gives it to the operations."""
    is_so: Callable[[ServerView], bool]
    """Whether a server is as it is wanted."""


def end_of(record: OperationRecord) -> End:
    """The word for an operation that has ended."""
    if record.cause is Cause.ALREADY_SO:
        return End.ALREADY
    if record.cause in WRONG:
        return End.WRONG
    match record.outcome:
        case Outcome.DONE:
            return End.DONE
        case Outcome.SUSPECT:
            return End.SUSPECT
        case Outcome.FAILED:
            return End.FAILED
        case Outcome.UNKNOWN:
            return End.UNKNOWN
        case Outcome.CANCELLED:
            return End.CANCELLED


class Errand:
    """The same order for some servers, given to all at once; those of a GPU take turns.

    Attributes:
        answers: What came of each, by name, in the order in which they ended.
        records: The operations that have ended, those within a switch too, in their order.
    """

    def __init__(self, services: Services, order: Order, told: Told) -> None:
        """Nothing is asked yet; ``told`` hears what ends on the way to the whole."""
        self._services = services
        self._order = order
        self._told = told
        self._tickets: dict[str, Ticket] = {}
        self._queued: dict[int, str] = {}
        self.answers: dict[str, Answer] = {}
        self.records: list[OperationRecord] = []

    async def carry(self, names: Sequence[str]) -> None:
        """Give the order to each, and wait until all have ended."""
        unsubscribe = self._services.bus.subscribe(self._heard)
        try:
            for name in names:
                self._give(name)
            ends = [self._ended(name, ticket, len(names)) for name, ticket in self._tickets.items()]
            await asyncio.gather(*ends)
        finally:
            unsubscribe()

    def take_back(self) -> Mapping[str, bool]:
        """Take back what can be.

        Returns:
            By server whose order has not ended: whether it was taken back; else something was
            sent, and goes on.
        """
        return {
            name: ticket.cancel()
            for name, ticket in self._tickets.items()
            if name not in self.answers
        }

    def completion_of(self, name: str) -> Completion | None:
        """The answer to the prompt of a server; None: there is none, or not yet."""
        ticket = self._tickets.get(name)
        return ticket.completion if ticket is not None else None

    def _give(self, name: str) -> None:
        view = self._services.store.server(name)
        try:
            if view is not None and view.state in AWAY:
                self._is(name, End.UNREACHABLE, f"{view.state.value}{_why(view)}", view.advice)
            elif view is not None and self._order.is_so(view):
                self._is(name, End.ALREADY, f"{words_of(view)} already; nothing was sent")
            else:
                self._tickets[name] = self._order.give(name)
        except NotAllowed as error:
            message = error.message.removeprefix(f"{name}: ").removeprefix(f"{name} is ")
            message = message.removeprefix(f"{name} ")
            room = isinstance(error, NoRoom)
            said = f"no room: {error.message}; nothing was sent" if room else message
            self._is(name, End.REFUSED, said, error.hint, can_force=room)

    def _is(
        self, name: str, end: End, message: str, hint: str = "", *, can_force: bool = False
    ) -> None:
        self.answers[name] = Answer(
            server=name, end=end, message=message, hint=hint, can_force=can_force
        )

    async def _ended(self, name: str, ticket: Ticket, many: int) -> None:
        record = await ticket.ended()
        self.answers[name] = Answer(
            server=name,
            end=end_of(record),
            message=record.message,
            hint=record.hint,
            record=record,
            can_force=record.cause is Cause.NO_ROOM,
        )
        if many > 1:  # what did not end well is told in full at the end
            words = f"{record.kind.value} {record.outcome.value}"
            is_well = self.answers[name].end in WELL
            self._told(name, f"{words}: {record.message}" if is_well else words)

    def _heard(self, event: Event) -> None:
        match event:
            case OperationQueued() if event.operation.note and self._is_ours(event.operation):
                self._wait(event.operation)
            case OperationEnded():
                self.records.append(event.record)
                if all(event.record.id != one.id for one in self._tickets.values()):
                    words = f"{event.record.kind.value} {event.record.outcome.value}"
                    self._told(event.record.server, f"{words}: {event.record.message}")
            case _:
                pass

    def _is_ours(self, operation: Operation) -> bool:
        return operation.kind is self._order.kind

    def _wait(self, operation: Operation) -> None:
        """It has to wait for others: said once for each that it waits for."""
        if self._queued.get(operation.id) != operation.note:
            self._queued[operation.id] = operation.note
            self._told(operation.server, operation.note)


def words_of(view: ServerView) -> str:
    """The state of a server in words: ``asleep at level 1``."""
    if view.state is State.ASLEEP and view.level is not None:
        return f"asleep at level {view.level}"
    return view.state.value


def _why(view: ServerView) -> str:
    return f": {view.reason}" if view.reason else ""
