"""What a list says of a recorded session: words and JSON, for the command line and the panel."""

from datetime import datetime
from typing import Final, TypedDict

from sleeptui.core.session import SessionSummary
from sleeptui.core.text import one_line
from sleeptui.core.units import MIB, UNKNOWN, memory

_KIB: Final = 1024
_NAMES_LIMIT: Final = 200
_PLAN_LIMIT: Final = 24


class SessionJson(TypedDict):
    """A recorded session, from the head and the tail of its journal."""

    name: str
    """As the other commands take it."""
    path: str
    """Its folder."""
    began_wall_s: float | None
    """Seconds since the epoch; null: its header cannot be read."""
    duration_s: float | None
    size_bytes: int
    """Of its journal."""
    state: str
    """recording, partial, imported, whole"""
    partial: str | None
    """Why it is not whole; null: it is, or it is still being recorded."""
    source: str | None
    """The tool that an imported one comes from."""
    demo: str | None
    """The simulated fleet that it was recorded on: it measures no GPU."""
    plan: str | None
    """Of a benchmark: the name of its plan."""
    verdicts: dict[str, int]
    """Of a benchmark: how many have which word."""
    servers: list[str]
    operations: int | None
    """That have ended."""
    exports: list[str]
    """Files that were made from it."""


def state(summary: SessionSummary) -> str:
    """What it is, in one word."""
    if summary.is_running:
        return "recording"
    if summary.partial is not None:
        return "partial"
    return "imported" if summary.source is not None else "whole"


def states(summary: SessionSummary) -> str:
    """What it is, as it is shown: what must not be overlooked in capitals."""
    word = state(summary)
    told = word.upper() if word in {"recording", "partial"} else word
    return f"{told}, simulated" if summary.demo is not None else told


def began(summary: SessionSummary) -> str:
    """When it began, in local time: ``2026-11-23 09:30``."""
    if summary.wall_ns is None:
        return UNKNOWN
    return datetime.fromtimestamp(summary.wall_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")


def size(value_bytes: int) -> str:
    """Of a file: ``512 KiB``, ``26 MiB``."""
    return memory(value_bytes) if value_bytes >= MIB else f"{-(-value_bytes // _KIB)} KiB"


def servers(summary: SessionSummary, limit: int = _NAMES_LIMIT) -> str:
    """Their names."""
    return one_line(", ".join(summary.servers), limit) or UNKNOWN


def benchmark(summary: SessionSummary) -> str:
    """Of a benchmark: ``benchmark standard: 11 PASS, 1 INCONCLUSIVE``; else nothing."""
    if summary.plan is None:
        return ""
    told = ", ".join(f"{count} {word}" for word, count in summary.verdicts.items())
    return f"benchmark {one_line(summary.plan, _PLAN_LIMIT)}: {told or 'no verdict'}"


def as_json(summary: SessionSummary) -> SessionJson:
    """All that the list knows of it."""
    return SessionJson(
        name=summary.run_id,
        path=summary.path,
        began_wall_s=None if summary.wall_ns is None else summary.wall_ns / 1e9,
        duration_s=summary.duration_s,
        size_bytes=summary.size_bytes,
        state=state(summary),
        partial=summary.partial,
        source=summary.source,
        demo=summary.demo,
        plan=summary.plan,
        verdicts=dict(summary.verdicts),
        servers=list(summary.servers),
        operations=summary.operations,
        exports=list(summary.exports),
    )
