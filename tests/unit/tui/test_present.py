"""Cells of the fleet table."""

import pytest
from support import pictures
from support.builders import facts, memory, metrics, operation, record, server, spec, verification

from sleeptui.core.canary import Check
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Outcome, Phase
from sleeptui.tui import present
from sleeptui.tui.glyphs import ASCII
from sleeptui.tui.present import Look
from sleeptui.tui.spans import plain
from sleeptui.tui.tones import Tone

LOOK = Look(now_s=pictures.NOW_S, tones={"qwen": "server-0"}, gpu_bytes={0: 140 << 30})
NOW = pictures.NOW_S


def shown(cell, view, look=LOOK, width=30):
    return plain(cell(view, look, width))


def tones(cell, view, look=LOOK, width=30):
    return [span.tone for span in cell(view, look, width)]


@pytest.mark.parametrize(
    ("state", "fields", "badge", "tone"),
    [
        (State.AWAKE, {}, "● AWAKE ?", Tone.GOOD),
        (State.AWAKE, {"verification": verification(Check.VERIFIED)}, "● AWAKE ✓", Tone.GOOD),
        (State.AWAKE, {"verification": verification(Check.CHANGED)}, "● AWAKE ✗", Tone.GOOD),
        (State.ASLEEP, {"level": 1}, "○ ASLEEP L1", Tone.ASLEEP),
        (State.ASLEEP, {}, "○ ASLEEP", Tone.ASLEEP),
        (State.PAUSED, {}, "‖ PAUSED", Tone.WARN),
        (State.PARTIAL, {}, "◑ PARTIAL", Tone.WARN),
        (State.SUSPECT, {}, "! SUSPECT", Tone.WARN),
        (State.WEDGED, {}, "✖ WEDGED", Tone.BAD),
        (State.NO_CONTROL, {}, "– NO CONTROL", Tone.MUTED),  # noqa: RUF001
        (State.DOWN, {}, "· DOWN", Tone.BAD),
        (State.STARTING, {"since_s": NOW - 74}, "◌ STARTING 1 m 14 s", Tone.BUSY),
        (State.STALE, {"seen_at_s": NOW - 12}, "· STALE 12 s", Tone.MUTED),
        (State.UNKNOWN, {}, "· UNKNOWN", Tone.MUTED),
    ],
)
def test_the_badge_is_glyph_word_and_colour(state, fields, badge, tone):
    view = server(state=state, **fields)
    assert shown(present.badge, view) == badge
    assert tones(present.badge, view)[0] == tone


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.SUSPECT, "! SUSPECT"), (State.NO_CONTROL, "– NO CONTROL")],  # noqa: RUF001
)
def test_a_server_that_may_answer_shows_its_check_only_if_it_was_asked(state, word):
    assert plain(present.badge(server(state=state), LOOK)) == word
    asked = server(state=state, verification=verification(Check.CHANGED))
    assert plain(present.badge(asked, LOOK)) == f"{word} ✗"


def test_every_state_has_a_colour():
    assert set(present.STATE_TONES) == set(State)
    assert set(present.OUTCOME_TONES) == set(Outcome)
    assert set(present.CHECK_TONES) == set(Check)


def test_a_transition_counts_from_the_begin_of_our_operation():
    running = operation(Kind.WAKE, began_s=NOW - 0.4)
    view = server(state=State.WAKING, operation=running, since_s=NOW - 0.3)
    assert shown(present.badge, view) == "◐ WAKING 0.4 s"


def test_a_queued_operation_does_not_count_yet():
    queued = operation(Kind.WAKE, began_s=NOW - 30, phase=Phase.QUEUED)
    view = server(state=State.STARTING, operation=queued, since_s=NOW - 5)
    assert shown(present.badge, view) == "◌ STARTING 5.0 s"


def test_a_narrow_badge_has_short_words_and_no_blanks_in_long_times():
    falling = server(state=State.FALLING_ASLEEP, since_s=NOW - 0.4)
    starting = server(state=State.STARTING, since_s=NOW - 74)
    assert shown(present.badge, falling, width=18) == "◐ FALLING 0.4 s"
    assert shown(present.badge, starting, width=18) == "◌ STARTING 1m14s"


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("age_s", [0.0, 9.9, 59.0, 600.0])
def test_no_badge_is_wider_than_its_column(state, age_s):
    view = server(state=state, since_s=NOW - age_s, seen_at_s=NOW - age_s, level=2)
    for width in (18, 22):
        assert len(shown(present.badge, view, width=width)) <= width


def test_ascii_badges_are_ascii():
    look = Look(now_s=NOW, glyphs=ASCII)
    assert shown(present.badge, server(), look) == "* AWAKE ?"


def test_the_model_stands_behind_the_name_where_there_is_room():
    view = pictures.qwen()
    assert shown(present.name, view, width=40) == "qwen · Qwen2.5-7B-Instruct"
    assert shown(present.name, view, width=12) == "qwen"
    assert shown(present.name, server(), width=40) == "qwen"


def test_names_are_cleaned():
    view = server(spec=spec("\x1b[31mred\x07"), facts=facts(models=()))
    assert shown(present.name, view) == "red"


def test_an_estimate_is_marked_and_dim():
    measured, guessed = server(memory=memory()), server(memory=memory(measured=False))
    assert shown(present.gpu_memory, measured) == "40.0"
    assert shown(present.gpu_memory, guessed) == "~40.0"
    assert tones(present.gpu_memory, measured) == [Tone.TEXT]
    assert tones(present.gpu_memory, guessed) == [Tone.MUTED]


def test_unknown_is_dashes_never_zero():
    view = server(metrics=None)
    for cell in (
        present.gpu_memory,
        present.running,
        present.waiting,
        present.kv_use,
        present.token_rate,
        present.first_token,
        present.last_operation,
    ):
        assert shown(cell, view) == "--"
        assert tones(cell, view) == [Tone.FAINT]


def test_queue_figures():
    view = server(metrics=metrics(running=6, waiting=2, kv_usage=0.43), tokens_per_s=1840.0)
    assert shown(present.running, view) == "6"
    assert shown(present.waiting, view) == "2"
    assert tones(present.waiting, view) == [Tone.WARN]
    assert shown(present.kv_use, view) == "43 %"
    assert shown(present.token_rate, view) == "1.8k"


def test_frozen_figures_are_marked_and_parked_requests_counted():
    frozen = server(state=State.ASLEEP, metrics=metrics(running=8, waiting=1), queue_frozen=True)
    assert shown(present.running, frozen) == "8*"
    assert shown(present.waiting, frozen) == "1*"
    assert tones(present.waiting, frozen) == [Tone.FAINT]
    parked = server(state=State.ASLEEP, queue_frozen=True, parked=3)
    assert shown(present.waiting, parked) == "3p"
    assert tones(present.waiting, parked) == [Tone.WARN]


def test_figures_of_a_stale_server_are_dimmed():
    view = server(state=State.STALE, metrics=metrics(running=6, waiting=2), memory=memory())
    for cell in (present.running, present.waiting, present.gpu_memory):
        assert tones(cell, view) == [Tone.FAINT]


def test_the_last_operation_shows_how_it_ended_and_how_long_it_took():
    view = server(history=(record(Kind.WAKE, duration_s=0.53), record(Kind.SLEEP)))
    assert shown(present.last_operation, view) == "✓ wake 0.53 s"
    failed = server(history=(record(Kind.WAKE, outcome=Outcome.FAILED, duration_s=12.4),))
    assert shown(present.last_operation, failed) == "✗ wake 12.4 s"
    assert tones(present.last_operation, failed)[0] == Tone.BAD


def test_a_prompt_is_known_by_its_first_token_time():
    prompt = record(Kind.PROMPT, duration_s=0.8, first_token_s=0.041)
    assert shown(present.last_operation, server(history=(prompt,))) == "✓ prompt 41 ms"
    silent = record(Kind.PROMPT, outcome=Outcome.FAILED)
    assert shown(present.last_operation, server(history=(silent,))) == "✗ prompt --"


def test_what_runs_stands_before_what_was():
    running = operation(Kind.SLEEP)
    view = server(operation=running, expected_s=0.33, history=(record(Kind.WAKE),))
    assert shown(present.last_operation, view) == "▶ sleep ~0.33 s"
    assert shown(present.last_operation, server(operation=running)) == "▶ sleep sent"
    room = server(operation=operation(Kind.SWITCH, phase=Phase.MAKING_ROOM))
    assert shown(present.last_operation, room, width=15) == "▶ making room"
    queued = operation(Kind.WAKE, phase=Phase.QUEUED)
    assert shown(present.last_operation, server(operation=queued)) == "▶ wake queued"


def test_the_sparkline_is_as_high_as_the_memory_of_its_gpus():
    view = server(memory=memory(), memory_series=pictures.series((120, 140 << 30)))
    assert shown(present.memory_spark, view, width=8) == "████████"
    assert tones(present.memory_spark, view) == ["server-0"]
    half = server(memory=memory(), memory_series=pictures.series((60, 0), (60, 70 << 30)))
    assert shown(present.memory_spark, half, width=8)[1:-1] in ("▁▁▅▅▅▅", "▁▁▁▅▅▅")


def test_the_sparkline_of_one_that_is_down_is_as_high_as_the_memory_of_the_gpus_it_was_on():
    view = server(memory=None, on_gpus=(0,), memory_series=pictures.series((120, 1 << 30)))
    assert shown(present.memory_spark, view, width=4) == "▁▁▁▁"


def test_without_known_gpus_the_sparkline_is_as_high_as_its_peak():
    view = server(memory=None, memory_series=pictures.series((60, 10), (60, 20)))
    assert shown(present.memory_spark, view, width=4) in ("▅▅██", "▅███")


def test_cycles():
    assert shown(present.cycles, server(cycles=12)) == "12"
    assert tones(present.cycles, server()) == [Tone.FAINT]


def test_cycles_with_a_drift_are_marked():
    leaking = next(each for each in pictures.proof().servers if each.drift)
    assert shown(present.cycles, leaking) == "12!"
    assert tones(present.cycles, leaking) == [Tone.WARN]


def test_a_server_that_is_not_in_the_fleet_has_no_colour():
    assert LOOK.tone("qwen") == "server-0"
    assert LOOK.tone("gone") == LOOK.tone(None) == Tone.MUTED
