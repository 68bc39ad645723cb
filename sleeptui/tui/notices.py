"""Ends of operations as short notices; no Textual. The event log has everything."""

from dataclasses import dataclass
from typing import Final, Literal

from sleeptui.core import units
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.events import Event, OperationEnded, OperationQueued, OperationStarted
from sleeptui.core.operation import Kind, OperationRecord, Outcome
from sleeptui.core.text import one_line

Severity = Literal["information", "warning", "error"]
_SEVERITY: Final[dict[Outcome, Severity]] = {
    Outcome.DONE: "information",
    Outcome.CANCELLED: "information",
    Outcome.SUSPECT: "warning",
    Outcome.UNKNOWN: "warning",
    Outcome.FAILED: "error",
}
_PAST: Final = {Kind.SLEEP: "asleep", Kind.WAKE: "awake", Kind.SWITCH: "awake"}
_WORDS: Final = {
    Outcome.CANCELLED: "cancelled",
    Outcome.SUSPECT: "suspect",
    Outcome.UNKNOWN: "not known to have ended",
    Outcome.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A few words for the corner of the screen."""

    title: str
    text: str
    severity: Severity = "information"


class Notices:
    """Tells which events deserve a notice: the ends of what was asked for here.

    Parts of a switch are told by the switch, prompts by their own screen, and what others did
    by the event log.
    """

    def __init__(self) -> None:
        self._parts: set[int] = set()

    def of(self, event: Event) -> Notice | None:
        """The notice of an event, if it is worth one."""
        if isinstance(event, OperationQueued | OperationStarted):
            if event.operation.parent is not None:
                self._parts.add(event.operation.id)
            return None
        if not isinstance(event, OperationEnded):
            return None
        record = event.record
        if record.id in self._parts:
            self._parts.discard(record.id)
            return None
        if record.kind is Kind.PROMPT:
            return None
        return _ended(record)


def of_error(error: SleeptuiError) -> Notice:
    """An expected failure: what, and what to do next."""
    return Notice(title=error.title, text=one_line(str(error)), severity="warning")


def _ended(record: OperationRecord) -> Notice:
    name = one_line(record.server, limit=40)
    if record.outcome is Outcome.DONE:
        paused = record.kind is Kind.SLEEP and record.level == 0
        became = "paused" if paused else _PAST[record.kind]
        title = f"{name} {became} · {units.duration(record.duration_s)}"
    else:
        title = f"{record.kind.value} of {name} {_WORDS[record.outcome]}"
    text = ". ".join(part.rstrip(".") for part in (record.message, record.hint) if part)
    return Notice(title=title, text=one_line(text), severity=_SEVERITY[record.outcome])
