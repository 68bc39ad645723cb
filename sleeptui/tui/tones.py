"""Tones: the meanings that colours have. What paints a line gives each tone its style. Pure."""

from enum import StrEnum


class Tone(StrEnum):
    """What a colour means."""

    TEXT = "text"
    STRONG = "strong"
    TITLE = "title"
    MUTED = "muted"
    FAINT = "faint"
    """Unknown, stale or not measured."""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    BUSY = "busy"
    """In transition."""
    ASLEEP = "asleep"
    OTHER = "other"
    """GPU memory that belongs to none of the servers."""
    TRACK = "track"
    """The empty part of a bar."""
    ON = "on"
    """Text on a coloured ground: black or white, whatever reads better."""
    CURSOR = "cursor"
    CURSOR_BLURRED = "cursor-blurred"
    BAND_SLEEP = "band-sleep"
    BAND_WAKE = "band-wake"
    BAND_SWITCH = "band-switch"


SERVER_COLOURS = 8
SERVER = "server-"
"""Begins the tone of a server; its number follows."""


def server_tone(index: int) -> str:
    """The tone of the server at that place of the fleet; colours repeat after eight."""
    return f"{SERVER}{index % SERVER_COLOURS}"
