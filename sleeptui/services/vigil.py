"""Verifies by itself what somebody else has woken, where there is a reference to compare with."""

from collections.abc import Callable

from sleeptui.core.errors import NotAllowed
from sleeptui.core.events import Event, Noted, StateObserved
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import ServerView, State
from sleeptui.core.ports import Clock
from sleeptui.core.settings import Settings
from sleeptui.services.bus import Bus
from sleeptui.services.operations import Operations


class Vigil:
    """One canary each time that a wake by somebody else is seen; the user may ask for more."""

    def __init__(
        self,
        *,
        settings: Settings,
        bus: Bus,
        store: FleetStore,
        operations: Operations,
        clock: Clock,
        is_off: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_off = is_off
        self._settings = settings
        self._bus = bus
        self._store = store
        self._operations = operations
        self._clock = clock
        self._asked: set[str] = set()
        bus.subscribe(self._follow)

    def _follow(self, event: Event) -> None:
        if not isinstance(event, StateObserved) or self._settings.readonly or self._is_off():
            return
        view = self._store.server(event.server)
        if view is None or not view.check_due:
            self._asked.discard(event.server)
        elif event.server not in self._asked and _can_tell(view):
            self._ask(view)

    def _ask(self, view: ServerView) -> None:
        try:
            self._operations.verify(view.name)
        except NotAllowed:
            return  # the panel closes, or the user was faster: the next look tells
        self._asked.add(view.name)
        self._bus.publish(
            Noted(
                at_s=self._clock.now_s(),
                server=view.name,
                severity="info",
                text="somebody else woke it: its answers are compared with those from before",
            )
        )


def _can_tell(view: ServerView) -> bool:
    """Whether an answer now would show what its weights are."""
    from sleeptui.services.asking import reference_of  # noqa: PLC0415 - not for the first frame

    is_free = view.state is State.AWAKE and view.operation is None
    return is_free and view.spec.canary.enabled and reference_of(view) is not None
