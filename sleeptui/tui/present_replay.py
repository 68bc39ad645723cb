"""Where a replay is, in words for the header. Pure."""

from typing import TYPE_CHECKING, NamedTuple

from sleeptui.core import units
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.spans import Span
from sleeptui.tui.tones import Tone

if TYPE_CHECKING:
    from sleeptui.services.replay import Replay


class Playing(NamedTuple):
    """Where a replay is."""

    name: str
    """Of the session."""
    passed_s: float
    length_s: float
    speed: float
    is_held: bool = False
    is_partial: bool = False
    is_running: bool = False
    """It is still being recorded."""
    is_simulated: bool = False


def playing(replay: "Replay") -> Playing:
    """Where it is now."""
    tape = replay.tape
    return Playing(
        name=tape.name,
        passed_s=replay.passed_s,
        length_s=replay.length_s,
        speed=replay.speed,
        is_held=replay.is_held,
        is_partial=tape.partial is not None,
        is_running=tape.is_running,
        is_simulated=tape.settings.demo is not None,
    )


def lead(now: Playing, glyphs: Glyphs) -> Span:
    """How fast, where, and of how much: ``REPLAY x4 00:12:07 / 00:31:40``."""
    standing = ""
    if now.passed_s >= now.length_s:
        standing = "END "
    elif now.is_held:
        standing = "HELD "
    # The speed in either case: else + and - would seem to do nothing.
    how = f"{standing}{glyphs.times}{now.speed:g}"
    return Span(
        f" REPLAY {how} {units.clock(now.passed_s)} / {units.clock(now.length_s)}", Tone.STRONG
    )


def warnings(now: Playing) -> list[Span]:
    """What must be known of the recording before a figure is believed."""
    told = []
    if now.is_partial:
        told.append(Span("PARTIAL", Tone.BAD))
    if now.is_running:
        told.append(Span("RECORDING", Tone.WARN))
    if now.is_simulated:
        told.append(Span("SIMULATED", Tone.WARN))
    return told
