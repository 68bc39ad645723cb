"""Tapes for tests of the replay."""

from dataclasses import replace
from functools import cache

from support import journals

from sleeptui.core.settings import Settings
from sleeptui.core.tape import Tape
from sleeptui.recorder.playback import Playback


@cache
def _whole() -> Tape:
    playback = Playback(journals.lines())
    found = [(at_ns, events) for at_ns, events in playback]
    assert playback.header is not None
    return Tape(
        name=playback.header.run_id,
        began_s=playback.header.t / 1e9,
        ended_s=max(at_ns for at_ns, _ in found) / 1e9,
        wall_s=playback.header.wall_ns / 1e9,
        events=[event for _, events in found for event in events],
        settings=playback.settings,
    )


def sample(**fields) -> Tape:
    """The sample journal as a tape."""
    return replace(_whole(), **fields)


def simulated(**fields) -> Tape:
    """As if it were recorded on a simulated fleet."""
    return sample(settings=replace(_whole().settings, demo="default"), **fields)


def empty() -> Tape:
    """A recording that ended at once."""
    return Tape(
        name="empty", began_s=5.0, ended_s=5.0, wall_s=0.0, events=(), settings=Settings()
    )
