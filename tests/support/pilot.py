"""Waiting in tests of screens: for conditions, never for time."""

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

_TURNS = 400


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the app run until the condition holds; fails after some seconds of turns."""
    for _ in range(_TURNS):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("never came true:\n" + shown_text(pilot))


def shown_text(pilot: Pilot[Any]) -> str:
    """All text on the screen, a line a row, as the terminal would show it."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)
