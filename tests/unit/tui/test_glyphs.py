"""Glyph sets."""

from dataclasses import fields

import pytest
from rich.cells import cell_len

from sleeptui.core.canary import Check
from sleeptui.core.model import State
from sleeptui.core.operation import Outcome
from sleeptui.tui.glyphs import ASCII, COLOURLESS, UNICODE, glyphs_for


def texts(glyphs):
    for field in fields(glyphs):
        value = getattr(glyphs, field.name)
        yield from value.values() if hasattr(value, "values") else [value]


def test_the_ascii_set_is_ascii():
    assert all(text.isascii() for text in texts(ASCII))


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE, COLOURLESS])
def test_every_state_check_and_outcome_has_a_glyph_of_one_cell(glyphs):
    assert set(glyphs.states) == set(State)
    assert set(glyphs.checks) == set(Check)
    assert set(glyphs.outcomes) == set(Outcome)
    for mapping in (glyphs.states, glyphs.checks, glyphs.outcomes, glyphs.severities):
        assert {cell_len(glyph) for glyph in mapping.values()} == {1}


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE])
def test_states_that_ask_for_different_things_look_different_without_their_words(glyphs):
    telling = [State.AWAKE, State.ASLEEP, State.PAUSED, State.PARTIAL, State.SUSPECT]
    telling += [State.WEDGED, State.WAKING, State.STARTING, State.NO_CONTROL, State.DOWN]
    assert len({glyphs.states[state] for state in telling}) == len(telling)


def test_settings_choose_the_set():
    assert glyphs_for(ascii_only=True, colour=True) is ASCII
    assert glyphs_for(ascii_only=False, colour=True) is UNICODE
    assert glyphs_for(ascii_only=False, colour=False) is COLOURLESS
