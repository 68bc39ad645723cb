"""What in a trace has a length: operations, states, requests. Times are nanoseconds here."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, PhaseSeen, RequestSeen, Session
from sleeptui.core.text import one_line

OPS_TID = 1
STATE_TID = 2
PHASES_TID = 3
"""Of the session: the phases of a benchmark."""
BESIDE_TID = 10
"""The first of the threads for operations that overlap another one without lying within it."""
_STAGES = ("weights", "reload", "kv_cache", "reset")
"""Steps of a level 2 wake, one after the other between its first request and its last answer."""

Event = dict[str, Any]


def operations(session: Session, pids: Mapping[str, int]) -> Iterator[Event]:
    """A slice for each operation, with its calls inside; those that overlap have own threads."""
    threads: dict[str, list[list[int]]] = {}
    for one in sorted(session.attempts, key=lambda one: (one.began_ns, -_end(one, session))):
        if one.server not in pids:
            continue
        end = _end(one, session)
        thread = _thread(threads.setdefault(one.server, []), one.began_ns, end)
        tid = OPS_TID if thread == 0 else BESIDE_TID + thread - 1
        place = {"pid": pids[one.server], "tid": tid}
        yield {**place, **_slice(_title(one), one.kind, one.began_ns, end), "args": _facts(one)}
        for name, begin, stop in _calls(one, end):
            yield {
                **place,
                **_slice(name, "call", begin, stop),
                "args": {"began_ns": begin, "ended_ns": stop},
            }


def states(session: Session, pids: Mapping[str, int]) -> Iterator[Event]:
    """A slice for each state that a server was in."""
    for one in session.states:
        if one.server not in pids:
            continue
        level = "" if one.level is None else f" L{one.level}"
        yield {
            "pid": pids[one.server],
            "tid": STATE_TID,
            **_slice(f"{one.state}{level}", "state", one.began_ns, one.ended_ns),
            "args": {"by": one.by, "reason": one.reason, "answers": one.check},
        }


def phases(session: Session, pid: int) -> Iterator[Event]:
    """A slice for each phase of a benchmark, nested; one that never ended lasts to the end."""
    threads: list[list[int]] = []
    ends: dict[int, int] = {}
    for one in session.phases:
        last = ends.get(one.phase.parent or 0, session.ended_ns)
        end = max(last if one.ended_ns is None else one.ended_ns, one.began_ns)
        ends[one.phase.id] = end
        thread = _thread(threads, one.began_ns, end)
        tid = PHASES_TID if thread == 0 else BESIDE_TID + thread - 1
        name = one.phase.title if one.cls == "ok" else f"{one.phase.title}: {one.cls}"
        yield {
            "pid": pid,
            "tid": tid,
            **_slice(one_line(name), one.phase.kind.value, one.began_ns, end),
            "args": _phase_facts(one),
        }


def _phase_facts(one: PhaseSeen) -> dict[str, Any]:
    phase = one.phase
    return {
        "phase": phase.id,
        "class": one.cls,
        "note": one.note,
        "question": phase.question.value if phase.question else None,
        "server": phase.server,
        "arm": phase.arm,
        "block": phase.block,
        "nth": phase.nth,
        "level": phase.level,
        "mode": phase.mode,
        "streams": phase.streams,
        "dwell_s": phase.dwell_s,
        "began_ns": one.began_ns,
        "ended_ns": one.ended_ns,
    }


def requests(session: Session, pids: Mapping[str, int]) -> Iterator[Event]:
    """Begin, milestones and end of each request, in a track of its own."""
    known = (one for one in session.requests if one.server in pids)
    return chain.from_iterable(_request(session, one, pids[one.server]) for one in known)


def _request(session: Session, one: RequestSeen, pid: int) -> Iterator[Event]:
    track = {"cat": "request", "id": f"request-{one.id}", "pid": pid, "tid": OPS_TID}
    begin = one.sent_ns or one.began_ns
    end = max(one.ended_ns or session.ended_ns, begin)
    name = f"{one.cohort} {one.id}"
    yield {"ph": "b", "name": name, "ts": begin, **track, "args": _request_facts(one)}
    for what, at in (
        ("headers", one.headers_ns),
        ("first token", one.first_ns),
        ("last token", one.last_ns),
    ):
        if at is not None:
            at_ns = min(max(at, begin), end)
            yield {"ph": "n", "name": what, "ts": at_ns, **track, "args": {"at_ns": at}}
    yield {"ph": "e", "name": name, "ts": end, **track, "args": {"fate": one.fate}}


def _request_facts(one: RequestSeen) -> dict[str, Any]:
    return {
        "operation": one.operation,
        "began_ns": one.began_ns,
        "sent_ns": one.sent_ns,
        "ended_ns": one.ended_ns,
        "prompt_tokens": one.prompt_tokens,
        "output_tokens": one.output_tokens,
        "max_tokens": one.max_tokens,
        "finish_reason": one.finish_reason,
        "fate": one.fate,
        "error": one.error,
        "longest_silence_s": one.max_gap_s,
        "silence_covers_sleep": one.gap_covers_sleep,
    }


def _title(one: Attempt) -> str:
    level = "" if one.level is None else f" L{one.level}"
    return f"{one.kind}{level}" if one.cls == "ok" else f"{one.kind}{level}: {one.cls}"


def _facts(one: Attempt) -> dict[str, Any]:
    record = one.record
    measured: dict[str, Any] = {}
    if record is not None:
        measured = {
            "outcome": str(record.outcome),
            "duration_s": record.duration_s,
            "parts_s": {part.name: part.duration_s for part in record.parts},
            "freed_bytes": record.freed_bytes,
            "residual_bytes": record.residual_bytes,
            "first_token_s": record.first_token_s,
            "message": record.message,
        }
    return {
        "operation": one.id,
        "class": one.cls,
        "level": one.level,
        "mode": one.mode,
        "part_of": one.parent,
        "life": one.life,
        "cycle": one.cycle,
        "began_ns": one.began_ns,
        "sent_ns": one.sent_ns,
        "done_ns": one.done_ns,
        "ended_ns": one.ended_ns,
        **measured,
    }


def _calls(one: Attempt, end: int) -> Iterator[tuple[str, int, int]]:
    """Its control requests: the whole, and the steps of a level 2 wake, placed by their lengths."""
    if one.sent_ns is None or one.done_ns is None or one.kind == Kind.SWITCH:
        return  # those of a switch are those of its parts, which have slices of their own
    begin = max(one.sent_ns, one.began_ns)
    stop = min(one.done_ns, end)
    if stop < begin:
        return
    yield "call", begin, stop
    parts = {part.name: part.duration_s for part in one.record.parts} if one.record else {}
    for name in _STAGES:
        if name in parts:
            until = min(begin + max(round(parts[name] * 1e9), 0), stop)
            yield name, begin, until
            begin = until


def _end(one: Attempt, session: Session) -> int:
    """Of one that never ended the end of the session."""
    return max(session.ended_ns if one.ended_ns is None else one.ended_ns, one.began_ns)


def _slice(name: str, category: str, begin: int, end: int) -> Event:
    return {"ph": "X", "name": name, "cat": category, "ts": begin, "dur": max(end - begin, 0)}


def _thread(threads: list[list[int]], begin: int, end: int) -> int:
    """The first thread in which the slice lies beside or within those before it."""
    for number, around in enumerate(threads):
        while around and around[-1] <= begin:
            around.pop()
        if not around or end <= around[-1]:
            around.append(end)
            return number
    threads.append([end])
    return len(threads) - 1
