"""What the app tells its screens."""

from typing import Protocol, runtime_checkable

from sleeptui.core.model import FleetView


@runtime_checkable
class Shows(Protocol):
    """A screen that follows the fleet: the app gives it every picture while it can be seen."""

    def show(self, view: FleetView) -> None:
        """Show this picture; called on the app's thread, a few times a second."""
