"""From the bus to the screen: the newest picture, as rarely as it may and as soon as it must."""

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import Final, Protocol

from textual.message_pump import MessagePump

from sleeptui.core.events import (
    Event,
    Marked,
    OperationAdvanced,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
    ServerAdded,
    ServerRemoved,
)
from sleeptui.core.model import FleetView
from sleeptui.core.ports import Clock

_PROMPT_EVENTS: Final = (
    OperationQueued,
    OperationStarted,
    OperationAdvanced,
    OperationEnded,
    ServerAdded,
    ServerRemoved,
    RecordingBegan,
    RecordingRefused,
    RecordingTroubled,
    RecordingEnded,
    Marked,
)
_CALM_GAP_S: Final = 0.5
_FASTEST_GAP_S: Final = 0.25
"""Data repaint at 2 Hz, at most at 4 Hz however fast is sampled."""
_PROMPT_GAP_S: Final = 0.05
"""Operation events repaint at once; 64 servers falling asleep together still share paints."""


class _Pending(IntEnum):
    NOTHING = 0
    CALM = 1
    PROMPT = 2


class Source(Protocol):
    """Where the newest picture is: the fleet store."""

    @property
    def view(self) -> FleetView:
        """The newest picture."""


class Alarm(Protocol):
    """A call that is to come; asyncio's TimerHandle is one."""

    def cancel(self) -> None:
        """It is not wanted any more."""


def _in_the_loop(delay_s: float, callback: Callable[[], object]) -> Alarm:
    """Not by Textual's ``set_timer``: one whose task gets the machine after its time never fires.

    A delay of some microseconds is enough for that, and the picture would stand still for ever.
    """
    return asyncio.get_running_loop().call_later(delay_s, callback)


class Bridge:
    """Repaints after events: measured data at most 4 times a second, operations at once.

    An event costs two comparisons while a paint is pending, so that bursts of thousands are
    cheap. It only asks the pump, because events are published from tasks in which Textual's
    timers cannot be made.

    Attributes:
        paused: Nothing is painted while true; the end of the pause shows the newest.
    """

    def __init__(
        self,
        *,
        pump: MessagePump,
        source: Source,
        clock: Clock,
        show: Callable[[FleetView], None],
        interval_s: Callable[[], float],
        later: Callable[[float, Callable[[], object]], Alarm] = _in_the_loop,
    ) -> None:
        self.paused = False
        self._pump = pump
        self._source = source
        self._clock = clock
        self._show = show
        self._interval_s = interval_s
        self._later = later
        self._pending = _Pending.NOTHING
        self._shown_at_s = -_CALM_GAP_S
        self._alarm: Alarm | None = None

    def heard(self, event: Event) -> None:
        """An event was published; called from any task of the loop."""
        if self.paused:
            return
        wanted = _Pending.PROMPT if isinstance(event, _PROMPT_EVENTS) else _Pending.CALM
        if wanted > self._pending:
            self._pending = wanted
            self._pump.call_later(self._arm)

    def toggle_pause(self) -> None:
        """Hold the picture, or go on: then the newest is shown at once."""
        self.paused = not self.paused
        self._paint()

    def _arm(self) -> None:
        self._stop()
        if self._pending is _Pending.NOTHING:
            return
        due_s = self._shown_at_s + self._gap_s()
        delay_s = due_s - self._clock.now_s()
        if delay_s <= 0:
            self._paint()
        else:
            self._alarm = self._later(delay_s, lambda: self._pump.call_next(self._paint))

    def _gap_s(self) -> float:
        if self._pending is _Pending.PROMPT:
            return _PROMPT_GAP_S
        return min(_CALM_GAP_S, max(_FASTEST_GAP_S, self._interval_s()))

    def _paint(self) -> None:
        self._stop()
        self._pending = _Pending.NOTHING
        if self.paused:
            return
        self._shown_at_s = self._clock.now_s()
        self._show(self._source.view)

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
