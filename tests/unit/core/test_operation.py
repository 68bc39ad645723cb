"""Operations: what they ask of a server, and what was in flight around them."""

import pytest
from support.builders import gpu, operation
from support.builders import memory as held

from sleeptui.core.model import GpuMemory, MemorySource
from sleeptui.core.operation import InFlight, Kind, Phase


@pytest.mark.parametrize(
    ("running", "waiting", "total"), [(3, 2, 5), (0, 0, 0), (None, 2, None), (3, None, None)]
)
def test_requests_in_flight_are_counted_only_where_both_figures_are_known(running, waiting, total):
    assert InFlight(running=running, waiting=waiting).total == total


@pytest.mark.parametrize("kind", [Kind.SLEEP, Kind.WAKE, Kind.SWITCH])
def test_a_transition_acts_but_while_it_waits_makes_room_or_verifies(kind):
    beside = {phase for phase in Phase if not operation(kind, phase=phase).acts}
    assert beside == {Phase.QUEUED, Phase.MAKING_ROOM, Phase.VERIFYING}


@pytest.mark.parametrize("kind", [Kind.PROMPT, Kind.VERIFY])
def test_a_question_never_does(kind):
    assert not any(operation(kind, phase=phase).acts for phase in Phase)


@pytest.mark.parametrize(
    ("fields", "free"),
    [
        ({"used_bytes": 60, "total_bytes": 140}, 80),
        ({"used_bytes": 60, "total_bytes": 140, "reserved_bytes": 5}, 75),
        ({"used_bytes": None, "total_bytes": 140}, None),
        ({"used_bytes": 60, "total_bytes": None}, None),
    ],
)
def test_free_memory_leaves_out_what_the_driver_keeps_for_itself(fields, free):
    assert gpu(**fields).free_bytes == free


def test_memory_on_several_gpus_is_one_sum():
    both = GpuMemory(by_gpu={0: 3, 1: 4}, source=MemorySource.MEASURED)
    assert (both.total_bytes, held(7).total_bytes) == (7, 7)
