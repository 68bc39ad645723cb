"""Facts, past tense: what is published on the bus, journaled, and folded into the picture."""

from dataclasses import dataclass

from sleeptui.core.canary import Reference, Verification
from sleeptui.core.learned import Learned
from sleeptui.core.model import GpuReading, Home, Observation, ServerFacts
from sleeptui.core.operation import Operation, OperationRecord, Phase
from sleeptui.core.settings import ServerSpec


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
)
