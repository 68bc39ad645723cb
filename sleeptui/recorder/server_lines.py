"""What of one server goes into lines: its looks, and the changes of its state."""

from collections.abc import Callable

from sleeptui.core.derive import disagrees
from sleeptui.core.model import IN_TRANSITION, GpuMemory, Observation, Reach, ServerView, State
from sleeptui.core.operation import OperationRecord
from sleeptui.recorder.line import Line
from sleeptui.recorder.prom_lines import LookLines
from sleeptui.recorder.state_lines import StateLines

STILL_AFTER_S = 3.0
"""So long after anything has happened to a server each look is written, found it news or not:
what was measured between two looks that say the same decides on its state."""
_WATCHED = IN_TRANSITION | {State.SUSPECT, State.UNKNOWN, State.STALE}


class ServerLines:
    """One server, on its way into lines."""

    def __init__(self, name: str, put: Callable[[Line], None]) -> None:
        """Nothing is known of it; ``put`` takes the lines."""
        self.looks = LookLines(name, put)
        self.states = StateLines()
        self._put = put
        self._memory: GpuMemory | None = None
        self._moved_s = float("-inf")

    def looked(self, seen: Observation, view: ServerView | None) -> None:
        """Write a look."""
        before = self.looks.seen
        self.looks.take(seen, is_still=self._is_still(seen, view))
        if before is None or seen.is_sleeping is not before.is_sleeping:
            self._moved_s = seen.at_s
        self.states.looked(seen.at_s)
        self.state(view, seen.at_s, is_look=True)

    def state(
        self,
        view: ServerView | None,
        at_s: float,
        *,
        is_look: bool = False,
        is_proof: bool = False,
    ) -> None:
        """Write a change of its state, if there is one; None: it is no longer watched."""
        if view is None:
            return
        line = self.states.take(view, at_s, is_look=is_look, is_proof=is_proof)
        if line is not None:
            self._moved_s = at_s
            self._put(line)

    def weighed(self, view: ServerView | None, at_s: float) -> None:
        """Write what comes before a reading of the GPUs in which processes hold other memory."""
        if view is not None and view.memory != self._memory:
            self._memory, self._moved_s = view.memory, at_s
            self.looks.flush()

    def begun(self, at_s: float) -> None:
        """Write what comes before an operation of ours."""
        self._moved_s = at_s
        self.looks.flush()

    def ended(self, record: OperationRecord, at_s: float) -> None:
        """Take in that an operation of ours has ended."""
        self._moved_s = at_s
        self.states.ended(record, at_s)

    def _is_still(self, seen: Observation, view: ServerView | None) -> bool:
        if seen.at_s - self._moved_s < STILL_AFTER_S or seen.reach is not Reach.ANSWERED:
            return False
        if view is None or view.operation is not None or view.state in _WATCHED:
            return False
        return not disagrees(seen)
