"""The recording light of the header. Pure."""

from sleeptui.core import units
from sleeptui.core.recording import Recording
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.spans import BLANK, Line, Span
from sleeptui.tui.tones import Tone

_COMPACT = 100
"""Cells of the header below which hours that have not passed are left out."""
_HOUR = 3600


def light(recording: Recording | None, now_s: float, glyphs: Glyphs, width: int) -> Line:
    """``● REC 00:12:07``, nothing where nothing is recorded.

    Args:
        recording: The one that runs, or has ended.
        now_s: Monotonic time.
        glyphs: The set in use.
        width: Cells of the whole header.
    """
    if recording is None or recording.ended_s is not None:
        return BLANK
    lasted_s = now_s - recording.began_s
    elapsed = units.clock(lasted_s)
    if width < _COMPACT and lasted_s < _HOUR:
        elapsed = elapsed.partition(":")[2]
    if recording.problem:
        return (Span(f"! REC {elapsed}", Tone.BAD), Span("  "))
    return (Span(f"{glyphs.light} REC {elapsed}", Tone.GOOD), Span("  "))
