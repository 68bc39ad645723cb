"""From the values to what JSON says of them: servers, operation records, findings.

All machine-readable output has the one shape of ``services.json_shapes``, and tests compare
against it. The text is strict JSON in ASCII: no NaN, no control sequences of a server.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from sleeptui.core.canary import Verification
from sleeptui.core.drift import Drift
from sleeptui.core.model import GpuMemory, HostMemory, ServerView
from sleeptui.core.operation import InFlight, Operation, OperationRecord, Part
from sleeptui.core.text import clean
from sleeptui.services.doctor_finding import ORDER, Finding, Scene
from sleeptui.services.json_shapes import (
    BroughtJson,
    ColdJson,
    DoctorJson,
    DriftJson,
    FindingJson,
    HostJson,
    InFlightJson,
    MemoryJson,
    OperationJson,
    PartJson,
    QueueJson,
    RecordJson,
    ServerJson,
    VerificationJson,
)

if TYPE_CHECKING:
    from sleeptui.core.cold import ColdStart

VERSION = 1
"""``v`` of every document: raised when a field changes its meaning or goes."""
OPERATIONS_SHOWN = 5
"""``last_operations`` of a server has at most so many."""


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
        cold=_cold(ended.cold),
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


def brought(
    views: Sequence[ServerView],
    records: Sequence[OperationRecord],
    *,
    problem: str = "",
    hint: str = "",
) -> BroughtJson:
    """What came of bringing a fleet up, or of ending it.

    Args:
        views: Its servers, as they stand.
        records: The operations that it took.
        problem: Why it did not come to its end.
        hint: What to do then.
    """
    return BroughtJson(
        done=not problem,
        problem=problem,
        hint=hint,
        operations=[record(one) for one in records],
        servers=[server(view) for view in views],
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


def text(schema: str, fields: Mapping[str, object], *, is_line: bool = False) -> str:
    """A whole document as strict JSON in ASCII.

    Args:
        schema: What it is: ``doctor``, ``ps``; written as ``sleeptui.doctor``.
        fields: What it has beside ``schema`` and ``v``.
        is_line: On one line, for a stream of documents; else indented.
    """
    document = {"schema": f"sleeptui.{schema}", "v": VERSION, **fields}
    return json.dumps(_strict(document), indent=None if is_line else 2, allow_nan=False)


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


def _cold(one: "ColdStart | None") -> ColdJson | None:
    if one is None:
        return None
    return ColdJson(
        asked=one.asked.value if one.asked else None,
        kind=one.kind.value,
        proof=one.proof,
        weight_bytes=one.weight_bytes,
        resident_before=one.resident_before,
        read_bytes=one.read_bytes,
        compile_cache=one.compile_cache,
        poll_s=one.poll_s,
        phases=dict(one.phases),
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
