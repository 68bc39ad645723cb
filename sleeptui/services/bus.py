"""Publish and subscribe inside this process: synchronous and ordered."""

from collections import deque
from collections.abc import Callable

from sleeptui.core.events import Event

Subscriber = Callable[[Event], None]


class Bus:
    """Brings every event to every subscriber, in the order of publishing.

    An event that a subscriber publishes while it handles another waits until all have handled
    that one: nobody sees an effect before its cause. A subscriber that raises is a bug; the
    error reaches whoever published.
    """

    def __init__(self) -> None:
        self._subscribers: dict[object, Subscriber] = {}
        self._waiting: deque[Event] = deque()
        self._delivering = False

    def publish(self, event: Event) -> None:
        """Deliver an event, and those that it causes, before returning."""
        self._waiting.append(event)
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting:
                self._deliver(self._waiting.popleft())
        finally:
            self._delivering = False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` with each event from now on, after those who came before it.

        Returns:
            Ends the subscription; calling it again does nothing.
        """
        key = object()
        self._subscribers[key] = subscriber

        def unsubscribe() -> None:
            """Forget the subscriber."""
            self._subscribers.pop(key, None)

        return unsubscribe

    def _deliver(self, event: Event) -> None:
        for key in tuple(self._subscribers):
            if subscriber := self._subscribers.get(key):
                subscriber(event)
