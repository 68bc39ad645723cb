"""Operations: what was asked, how far it is, how it ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sleeptui.core.canary import Verification

if TYPE_CHECKING:
    from sleeptui.core.cold import ColdStart  # the first frame needs none

DISTURBED_S = 0.005
DISTURBED_SHARE = 0.01
"""The loop that took the stamps was late by more than this, and by more of the duration."""
STOOD_STILL_S = 1.0
"""No painting and no load holds a loop up for so long: the program was stopped (ctrl+z), or its
machine was."""


class Kind(StrEnum):
    """What an operation does."""

    SLEEP = "sleep"
    WAKE = "wake"
    SWITCH = "switch"
    PROMPT = "prompt"
    VERIFY = "verify"
    START = "start"
    """Its process or container is started; until it answers, and its first token has come."""
    STOP = "stop"
    """Its process or container is ended; until its memory is free."""


class Phase(StrEnum):
    """How far an operation is."""

    QUEUED = "queued"
    """Another transition runs on one of its GPUs."""
    DRAINING = "draining"
    CALLING = "calling"
    """The sleep or wake request is with the server."""
    RELOADING = "reloading"
    """Level 2: the weights are read again."""
    SETTLING = "settling"
    """The server answered; its state and the memory are being confirmed."""
    VERIFYING = "verifying"
    """The canary is with the server: before a sleep for the reference, after a wake for proof."""
    MAKING_ROOM = "making room"
    """Switch: others are put to sleep first."""
    STREAMING = "streaming"
    STARTING = "starting"
    """The process runs, nothing answers yet."""
    STOPPING = "stopping"


class Outcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    SUSPECT = "suspect"
    """The server said yes, the measurement says otherwise."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """No answer in time; the server's state will tell."""
    CANCELLED = "cancelled"


class Cause(StrEnum):
    """Why an operation did not end well, as far as the state of the server depends on it."""

    NOTHING_FREED = "nothing freed"
    OUT_OF_MEMORY = "out of memory"
    """The wake found no room; before 0.28 the server does not come back from this."""
    WEDGED = "wedged"
    """A wake or sleep failed inside the engine and left it neither way."""
    STOPPED_MIDWAY = "stopped midway"
    """A staged wake stopped between its steps."""
    NO_WEIGHTS = "no weights"
    """A wake from level 2 stopped before its weights were read again: answers are garbage."""
    GARBAGE = "garbage"
    """It answers, and not what it answered before."""
    NO_TOKENS = "no tokens"
    """It says awake and decodes nothing."""
    NO_ROOM = "no room"
    """The fit check found too little free memory; nothing was sent."""
    ENGINE_LOST = "engine lost"
    NO_ANSWER = "no answer"
    STILL_BUSY = "still busy"
    """Requests were in flight to the end of the drain; nothing was sent."""
    REJECTED = "rejected"
    """The server said no before it did anything."""
    NOT_STARTED = "not started"
    """Its runtime could not start it, or it ended before it answered."""
    NOT_STOPPED = "not stopped"
    """It still runs."""
    ALREADY_SO = "already so"
    """It was found as it was wanted; nothing was sent."""


ASKING = frozenset({Kind.PROMPT, Kind.VERIFY})
"""They change nothing: what a server does meanwhile is somebody else's doing."""
_BESIDE = frozenset({Phase.QUEUED, Phase.MAKING_ROOM, Phase.VERIFYING})
"""Phases in which nothing is asked of the server but the canary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation that is queued or runs."""

    id: int
    kind: Kind
    server: str
    began_s: float
    """Monotonic time of the start, for a queued one of the asking."""
    phase: Phase = Phase.QUEUED
    level: int | None = None
    mode: str | None = None
    parent: int | None = None
    """The switch that this sleep or wake belongs to."""
    note: str = ""
    """What it waits for, while queued."""

    @property
    def acts(self) -> bool:
        """Whether it has asked the server for a transition, so that what follows is its doing."""
        return self.kind not in ASKING and self.phase not in _BESIDE


_ASLEEP_VERDICTS = frozenset({Cause.NOTHING_FREED, Cause.OUT_OF_MEMORY, Cause.STOPPED_MIDWAY})
"""What is wrong with a server that sleeps, and no more once it has been awake."""
_NOTHING_DONE = frozenset({Cause.NO_ROOM, Cause.STILL_BUSY, Cause.REJECTED})
"""The server was not touched: what was known of it still holds."""


def newest(operations: Iterable[Operation]) -> Operation | None:
    """The one to show: transitions before questions, running before waiting, the last of them."""
    every = list(operations)
    transitions = [one for one in every if one.kind not in ASKING]
    running = [one for one in transitions if one.phase is not Phase.QUEUED]
    return next((group[-1] for group in (running, transitions, every) if group), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A timed part of an operation."""

    name: str
    """reference, drain, call, weights, reload, kv_cache, reset, state, memory, canary, total,
    sleep NAME, wake NAME; of a start: process (until the runtime says that it runs), health (from
    the begin to the first good /health), first token; of a stop: exit, memory"""
    duration_s: float


class Fate(StrEnum):
    """What became of a request in flight when its server was put to sleep."""

    COMPLETED = "completed"
    """It ended by itself: ``stop`` or ``length``."""
    ABORTED = "aborted"
    """Cut off by the server: ``finish_reason`` abort."""
    FROZEN = "frozen"
    """Still open, with tokens so far; it goes on after the wake."""
    PARKED = "parked"
    """Still open, with no token yet; it runs after the wake."""
    CUT = "cut"
    """Its stream broke off, or ended with an error."""
    HUNG = "hung"
    """Still open at the deadline of a benchmark, while its server answered another one."""
    LOST = "lost"
    """Still open at the deadline of a benchmark, and its server answered nobody."""


GIVEN_UP = "given up"
"""Why nothing came of a request that was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """Requests around a sleep."""

    running: int | None
    waiting: int | None
    """Before it, by vllm:num_requests_running and _waiting; None: could not be read."""
    finished: Mapping[str, int] = field(default_factory=dict)
    """Rise of vllm:request_success_total by finished_reason, from before the sleep to after it."""
    ours: Mapping[Fate, int] = field(default_factory=dict)
    """Fate of the requests that sleeptui itself had sent."""

    @property
    def total(self) -> int | None:
        """Running and waiting before it."""
        if self.running is None or self.waiting is None:
            return None
        return self.running + self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRecord:
    """An operation that has ended."""

    id: int
    kind: Kind
    server: str
    began_s: float
    duration_s: float
    """For sleep and wake: request written to answer complete; parts tell the rest."""
    sent_s: float | None = None
    """Monotonic time at which its first request was written; None: nothing was sent."""
    done_s: float | None = None
    """When the answer to its last control request was complete; None: there was none."""
    outcome: Outcome
    level: int | None = None
    mode: str | None = None
    parts: tuple[Part, ...] = ()
    freed_bytes: int | None = None
    """Sleep: used before less used after, on the server's GPUs. None where not measured."""
    residual_bytes: int | None = None
    """Sleep: held by the server after it. Wake: held by it before."""
    cold: "ColdStart | None" = None
    """Start: from what, and how that is proven."""
    host_bytes: int | None = None
    """Sleep: host memory that it took: the fall of what the machine has available."""
    in_flight: InFlight | None = None
    """Sleep: what was in flight, and what became of it."""
    verification: Verification | None = None
    """Wake, switch, verify: what the canary said. Sleep: of the canary before it."""
    first_token_s: float | None = None
    """Prompt: sent to first token. Wake: first request written to the canary's first token."""
    tokens_per_s: float | None = None
    """Prompts."""
    server_s: float | None = None
    """The server's own figure, where its metrics have it (0.32 and later)."""
    loop_lag_s: float = 0.0
    """Longest stall of our event loop while it ran."""
    stamp_lag_s: float | None = None
    """The same of the loop that took the stamps, while its requests ran; None: not measured."""
    message: str = ""
    """One sentence: what is true now."""
    known: tuple[str, ...] = ()
    """How that is known, a line each."""
    hint: str = ""
    """What to do."""
    is_forced: bool = False
    """The user has overruled the fit check."""
    cause: Cause | None = None
    """Why it did not end well; the state table reads this."""

    @property
    def has_stood_still(self) -> bool:
        """Whether this program was stopped while it ran: none of its times was measured."""
        return self.loop_lag_s > STOOD_STILL_S

    @property
    def is_disturbed(self) -> bool:
        """Whether the stamps of its times may be too late to count."""
        limit_s = max(DISTURBED_S, DISTURBED_SHARE * self.duration_s)
        lag_s = self.loop_lag_s if self.stamp_lag_s is None else self.stamp_lag_s
        return self.has_stood_still or lag_s > limit_s

    @property
    def is_idle(self) -> bool:
        """Whether nothing was sent to the server."""
        return self.outcome is Outcome.CANCELLED or self.cause in _NOTHING_DONE

    def is_unanswered(self, kind: Kind) -> bool:
        """Whether it is one of this kind whose effect may come yet."""
        return self.kind is kind and self.cause is Cause.NO_ANSWER

    def once_awake(self, *, was_asleep: bool) -> "OperationRecord":
        """What is left of it when its server is found awake: what was wrong with its sleep is not.

        Args:
            was_asleep: It has been asleep since; a sleep without answer is over then.
        """
        is_over = self.cause in _ASLEEP_VERDICTS
        is_over = is_over or (self.kind is Kind.WAKE and self.cause is Cause.WEDGED)
        is_over = is_over or (was_asleep and self.is_unanswered(Kind.SLEEP))
        return replace(self, cause=None) if is_over else self
