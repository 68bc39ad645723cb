"""A radio button that shows without colour whether it is chosen."""

from textual.content import Content
from textual.widgets import RadioButton

_CHOSEN, _FREE = "●", "○"


class Choice(RadioButton):
    """Textual's own tells by colour alone, which NO_COLOR takes away."""

    def __init__(self, label: Content, *, value: bool, disabled: bool, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(label, value=value, disabled=disabled, id=id)
        self.BUTTON_INNER = _CHOSEN if value else _FREE

    def watch_value(self) -> None:
        """Draw the new value."""
        self.BUTTON_INNER = _CHOSEN if self.value else _FREE
        super().watch_value()
