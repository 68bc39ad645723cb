"""The recording light."""

from dataclasses import replace

import pytest

from sleeptui.core.recording import Recording
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present_recording import light
from sleeptui.tui.spans import plain
from sleeptui.tui.tones import Tone

RUNS = Recording(path="/sessions/1", began_s=100.0)


@pytest.mark.parametrize(
    ("lasted_s", "width", "text"),
    [
        (0.0, 120, "● REC 00:00:00"),
        (727.9, 120, "● REC 00:12:07"),
        (727.9, 80, "● REC 12:07"),
        (3600.0, 80, "● REC 01:00:00"),
        (360_000.0, 120, "● REC 100:00:00"),
    ],
)
def test_it_counts_on(lasted_s, width, text):
    (shown, _) = light(RUNS, 100.0 + lasted_s, UNICODE, width)
    assert (shown.text, shown.tone) == (text, Tone.GOOD)


def test_trouble_is_told_by_glyph_and_colour():
    (shown, _) = light(replace(RUNS, problem="the disk is full"), 101.0, UNICODE, 120)
    assert (shown.text, shown.tone) == ("! REC 00:00:01", Tone.BAD)


def test_ascii():
    assert plain(light(RUNS, 101.0, ASCII, 120)).strip() == "* REC 00:00:01"


@pytest.mark.parametrize("recording", [None, replace(RUNS, ended_s=200.0)])
def test_nothing_is_shown_where_nothing_is_recorded(recording):
    assert light(recording, 300.0, UNICODE, 120) == ()
