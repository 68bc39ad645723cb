"""What bringing a fleet up has come to, as lines of text. Pure."""

from collections.abc import Sequence

from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import Kind, OperationRecord, Outcome
from sleeptui.core.text import one_line
from sleeptui.core.units import duration, memory

_HEAD = ("NAME", "STATE", "CHECK", "GPU MEMORY", "STARTED IN", "FIRST TOKEN")
_NAME_WIDTH = 40
_NOT_KNOWN = "--"


def table(views: Sequence[ServerView], records: Sequence[OperationRecord]) -> list[str]:
    """A row a server: how it stands, and how long its start took.

    Args:
        views: The servers, as they stand.
        records: The operations of this run; where no start came to its end no time is told.
    """
    starts = {
        one.server: one
        for one in records
        if one.kind is Kind.START and one.outcome in (Outcome.DONE, Outcome.SUSPECT)
    }
    rows = [_HEAD, *(_row(view, starts.get(view.name)) for view in views)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(view: ServerView, start: OperationRecord | None) -> tuple[str, ...]:
    level = f" L{view.level}" if view.level is not None else ""
    return (
        one_line(view.name, _NAME_WIDTH),
        f"{view.state.value}{level}",
        _NOT_KNOWN if view.state is State.DOWN else view.check.value,
        memory(view.memory.total_bytes) if view.memory else _NOT_KNOWN,
        _time(start.duration_s if start else None),
        _time(start.first_token_s if start else None),
    )


def _time(seconds: float | None) -> str:
    return _NOT_KNOWN if seconds is None else duration(seconds)
