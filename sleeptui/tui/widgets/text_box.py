"""A text that is written, or an answer that is read: a text area that is forgotten."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual.widgets import TextArea

if TYPE_CHECKING:
    from textual._types import WatchCallbackType
    from textual.dom import DOMNode


class TextBox(TextArea):
    """A text area that goes when its screen goes.

    Textual 8 has it watch the theme of the app, and the app keeps all that watch until the theme
    changes next: with their text and their styles, 100 kB a prompt. A signal can be left.
    """

    def watch(
        self,
        obj: "DOMNode",
        attribute_name: str,
        callback: "WatchCallbackType",
        init: bool = True,
    ) -> None:
        """Hear of the theme by its signal, of all else as Textual does."""
        if obj is self.app and attribute_name == "theme":
            paint = cast("Callable[[], None]", callback)
            self.app.theme_changed_signal.subscribe(self, lambda _theme: paint())
        else:
            super().watch(obj, attribute_name, callback, init)

    def on_unmount(self) -> None:
        """Be forgotten: what listens to a signal of Textual is kept for ever."""
        self.app.theme_changed_signal.unsubscribe(self)
