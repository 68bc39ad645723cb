"""The palette: what style each tone has in a theme.

All tones but those of the servers come from the theme's own variables, so every theme of
Textual works; where those are too pale to be read, they get more black or white. The servers'
colours are ours: eight hues that differ from each other and from the colours of good and bad, on
dark, on light, and when a terminal with 16 colours rounds them.
"""

from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError

from sleeptui.tui.tones import SERVER, Tone

_DARK = (
    "#5794f2",  # blue
    "#f2a53c",  # amber
    "#b877d9",  # violet
    "#3fc1b0",  # teal
    "#f17fb0",  # pink
    "#d8cf5a",  # yellow
    "#9aa7b8",  # slate
    "#c08457",  # clay
)
_LIGHT = (
    "#1f60c4",
    "#a04c00",
    "#8f3bb8",
    "#006a82",
    "#b4305c",
    "#6f6300",
    "#556377",
    "#7a4a24",
)
_ANSI = (
    "ansi_bright_blue",
    "ansi_bright_yellow",
    "ansi_bright_magenta",
    "ansi_bright_cyan",
    "ansi_magenta",
    "ansi_yellow",
    "ansi_white",
    "ansi_cyan",
)
_VARIABLES: Mapping[str, tuple[str, float]] = {
    Tone.TEXT: ("foreground", 1.0),
    Tone.STRONG: ("foreground", 1.0),
    Tone.TITLE: ("text-primary", 1.0),
    Tone.MUTED: ("foreground", 0.62),
    Tone.FAINT: ("foreground", 0.44),
    Tone.GOOD: ("text-success", 1.0),
    Tone.WARN: ("text-warning", 1.0),
    Tone.BAD: ("text-error", 1.0),
    Tone.BUSY: ("text-accent", 1.0),
    Tone.ASLEEP: ("text-primary", 1.0),
    Tone.OTHER: ("foreground", 0.34),
    Tone.TRACK: ("foreground", 0.1),
    Tone.CURSOR: ("primary", 0.34),
    Tone.CURSOR_BLURRED: ("primary", 0.18),
    Tone.BAND_SLEEP: ("primary", 0.4),
    Tone.BAND_WAKE: ("success", 0.34),
    Tone.BAND_SWITCH: ("warning", 0.34),
}
"""Theme variable, and how much of it is left over the background."""
_BOLD = frozenset({Tone.STRONG, Tone.TITLE, Tone.BAD})
_DIM = frozenset({Tone.MUTED, Tone.FAINT})
_BANDS = frozenset({Tone.BAND_SLEEP, Tone.BAND_WAKE, Tone.BAND_SWITCH})
_CURSORS = frozenset({Tone.CURSOR, Tone.CURSOR_BLURRED})
_LEGIBLE: Final = 4.5
"""The least contrast of text, WCAG 2.2, 1.4.3."""
_DISCERNIBLE: Final = 3.0
"""That of what is not known or not new: the least that WCAG asks of signs, 1.4.11."""
_DRAWN = frozenset({Tone.OTHER, Tone.TRACK, *_CURSORS, *_BANDS})
"""Grounds and lines: never the ink of words."""
_STEPS: Final = 20
_LINEAR_BELOW: Final = 0.04045
"""Where sRGB has no power law."""


class Palette:
    """The styles of one theme, made once each."""

    def __init__(self, variables: Mapping[str, str], *, dark: bool, ansi: bool) -> None:
        """The palette of a theme.

        Args:
            variables: The theme's variables, name to colour.
            dark: The theme is dark.
            ansi: The theme uses the terminal's own 16 colours, which cannot be blended.
        """
        self._variables = variables
        self._servers = _ANSI if ansi else _DARK if dark else _LIGHT
        self._ansi = ansi
        self._text = self._parse("foreground", Color.parse("ansi_default"))
        self._background = self._parse("background", Color.parse("ansi_default"))
        self._panel = self._parse("panel", self._background)
        self._styles: dict[tuple[str, str], Style] = {}

    @classmethod
    def of(cls, app: App[object]) -> "Palette":
        """The palette of the app's theme."""
        theme = app.current_theme
        ansi = app.theme_variables.get("background", "").startswith("ansi")
        return cls(app.theme_variables, dark=theme.dark, ansi=ansi)

    def style(self, tone: str, back: str = "") -> Style:
        """The style of text in a tone, on the ground of another."""
        known = self._styles.get((tone, back))
        if known is None:
            known = self._styles[tone, back] = self._make(tone, back)
        return known

    def _make(self, tone: str, back: str) -> Style:
        if self._ansi and back in _CURSORS:
            # No shade of 16 colours reads well behind all of the others.
            return Style(reverse=back == Tone.CURSOR, bold=True)
        ground = self._ground(back) if back else None
        ink = self._ink(tone, ground)
        return Style(
            color=ink.rich_color if ink is not None else None,
            bgcolor=ground.rich_color if ground is not None else None,
            bold=tone in _BOLD or None,
            dim=(self._ansi and tone in _DIM) or None,
        )

    def _ink(self, tone: str, ground: Color | None) -> Color | None:
        if tone == Tone.ON and ground is not None:
            return ground.get_contrast_text(1.0) if not self._ansi else Color.parse("ansi_black")
        if self._ansi:
            return None if tone == Tone.TRACK else self._colour(tone)
        if tone in _DRAWN:
            return self._colour(tone)
        if ground is not None:
            return _legible(self._colour(tone), (ground,), _LEGIBLE)
        least = _DISCERNIBLE if tone == Tone.FAINT else _LEGIBLE
        header = () if tone.startswith(SERVER) else (self._panel,)
        return _legible(self._colour(tone), (self._background, *header), least)

    def _ground(self, back: str) -> Color | None:
        if not self._ansi:
            return self._colour(back)
        if back in _BANDS or back == Tone.OTHER:
            return Color.parse("ansi_bright_black")
        return self._colour(back) if back.startswith(SERVER) else None

    def _colour(self, tone: str) -> Color:
        if tone.startswith(SERVER):
            return Color.parse(self._servers[int(tone.removeprefix(SERVER))])
        variable, share = _VARIABLES.get(tone, ("foreground", 1.0))
        colour = self._parse(variable, self._text)
        if self._ansi:
            return Color.parse("ansi_bright_black") if tone == Tone.OTHER else colour
        return self._background.blend(colour, share) if share < 1 else colour

    def _parse(self, variable: str, fallback: Color) -> Color:
        # A theme may say "auto 87%", which only a style sheet can resolve.
        try:
            return Color.parse(self._variables.get(variable, ""))
        except ColorParseError:
            return fallback


def _legible(ink: Color, grounds: tuple[Color, ...], least: float) -> Color:
    """The ink itself, or as little more black or white in it as can be read on all the grounds."""
    for ground in grounds:
        away = max(Color(0, 0, 0), Color(255, 255, 255), key=lambda end: _contrast(end, ground))
        shades = (ink.blend(away, step / _STEPS, 1.0) for step in range(_STEPS + 1))
        ink = next((shade for shade in shades if _contrast(shade, ground) >= least), away)
    return ink


def _contrast(one: Color, other: Color) -> float:
    """Of two colours, 1 to 21, as WCAG defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    """Relative luminance of sRGB, 0 to 1."""
    red, green, blue = (
        part / 12.92 if part <= _LINEAR_BELOW else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
