"""What the keys of a replay do: hold, faster, slower, from operation to operation."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from sleeptui.core.errors import NotAllowed
from sleeptui.core.tape import Tape
from sleeptui.services.replay import Replay
from sleeptui.services.replay_panel import refused
from sleeptui.tui import notices

if TYPE_CHECKING:
    from sleeptui.tui.app import SleeptuiApp

_AT_EDGE: Final = {1: "There is no later {}", -1: "There is no earlier {}"}


class Replaying:
    """Moves a replay.

    Attributes:
        table: From command id to what it does.
    """

    def __init__(self, app: "SleeptuiApp", replay: Replay) -> None:
        """For the keys of this app."""
        self._app = app
        self._replay = replay
        self.table: Mapping[str, Callable[[], None]] = {
            "replay.pause": self._hold,
            "replay.faster": self._faster,
            "replay.slower": self._slower,
            "replay.previous_operation": partial(self._operation, -1),
            "replay.next_operation": partial(self._operation, 1),
            "replay.previous_mark": partial(self._mark, -1),
            "replay.next_mark": partial(self._mark, 1),
            "replay.begin": lambda: self._go(replay.tape.began_s),
            "replay.end": lambda: self._go(replay.tape.ended_s),
        }

    def welcome(self) -> None:
        """Say what must be known of the recording before it is believed."""
        tape = self._replay.tape
        for title, text in _lacks(tape):
            self._say(title, text)

    def refused(self) -> NotAllowed:
        """What every command to a model is answered."""
        return refused()

    def _hold(self) -> None:
        self._replay.hold_or_go()
        self._app.dashboard.show_header()

    def _faster(self) -> None:
        self._replay.faster()
        self._app.dashboard.show_header()

    def _slower(self) -> None:
        self._replay.slower()
        self._app.dashboard.show_header()

    def _operation(self, by: int) -> None:
        if not self._replay.step_operation(by):
            self._say("Replay", _AT_EDGE[by].format("operation"))

    def _mark(self, by: int) -> None:
        if not self._replay.step_mark(by):
            self._say("Replay", _AT_EDGE[by].format("mark"))

    def _go(self, at_s: float) -> None:
        self._replay.seek(at_s)

    def _say(self, title: str, text: str) -> None:
        self._app.dispatch.say(notices.Notice(title=title, text=text))


def _lacks(tape: Tape) -> list[tuple[str, str]]:
    told = []
    if tape.settings.demo is not None:
        told.append(("Simulated", "Recorded on a simulated fleet: it measures no GPU."))
    if tape.partial is not None:
        told.append(("Partial", f"This recording is not whole: {tape.partial}."))
    if tape.is_running:
        told.append(
            ("Still recording", "This is what was written until now; start again for more.")
        )
    return told
