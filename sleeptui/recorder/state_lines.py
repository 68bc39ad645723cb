"""Changes of state as lines, with who did it."""

from sleeptui.core.fleet import OURS_FOR_S
from sleeptui.core.lifecycle import TRANSITIONS
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import OperationRecord
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
        self._ended_s = float("-inf")

    def looked(self, at_s: float) -> None:
        """Take in when it was looked at."""
        self._looks_ns = (self._looks_ns[1], ns(at_s))

    def ended(self, record: OperationRecord, at_s: float) -> None:
        """Take in an operation of ours: what the server does just after it is its effect."""
        if record.kind in TRANSITIONS:
            self._ended_s = at_s

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
        is_ours = did_act or self._acts or at_s - self._ended_s < OURS_FOR_S
        is_ours = is_ours or (is_proof and view.state is before)
        is_ours = is_ours or _is_verifying(before, view.state)
        self.state, self._level, self._check = view.state, view.level, check
        return StateLine(
            t=ns(at_s),
            s=view.name,
            state=view.state.value,
            level=view.level,
            check=check,
            by="" if before is None else _by(before, view.state, is_ours=is_ours),
            reason=view.reason,
            last_prev_ns=None if before is None else self._looks_ns[0 if is_look else 1],
        )


def _is_verifying(before: State | None, state: State) -> bool:
    """Whether the canary, which nobody else asks, comes or goes."""
    is_over = before is State.VERIFYING and state is State.AWAKE
    return state is State.VERIFYING or is_over


def _by(before: State, state: State, *, is_ours: bool) -> str:
    if is_ours:
        return OURS
    if before is not state and (state in _BY_ITSELF or before in _BY_ITSELF):
        return ITSELF
    return OTHERS
