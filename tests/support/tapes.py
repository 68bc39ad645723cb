"""Tapes for tests of the replay."""

from dataclasses import replace
from functools import cache

from support import journals

from sleeptui.core.settings import Settings
from sleeptui.core.tape import Tape
from sleeptui.recorder.tape import tape_of


@cache
def _whole() -> Tape:
    return tape_of(journals.lines())


def sample(**fields) -> Tape:
    """The sample journal as a tape."""
    return replace(_whole(), **fields)


def simulated(**fields) -> Tape:
    """As if it were recorded on a simulated fleet."""
    return sample(settings=replace(_whole().settings, demo="default"), **fields)


def empty() -> Tape:
    """A recording that ended at once."""
    return Tape(name="empty", began_s=5.0, ended_s=5.0, wall_s=0.0, events=(), settings=Settings())
