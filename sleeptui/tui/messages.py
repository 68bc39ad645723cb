"""What crosses between app, screens and widgets."""

from typing import Protocol, runtime_checkable

from textual.message import Message

from sleeptui.core.model import FleetView


class SelectionChanged(Message):
    """The cursor or the selection of the dashboard moved: other commands may work now."""

    def can_replace(self, message: Message) -> bool:
        """Of many that wait, one is enough."""
        return isinstance(message, SelectionChanged)


@runtime_checkable
class Shows(Protocol):
    """A screen that follows the fleet: the app gives it every picture while it can be seen."""

    def show(self, view: FleetView) -> None:
        """Show this picture; called on the app's thread, a few times a second."""
