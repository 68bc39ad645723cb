"""What every screen shows in the place of a picture that a small terminal would only cut."""

from typing import Any

from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from sleeptui.tui.arrange import too_small


class TooSmall(Static):
    """One line over all of a screen. What is under it stays as it is, the focus too."""


def fit(screen: Screen[Any], size: Size) -> None:
    """Cover a screen where the terminal is too small for it, uncover it where it is not.

    Args:
        screen: A screen of the stack: a page, a question, the palette.
        size: Of the terminal.
    """
    said = too_small(*size)
    screen.set_class(bool(said), "-small")
    cover = next((one for one in screen.children if isinstance(one, TooSmall)), None)
    if cover is None and said:
        cover = TooSmall(markup=False)
        screen.mount(cover)
    if cover is not None:
        cover.display = bool(said)
        cover.update(said)


def fit_all(app: App[Any], size: Size) -> None:
    """The same for every screen of the stack."""
    for screen in app.screen_stack:
        fit(screen, size)


def follow(app: App[Any]) -> None:
    """Each screen that comes fits the terminal, and has the colours of the theme."""
    app.screen_change_signal.subscribe(app, lambda screen: fit(screen, app.size))
    # Textual leaves out the palette when it gives all others the colours of another theme.
    app.theme_changed_signal.subscribe(app, lambda _theme: app.stylesheet.update(app.screen))
