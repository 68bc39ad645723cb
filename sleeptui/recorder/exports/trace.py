"""``trace.json``: the session for Perfetto, as Chrome's trace events.

A server is a process of the trace. Thread 1 has its operations as nested slices, thread 2 its
states; requests are asynchronous, each with an id of its own, because slices of one track may not
overlap. A GPU's memory and power, and a server's queue, are counters.

Format: "Trace Event Format" (Google, 2016), and Perfetto's notes on what it takes from it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sleeptui.core.session import Session
from sleeptui.core.text import one_line
from sleeptui.recorder.exports.trace_check import check
from sleeptui.recorder.exports.trace_counters import counters
from sleeptui.recorder.exports.trace_slices import (
    OPS_TID,
    PHASES_TID,
    STATE_TID,
    operations,
    phases,
    requests,
    states,
)

SESSION_PID = 1
"""Marks, notes and anomalies, and the GPUs."""
Event = dict[str, Any]


def trace(session: Session) -> bytes:
    """The file.

    Raises:
        ExportError: What came out breaks the rules of the format: nothing is written then.
    """
    pids = {one.name: number for number, one in enumerate(session.servers, SESSION_PID + 1)}
    events: list[Event] = [
        *phases(session, SESSION_PID),
        *operations(session, pids),
        *states(session, pids),
        *requests(session, pids),
        *counters(session, pids, SESSION_PID),
        *_moments(session, pids),
    ]
    _settle(events, session)
    events = [*_names(pids, events), *events]
    check(events)
    lines = ",\n".join(
        json.dumps(event, separators=(",", ":"), allow_nan=False) for event in events
    )
    about = json.dumps(_about(session), allow_nan=False)
    return f'{{"displayTimeUnit":"ms","otherData":{about},"traceEvents":[\n{lines}\n]}}\n'.encode()


def _settle(events: list[Event], session: Session) -> None:
    """Sort, and turn nanoseconds of the machine into microseconds since the first of them."""
    origin = min([session.began_ns, *(event["ts"] for event in events)])
    # Of two that begin together the longer one lies around the other.
    events.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
    for event in events:
        event["ts"] = (event["ts"] - origin) / 1000
        if "dur" in event:
            event["dur"] /= 1000


def _moments(session: Session, pids: Mapping[str, int]) -> Iterator[Event]:
    """Marks, notes and anomalies, at their server, else over all of the trace."""
    for one in session.moments:
        pid = pids.get(one.server or "", SESSION_PID)
        yield {
            "ph": "i",
            "s": "g" if one.kind == "mark" else "p",
            "name": one_line(one.text) or one.kind,
            "cat": one.kind,
            "pid": pid,
            "tid": OPS_TID,
            "ts": one.at_ns,
            "args": {"code": one.code, "severity": one.severity, "at_ns": one.at_ns},
        }


def _names(pids: Mapping[str, int], events: Iterable[Event]) -> Iterator[Event]:
    """Names of the processes and of the threads that have something."""
    yield _name("process_name", SESSION_PID, 0, "session and GPUs")
    yield {**_name("process_sort_index", SESSION_PID, 0, ""), "args": {"sort_index": -1}}
    for server, pid in pids.items():
        yield _name("process_name", pid, 0, one_line(server, 80))
    threads = sorted({(one["pid"], one["tid"]) for one in events if one["ph"] in "Xi"})
    for pid, tid in threads:
        known, other = {OPS_TID: "ops", STATE_TID: "state"}, "ops beside"
        if pid == SESSION_PID:
            known, other = {OPS_TID: "marks", PHASES_TID: "phases"}, "phases beside"
        yield _name("thread_name", pid, tid, known.get(tid, other))


def _name(what: str, pid: int, tid: int, name: str) -> Event:
    return {"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {"name": name}}


def _about(session: Session) -> dict[str, str]:
    """What Perfetto shows under “Info and stats”."""
    return {
        "run_id": session.run_id,
        "tool": session.tool,
        "journal_sha256": session.journal_sha256,
        "began_ns": str(session.began_ns),
        "partial": session.partial or "",
        "simulated": session.demo or "",
    }
