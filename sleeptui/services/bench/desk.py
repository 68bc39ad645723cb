"""What the steps of a benchmark work with: the operations of the panel, requests, pauses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sleeptui.core.completion import Completion
from sleeptui.core.errors import EngineError, NotAllowed
from sleeptui.core.model import ServerView, SleepLevel, SleepMode, State
from sleeptui.core.operation import Cause, OperationRecord, Outcome
from sleeptui.core.plan import Plan
from sleeptui.core.ports import Clock, EngineClient
from sleeptui.core.steady import Pace
from sleeptui.services.bench.load import Control
from sleeptui.services.bus import Bus
from sleeptui.services.ledger import Ledger
from sleeptui.services.operations import Operations
from sleeptui.services.panel import Services
from sleeptui.services.ticket import Ticket

DEAD = "engine_dead"
_LOST = frozenset({Cause.ENGINE_LOST, Cause.NOT_STARTED, Cause.OUT_OF_MEMORY, Cause.WEDGED})
_GONE = frozenset({State.DOWN, State.WEDGED, State.STALE, State.STARTING})
"""None of them is a state that a step leaves its server in."""
_CLASSES = {
    Cause.GARBAGE: "wrong_output",
    Cause.NO_TOKENS: "wrong_output",
    Cause.NOTHING_FREED: "no_op",
    Cause.ALREADY_SO: "no_op",
    Cause.NO_ANSWER: "timeout",
}


class StepFailed(Exception):
    """A step came to nothing, or to something else than it should.

    Attributes:
        cls: The class of its phase: ``engine_dead``, ``invalid:WHY``, ``timeout`` …
        note: Why, in one sentence.
    """

    def __init__(self, cls: str, note: str) -> None:
        super().__init__(note)
        self.cls = cls
        self.note = note

    @property
    def is_fatal(self) -> bool:
        """The process has to be started anew before anything else is measured on it."""
        return self.cls == DEAD


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchDesk:
    """What each step works with.

    A step is a coroutine: it returns when all is well, raises StepFailed when it is not, and is
    cancelled when the benchmark is stopped. Cancelling it does not stop an operation that it
    waits for: the runner waits for its end, then brings the servers back.
    """

    services: Services
    plan: Plan
    nonce: str
    """Of this run: no prompt of an earlier one is asked again."""
    measured: frozenset[str] = frozenset()
    """Names of the servers that the plan is about."""
    startable: frozenset[str] = frozenset()
    """Names of those that have a runtime."""
    paces: dict[str, tuple[Pace, ...]] = field(default_factory=dict)
    """How fast each server was before the sleeps of its block."""
    controls: dict[tuple[str, int], Control] = field(default_factory=dict)
    """What streams were answered without a sleep, by server and their number."""
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def clock(self) -> Clock:
        """The time of the services."""
        return self.services.clock

    @property
    def bus(self) -> Bus:
        """What happens."""
        return self.services.bus

    @property
    def ledger(self) -> Ledger:
        """The requests of ours."""
        return self.services.ledger

    @property
    def operations(self) -> Operations:
        """What can be asked for."""
        return self.services.operations

    def client(self, server: str) -> EngineClient:
        """Speaks with a server."""
        return self.services.supervisor.client(server)

    def now_s(self) -> float:
        """Monotonic time."""
        return self.clock.now_s()

    def view(self, server: str) -> ServerView:
        """The picture of a server now.

        Raises:
            StepFailed: It is not watched any more.
        """
        view = self.services.store.server(server)
        if view is None:
            raise StepFailed("invalid:gone", f"{server} is not watched any more")
        return view

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        if seconds > 0:
            await self.clock.sleep(seconds)

    def prompt(self, words: str) -> str:
        """A prompt that was never asked: what is new stands at its begin.

        A prefix cache then has nothing of it, and the time to the first token is that of the
        whole prompt.
        """
        return f"[{self.nonce}-{next(self.numbers)}] {words}"

    async def sleep(
        self, server: str, level: int, mode: SleepMode = SleepMode.WAIT
    ) -> OperationRecord:
        """Put a server to sleep, and wait for the end.

        Raises:
            StepFailed: It was refused, or did not end well.
        """
        return await self.ended(
            lambda: self.operations.sleep(server, level=SleepLevel(level), mode=mode)
        )

    async def wake(self, server: str) -> OperationRecord:
        """Wake a server with its canary, and wait for the end.

        Raises:
            StepFailed: It was refused, or did not end well.
        """
        return await self.ended(lambda: self.operations.wake(server))

    async def ended(self, order: Callable[[], Ticket]) -> OperationRecord:
        """Give an order, and wait for its end.

        Raises:
            StepFailed: It was refused, or did not end well; the record is in the journal.
        """
        try:
            ticket = order()
        except NotAllowed as error:
            raise StepFailed("invalid:refused", error.message) from error
        record = await ticket.ended()
        if record.outcome is not Outcome.DONE:
            raise self._failed(record)
        return record

    async def request(
        self, server: str, *, cohort: str, prompt: str, max_tokens: int
    ) -> Completion | None:
        """Send one request, through the ledger; None: nothing came, the journal says why.

        Bounded by ``timeouts.prompt_s``.
        """
        with self.ledger.entry(
            server, cohort=cohort, prompt=prompt, max_tokens=max_tokens
        ) as request:
            try:
                completion = await self.client(server).complete(
                    prompt,
                    max_tokens=max_tokens,
                    on_token=lambda event: self.ledger.heard(request, event),
                    ignore_eos=True,
                )
            except EngineError as error:
                request.error = error.message
                return None
            request.answered(completion)
            return completion

    def is_gone(self, server: str) -> bool:
        """Whether its process has to be started anew before anything else is measured on it."""
        return self.view(server).state in _GONE

    def _failed(self, record: OperationRecord) -> StepFailed:
        """The class of a phase whose operation did not end well."""
        what = f"{record.kind.value} of {record.server}: {record.message}"
        if record.cause in _LOST:
            return StepFailed(DEAD, what)
        if record.cause is not None:
            known = _CLASSES.get(record.cause, f"invalid:{record.cause.value}")
            return StepFailed(known, what)
        match record.outcome:
            case Outcome.CANCELLED:
                return StepFailed("user_abort", what)
            case Outcome.UNKNOWN:
                return StepFailed("timeout", what)
            case other:
                return StepFailed(f"invalid:{other.value}", what)
