"""Glyphs: every non-ASCII character that the panel draws, and its ASCII stand-in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sleeptui.core.canary import Check
from sleeptui.core.model import State
from sleeptui.core.operation import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """One set of glyphs, each one cell wide if not said otherwise."""

    states: Mapping[State, str]
    checks: Mapping[Check, str]
    outcomes: Mapping[Outcome, str]
    severities: Mapping[str, str]
    spark: str
    """Levels of a sparkline, from zero to full."""
    eighths: str
    """A cell filled from the left by 1/8 to 7/8; empty: cells are whole."""
    fills: str
    """Patterns for the parts of a bar that colour does not tell apart; a blank: colour does."""
    edge: str
    """Between the parts of a patterned bar."""
    pointer: str
    marked: str
    swatch: str
    """The colour sample beside a server's name."""
    ellipsis: str
    dot: str
    """Between facts on a line."""
    arrow: str
    light: str
    """Of a recording that runs."""
    frozen: str
    """Behind a figure that no longer moves."""
    axis: str
    degrees: str
    times: str
    """Before how many times faster."""
    marker: str
    """Plotext's marker for plots."""


UNICODE = Glyphs(
    states={
        State.UNKNOWN: "·",
        State.AWAKE: "●",
        State.DRAINING: "◐",
        State.FALLING_ASLEEP: "◐",
        State.WAKING: "◐",
        State.VERIFYING: "◐",
        State.RELOADING: "◐",
        State.STARTING: "◌",
        State.STOPPING: "◐",
        State.ASLEEP: "○",
        State.PAUSED: "‖",
        State.PARTIAL: "◑",
        State.SUSPECT: "!",
        State.WEDGED: "✖",
        State.NO_CONTROL: "–",  # noqa: RUF001 - a dash, longer than a minus
        State.DOWN: "·",
        State.STALE: "·",
    },
    checks={Check.VERIFIED: "✓", Check.UNVERIFIED: "?", Check.CHANGED: "✗"},
    outcomes={
        Outcome.DONE: "✓",
        Outcome.SUSPECT: "!",
        Outcome.FAILED: "✗",
        Outcome.UNKNOWN: "?",
        Outcome.CANCELLED: "–",  # noqa: RUF001 - as above
    },
    severities={"info": "·", "good": "✓", "warning": "!", "bad": "✗"},
    spark="▁▂▃▄▅▆▇█",
    eighths="▏▎▍▌▋▊▉",
    fills=" ",
    edge="",
    pointer="▶",
    marked="◆",
    swatch="■",
    ellipsis="…",
    dot="·",
    arrow="→",
    light="●",
    frozen="*",
    axis="─",
    degrees="°C",
    times="×",  # noqa: RUF001 - a multiplication sign is meant
    marker="braille",
)
ASCII = Glyphs(
    states={
        State.UNKNOWN: ".",
        State.AWAKE: "*",
        State.DRAINING: "~",
        State.FALLING_ASLEEP: "~",
        State.WAKING: "~",
        State.VERIFYING: "~",
        State.RELOADING: "~",
        State.STARTING: "^",
        State.STOPPING: "~",
        State.ASLEEP: "o",
        State.PAUSED: "=",
        State.PARTIAL: "%",
        State.SUSPECT: "!",
        State.WEDGED: "X",
        State.NO_CONTROL: "-",
        State.DOWN: ".",
        State.STALE: ".",
    },
    checks={Check.VERIFIED: "v", Check.UNVERIFIED: "?", Check.CHANGED: "x"},
    outcomes={
        Outcome.DONE: "v",
        Outcome.SUSPECT: "!",
        Outcome.FAILED: "x",
        Outcome.UNKNOWN: "?",
        Outcome.CANCELLED: "-",
    },
    severities={"info": ".", "good": "v", "warning": "!", "bad": "x"},
    spark="_.:-=+*#",
    eighths="",
    fills="#=%@&$",
    edge="|",
    pointer=">",
    marked="+",
    swatch="#",
    ellipsis="..",
    dot="-",
    arrow="->",
    light="*",
    frozen="*",
    axis="-",
    degrees="C",
    times="x",
    marker="#",
)
COLOURLESS = replace(UNICODE, eighths="", fills="█▓▒", edge="│")
"""Unicode where colour cannot tell the servers apart."""


def glyphs_for(*, ascii_only: bool, colour: bool) -> Glyphs:
    """The set for these settings."""
    if ascii_only:
        return ASCII
    return UNICODE if colour else COLOURLESS
