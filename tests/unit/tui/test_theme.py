"""Tones and palettes."""

import pytest
from rich.color import ColorSystem
from textual.app import App
from textual.color import Color

from sleeptui.tui.present import STATE_TONES
from sleeptui.tui.theme import Palette
from sleeptui.tui.tones import SERVER_COLOURS, Tone, server_tone

SERVERS = [server_tone(index) for index in range(SERVER_COLOURS)]


def palette(name):
    app = App()
    app.theme = name
    app.get_css_variables()  # a running app does so when the theme changes
    return Palette.of(app)


def contrast(one, other):
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    parts = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in colour.rgb)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


THEMES = sorted(App().available_themes)


@pytest.mark.parametrize("theme", THEMES)
def test_every_tone_has_a_style_in_every_theme(theme):
    made = palette(theme)
    for tone in (*Tone, *SERVERS):
        made.style(tone)
        made.style(Tone.ON, tone)
        made.style(tone, Tone.CURSOR)


TRUE_COLOUR = [name for name in THEMES if not name.startswith("ansi-")]
WORDS = sorted({*STATE_TONES.values(), Tone.TEXT, Tone.TITLE, Tone.MUTED, *SERVERS})


@pytest.mark.parametrize("theme", TRUE_COLOUR)
@pytest.mark.parametrize("ground", ["background", "panel"])
def test_states_and_text_can_be_read_in_every_theme(theme, ground):
    app = App()
    app.theme = theme
    app.get_css_variables()  # a running app does so when the theme changes
    made, under = Palette.of(app), Color.parse(app.theme_variables[ground])
    for tone in WORDS if ground == "background" else set(WORDS) - set(SERVERS):
        assert contrast(Color.from_rich_color(made.style(tone).color), under) >= 4.5, tone
    assert contrast(Color.from_rich_color(made.style(Tone.FAINT).color), under) >= 3.0


@pytest.mark.parametrize("theme", TRUE_COLOUR)
@pytest.mark.parametrize("cursor", [Tone.CURSOR, Tone.CURSOR_BLURRED])
def test_all_that_stands_on_the_row_of_the_cursor_can_be_read_in_every_theme(theme, cursor):
    made = palette(theme)
    for tone in (*WORDS, Tone.FAINT, Tone.STRONG):
        style = made.style(tone, cursor)
        ink, ground = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
        assert contrast(ink, ground) >= 4.5, tone


@pytest.mark.parametrize("theme", TRUE_COLOUR)
def test_the_cursor_stands_out_from_the_other_rows(theme):
    made = palette(theme)
    bright, pale = (
        Color.from_rich_color(made.style(Tone.TEXT, back).bgcolor)
        for back in (Tone.CURSOR, Tone.CURSOR_BLURRED)
    )
    assert bright != pale


def test_a_colour_that_can_be_read_stays_that_of_the_theme():
    variables = {"foreground": "#ffffff", "background": "#000000", "text-success": "#00c000"}
    made = Palette(variables, dark=True, ansi=False)
    assert made.style(Tone.GOOD).color.triplet.hex == "#00c000"


def test_a_colour_that_is_too_pale_gets_no_more_than_it_needs():
    variables = {"foreground": "#000000", "background": "#ffffff", "text-success": "#a0e0a0"}
    ink = Color.from_rich_color(Palette(variables, dark=False, ansi=False).style(Tone.GOOD).color)
    assert 4.5 <= contrast(ink, Color(255, 255, 255)) < 5.5
    assert ink.g > ink.r == ink.b, "it is still green"


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_labels_can_be_read_on_every_servers_colour(theme):
    made = palette(theme)
    for tone in SERVERS:
        style = made.style(Tone.ON, tone)
        ink, ground = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
        assert contrast(ink, ground) > 4.0, tone


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_a_terminal_with_16_colours_still_tells_most_servers_apart(theme):
    made = palette(theme)
    rounded = {made.style(tone).color.downgrade(ColorSystem.STANDARD).number for tone in SERVERS}
    assert len(rounded) >= 5


def test_colours_repeat_after_eight_servers():
    assert server_tone(0) == server_tone(8) != server_tone(1)


def test_in_the_terminals_own_colours_nothing_is_blended():
    made = palette("ansi-dark")
    for tone in (*Tone, *SERVERS):
        style = made.style(tone)
        assert style.color is None or style.color.is_default or style.color.number is not None
    assert made.style(Tone.MUTED).dim
    assert made.style(Tone.GOOD, Tone.CURSOR).reverse


def test_a_theme_that_says_auto_gets_the_text_colour_instead():
    made = Palette(
        {"foreground": "#ffffff", "background": "#000000", "text-success": "auto 87%"},
        dark=True,
        ansi=False,
    )
    assert made.style(Tone.GOOD).color.triplet.hex == "#ffffff"
