"""Operations as lines, and back; and the class that an attempt belongs to."""

from enum import StrEnum
from typing import TypeVar

from sleeptui.core.model import ServerView
from sleeptui.core.operation import (
    Cause,
    Fate,
    Kind,
    Operation,
    OperationRecord,
    Outcome,
    Part,
    Phase,
)
from sleeptui.recorder.line import ns, seconds
from sleeptui.recorder.line_operations import OpBegin, OpEnd, OpQueued, Standing

_BY_CAUSE = {
    Cause.NOTHING_FREED: "no_op",
    Cause.ALREADY_SO: "no_op",
    Cause.OUT_OF_MEMORY: "http_error",
    Cause.WEDGED: "http_error",
    Cause.REJECTED: "http_error",
    Cause.ENGINE_LOST: "engine_dead",
    Cause.NOT_STARTED: "engine_dead",
    Cause.NO_ANSWER: "timeout",
    Cause.GARBAGE: "wrong_output",
    Cause.NO_TOKENS: "wrong_output",
}
"""The others are ``invalid``, with their name."""
_BY_FATE = {Fate.ABORTED: "invalid:aborted", Fate.CUT: "conn_error"}
"""Of a prompt that failed: what became of its request."""
_E = TypeVar("_E", bound=StrEnum)
_D = TypeVar("_D")


def class_of(record: OperationRecord, fate: Fate | None = None) -> str:
    """The class of an attempt; ``ok`` alone enters the statistics of latencies.

    Args:
        record: How it ended.
        fate: Of its last request.
    """
    if record.cause is not None:
        return _BY_CAUSE.get(record.cause, f"invalid:{record.cause.value}")
    match record.outcome:
        case Outcome.DONE if record.cold is not None and record.cold.is_invalid:
            return "invalid:cache"
        case Outcome.DONE:
            return "disturbed" if record.is_disturbed else "ok"
        case Outcome.CANCELLED:
            return "user_abort"
        case Outcome.UNKNOWN:
            return "timeout"
        case Outcome.SUSPECT:
            return "invalid:its state says otherwise"
        case _:
            return _BY_FATE.get(fate, "http_error") if fate is not None else "http_error"


def standing(
    view: ServerView, *, sleeping: bool | None, used_b: dict[int, int], state: str | None = None
) -> Standing:
    """A server as it stands.

    Args:
        view: Its picture.
        sleeping: What it last said.
        used_b: Used memory of all GPUs.
        state: Instead of that of the picture, which may show the operation already.
    """
    metrics, memory = view.metrics, view.memory
    gpus = view.spec.gpus or (tuple(memory.by_gpu) if memory else tuple(used_b))
    return Standing(
        state=state or view.state.value,
        level=view.level,
        sleeping=sleeping,
        sleep_state=metrics.sleep_metric.value if metrics and metrics.sleep_metric else None,
        running=metrics.running if metrics else None,
        waiting=metrics.waiting if metrics else None,
        held_b=memory.total_bytes if memory else None,
        source=memory.source.value if memory else None,
        used_b={index: used_b[index] for index in gpus if index in used_b},
        process_start_s=metrics.process_start_s if metrics else None,
    )


def queued_line(operation: Operation, at_s: float) -> OpQueued:
    """An operation that waits."""
    return OpQueued(
        t=ns(at_s),
        s=operation.server,
        op=operation.id,
        name=operation.kind.value,
        level=operation.level,
        mode=operation.mode,
        parent=operation.parent,
        note=operation.note,
    )


def begin_line(operation: Operation, at_s: float, pre: Standing | None) -> OpBegin:
    """An operation that begins."""
    return OpBegin(
        t=ns(at_s),
        s=operation.server,
        op=operation.id,
        name=operation.kind.value,
        level=operation.level,
        mode=operation.mode,
        phase=operation.phase.value,
        parent=operation.parent,
        began_ns=ns(operation.began_s),
        pre=pre,
    )


def end_line(record: OperationRecord, at_s: float, cls: str, post: Standing | None) -> OpEnd:
    """An operation that has ended."""
    return OpEnd(
        t=ns(at_s),
        s=record.server,
        op=record.id,
        name=record.kind.value,
        level=record.level,
        mode=record.mode,
        outcome=record.outcome.value,
        cause=record.cause.value if record.cause else None,
        cls=cls,
        began_ns=ns(record.began_s),
        sent_ns=None if record.sent_s is None else ns(record.sent_s),
        done_ns=None if record.done_s is None else ns(record.done_s),
        duration_s=record.duration_s,
        parts=tuple((part.name, part.duration_s) for part in record.parts),
        freed_b=record.freed_bytes,
        residual_b=record.residual_bytes,
        host_b=record.host_bytes,
        in_flight=record.in_flight,
        cold=record.cold,
        verification=record.verification,
        first_token_s=record.first_token_s,
        tokens_per_s=record.tokens_per_s,
        server_op_s=record.server_s,
        lag_s=record.loop_lag_s,
        stamp_lag_s=record.stamp_lag_s,
        message=record.message,
        known=record.known,
        hint=record.hint,
        forced=record.is_forced,
        post=post,
    )


def operation_of(line: OpQueued | OpBegin, began_s: float) -> Operation:
    """The operation that a line tells of; a kind that is new here reads as a prompt.

    Args:
        line: It waits, or begins.
        began_s: When it began, of one that waits when it was asked for.
    """
    return Operation(
        id=line.op,
        kind=_one(Kind, line.name, Kind.PROMPT),
        server=line.s,
        began_s=began_s,
        phase=phase_of(line.phase) if isinstance(line, OpBegin) else Phase.QUEUED,
        level=line.level,
        mode=line.mode,
        parent=line.parent,
        note=line.note if isinstance(line, OpQueued) else "",
    )


def phase_of(word: str) -> Phase:
    """The phase of that name; one that is new here reads as that the request is out."""
    return _one(Phase, word, Phase.CALLING)


def record_of(line: OpEnd) -> OperationRecord:
    """The record that a line tells of."""
    return OperationRecord(
        id=line.op,
        kind=_one(Kind, line.name, Kind.PROMPT),
        server=line.s,
        began_s=seconds(line.began_ns),
        duration_s=line.duration_s,
        sent_s=None if line.sent_ns is None else seconds(line.sent_ns),
        done_s=None if line.done_ns is None else seconds(line.done_ns),
        outcome=_one(Outcome, line.outcome, Outcome.UNKNOWN),
        level=line.level,
        mode=line.mode,
        parts=tuple(Part(name=name, duration_s=took_s) for name, took_s in line.parts),
        freed_bytes=line.freed_b,
        residual_bytes=line.residual_b,
        host_bytes=line.host_b,
        in_flight=line.in_flight,
        cold=line.cold,
        verification=line.verification,
        first_token_s=line.first_token_s,
        tokens_per_s=line.tokens_per_s,
        server_s=line.server_op_s,
        loop_lag_s=line.lag_s,
        stamp_lag_s=line.stamp_lag_s,
        message=line.message,
        known=line.known,
        hint=line.hint,
        is_forced=line.forced,
        cause=None if line.cause is None else _one(Cause, line.cause, None),
    )


def _one(kinds: type[_E], word: str, other: _D) -> _E | _D:
    """The member of that value; ``other`` for one that a newer version has written."""
    try:
        return kinds(word)
    except ValueError:
        return other
