"""Where a replay is, in the header."""

import pytest
from support import pictures
from support.clock import ManualClock
from support.tapes import sample, simulated

from sleeptui.services.bus import Bus
from sleeptui.services.replay import Replay
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present_log import Heading, header_line
from sleeptui.tui.present_replay import Playing, lead, playing, warnings
from sleeptui.tui.spans import plain, width_of

ALL = {"is_held": True, "is_partial": True, "is_simulated": True}


def now(**fields):
    values = {"name": "20261123T093000Z-a-7f3c", "passed_s": 727.9, "length_s": 1900.0}
    return Playing(**{**values, "speed": 4.0, **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "REPLAY \N{MULTIPLICATION SIGN}4 00:12:07 / 00:31:40"),
        ({"speed": 0.25}, "REPLAY \N{MULTIPLICATION SIGN}0.25 00:12:07 / 00:31:40"),
        ({"is_held": True}, "REPLAY HELD \N{MULTIPLICATION SIGN}4 00:12:07 / 00:31:40"),
        ({"passed_s": 1900.0}, "REPLAY END \N{MULTIPLICATION SIGN}4 00:31:40 / 00:31:40"),
    ],
)
def test_how_fast_and_where(fields, words):
    assert lead(now(**fields), UNICODE).text.strip() == words
    assert lead(now(**fields), ASCII).text.isascii()


def test_what_must_be_known_of_the_recording():
    assert warnings(now()) == []
    told = [span.text for span in warnings(now(is_running=True, **ALL))]
    assert told == ["PARTIAL", "RECORDING", "SIMULATED"]


def test_the_header_of_a_compact_screen_has_all_of_it():
    heading = Heading(host="here", time="09:42:07", interval_s=0.5, playing=now(**ALL))
    line = plain(header_line(pictures.calm(), heading, 80, UNICODE))
    assert width_of(header_line(pictures.calm(), heading, 80, UNICODE)) == 80
    assert "REPLAY HELD \N{MULTIPLICATION SIGN}4 00:12:07 / 00:31:40" in line
    assert "PARTIAL" in line
    assert "SIMULATED" in line
    assert "here" not in line


@pytest.mark.parametrize("speed", [0.25, 32, 100])
@pytest.mark.parametrize("width", range(80, 130, 7))
def test_warnings_have_room_at_every_speed_and_the_clock_stands_apart(speed, width):
    heading = Heading(host="here", time="09:42:07", interval_s=0.5, playing=now(speed=speed, **ALL))
    line = plain(header_line(pictures.calm(), heading, width, UNICODE))
    assert "SIMULATED" in line
    assert line.endswith(" 09:42:07 ")


def test_a_wide_header_names_the_session():
    heading = Heading(host="here", time="09:42:07", interval_s=0.5, playing=now())
    line = plain(header_line(pictures.calm(), heading, 160, UNICODE))
    assert "20261123T093000Z-a-7f3c" in line
    assert "every" not in line


def test_it_is_read_from_the_replay():
    replay = Replay(tape=simulated(partial="torn"), bus=Bus(), real=ManualClock(), speed=2.0)
    told = playing(replay)
    assert (told.name, told.speed) == (sample().name, 2.0)
    assert told.is_partial
    assert told.is_simulated
    assert not told.is_running
    assert told.length_s == pytest.approx(sample().ended_s - sample().began_s)
