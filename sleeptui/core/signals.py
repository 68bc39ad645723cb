"""What the state of a server is derived from, and what comes out."""

from dataclasses import dataclass

from sleeptui.core.canary import Verification
from sleeptui.core.home import Home
from sleeptui.core.model import GpuMemory, Observation, ServerFacts, State
from sleeptui.core.operation import Operation, OperationRecord
from sleeptui.core.settings import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """The state of a server, and why."""

    state: State
    level: int | None = None
    reason: str = ""
    advice: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """All that is known of one server when its state is asked for."""

    observation: Observation | None = None
    """The newest look."""
    answered_s: float | None = None
    """When it last answered."""
    answered_by: str | None = None
    """Start of the process or container that was its home when it last answered."""
    now_s: float = 0.0
    stale_after_s: float = 5.0
    facts: ServerFacts = ServerFacts()
    home: Home | None = None
    operation: Operation | None = None
    """Our transition that runs on it."""
    previous: State = State.UNKNOWN
    """The last state that was no transition, and not down or stale."""
    settled: Derived | None = None
    """All that was derived with it."""
    told_s: float | None = None
    """When /is_sleeping last answered."""
    memory: GpuMemory | None = None
    awake_bytes: int | None = None
    """What it held when it was last seen awake."""
    lowest_asleep_bytes: int | None = None
    """The least it held since it fell asleep."""
    asleep_bytes: int | None = None
    """What it held between two looks that both said asleep."""
    asked_level: int | None = None
    """The level of our last sleep, since when it has not been awake."""
    told_level: int | None = None
    """The deepest level that its metric has told since it was last awake."""
    last: OperationRecord | None = None
    """Our last sleep or wake of it, since its start."""
    disagreeing: int = 0
    """Looks in a row in which /is_sleeping and the metric disagreed."""
    verification: Verification | None = None
    """The newest canary since it last woke."""
    check_due: bool = False
    """Somebody else woke it, or had it asleep and awake again between two looks."""
    woken_from: int | None = None
    """The level that it was at before that wake."""
    is_late_wake: bool = False
    """That wake was ours: it had no answer, and took effect later."""
    thresholds: Thresholds = Thresholds()
