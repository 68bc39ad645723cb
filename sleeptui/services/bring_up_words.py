"""What bringing a fleet up has come to, as lines of text. Pure."""

from collections.abc import Sequence

from sleeptui.core.model import ServerView
from sleeptui.core.operation import Kind, OperationRecord, Outcome
from sleeptui.core.text import one_line
from sleeptui.core.units import duration
from sleeptui.services.shell_words import NAME_WIDTH, columns, standing

_HEAD = ("NAME", "STATE", "CHECK", "GPU MEMORY", "STARTED IN", "FIRST TOKEN")


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
    return columns(_HEAD, [_row(view, starts.get(view.name)) for view in views])


def _row(view: ServerView, start: OperationRecord | None) -> tuple[str, ...]:
    return (
        one_line(view.name, NAME_WIDTH),
        *standing(view),
        duration(start.duration_s if start else None),
        duration(start.first_token_s if start else None),
    )
