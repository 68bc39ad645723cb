"""A benchmark while it runs: its phases. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sleeptui.core.cold import ColdKind
from sleeptui.core.events import BenchEvent
from sleeptui.core.verdict import Verdict, Word

_SEVERITY = {
    Word.PASS: "good",
    Word.FAIL: "bad",
    Word.INCONCLUSIVE: "warning",
    Word.INVALID: "bad",
    Word.NOT_RUN: "info",
}


ENDED_EARLY = frozenset({"user_abort", "time_over", "unfinished"})
"""Classes of what was given up when the benchmark was ended: it says nothing of the server."""


class Question(StrEnum):
    """The four experiments."""

    LATENCY = "latency"
    MEMORY = "memory"
    IN_FLIGHT = "in_flight"
    STABILITY = "stability"


class PhaseKind(StrEnum):
    """What a phase of a benchmark does. They nest: block > cold, warm-up, baseline, cycle."""

    PREPARE = "prepare"
    """Others are put to sleep, so that there is room."""
    BLOCK = "block"
    """One life of a process."""
    COLD = "cold"
    """Stop and start."""
    WARM_UP = "warm-up"
    BASELINE = "baseline"
    """References of the canary, and times of requests before any sleep."""
    CYCLE = "cycle"
    """Sleep, dwell, wake, requests. ``nth`` 0 is the first of a process."""
    PROOF = "proof"
    """Another model wakes in the freed space."""
    CONTROL = "control"
    """The same requests with no sleep."""
    TRIAL = "trial"
    """A sleep with requests in flight."""
    RESTORE = "restore"
    """Every server is brought back to how it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPhase:
    """One phase: everything that begins between its begin and its end is of it."""

    id: int
    kind: PhaseKind
    title: str
    """For the user: ``code: cycle 3 of 4 at level 1, block 2 of 6``."""
    parent: int | None = None
    question: Question | None = None
    server: str = ""
    arm: str = ""
    """What is compared: ``L1``, ``L2``, ``cold_cached``, ``wait``."""
    block: int | None = None
    """From 1."""
    nth: int | None = None
    """Cycle within the block, repeat of a trial; from 1, 0 is the first of a process."""
    level: int | None = None
    mode: str | None = None
    streams: int | None = None
    cold: ColdKind | None = None
    dwell_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlanned(BenchEvent):
    """What will be done."""

    at_s: float
    plan: str
    """Its name."""
    plan_toml: str
    expectations_toml: str
    baseline: str = ""
    """Session that it is compared with; empty: none."""
    seed: int
    steps: int
    estimate_s: float
    notes: tuple[str, ...] = ()
    """What is left out, and why."""

    @property
    def told(self) -> tuple[str | None, str, str]:
        """A line of the event log."""
        return None, "info", f"benchmark {self.plan}: {self.steps} steps, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan(BenchEvent):
    """A phase begins."""

    at_s: float
    phase: BenchPhase
    done: int
    """Steps so far, of ``BenchPlanned.steps``."""
    left_s: float | None = None
    """Until the end of it all, as it looks now; None: not known."""

    @property
    def told(self) -> tuple[str | None, str, str]:
        """A line of the event log."""
        return self.phase.server or None, "info", f"phase: {self.phase.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEnded(BenchEvent):
    """A phase ended, well or not."""

    at_s: float
    id: int
    cls: str = "ok"
    """As of an attempt: ok, invalid:WHY, engine_dead, user_abort …"""
    note: str = ""
    """Why, in one sentence."""

    @property
    def told(self) -> tuple[str | None, str, str]:
        """A line of the event log, of one that did not end well."""
        if self.cls == "ok":
            return None, "info", ""
        return None, "warning", f"phase {self.id}: {self.cls}{self.note and f', {self.note}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(BenchEvent):
    """A server's own metrics were read, to be held against what came of our requests."""

    at_s: float
    server: str
    moment: str
    """before, asleep, after"""
    running: int | None = None
    waiting: int | None = None
    finished: Mapping[str, float] = field(default_factory=dict)
    """vllm:request_success_total by finished_reason."""
    preemptions: float | None = None
    ours: int = 0
    """Requests of ours that are open on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReached(BenchEvent):
    """An expectation was judged."""

    at_s: float
    verdict: Verdict

    @property
    def told(self) -> tuple[str | None, str, str]:
        """A line of the event log."""
        one = self.verdict
        text = f"{one.word.value}: {one.expectation.title}{one.reason and f' ({one.reason})'}"
        return one.server or None, _SEVERITY[one.word], text
