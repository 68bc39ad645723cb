"""The stack of screens: the dashboard at the bottom, one page over it, questions on top."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker

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
        _let_go(screen)
        screen.dismiss(result)


def work(
    node: DOMNode,
    what: Callable[[], Coroutine[Any, Any, None]],
    *,
    group: str = "default",
    exclusive: bool = False,
) -> None:
    """Do something beside, until it is done or the screen is left; nothing once it is.

    It is made when it begins: a coroutine that is given up before its first step complains.

    Args:
        node: Whose work it is.
        what: Makes the work.
        group: Of what belongs together.
        exclusive: What else goes on of that group ends.
    """
    if not is_left(node):
        _: Worker[None] = node.run_worker(what, group=group, exclusive=exclusive)


def is_left(node: DOMNode) -> bool:
    """Whether a node is on no screen of the stack any more: its widgets go, or have gone."""
    return not any(one in node.app.screen_stack for one in node.ancestors_with_self)


def _let_go(screen: Screen[Any]) -> None:
    """End what it reads: an answer that comes when its widgets have gone finds none of them.

    Textual ends the workers of a screen only when it has taken all of them away.
    """
    screen.workers.cancel_node(screen)


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

    @property
    def has_keys(self) -> bool:
        """Whether a field or a question has all keys."""
        screen = self._app.screen
        return screen.is_modal or isinstance(screen.focused, Input)

    def visible(self) -> Iterator[Screen[Any]]:
        """From the top of the stack down to the page that covers the rest."""
        for screen in reversed(self._app.screen_stack):
            yield screen
            if not screen.is_modal:
                return

    def close_all(self) -> None:
        """Back to the dashboard."""
        while len(self._app.screen_stack) > 1:
            _let_go(self._app.screen)
            self._app.pop_screen()

    def open_only(self, name: str, make: Callable[[], Screen[Any]]) -> None:
        """Open a page of that name over the dashboard, unless it is the one that is seen."""
        if self._app.screen.name != name:
            self.close_all()
            self._app.push_screen(make())
