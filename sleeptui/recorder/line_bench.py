"""Lines of a benchmark: its plan, its phases, its verdicts."""

from typing import ClassVar

from msgspec import field

from sleeptui.core.bench import BenchPhase
from sleeptui.core.verdict import Verdict
from sleeptui.recorder.line import Line


class PlanLine(Line, tag="plan", kw_only=True):
    """What will be done; plan and expectations as they were read."""

    SYNCED: ClassVar[bool] = True

    name: str
    toml: str
    expectations: str
    baseline: str = ""
    seed: int
    steps: int
    estimate_s: float
    notes: tuple[str, ...] = ()


class PhaseLine(Line, tag="phase", kw_only=True):
    """A phase begins."""

    SYNCED: ClassVar[bool] = True

    phase: BenchPhase
    done: int
    left_s: float | None = None


class PhaseEndLine(Line, tag="phase.end", kw_only=True):
    """A phase ended, well or not."""

    id: int
    cls: str = "ok"
    note: str = ""


class CountsLine(Line, tag="counts", kw_only=True):
    """A server's own metrics at one moment of a trial."""

    SYNCED: ClassVar[bool] = True

    s: str
    moment: str
    """before, asleep, after"""
    run: int | None = None
    wait: int | None = None
    done: dict[str, float] = field(default_factory=dict)
    """Ended requests by finish reason, since the server began."""
    pre: float | None = None
    """Preemptions, since it began."""
    ours: int = 0
    """Requests of ours that were open on it."""


class VerdictLine(Line, tag="verdict", kw_only=True):
    """An expectation was judged."""

    SYNCED: ClassVar[bool] = True

    verdict: Verdict
