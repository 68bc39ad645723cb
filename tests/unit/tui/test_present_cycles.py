"""What many cycles of a server tell."""

from dataclasses import replace

from support import pictures
from support.builders import GIB, MIB, server

from sleeptui.core.drift import Drift
from sleeptui.core.learned import Cycle, Learned
from sleeptui.tui.glyphs import ASCII
from sleeptui.tui.present import Look
from sleeptui.tui.present_cycles import cycle_line, drift_lines, drift_words, residuals
from sleeptui.tui.spans import plain
from sleeptui.tui.tones import Tone

LOOK = Look(now_s=0.0)
LEAK = Drift(
    what="residual",
    cycles=12,
    grown_bytes=round(2.1 * GIB),
    slope_bytes=180 * MIB,
    low_bytes=150 * MIB,
    high_bytes=210 * MIB,
)


def slept(*residuals_gib, **fields):
    return server(
        cycles=len(residuals_gib), learned=pictures.slept(*residuals_gib, **fields)
    )  # fmt: skip


def text(view, look=LOOK):
    return plain(cycle_line(view, look))


def test_no_cycle_says_nothing():
    assert cycle_line(server(), LOOK) == ()
    assert drift_lines(server(), 40) == []


def test_one_cycle_has_no_course():
    assert text(slept(1.9)) == "1 · residual 1.9 GiB"


def test_a_cycle_without_a_figure_is_counted():
    unknown = Learned(cycles=(Cycle(process_start_s=1_000.0, level=1),))
    assert text(server(cycles=1, learned=unknown)) == "1"


def test_a_leak_is_seen_in_the_course_and_coloured():
    view = replace(slept(1.9, 2.2, 2.5, 2.8), drift=(LEAK,))
    assert text(view) == "4 · residual ▁▃▆█ 2.8 GiB, first 1.9 GiB"
    assert any(span.tone == Tone.WARN for span in cycle_line(view, LOOK))
    assert text(view, replace(LOOK, glyphs=ASCII)).isprintable()


def test_noise_does_not_look_like_growth():
    assert text(slept(2.3, 2.301, 2.3, 2.302)).startswith("4 · residual ▁▁▁▁ 2.3 GiB")


def test_only_the_newest_cycles_are_drawn():
    assert text(slept(*[2.0] * 40)).count("▁") == 12


def test_the_course_is_of_one_life_and_one_level():
    mixed = Learned(
        cycles=(
            Cycle(process_start_s=900.0, level=1, residual_bytes=9),
            Cycle(process_start_s=1_000.0, level=2, residual_bytes=8),
            Cycle(process_start_s=1_000.0, level=1, residual_bytes=7),
            Cycle(process_start_s=1_000.0, level=1),
            Cycle(process_start_s=1_000.0, level=1, residual_bytes=6),
        )
    )
    assert residuals(server(learned=mixed)) == (7, 6)
    assert residuals(server(learned=mixed, metrics=None)) == ()


def test_a_drift_says_how_much_how_sure_and_what_helps():
    assert drift_words(LEAK) == (
        "residual grew 2.1 GiB in 12 cycles, 150 MiB to 210 MiB a cycle; a restart gives it back"
    )
    sure = replace(LEAK, low_bytes=180 * MIB, high_bytes=180 * MIB)
    assert ", 180 MiB a cycle;" in drift_words(sure)
    lines = drift_lines(server(drift=(LEAK, LEAK)), 40)
    assert len(lines) == 6
    assert {span.tone for line in lines for span in line} == {Tone.WARN}
