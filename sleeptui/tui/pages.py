"""The stack of screens: the dashboard at the bottom, one page over it, questions on top."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from textual.app import App
from textual.screen import Screen

T = TypeVar("T")


def leave(screen: Screen[T], result: T | None = None) -> None:
    """Dismiss a screen, once.

    A key that is typed twice comes to a screen that was left already; Textual then takes whatever
    is on top of the stack, and the program ends where nothing is.

    Args:
        screen: The one to leave.
        result: Its answer.
    """
    if screen.is_active:
        screen.dismiss(result)


class Pages:
    """Opens and closes pages; knows which is seen."""

    def __init__(self, app: App[None], bottom: Screen[Any]) -> None:
        self._app = app
        self._bottom = bottom

    @property
    def seen(self) -> Screen[Any]:
        """The page that is seen, under whatever asks a question."""
        for screen in self.visible():
            if not screen.is_modal:
                return screen
        return self._bottom

    def visible(self) -> Iterator[Screen[Any]]:
        """From the top of the stack down to the page that covers the rest."""
        for screen in reversed(self._app.screen_stack):
            yield screen
            if not screen.is_modal:
                return

    def close_all(self) -> None:
        """Back to the dashboard."""
        while len(self._app.screen_stack) > 1:
            self._app.pop_screen()

    def open_only(self, name: str, make: Callable[[], Screen[Any]]) -> None:
        """Open a page of that name over the dashboard, unless it is the one that is seen."""
        if self._app.screen.name != name:
            self.close_all()
            self._app.push_screen(make())
