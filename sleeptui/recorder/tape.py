"""A session's journal as a tape: all of it in memory, for a replay."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sleeptui.core.errors import JournalError
from sleeptui.core.events import Event
from sleeptui.core.tape import Tape
from sleeptui.recorder.disk import JOURNAL, is_locked
from sleeptui.recorder.line import Line, seconds
from sleeptui.recorder.playback import Playback
from sleeptui.recorder.reader import Reading, unreadable


def read_tape(session: Path) -> Tape:
    """The tape of the session in this folder, as far as its journal is whole.

    Raises:
        JournalError: It cannot be read, or has nothing that can be replayed.
    """
    journal = session / JOURNAL
    try:
        # Asked first: a recording that ends meanwhile is told as running, not as cut off.
        is_running = is_locked(journal)
    except OSError as error:
        raise unreadable(journal, error) from error
    reading = Reading(journal)
    tape = tape_of(reading)
    return replace(tape, partial=None if is_running else reading.partial, is_running=is_running)


def tape_of(every: Iterable[Line]) -> Tape:
    """The tape that lines make, in their order.

    Raises:
        JournalError: There is no header, or the session was imported.
    """
    playback = Playback(every)
    events: list[Event] = []
    last_ns = 0
    for at_ns, found in playback:
        last_ns = max(last_ns, at_ns)
        events += found
    header = playback.header
    if header is None:
        raise JournalError("the session has no header", hint="it cannot be replayed")
    if header.source is not None:
        raise JournalError(
            f"{header.run_id} was imported from {header.source}: it has figures, and nothing that"
            " happened",
            hint=f"sleeptui report {header.run_id} shows its figures",
        )
    return Tape(
        name=header.run_id,
        began_s=seconds(header.t),
        ended_s=seconds(max(last_ns, header.t)),
        wall_s=header.wall_ns / 1e9,
        events=events,
        settings=playback.settings,
    )
