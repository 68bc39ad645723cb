"""What an expectation is judged by: figures of a session, each calculated once. Pure."""

from dataclasses import dataclass
from functools import cached_property

from sleeptui.core.compare import Comparison, compare
from sleeptui.core.interval import Interval
from sleeptui.core.measure import Comparison as Ratio
from sleeptui.core.measure import intervals, ratios
from sleeptui.core.measure_memory import memory
from sleeptui.core.memory_figures import Growth, memory_intervals
from sleeptui.core.memory_proof import Proof, proofs
from sleeptui.core.places import Places
from sleeptui.core.session import Session
from sleeptui.core.trials import Trial, trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A median, or a ratio of two, with its interval; None: too few values for one."""

    value: float
    low: float | None
    high: float | None
    confidence: float
    n: int
    blocks: int
    is_factor: bool = False
    """What lies beside it is a factor away, not a distance."""
    note: str = ""
    """What it does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something did what it should."""

    k: int
    n: int
    failed: str = ""
    """What the others did, in one clause."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """There is no figure."""

    reason: str = ""
    """Empty: nothing of it was measured; the plan, or its notes, say why."""
    is_invalid: bool = False
    """It was measured, and a check of validity failed."""


Figure = Estimate | Rate | Growth | Missing


class Facts:
    """A session, and what is measured of it."""

    def __init__(self, session: Session, baseline: Session | None = None) -> None:
        self.session = session
        self.baseline = baseline
        self.places = Places(session)

    @cached_property
    def intervals(self) -> tuple[Interval, ...]:
        """All that was timed, and the figures of memory."""
        return (*intervals(self.session), *memory_intervals(self.session, memory(self.session)))

    @cached_property
    def ratios(self) -> tuple[Ratio, ...]:
        """What the intervals say of each other."""
        return ratios(self.session, self.intervals)

    @cached_property
    def proofs(self) -> tuple[Proof, ...]:
        """Who woke in whose place."""
        return proofs(self.session)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """Sleeps with requests in flight."""
        return trials(self.session)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The baseline beside the session; None: there is no baseline."""
        return None if self.baseline is None else compare(self.baseline, self.session)

    def series(self, server: str, name: str, level: int | None) -> tuple[Interval, ...]:
        """The intervals of that name, of all models and kinds of starts."""
        return tuple(
            one
            for one in self.intervals
            if (one.server, one.id, one.level) == (server, name, level)
        )
