"""What a journal that begins in the middle is told first."""

from support.builders import spec

from sleeptui.core.events import Discovered, OperationAdvanced, ServerAdded
from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.operation import Phase
from sleeptui.services.prologue import Unfinished, prologue


def test_an_empty_fleet_that_is_still_looked_for_says_nothing():
    assert list(prologue(FleetView(), 1.0)) == []


def test_notes_of_the_discovery_are_told():
    view = FleetView(notes=("no Docker",), looking=True)
    assert list(prologue(view, 1.0)) == [Discovered(at_s=1.0, notes=("no Docker",), done=False)]


def test_what_is_not_known_of_a_server_is_not_told():
    view = FleetView(servers=(ServerView(spec=spec("a")),))
    assert list(prologue(view, 1.0)) == [ServerAdded(at_s=1.0, spec=spec("a"))]


def test_a_phase_of_an_operation_whose_begin_was_not_heard_is_nothing():
    unfinished = Unfinished()
    unfinished.follow(OperationAdvanced(at_s=1.0, id=1, server="a", phase=Phase.CALLING))
    assert list(unfinished.events(1.0)) == []
