"""Words and plots of the sessions page."""

import time
from dataclasses import replace

import pytest
from support import journals

from sleeptui.core.session import (
    Curve,
    GpuSeen,
    ImportedSeries,
    Moment,
    ServerSeen,
    Session,
    SessionSummary,
)
from sleeptui.recorder.fold import fold
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present_session_plot import STACKED, bands_of, plots_of, reduced
from sleeptui.tui.present_sessions import heading, nothing, row, words
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.tones import Tone

WHOLE = fold(journals.lines())
SECOND = 10**9


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def summary(**fields):
    values = {
        "run_id": "20261123T093000Z-a-7f3c",
        "path": "/sessions/a",
        "wall_ns": 1_795_426_200 * SECOND,
        "duration_s": 265.0,
        "servers": ("summarize", "code"),
    }
    return SessionSummary(**{**values, **fields})


def session(**fields):
    values = {"run_id": "s", "version": 1, "tool": "t", "began_ns": 0, "ended_ns": 100 * SECOND,
              "wall_ns": 0}  # fmt: skip
    return Session(**{**values, **fields})


def curve(*points):
    made = Curve()
    for at_s, value in points:
        made.add(round(at_s * SECOND), value)
    return made


def text(lines):
    return "\n".join(plain(each) for each in lines)


@pytest.mark.parametrize(
    ("fields", "words_of_row", "tone"),
    [
        ({}, "✓ whole", Tone.GOOD),
        ({"partial": "torn"}, "✗ PARTIAL", Tone.BAD),
        ({"is_running": True}, "· RECORDING", Tone.BUSY),
        ({"source": "guidellm"}, "· imported", Tone.ASLEEP),
    ],
)
@pytest.mark.parametrize("width", [40, 80, 118])
def test_a_row_says_what_it_is_in_word_glyph_and_colour(fields, words_of_row, tone, width):
    made = row(summary(**fields), width, UNICODE, marked=False)
    assert width_of(made) == width
    assert words_of_row in plain(made)
    assert any(span.tone == tone and words_of_row in span.text for span in made)


def test_a_row_says_when_how_long_and_of_what():
    made = plain(row(summary(demo="default", operations=62), 118, UNICODE, marked=True))
    assert made.startswith(UNICODE.marked)
    for part in ("2026-11-23 09:30", "4 m 25 s", "demo", "summarize, code", "62 operations"):
        assert part in made
    bare = row(summary(servers=(), wall_ns=None, duration_s=None), 118, ASCII, marked=False)
    assert "20261123T093000Z-a-7f3c" in plain(bare)
    assert plain(bare).isascii()


@pytest.mark.parametrize(
    ("verdicts", "tone"), [({"PASS": 11, "FAIL": 1}, Tone.BAD), ({"PASS": 11}, Tone.TEXT)]
)
def test_a_benchmark_says_what_it_came_to(verdicts, tone):
    told = summary(plan="standard", verdicts=verdicts)
    made = row(told, 118, UNICODE, marked=False)
    (said,) = [span for span in made if "benchmark standard: 11 PASS" in span.text]
    assert said.tone == tone
    assert "operations" not in plain(made)
    assert "benchmark standard: 11 PASS" in text(words(told, None, 80, UNICODE))


@pytest.mark.parametrize(
    ("operations", "said"),
    [(0, "code  0 operations"), (1, "code  1 operation"), (2, "code  2 operations")],
)
def test_one_operation_is_no_plural(operations, said):
    made = plain(row(summary(operations=operations), 118, UNICODE, marked=False))
    assert made.rstrip().endswith(said)


def test_the_heading_counts():
    assert heading([], UNICODE) == "Sessions · 0 sessions"
    found = [summary(), summary(partial="torn"), summary(is_running=True), summary(source="x")]
    assert heading(found, UNICODE) == "Sessions · 4 sessions · 1 recording · 1 partial · 1 imported"
    assert "--record" in text(nothing(60))


def test_what_a_session_comes_to():
    said = text(words(summary(), WHOLE, 66, UNICODE))
    for part in (
        "2026-11-23 09:30 · 4 m 25 s · summarize, code",
        "1 restart",
        "2 x NVIDIA H200, driver 570.86.15, vLLM 0.32.0",
        "■ summarize  ■ code  ■ other",
        "sleep L1      13  1 no op",
        "sleep L1*      2",
        "wake L2        9  1 http error",
        "2 marks: before the level 2 cycles, the end",
        "! the wall clock went",
        "2 changes by somebody else",
    ):
        assert part in said
    assert all(width_of(each) <= 66 for each in words(summary(), WHOLE, 66, UNICODE))


def test_what_must_be_known_first():
    made = summary(partial="it has no end", is_running=True, demo="default", source="guidellm")
    said = text(words(made, None, 66, UNICODE))
    for part in ("PARTIAL: it has no end", "RECORDING", "SIMULATED (default)",
                 "IMPORTED from guidellm", "reading…"):  # fmt: skip
        assert part in said
    assert "reading" not in text(words(made, None, 66, UNICODE, "it cannot be read"))


def test_a_session_in_which_nothing_happened():
    said = text(words(summary(), session(), 66, UNICODE))
    assert "no operations" in said
    assert "■" not in said


def test_moments_are_counted_and_cut():
    marks = [Moment(at_ns=n, kind="mark", text=f"m{n}") for n in range(5)]
    made = session(
        moments=(*marks, Moment(at_ns=9, kind="note", text="hidden")),
        dropped={"gpu": 3, "prom": 4},
        servers=(ServerSeen(name="a", url="", lives=3),),
    )
    said = text(words(summary(), made, 66, UNICODE))
    assert "5 marks: m0, m1, m2 and 2 more" in said
    assert "7 samples were not written" in said
    assert "2 restarts" in said
    assert "hidden" not in said


def test_imported_figures_are_shown_with_their_unit():
    made = session(
        source="vllm bench serve",
        imported=(
            ImportedSeries(name="ttft", unit="s", values=(0.1, None, 0.3)),
            ImportedSeries(name="empty", unit="s"),
        ),
    )
    said = text(words(summary(), made, 66, UNICODE))
    assert "ttft: median 0.2 s (of 2)" in said
    assert "empty: median -- (of 0)" in said


def test_a_curve_keeps_its_value_until_it_changes():
    made = reduced(curve((5, 1.0), (45, 7.0), (46, 3.0), (85, None)), session(), 10)
    assert made == [1.0, 1.0, 1.0, 1.0, 7.0, 3.0, 3.0, 3.0, None, None]
    assert reduced(Curve(), session(), 3) == [None, None, None]


def test_servers_stand_on_each_other():
    made = session(
        gpus=(GpuSeen(index=0, name="H", total_bytes=100, used=curve((0, 60.0))),),
        servers=(
            ServerSeen(name="a", url="", memory=curve((0, 20.0)), running=curve((0, 2))),
            ServerSeen(name="b", url="", memory=curve((50, 30.0)), waiting=curve((0, 6))),
            ServerSeen(name="c", url=""),
        ),
    )
    memory, requests = plots_of(made, 2)
    assert [curve.values for curve in memory.curves] == [
        (60.0, 60.0, 60.0, 60.0),
        (20.0, 20.0, 50.0, 50.0),
        (20.0, 20.0, 20.0, 20.0),
    ]
    assert [curve.tone for curve in memory.curves] == [Tone.OTHER, "server-1", "server-0"]
    assert (memory.top, memory.title) == (100.0, "GPU memory, 1 GPU")
    assert (memory.begin, memory.end) == ("0", "1 m 40 s")
    assert [curve.values for curve in requests.curves] == [(8, 8, 8, 8), (2, 2, 2, 2)]
    assert requests.top == 8


def test_of_many_servers_the_sum_alone_is_drawn():
    many = tuple(
        ServerSeen(name=str(n), url="", memory=curve((0, 1.0))) for n in range(STACKED + 1)
    )
    memory, _ = plots_of(session(servers=many), 4)
    assert len(memory.curves) == 1
    assert memory.now == "--"
    assert "■" not in text(words(summary(), session(servers=many), 66, UNICODE))


def test_operations_are_bands_and_one_that_never_ended_reaches_to_the_end():
    bands = bands_of(WHOLE, 50)
    assert {band.letter for band in bands} == {"s", "w", "x"}
    assert all(0 <= band.first <= band.last < 50 for band in bands)
    open_one = replace(WHOLE.attempts[0], ended_ns=None)
    (band,) = bands_of(replace(WHOLE, attempts=(open_one,)), 50)
    assert band.last == 49
    assert bands_of(WHOLE, 0) == ()
