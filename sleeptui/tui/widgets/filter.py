"""The field for the filter of the fleet table."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterInput(Input):
    """The field for the filter."""

    HELP = "Rows are shown whose name, model or state contains the text; escape ends it."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    @dataclass
    class Ended(Message):
        """Escape was pressed."""

        input: Input

    def on_unmount(self) -> None:
        """Be forgotten: the dashboard, which stays, tells it when text is selected."""
        self.screen.text_selection_started_signal.unsubscribe(self)

    def action_leave(self) -> None:
        """Tell the screen."""
        self.post_message(self.Ended(self))
