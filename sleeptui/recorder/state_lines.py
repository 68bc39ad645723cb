"""Changes of state as lines, with who did it."""

from sleeptui.core.fleet import OURS_FOR_S
from sleeptui.core.lifecycle import TRANSITIONS
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import Kind, OperationRecord
from sleeptui.recorder.line import ns
from sleeptui.recorder.line_operations import StateLine

OURS = "sleeptui"
OTHERS = "other"
ITSELF = "server"
_BY_ITSELF = frozenset(
    {
        State.UNKNOWN,
        State.DOWN,
        State.STALE,
        State.STARTING,
        State.STOPPING,
        State.WEDGED,
        State.SUSPECT,
        State.NO_CONTROL,
    }
)
"""What nobody asks for: a server comes to it, and from it, by itself."""
_ASLEEP = frozenset({State.ASLEEP, State.PAUSED, State.PARTIAL})
_ANSWERING = _ASLEEP | {State.AWAKE, State.SUSPECT, State.NO_CONTROL}
"""States in which it tells whether it sleeps: where that has changed, somebody has asked for it."""


class StateLines:
    """The states of one server, on their way into lines.

    Attributes:
        state: The one that was written last.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.state: State | None = None
        self._level: int | None = None
        self._check: str | None = None
        self._looks_ns: tuple[int | None, int | None] = (None, None)
        self._acts = False
        self._last: OperationRecord | None = None
        self._last_s = 0.0

    def looked(self, at_s: float) -> None:
        """Take in when it was looked at."""
        self._looks_ns = (self._looks_ns[1], ns(at_s))

    def ended(self, record: OperationRecord, at_s: float) -> None:
        """Take in an operation of ours: what the server does just after it is its effect."""
        if record.kind in TRANSITIONS and not record.is_idle:
            self._last, self._last_s = record, at_s

    def take(
        self, view: ServerView, at_s: float, *, is_look: bool, is_proof: bool
    ) -> StateLine | None:
        """The line of a change; None where there is none.

        Args:
            view: The picture after an event.
            at_s: Of the event.
            is_look: It was a look: the one before it may have said otherwise.
            is_proof: It was a canary of ours.
        """
        check = view.check.value if view.state is State.AWAKE else None
        did_act, self._acts = self._acts, view.operation is not None and view.operation.acts
        before = self.state
        if view.state is before and view.level == self._level and check == self._check:
            return None
        is_same = view.state is before
        if before in (None, State.UNKNOWN):
            by = ""
        elif did_act or self._acts or (is_proof and is_same) or _is_verifying(before, view.state):
            by = OURS
        elif not is_same and not self._was_asked(view) and {view.state, before} & _BY_ITSELF:
            by = ITSELF
        else:
            by = OURS if self._explains(view, at_s) else OTHERS
        self.state, self._level, self._check = view.state, view.level, check
        return StateLine(
            t=ns(at_s),
            s=view.name,
            state=view.state.value,
            level=view.level,
            check=check,
            by=by,
            reason=view.reason,
            last_prev_ns=None if before is None else self._looks_ns[0 if is_look else 1],
        )

    def _was_asked(self, view: ServerView) -> bool:
        """Whether it fell asleep or woke between two looks that it answered."""
        is_other = (view.level is None) is not (self._level is None)
        return is_other and {view.state, self.state} <= _ANSWERING

    def _explains(self, view: ServerView, at_s: float) -> bool:
        """Whether an operation of ours that has just ended explains how a server is found."""
        last = self._last
        if last is None or at_s - self._last_s >= OURS_FOR_S or view.check_due:
            return False
        if last.kind is Kind.SLEEP:
            return view.state is not State.AWAKE
        return view.state not in _ASLEEP


def _is_verifying(before: State | None, state: State) -> bool:
    """Whether the canary, which nobody else asks, comes or goes."""
    is_over = before is State.VERIFYING and state is State.AWAKE
    return state is State.VERIFYING or is_over
