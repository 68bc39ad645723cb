"""A session as a replay plays it: the events that made its pictures, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from sleeptui.core.events import Event
from sleeptui.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """The events of one session, and what must be known to show them."""

    name: str
    """Of the session."""
    began_s: float
    """Monotonic time of the recording machine; all events are in it."""
    ended_s: float
    """Of what was written last."""
    wall_s: float
    """Wall clock at ``began_s``, seconds since the epoch, UTC."""
    events: Sequence[Event]
    """As they were published."""
    settings: Settings
    """Of the recording, as far as pictures depend on them: intervals, thresholds, the scenario."""
    partial: str | None = None
    """Why the recording is not whole; None: it is, or it still runs."""
    is_running: bool = False
    """It is still being written: this is what was there when it was read."""
