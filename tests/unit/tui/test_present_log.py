"""Header, event log, and the words of an empty panel."""

import re
from dataclasses import replace

import pytest
from support import pictures
from support.builders import entry, fleet, server

from sleeptui.core.model import State
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present import Look
from sleeptui.tui.present_log import (
    Heading,
    empty_lines,
    header_line,
    log_line,
    looking_words,
    server_cells,
)
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.times import time_of_day
from sleeptui.tui.tones import Tone

HEADING = Heading(host="gpu-box-1", time="15:36:10", interval_s=0.5)
LOOK = Look(now_s=pictures.NOW_S, tones={"qwen": "server-0"})


def header(view, width=120, glyphs=UNICODE, **fields):
    return plain(header_line(view, replace(HEADING, **fields), width, glyphs))


def test_the_header_sums_up_the_fleet():
    assert header(pictures.calm()).split("  ")[0] == " sleeptui"
    assert re.sub(" +", " ", header(pictures.calm())) == (
        " sleeptui gpu-box-1 · 1 awake · 2 asleep · GPU 88.4/140.0 GiB · RAM 121.0/512.0 GiB"
        " · every 0.5 s 15:36:10 "
    )


def test_host_memory_is_said_where_it_is_known_and_warns_when_it_is_short():
    assert "RAM" not in header(replace(pictures.calm(), host=None))
    short = replace(pictures.HOST, available_bytes=10 << 30)
    line = header_line(replace(pictures.calm(), host=short), HEADING, 120, UNICODE)
    (told,) = (span for span in line if span.text.startswith("RAM"))
    assert (told.text, told.tone) == ("RAM 502.0/512.0 GiB", Tone.WARN)


def test_what_needs_a_look_comes_first():
    view = fleet([server("a"), server("b", State.WEDGED), server("c", State.WAKING)])
    assert "· 1 wedged · 1 awake · 1 in transition ·" in header(view)


def test_states_that_have_no_room_are_counted():
    """A header of 80 cells named four states of nine, as if there were no others."""
    view = pictures.all_states()
    for width in (60, 80, 100, 120, 160):
        told = header(view, width)
        numbers = [int(number) for number in re.findall(r"(?<=· )\+?(\d+)(?= [a-z])", told)]
        assert sum(numbers) == len(view.servers), told
    assert "more" not in header(view, 200)
    assert re.search(r"1 wedged · .*\+\d+ more  +15:36:10 $", header(view, 80))


def test_modes_are_said_before_counts():
    told = header(
        pictures.calm(), paused=True, readonly=True, selected=2, filtered="qw", sort="name",
        demo="trio", width=160,
    )  # fmt: skip
    assert "demo trio" in told
    assert "PICTURE PAUSED · READ-ONLY · 2 selected · filter qw · by name · 1 awake" in told


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("picture", ["calm", "all_states", "many", "empty"])
def test_the_header_fits_and_the_clock_never_moves(width, picture):
    line = header_line(getattr(pictures, picture)(), HEADING, width, UNICODE)
    assert width_of(line) == width
    assert plain(line).endswith("15:36:10 ")


def test_a_header_in_ascii():
    assert header(pictures.calm(), glyphs=ASCII).isascii()


def test_a_log_line_has_time_severity_server_and_text():
    line = log_line(entry("asleep in 0.33 s", severity="good"), LOOK, 60, lambda _: "15:36:10")
    assert plain(line).rstrip() == "15:36:10 ✓ qwen             asleep in 0.33 s"
    assert [span.tone for span in line[:3]] == [Tone.MUTED, Tone.GOOD, "server-0"]


def test_the_names_get_the_cells_of_the_longest_within_bounds():
    short, long = entry("x", server="qwen"), entry("x", server="x" * 40)
    assert server_cells([short], 120) == 4
    assert server_cells([short, long], 120) == 16
    assert server_cells([short, long], 40) == 10
    assert server_cells([entry("x", server=None)], 120) == 0
    assert server_cells([], 120) == 0
    assert plain(log_line(short, LOOK, 60, lambda _: "15:36:10", 4)).rstrip() == "15:36:10 · qwen x"


def test_only_bad_news_colours_the_text():
    tones = {
        severity: log_line(entry("x", severity=severity), LOOK, 60, str)[-2].tone
        for severity in ("info", "good", "warning", "bad", "else")
    }
    assert tones == {
        "info": Tone.TEXT,
        "good": Tone.TEXT,
        "warning": Tone.WARN,
        "bad": Tone.BAD,
        "else": Tone.TEXT,
    }


def test_a_log_line_without_a_server_and_with_hostile_text():
    hostile = entry("\x1b]0;x\x07[red]no\nDocker", server=None, severity="warning")
    assert plain(log_line(hostile, LOOK, 60, lambda _: "15:36:10")).rstrip() == (
        "15:36:10 !                  [red]no Docker"
    )


def test_time_of_day_is_hours_minutes_and_seconds():
    assert re.fullmatch(r"\d\d:\d\d:\d\d", time_of_day(pictures.WALL_S))


def words(view, width=76, glyphs=UNICODE, *, demo=False, configured=0):
    looking = looking_words(demo=demo, configured=configured)
    return [plain(line).rstrip() for line in empty_lines(view, looking, glyphs, width)]


def test_an_empty_panel_says_what_was_looked_at_and_what_to_do():
    text = "\n".join(words(pictures.empty()))
    assert "No vLLM server is watched yet." in text
    assert "no Docker: nothing listens on /var/run/docker.sock" in text
    for way in ("sleeptui --server qwen=http://127.0.0.1:8001", "[[server]]", "sleeptui --demo"):
        assert way in text


def test_while_it_looks_it_says_so():
    text = "\n".join(words(pictures.empty(looking=True)))
    assert "Looking around: Docker containers, vLLM processes, ports 8000 to 8010…" in text
    assert "sleeptui --demo" in text


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"demo": True}, "The simulated fleet starts…"),
        ({"configured": 1}, "1 configured server is asked…"),
        ({"configured": 3}, "3 configured servers are asked…"),
    ],
)
def test_what_need_not_be_found_is_not_looked_for(known, told):
    text = "\n".join(words(pictures.empty(looking=True), **known))
    assert told in text
    assert "Looking around" not in text


def test_notes_are_wrapped():
    assert all(len(line) <= 60 for line in words(pictures.empty(), width=60))
    assert all(line.isascii() for line in words(pictures.empty(), glyphs=ASCII))
