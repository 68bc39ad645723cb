"""Facts, past tense: what is published on the bus, journaled, and folded into the picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sleeptui.core.canary import Reference, Verification
from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import GpuReading, Observation, ServerFacts
from sleeptui.core.operation import Fate, Operation, OperationRecord, Phase
from sleeptui.core.settings import ServerSpec

if TYPE_CHECKING:
    # Their classes are made after the first frame.
    from sleeptui.core.completion import Completion
    from sleeptui.core.environment import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAdded:
    """A server is watched from now on."""

    at_s: float
    spec: ServerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRemoved:
    """A discovered server is gone and no longer watched."""

    at_s: float
    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateObserved:
    """A look at a server."""

    at_s: float
    server: str
    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsLearned:
    """What changes only with a restart was read."""

    at_s: float
    server: str
    facts: ServerFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFound:
    """The container or process of a server was found, or changed; None: lost."""

    at_s: float
    server: str
    home: Home | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSampled:
    """All GPUs were read."""

    at_s: float
    reading: GpuReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """Discovery has looked around."""

    at_s: float
    notes: tuple[str, ...]
    """What was found and why not, a line each."""
    done: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationQueued:
    """An operation was accepted and waits for its GPUs."""

    at_s: float
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationStarted:
    """An operation begins; published before its first request is sent."""

    at_s: float
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAdvanced:
    """An operation entered its next phase."""

    at_s: float
    id: int
    server: str
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEnded:
    """An operation ended, well or not."""

    at_s: float
    record: OperationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTaken:
    """A server answered the canary while it was known to be well."""

    at_s: float
    server: str
    reference: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A canary was judged, on its own or within a wake."""

    at_s: float
    server: str
    verification: Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What earlier runs have learnt of a server was read."""

    at_s: float
    server: str
    learned: Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something worth a line in the event log that is none of the above."""

    at_s: float
    server: str | None
    severity: str
    """info, good, warning, bad"""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBegan:
    """A request of ours is about to be sent; published before it is written."""

    at_s: float
    id: int
    server: str
    cohort: str
    """prompt, canary; of a benchmark: warmup, steady, inflight, queued, late, parked, probe,
    control, check (whether a server answers others than those that are open)."""
    operation: int | None
    """The operation that sends it."""
    prompt: str
    max_tokens: int
    scheduled_s: float | None = None
    """When an open-loop load wanted it sent: its latencies count from here."""
    xid: str = ""
    """Its X-Request-Id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAdvanced:
    """The first token of a request of ours came."""

    at_s: float
    id: int
    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded:
    """A request of ours ended, well or not."""

    at_s: float
    id: int
    server: str
    fate: Fate
    completion: "Completion | None" = None
    """None: nothing came, or it was given up."""
    error: str | None = None
    """Why nothing came."""
    chunks: tuple[tuple[float, int], ...] = ()
    """Monotonic time of each piece, and tokens so far; n x 2."""
    control: int | None = None
    """The request without a sleep that asked the same."""
    equal: bool | None = None
    """Its text is that of the control; None: not compared."""
    equal_chars: int | None = None
    """So many characters from the begin are the same."""
    tie: bool | None = None
    """Where they part two tokens were as likely, and are still: the noise of a batch."""
    http: int | None = None
    """Status with which it was refused; None: it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """The user has marked this moment."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the measurements depend on was read."""

    at_s: float
    machine: "Machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class LagMeasured:
    """How late the event loop was, at most, since the last one; only while recording."""

    at_s: float
    worst_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBegan:
    """What happens is written down from now on."""

    at_s: float
    path: str
    """The session's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRefused:
    """A recording could not begin; no journal hears of it."""

    at_s: float
    problem: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTroubled:
    """The journal cannot take all, or can again."""

    at_s: float
    problem: str
    """One sentence; empty: it is well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEnded:
    """The journal is closed."""

    at_s: float
    path: str
    problem: str = ""
    """Why it is not whole; empty: it is."""


class BenchEvent:
    """What a benchmark tells; its events are in ``core.bench``, which the first frame needs not."""

    __slots__ = ()

    at_s: float

    @property
    def told(self) -> tuple[str | None, str, str]:
        """A line of the event log: server, severity, text; no text: none."""
        return None, "info", ""


Event = (
    ServerAdded
    | ServerRemoved
    | StateObserved
    | FactsLearned
    | HomeFound
    | GpuSampled
    | Discovered
    | OperationQueued
    | OperationStarted
    | OperationAdvanced
    | OperationEnded
    | ReferenceTaken
    | Verified
    | Recalled
    | Noted
    | RequestBegan
    | RequestAdvanced
    | RequestEnded
    | Marked
    | Described
    | LagMeasured
    | RecordingBegan
    | RecordingRefused
    | RecordingTroubled
    | RecordingEnded
    | BenchEvent
)
