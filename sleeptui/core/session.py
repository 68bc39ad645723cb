"""A session as its journal tells it: what exports, pages and comparisons are made from.

Values only. Times are monotonic nanoseconds of the recording machine; ``wall_ns`` of the session
turns them into dates.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan

from sleeptui.core.bench import BenchPhase
from sleeptui.core.canary import Verification
from sleeptui.core.environment import Machine
from sleeptui.core.home import Home
from sleeptui.core.model import ServerFacts
from sleeptui.core.operation import OperationRecord
from sleeptui.core.verdict import Verdict


@dataclass(slots=True, eq=False)
class Curve:
    """Values over time, ascending; a million of them are 16 MB."""

    times_ns: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    """NaN: a gap."""

    def add(self, at_ns: int, value: float | None) -> None:
        """Append; times must not go back."""
        self.times_ns.append(at_ns)
        self.values.append(nan if value is None else value)

    def __len__(self) -> int:
        return len(self.times_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A server at one moment around an operation; None: not known."""

    state: str
    level: int | None = None
    sleeping: bool | None = None
    sleep_state: str | None = None
    running: int | None = None
    waiting: int | None = None
    held_bytes: int | None = None
    source: str | None = None
    used_bytes: Mapping[int, int] = field(default_factory=dict)
    """By GPU."""
    process_start_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One operation: every one that began is here, also those that never ended."""

    id: int
    kind: str
    server: str
    model: str
    """Served name, else the name of the server."""
    level: int | None = None
    mode: str | None = None
    parent: int | None = None
    began_ns: int
    sent_ns: int | None = None
    done_ns: int | None = None
    ended_ns: int | None = None
    """None: the recording ended while it ran; what became of it is not known."""
    cls: str
    """``ok`` and the other classes of the journal; ``unfinished`` where there is no end."""
    record: OperationRecord | None = None
    """All that was measured; None where there is no end."""
    pre: Standing | None = None
    post: Standing | None = None
    life: int = 0
    """Which life of the server's process it was in, from 1: the block of the statistics."""
    nth: int = 0
    """Counts operations of this kind and level within the life, from 1: the first sleep of a
    process is a series of its own."""
    cycle: int | None = None
    """Counts sleeps of the server in the session, from 1; a wake has that of its sleep."""
    phase: int | None = None
    """The innermost phase of a benchmark in which it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSeen:
    """One request of ours."""

    id: int
    server: str
    cohort: str
    operation: int | None = None
    began_ns: int
    """Before it was written; latencies of an open-loop load count from ``scheduled_ns``."""
    scheduled_ns: int | None = None
    sent_ns: int | None = None
    headers_ns: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    ended_ns: int | None = None
    max_tokens: int
    prompt_sha: str
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None
    terminated: bool = False
    error: str | None = None
    fate: str
    """completed, aborted, cut, open."""
    chunks: tuple[tuple[int, int], ...] = ()
    """Absolute nanoseconds of each chunk, and tokens so far."""
    max_gap_s: float | None = None
    """The longest silence between two chunks."""
    gap_covers_sleep: bool = False
    """A sleep of its server lies within that silence."""
    phase: int | None = None
    """The innermost phase of a benchmark in which it began."""
    xid: str = ""
    control: int | None = None
    equal: bool | None = None
    """Its text is that of its control; None: not compared."""
    equal_chars: int | None = None
    tie: bool | None = None
    """Where they part two tokens were as likely, and are still: the noise of a batch."""
    http: int | None = None
    """Status with which it was refused; None: it was not."""
    late_s: float | None = None
    """How late its stamps may be, at most; None: not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanarySeen:
    """One canary that was judged, within an operation or on its own."""

    at_ns: int
    server: str
    operation: int | None = None
    verification: Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpan:
    """A server was in one state for a while."""

    server: str
    state: str
    level: int | None = None
    check: str | None = None
    by: str = ""
    reason: str = ""
    began_ns: int
    ended_ns: int
    """The end of the session for the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """One server over the session."""

    name: str
    url: str
    facts: ServerFacts | None = None
    """The newest."""
    home: Home | None = None
    """The newest that was found."""
    lives: int = 1
    """1 and the restarts that were seen."""
    gpus: tuple[int, ...] = ()
    """On which its processes were seen to hold memory."""
    memory: Curve = field(default_factory=Curve)
    """Bytes that it holds on its GPUs, as measured."""
    running: Curve = field(default_factory=Curve)
    waiting: Curve = field(default_factory=Curve)

    @property
    def model(self) -> str:
        """The first served name, else its own."""
        return self.facts.models[0] if self.facts and self.facts.models else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSeen:
    """One GPU over the session."""

    index: int
    name: str
    uuid: str = ""
    total_bytes: int | None = None
    used: Curve = field(default_factory=Curve)
    utilization: Curve = field(default_factory=Curve)
    """0 to 1."""
    power_w: Curve = field(default_factory=Curve)
    temperature_c: Curve = field(default_factory=Curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A mark, a note or an anomaly."""

    at_ns: int
    kind: str
    """mark, note, anomaly"""
    text: str
    server: str | None = None
    code: str = ""
    """Of an anomaly."""
    severity: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSeen:
    """A phase of a benchmark."""

    phase: BenchPhase
    began_ns: int
    ended_ns: int | None = None
    """None: the recording ended in it."""
    cls: str = "unfinished"
    note: str = ""
    done: int = 0
    """Steps that were over at its begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsSeen:
    """What a server's own metrics said at one moment of a trial; None: not in them."""

    at_ns: int
    server: str
    phase: int | None
    moment: str
    """before, asleep, after"""
    running: int | None = None
    waiting: int | None = None
    finished: Mapping[str, float] = field(default_factory=dict)
    """vllm:request_success_total by finished_reason."""
    preemptions: float | None = None
    ours: int = 0
    """Requests of ours that were open on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSeen:
    """The plan of a benchmark, as it was read."""

    name: str
    toml: str
    expectations: str
    baseline: str = ""
    seed: int
    steps: int
    estimate_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSeries:
    """Values that another tool has measured."""

    name: str
    run: str = ""
    """Which run of the file, where it has several: its label, or its rate."""
    unit: str
    values: tuple[float | None, ...] = ()
    stats: Mapping[str, float | None] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """All of one recording."""

    run_id: str
    version: int
    """Of the journal's schema."""
    tool: str
    source: str | None = None
    """Where an imported one comes from; None: recorded by sleeptui."""
    demo: str | None = None
    """The simulated fleet it was recorded on: then it is no measurement."""
    has_text: bool = False
    began_ns: int
    ended_ns: int
    """Of its last line."""
    wall_ns: int
    """Wall clock at ``began_ns``, since the epoch, UTC."""
    partial: str | None = None
    """Why it is not whole: no end, torn tail, aborted …; None: it is."""
    lines: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    looks: int = 0
    """At servers."""
    journal_sha256: str = ""
    """Of the journal's bytes as they were read."""
    env_id: str = ""
    machine: Machine = field(default_factory=Machine)
    settings: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)
    plan: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)
    seed: int | None = None
    servers: tuple[ServerSeen, ...] = ()
    gpus: tuple[GpuSeen, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    requests: tuple[RequestSeen, ...] = ()
    canaries: tuple[CanarySeen, ...] = ()
    """Those of this session only."""
    states: tuple[StateSpan, ...] = ()
    moments: tuple[Moment, ...] = ()
    host_available: Curve = field(default_factory=Curve)
    lag_s: Curve = field(default_factory=Curve)
    imported: tuple[ImportedSeries, ...] = ()
    bench: PlanSeen | None = None
    """None: it is of no benchmark."""
    phases: tuple[PhaseSeen, ...] = ()
    """In the order of their begins; ``id`` is their place, from 1."""
    counts: tuple[CountsSeen, ...] = ()
    """Around trials with requests in flight."""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def duration_s(self) -> float:
        """First to last line."""
        return (self.ended_ns - self.began_ns) / 1e9

    def server(self, name: str) -> ServerSeen | None:
        """The server of that name."""
        return next((one for one in self.servers if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A line of the list of sessions, read from the head and the tail of its journal."""

    run_id: str
    path: str
    """Its folder."""
    wall_ns: int | None = None
    """When it began; None: its header cannot be read."""
    duration_s: float | None = None
    size_bytes: int = 0
    """Of the journal."""
    is_running: bool = False
    """Another program, or this one, writes to it now."""
    partial: str | None = None
    """Why it is not whole; None: it is, or it still runs."""
    source: str | None = None
    demo: str | None = None
    plan: str | None = None
    """Name of the plan of a benchmark; None: it is of none."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """How many of its verdicts have which word."""
    servers: tuple[str, ...] = ()
    operations: int | None = None
    """That ended."""
    exports: tuple[str, ...] = ()
    """Names of the files that were made from it."""
