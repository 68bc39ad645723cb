"""What a journal that begins in the middle must know first: the fleet as it is, as events."""

from collections.abc import Iterator
from dataclasses import replace

from sleeptui.core.events import (
    Discovered,
    Event,
    FactsLearned,
    HomeFound,
    OperationAdvanced,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    Recalled,
    RequestBegan,
    RequestEnded,
    ServerAdded,
    Verified,
)
from sleeptui.core.learned import Learned
from sleeptui.core.model import FleetView, ServerFacts, ServerView


class Unfinished:
    """What has begun and not ended: operations and requests of ours, in the order of their begin.

    Subscribed to the bus all the time, so that the journal of a recording that begins meanwhile
    has a begin for every end.
    """

    def __init__(self) -> None:
        """Nothing has begun."""
        self._operations: dict[int, OperationQueued | OperationStarted] = {}
        self._requests: dict[int, RequestBegan] = {}

    def follow(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case OperationQueued() | OperationStarted():
                self._operations[event.operation.id] = event
            case OperationAdvanced():
                if (begun := self._operations.get(event.id)) is not None:
                    moved = replace(begun.operation, phase=event.phase)
                    self._operations[event.id] = replace(begun, operation=moved)
            case OperationEnded():
                self._operations.pop(event.record.id, None)
            case RequestBegan():
                self._requests[event.id] = event
            case RequestEnded():
                self._requests.pop(event.id, None)
            case _:
                pass

    def events(self, now_s: float) -> Iterator[Event]:
        """Their begins: operations as they are now, requests as they were sent."""
        for begun in self._operations.values():
            yield replace(begun, at_s=now_s)
        yield from self._requests.values()


def prologue(view: FleetView, now_s: float) -> Iterator[Event]:
    """The events that lead to this picture, but for what the next looks will say anyway."""
    if view.notes or not view.looking:
        yield Discovered(at_s=now_s, notes=view.notes, done=not view.looking)
    for server in view.servers:
        yield from _of_server(server, now_s)


def _of_server(view: ServerView, now_s: float) -> Iterator[Event]:
    yield ServerAdded(at_s=now_s, spec=view.spec)
    if view.facts != ServerFacts():
        yield FactsLearned(at_s=now_s, server=view.name, facts=view.facts)
    if view.home is not None:
        yield HomeFound(at_s=now_s, server=view.name, home=view.home)
    if view.learned != Learned():
        yield Recalled(at_s=now_s, server=view.name, learned=view.learned)
    if view.verification is not None:
        yield Verified(at_s=now_s, server=view.name, verification=view.verification)
