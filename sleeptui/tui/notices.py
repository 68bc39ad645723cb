"""Short notices of ends of operations and of the recording. The event log has everything."""

from typing import Final, Literal, NamedTuple

from sleeptui.core import units
from sleeptui.core.canary import Check, Grade
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.events import (
    Event,
    Marked,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
)
from sleeptui.core.operation import Cause, Kind, OperationRecord, Outcome
from sleeptui.core.sentences import sentences
from sleeptui.core.text import one_line
from sleeptui.tui.present_proof import grade_words

Severity = Literal["information", "warning", "error"]
_SEVERITY: Final[dict[Outcome, Severity]] = {
    Outcome.DONE: "information",
    Outcome.CANCELLED: "information",
    Outcome.SUSPECT: "warning",
    Outcome.UNKNOWN: "warning",
    Outcome.FAILED: "error",
}
_PAST: Final = {
    Kind.SLEEP: "asleep",
    Kind.WAKE: "awake",
    Kind.SWITCH: "awake",
    Kind.START: "started",
    Kind.STOP: "stopped",
}
_WOKEN: Final = frozenset({Kind.WAKE, Kind.SWITCH, Kind.START})
_WORST: Final = frozenset({Cause.GARBAGE, Cause.NO_TOKENS})
"""It serves, and what it serves is wrong: worse than an operation that failed."""
_CHECKED: Final = {
    Check.VERIFIED: "verified",
    Check.UNVERIFIED: "not verified",
    Check.CHANGED: "answers otherwise",
}
_WORDS: Final = {
    Outcome.DONE: "done",
    Outcome.CANCELLED: "cancelled",
    Outcome.SUSPECT: "suspect",
    Outcome.UNKNOWN: "not known to have ended",
    Outcome.FAILED: "failed",
}


class Notice(NamedTuple):
    """A few words for the corner of the screen."""

    title: str
    text: str
    severity: Severity = "information"


class Notices:
    """Tells which events deserve a notice: the ends of what was asked for here.

    Parts of a switch are told by the switch, prompts by their own screen, and what others did
    by the event log. A check that nobody asked for is told only if it did not match.
    """

    def __init__(self) -> None:
        self._parts: set[int] = set()
        self._asked: set[int] = set()

    def asked(self, number: int) -> None:
        """The user has asked for this verification, and hears of its end in any case."""
        self._asked.add(number)

    def of(self, event: Event) -> Notice | None:
        """The notice of an event, if it is worth one."""
        if isinstance(event, OperationQueued | OperationStarted):
            if event.operation.parent is not None:
                self._parts.add(event.operation.id)
            return None
        if not isinstance(event, OperationEnded):
            return _of_recording(event)
        record = event.record
        if record.id in self._parts:
            self._parts.discard(record.id)
            return None
        if record.kind is Kind.PROMPT or self._is_quiet(record):
            return None
        return _ended(record)

    def _is_quiet(self, record: OperationRecord) -> bool:
        """Nobody asked for it, and nothing came of it."""
        if record.kind is not Kind.VERIFY or record.id in self._asked:
            self._asked.discard(record.id)
            return False
        checked = record.verification
        return checked is None or checked.check is not Check.CHANGED


def _of_recording(event: Event) -> Notice | None:
    match event:
        case RecordingBegan():
            return Notice(title="Recording", text=one_line(event.path))
        case RecordingRefused():
            text = sentences(event.problem, event.hint)
            return Notice(title="No recording", text=one_line(text), severity="error")
        case RecordingTroubled() if event.problem:
            return Notice(
                title="Recording troubled", text=one_line(event.problem), severity="error"
            )
        case RecordingEnded() if event.problem:
            text = sentences(event.problem, event.path)
            return Notice(title="Recorded, not whole", text=one_line(text), severity="error")
        case RecordingEnded():
            return Notice(title="Recorded", text=one_line(event.path))
        case Marked():
            return Notice(title="Marked", text=one_line(event.text))
        case _:
            return None


def of_error(error: SleeptuiError) -> Notice:
    """An expected failure: what, and what to do next."""
    return Notice(title=error.title, text=one_line(str(error)), severity="warning")


def _ended(record: OperationRecord) -> Notice:
    severity: Severity = "error" if record.cause in _WORST else _SEVERITY[record.outcome]
    text = sentences(record.message, record.hint)
    return Notice(title=_title(record), text=one_line(text), severity=severity)


def _title(record: OperationRecord) -> str:
    name = one_line(record.server, limit=40)
    checked = record.verification
    if record.kind is Kind.VERIFY and checked is not None and record.cause not in _WORST:
        decodes = checked.verdict.decodes and not checked.is_inconclusive
        is_new = checked.check is Check.UNVERIFIED and decodes
        found = "answers" if is_new else _CHECKED[checked.check]
        return f"{name} {found} · {grade_words(checked)}"
    if record.cause is Cause.GARBAGE:
        is_late = checked is not None and checked.verdict.grade is Grade.LATE_DIVERGENCE
        return f"{name} answers {'otherwise than before' if is_late else 'garbage'}"
    if record.cause is Cause.NO_TOKENS:
        return f"{name} does not answer"
    if record.outcome is not Outcome.DONE or record.kind not in _PAST:
        return f"{record.kind.value} of {name} {_WORDS[record.outcome]}"
    paused = record.kind is Kind.SLEEP and record.level == 0
    became = "paused" if paused else _PAST[record.kind]
    proof = checked is not None and checked.check is Check.VERIFIED and record.kind in _WOKEN
    verified = " and verified" if proof else ""
    return f"{name} {became}{verified} · {units.duration(record.duration_s)}"
