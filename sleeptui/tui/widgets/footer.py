"""The footer of every page: the keys that work now, as many as there is room for."""

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.widgets import Footer
from textual.widgets._footer import FooterKey  # Textual gives its keys no public name

from sleeptui.tui.keymap import command_of

_GAP: Final = 1
"""Cells behind each key."""
_ALWAYS: Final = frozenset({"app.help", "app.quit"})
"""Who has these finds all the others."""


class KeysFooter(Footer):
    """Leaves out whole keys where it is too narrow, the last first; never the ways out and help.

    The dashboard, which stays, makes its keys anew whenever what is possible changes, thousands
    of times in a long run: those that are no longer shown must not be kept. Textual 8 lets each
    key follow the footer's ``compact``, and forgets those that have gone only when that changes;
    with their styles they are 40 kB each time.
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)

    async def recompose(self) -> None:
        """Make the keys anew, and forget the old ones."""
        await super().recompose()
        self.mutate_reactive(Footer.compact)
        self._fit()

    def on_resize(self, _event: events.Resize) -> None:
        """There is room for more, or for fewer."""
        self._fit()

    def _fit(self) -> None:
        keys = list(self.query(FooterKey))
        left = self.size.width + _GAP - sum(_width(key) for key in keys if _is_kept(key))
        for key in keys:
            if not _is_kept(key):
                left -= _width(key)
                key.display = left >= 0


def _width(key: FooterKey) -> int:
    return cell_len(f"{key.key_display} {key.description}") + _GAP


def _is_kept(key: FooterKey) -> bool:
    return key.key == "escape" or command_of(key.action) in _ALWAYS
