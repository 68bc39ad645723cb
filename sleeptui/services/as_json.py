"""What JSON says: the one shape of a server, an operation record, a verification.

All machine-readable output has it, and tests compare against it. Fields are only ever added while
``v`` of a document stays the same. Unknown is null, never 0; units stand in the names: ``bytes``,
``s`` (seconds). The text is strict JSON in ASCII: no NaN, no control sequences of a server.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TypedDict
from urllib.parse import urlsplit, urlunsplit

from sleeptui.core.canary import Verification
from sleeptui.core.drift import Drift
from sleeptui.core.model import GpuMemory, HostMemory, ServerView
from sleeptui.core.operation import InFlight, Operation, OperationRecord, Part
from sleeptui.core.text import clean
from sleeptui.services.doctor_finding import ORDER, Finding, Scene

VERSION = 1
"""``v`` of every document: raised when a field changes its meaning or goes."""
OPERATIONS_SHOWN = 5
"""``last_operations`` of a server has at most so many."""


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


class RecordJson(TypedDict):
    """An operation that has ended."""

    id: int
    """Its number in this run."""
    server: str
    kind: str
    """sleep, wake, switch, prompt, verify"""
    outcome: str
    """done, suspect, failed, unknown, cancelled"""
    cause: str | None
    """Why it did not end well: nothing freed, out of memory, wedged, stopped midway, no weights,
    garbage, no tokens, no room, engine lost, no answer, still busy, rejected"""
    level: int | None
    mode: str | None
    duration_s: float
    """Sleep, wake: request written to answer complete."""
    server_s: float | None
    """The server's own figure (vLLM 0.32 and later)."""
    first_token_s: float | None
    """Prompt: sent to first token. Wake: first request written to the canary's first token."""
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


def server(view: ServerView) -> ServerJson:
    """The picture of one server."""
    verification = of_verification(view.verification)
    told = verification if verification and not verification["inconclusive"] else None
    return ServerJson(
        name=view.name,
        url=bare_url(view.spec.url),
        state=view.state.value,
        level=view.level,
        check=view.check.value,
        decodes=told["decodes"] if told else None,
        matches=told["matches"] if told else None,
        grade=told["grade"] if told else None,
        reason=view.reason,
        advice=view.advice,
        evidence=list(view.evidence),
        version=view.facts.version,
        models=list(view.facts.models),
        queue=_queue(view),
        memory=_memory(view.memory),
        residual_bytes=view.residual_bytes,
        cycles=view.cycles,
        drift=[_drift(one) for one in view.drift],
        verification=verification,
        operation=_operation(view.operation, view.expected_s),
        last_operations=[record(one) for one in view.history[:OPERATIONS_SHOWN]],
    )


def record(ended: OperationRecord) -> RecordJson:
    """An operation that has ended."""
    return RecordJson(
        id=ended.id,
        server=ended.server,
        kind=ended.kind.value,
        outcome=ended.outcome.value,
        cause=ended.cause.value if ended.cause else None,
        level=ended.level,
        mode=ended.mode,
        duration_s=ended.duration_s,
        server_s=ended.server_s,
        first_token_s=ended.first_token_s,
        tokens_per_s=ended.tokens_per_s,
        loop_lag_s=ended.loop_lag_s,
        parts=[_part(part) for part in ended.parts],
        freed_bytes=ended.freed_bytes,
        residual_bytes=ended.residual_bytes,
        host_bytes=ended.host_bytes,
        in_flight=_in_flight(ended.in_flight),
        verification=of_verification(ended.verification),
        message=ended.message,
        known=list(ended.known),
        hint=ended.hint,
        is_forced=ended.is_forced,
    )


def finding(one: Finding) -> FindingJson:
    """One thing that the doctor examined."""
    return FindingJson(
        id=one.id,
        subject="machine" if one.server is None else "server",
        server=one.server,
        title=one.title,
        status=one.status.value,
        what=one.what,
        known=one.known,
        next=one.next,
    )


def doctor(scene: Scene, findings: Sequence[Finding], missing: Sequence[str]) -> DoctorJson:
    """All that the doctor says, with the servers as it saw them."""
    counted = Counter(one.status for one in findings)
    return DoctorJson(
        taken_wall_s=scene.wall_s,
        complete=not missing,
        missing=list(missing),
        counts={status.value: counted[status] for status in ORDER},
        findings=[finding(one) for one in findings],
        servers=[server(view) for view in scene.fleet.servers],
        host=_host(scene.fleet.host),
    )


def of_verification(one: Verification | None) -> VerificationJson | None:
    """What a canary said."""
    if one is None:
        return None
    verdict = one.verdict
    return VerificationJson(
        check=one.check.value,
        decodes=verdict.decodes,
        matches=verdict.matches,
        grade=verdict.grade.value if verdict.grade else None,
        words=verdict.words,
        inconclusive=one.is_inconclusive,
        first_difference=verdict.first_difference,
        largest_gap_nats=verdict.largest_gap,
        took_s=one.took_s,
        first_token_s=one.first_token_s,
        reference_wall_s=one.reference_wall_s,
    )


def text(schema: str, fields: Mapping[str, object]) -> str:
    """A whole document as strict JSON, indented, in ASCII.

    Args:
        schema: What it is: ``doctor``, ``ps``; written as ``sleeptui.doctor``.
        fields: What it has beside ``schema`` and ``v``.
    """
    document = {"schema": f"sleeptui.{schema}", "v": VERSION, **fields}
    return json.dumps(_strict(document), indent=2, allow_nan=False)


def bare_url(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _host(host: HostMemory | None) -> HostJson | None:
    if host is None:
        return None
    return HostJson(total_bytes=host.total_bytes, available_bytes=host.available_bytes)


def _queue(view: ServerView) -> QueueJson:
    metrics = view.metrics
    return QueueJson(
        running=metrics.running if metrics else None,
        waiting=metrics.waiting if metrics else None,
        parked=view.parked,
        frozen=view.queue_frozen,
    )


def _memory(held: GpuMemory | None) -> MemoryJson | None:
    if held is None:
        return None
    by_gpu = {str(index): used for index, used in sorted(held.by_gpu.items())}
    return MemoryJson(bytes=held.total_bytes, source=held.source.value, by_gpu=by_gpu)


def _drift(one: Drift) -> DriftJson:
    return DriftJson(
        what=one.what,
        cycles=one.cycles,
        grown_bytes=one.grown_bytes,
        slope_bytes=one.slope_bytes,
        low_bytes=one.low_bytes,
        high_bytes=one.high_bytes,
    )


def _operation(one: Operation | None, expected_s: float | None) -> OperationJson | None:
    if one is None:
        return None
    return OperationJson(
        id=one.id,
        kind=one.kind.value,
        phase=one.phase.value,
        level=one.level,
        mode=one.mode,
        note=one.note or None,
        expected_s=expected_s,
    )


def _part(part: Part) -> PartJson:
    return PartJson(name=part.name, duration_s=part.duration_s)


def _in_flight(one: InFlight | None) -> InFlightJson | None:
    if one is None:
        return None
    return InFlightJson(
        running=one.running,
        waiting=one.waiting,
        finished=dict(one.finished),
        ours={fate.value: number for fate, number in one.ours.items()},
    )


def _strict(value: object) -> object:
    """As JSON can say it: text cleaned, no number that is none."""
    match value:
        case float():
            return value if isfinite(value) else None
        case str():
            return clean(value)
        case Mapping():
            return {clean(str(key)): _strict(one) for key, one in value.items()}
        case Sequence():
            return [_strict(one) for one in value]
        case _:
            return value
