"""The fields of all machine-readable output, one by one.

Fields are only ever added while ``v`` of a document stays the same. Unknown is null, never 0;
units stand in the names: ``bytes``, ``s`` (seconds).
"""

from typing import TypedDict


class QueueJson(TypedDict):
    """Requests that a server holds."""

    running: int | None
    """vllm:num_requests_running"""
    waiting: int | None
    """vllm:num_requests_waiting"""
    parked: int | None
    """Sent to a sleeping server; they wait for the wake."""
    frozen: bool
    """running and waiting are those of the last step before the sleep."""


class MemoryJson(TypedDict):
    """GPU memory that a server holds now."""

    bytes: int
    """On all its GPUs."""
    source: str
    """measured: NVML's figures of its processes; estimated: the change around our operations"""
    by_gpu: dict[str, int]
    """Bytes by NVML index."""


class DriftJson(TypedDict):
    """Something that grows from cycle to cycle."""

    what: str
    """residual, host memory"""
    cycles: int
    """Over how many cycles of sleep and wake."""
    grown_bytes: int
    """In all."""
    slope_bytes: float | None
    """A cycle (Theil-Sen)."""
    low_bytes: float | None
    high_bytes: float | None
    """Its 95 % interval."""


class VerificationJson(TypedDict):
    """What a canary said."""

    check: str
    """verified, unverified, changed"""
    decodes: bool
    """Tokens came, to the end, with probabilities that are numbers."""
    matches: bool | None
    """They are those of the reference; null: nothing to compare with."""
    grade: str | None
    """identical, within noise, late divergence, garbage, no answer"""
    words: str
    """One clause that says so."""
    inconclusive: bool
    """It says nothing of the weights: the server refused, or was busy."""
    first_difference: int | None
    """Index of the first token that differs."""
    largest_gap_nats: float | None
    """Of the log probabilities up to there."""
    took_s: float | None
    """Request written to last token."""
    first_token_s: float | None
    """Request written to first token."""
    reference_wall_s: float | None
    """When the reference was taken, seconds since the epoch; null: there is none."""


class OperationJson(TypedDict):
    """An operation of ours that is queued or runs."""

    id: int
    kind: str
    """sleep, wake, switch, prompt, verify"""
    phase: str
    """queued, draining, calling, reloading, settling, verifying, making room, streaming"""
    level: int | None
    mode: str | None
    note: str | None
    """What it waits for, while queued."""
    expected_s: float | None
    """How long it took the last times."""


class PartJson(TypedDict):
    """A timed part of an operation."""

    name: str
    """reference, drain, call, weights, reload, kv_cache, reset, state, memory, canary, total"""
    duration_s: float


class InFlightJson(TypedDict):
    """Requests around a sleep."""

    running: int | None
    waiting: int | None
    """Before it, by the server's metrics."""
    finished: dict[str, int]
    """What the server's own counters have added by finished_reason, until after it."""
    ours: dict[str, int]
    """Requests that sleeptui had sent, by fate: completed, aborted, frozen, parked, cut."""


class ColdJson(TypedDict):
    """From what a server started."""

    asked: str | None
    """cold_cached, cold_disk, cold_virgin: what was prepared; null: nothing."""
    kind: str
    """What is proven; else cold_unknown."""
    proof: str
    """How, or why not."""
    weight_bytes: int | None
    resident_before: float | None
    """Share of the weights in the page cache just before, 0 to 1."""
    read_bytes: int | None
    """Read physically by its processes until it answered."""
    compile_cache: str
    """populated, empty, unknown"""
    poll_s: float | None
    """Between two looks at /health."""
    phases: dict[str, float]
    """Seconds of its own steps, as its log tells them."""


class RecordJson(TypedDict):
    """An operation that has ended."""

    id: int
    """Its number in this run."""
    server: str
    kind: str
    """sleep, wake, switch, prompt, verify, start, stop"""
    outcome: str
    """done, suspect, failed, unknown, cancelled"""
    cause: str | None
    """Why it did not end well: nothing freed, out of memory, wedged, stopped midway, no weights,
    garbage, no tokens, no room, engine lost, no answer, still busy, rejected, not started, not
    stopped, already so"""
    level: int | None
    mode: str | None
    duration_s: float
    """Sleep, wake: request written to answer complete. Start: to the first good /health."""
    server_s: float | None
    """The server's own figure (vLLM 0.32 and later)."""
    first_token_s: float | None
    """Prompt: sent to first token. Wake, start: from its begin to the canary's first token."""
    tokens_per_s: float | None
    """Prompts."""
    loop_lag_s: float
    """Longest stall of sleeptui while it ran."""
    parts: list[PartJson]
    freed_bytes: int | None
    """Sleep: GPU memory used before less used after; null: not measured."""
    residual_bytes: int | None
    """GPU memory that the server held asleep."""
    host_bytes: int | None
    """Sleep: host memory that it took."""
    cold: ColdJson | None
    """Start: from what."""
    in_flight: InFlightJson | None
    verification: VerificationJson | None
    message: str
    """What is true now."""
    known: list[str]
    """How that is known."""
    hint: str
    """What to do; empty: nothing."""
    is_forced: bool
    """The user has overruled the fit check."""


class FindingJson(TypedDict):
    """One thing that the doctor examined."""

    id: str
    """Stable name: sleep_mode, bug.32714, gpu.0; unique with ``server``."""
    subject: str
    """server, machine"""
    server: str | None
    """Name of the server; null: the machine."""
    title: str
    status: str
    """bad, warn, unknown, ok"""
    what: str
    """What is."""
    known: str
    """How that is known."""
    next: str
    """What to do; empty where all is well."""


class HostJson(TypedDict):
    """Memory of this machine."""

    total_bytes: int
    available_bytes: int
    """Can be had without swapping."""


class ServerJson(TypedDict):
    """The picture of one server."""

    name: str
    url: str
    """Without user and password."""
    state: str
    """unknown, awake, draining, falling asleep, waking, verifying, reloading, starting, stopping,
    asleep, paused, partial, suspect, wedged, no control, down, stale"""
    level: int | None
    """Sleep level: 0, 1, 2."""
    check: str
    """verified, unverified, changed: the newest canary since it last woke"""
    decodes: bool | None
    matches: bool | None
    grade: str | None
    """As in ``verification``; null: not asked, or not known."""
    reason: str
    """Why it is in that state, where that needs saying."""
    advice: str
    """What helps."""
    evidence: list[str]
    """How the state is known, a line a signal."""
    version: str | None
    models: list[str]
    """Served names."""
    queue: QueueJson
    memory: MemoryJson | None
    residual_bytes: int | None
    """GPU memory held while asleep, as last measured."""
    cycles: int
    """Our sleeps that ended well since the server was started."""
    drift: list[DriftJson]
    verification: VerificationJson | None
    operation: OperationJson | None
    last_operations: list[RecordJson]
    """Newest first."""


class HostUseJson(TypedDict):
    """Host memory that a server holds now."""

    bytes: int
    """Resident, summed over its processes."""
    source: str
    """measured: it is one process; estimated: what its processes share counts for each"""


class IdleJson(TypedDict):
    """How long no request has run."""

    s: float
    """0: one runs."""
    is_least: bool
    """It was no shorter: what was before the first look is not known."""


class LastJson(TypedDict):
    """The operation of ours that ended last, of this run or of an earlier one."""

    kind: str
    outcome: str
    """As in an operation."""
    level: int | None
    duration_s: float | None
    """Of a prompt its first-token time."""
    ended_wall_s: float | None
    """Seconds since the epoch."""


class PsServerJson(ServerJson):
    """A server as a row of ``ps``."""

    host_memory: HostUseJson | None
    idle: IdleJson | None
    last: LastJson | None


class PsJson(TypedDict):
    """What ``sleeptui ps --json`` prints, beside ``schema`` and ``v``; with ``--watch`` a line."""

    taken_wall_s: float
    """Seconds since the epoch."""
    complete: bool
    """Everything was looked at in time."""
    missing: list[str]
    """What was not."""
    servers: list[PsServerJson]
    """In the order of the fleet."""


class DoctorJson(TypedDict):
    """What ``sleeptui doctor --json`` prints, beside ``schema`` and ``v``."""

    taken_wall_s: float
    """Seconds since the epoch."""
    complete: bool
    """Everything was looked at in time."""
    missing: list[str]
    """What was not."""
    counts: dict[str, int]
    """Findings by status."""
    findings: list[FindingJson]
    """By server in fleet order, then the machine; of each the worst first."""
    servers: list[ServerJson]
    host: HostJson | None
    """Memory of this machine."""


class BroughtJson(TypedDict):
    """A fleet that was brought up, or ended."""

    done: bool
    """All is as it was asked for."""
    problem: str
    """Why not, in one sentence; empty: it is."""
    hint: str
    operations: list[RecordJson]
    """In their order."""
    servers: list[ServerJson]
    """As they stand now."""


class ResultJson(TypedDict):
    """What came of an order at one server."""

    server: str
    result: str
    """done, already so, suspect, wrong answers, failed, refused, unknown, unreachable,
    cancelled"""
    message: str
    """What is true now, or why nothing was done."""
    hint: str
    """What to do; empty: nothing."""
    operation: int | None
    """Its ``id`` in ``operations``; null: nothing was begun."""


class ActedJson(BroughtJson):
    """What ``sleep``, ``wake``, ``switch`` and ``verify`` print with ``--json``.

    ``operations`` has those within a switch too; ``servers`` are those that were named.
    """

    results: list[ResultJson]
    """One for each server, in the order of the asking."""


class PromptedJson(ActedJson):
    """What ``prompt`` prints with ``--json``; its times are in its operation."""

    answer: str
    """As much as came, without control sequences."""
    finish_reason: str | None
    """stop, length, abort, error; null: the answer was cut off, or there was none."""
    prompt_tokens: int | None
    completion_tokens: int | None


class LogJson(TypedDict):
    """What ``log`` prints with ``--json``."""

    server: str
    source: str
    """The container, the file or the process that the lines are of."""
    lines: list[str]
    """The last ones, without control sequences."""
    problem: str
    """Why there are none, in one sentence; empty: there are."""
    hint: str
