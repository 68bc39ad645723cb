"""A benchmark plan: what is measured, how often, in what order. Values only.

Times are seconds. ``config_plan`` reads plans from TOML, ``core.schedule`` makes the steps.
"""

from dataclasses import dataclass

from sleeptui.core.bench import Question
from sleeptui.core.cold import ColdKind

PLAN_VERSION = 1
ORDER = (Question.LATENCY, Question.MEMORY, Question.IN_FLIGHT, Question.STABILITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Wake against cold start. A block is a fresh process: wakes of one are not independent."""

    blocks: int = 6
    """Cold starts of each model and kind; 0: none, the servers stay up."""
    cycles: int = 4
    """Steady cycles in a block, at each level, after the first sleep of the process."""
    levels: tuple[int, ...] = (1, 2)
    cold: tuple[ColdKind, ...] = (ColdKind.CACHED,)
    """Kinds of cold starts; each has its blocks."""
    dwell_s: tuple[float, ...] = (0.0, 10.0)
    """Asleep for one of these, drawn anew for each cycle."""
    warm_up: int = 2
    """Requests after a cold start that are not measured."""
    steady: int = 3
    """Requests at most after a wake, to find when it is as fast as before the sleep."""
    settle_s: float = 2.0
    """Idle before each sleep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a sleep frees, and the proof of it by use."""

    cycles: int = 2
    """For each model and level: it sleeps, another one wakes in the freed space, and back."""
    levels: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """What becomes of requests when their server is put to sleep."""

    modes: tuple[str, ...] = ("abort", "wait", "keep")
    levels: tuple[int, ...] = (1,)
    streams: tuple[int, ...] = (1, 8)
    """Requests in flight at once."""
    repeats: int = 5
    max_tokens: int = 256
    """Of each request; they are made to run to their end."""
    dwell_s: float = 5.0
    """Asleep."""
    late: int = 4
    """Requests sent just after /sleep was sent."""
    parked: int = 4
    """Requests sent a second after it was answered."""
    probe_per_s: float = 2.0
    """Open-loop requests beside it all; 0: none."""
    deadline_s: float = 60.0
    """After the wake was answered, until what is still open counts as hung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Many cycles, each with its canary."""

    cycles: int = 59
    """Of each model: 59 without a failure prove 95 %."""
    levels: tuple[int, ...] = (1,)
    dwell_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure; a part that is None is left out."""

    name: str
    title: str = ""
    version: int = PLAN_VERSION
    models: tuple[str, ...] = ()
    """Names of servers; empty: all that can be controlled."""
    order: tuple[Question, ...] = ORDER
    """Which part comes first; those that are not named follow as usual."""
    seed: int | None = None
    """Of the order; None: drawn, and recorded."""
    latency: Latency | None = None
    memory: Memory | None = None
    in_flight: InFlight | None = None
    stability: Stability | None = None
    max_duration_s: float | None = None
    """Ends it early, as ctrl+c does; None: as long as it takes."""
    text: str = ""
    """The TOML that it was read from, for the record."""
