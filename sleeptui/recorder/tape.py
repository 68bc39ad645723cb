"""A session's journal as a tape: all of it in memory, for a replay."""

from pathlib import Path

from sleeptui.core.errors import JournalError
from sleeptui.core.events import Event
from sleeptui.core.tape import Tape
from sleeptui.recorder.disk import JOURNAL, is_locked
from sleeptui.recorder.line import seconds
from sleeptui.recorder.playback import Playback
from sleeptui.recorder.reader import Reading


def read_tape(session: Path) -> Tape:
    """The tape of the session in this folder, as far as its journal is whole.

    Raises:
        JournalError: It cannot be read, or has nothing that can be replayed.
    """
    journal = session / JOURNAL
    # Asked first: a recording that ends meanwhile is told as running, not as cut off.
    is_running = is_locked(journal)
    reading = Reading(journal)
    playback = Playback(reading)
    events: list[Event] = []
    last_ns = 0
    for at_ns, found in playback:
        last_ns = max(last_ns, at_ns)
        events += found
    header = playback.header
    if header is None:
        raise JournalError(f"{journal} does not begin with a header", hint="it is no journal")
    if header.source is not None:
        raise JournalError(
            f"{session.name} was imported from {header.source}: it has figures, and nothing that"
            " happened",
            hint=f"sleeptui report {session.name} shows its figures",
        )
    return Tape(
        name=header.run_id,
        began_s=seconds(header.t),
        ended_s=seconds(max(last_ns, header.t)),
        wall_s=header.wall_ns / 1e9,
        events=events,
        settings=playback.settings,
        partial=None if is_running else reading.partial,
        is_running=is_running,
    )
