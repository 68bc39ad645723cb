"""What ``sleeptui ps --json`` says: the servers, with what a table of processes has. Pure."""

from collections.abc import Sequence

from sleeptui.core.home import Home
from sleeptui.core.idle import Idle, idle
from sleeptui.core.learned import LastOperation
from sleeptui.core.model import MemorySource, ServerView
from sleeptui.services import as_json
from sleeptui.services.json_shapes import (
    HostUseJson,
    IdleJson,
    LastJson,
    PsJson,
    PsServerJson,
)


def document(
    views: Sequence[ServerView], missing: Sequence[str], *, now_s: float, wall_s: float
) -> PsJson:
    """The whole document.

    Args:
        views: The servers that are shown, in their order.
        missing: What could not be looked at in time, in words.
        now_s: Monotonic.
        wall_s: The same moment, seconds since the epoch.
    """
    epoch_s = wall_s - now_s
    return PsJson(
        taken_wall_s=wall_s,
        complete=not missing,
        missing=list(missing),
        servers=[_server(view, now_s, epoch_s) for view in views],
    )


def _server(view: ServerView, now_s: float, epoch_s: float) -> PsServerJson:
    return PsServerJson(
        **as_json.server(view),
        host_memory=_host(view.home),
        idle=_idle(idle(view, now_s, epoch_s)),
        last=_last(last_of(view, epoch_s)),
    )


def last_of(view: ServerView, epoch_s: float) -> LastOperation | None:
    """The operation of ours that ended last, of this run or of an earlier one."""
    if not view.history:
        return view.learned.last
    record = view.history[0]
    ended_s = record.began_s + record.duration_s if record.done_s is None else record.done_s
    return LastOperation.of(record, epoch_s + ended_s)


def _host(home: Home | None) -> HostUseJson | None:
    if home is None or home.host_bytes is None:
        return None
    source = MemorySource.ESTIMATED if home.shares_memory else MemorySource.MEASURED
    return HostUseJson(bytes=home.host_bytes, source=source.value)


def _idle(one: Idle | None) -> IdleJson | None:
    return None if one is None else IdleJson(s=one.seconds, is_least=one.is_least)


def _last(one: LastOperation | None) -> LastJson | None:
    if one is None:
        return None
    return LastJson(
        kind=one.kind.value,
        outcome=one.outcome.value,
        level=one.level,
        duration_s=one.duration_s,
        ended_wall_s=one.ended_wall_s,
    )
