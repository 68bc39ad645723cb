"""Words for what an operation does."""

import pytest

from sleeptui.core.operation import Kind, Phase
from sleeptui.tui import wording


@pytest.mark.parametrize(
    ("kind", "phase", "words"),
    [
        (Kind.START, Phase.STARTING, "starting"),
        (Kind.START, Phase.VERIFYING, "start verifying"),
        (Kind.STOP, Phase.STOPPING, "stopping"),
        (Kind.WAKE, Phase.CALLING, "wake sent"),
    ],
)
def test_what_an_operation_does(kind, phase, words):
    assert wording.doing(kind, phase) == words


def test_an_operation_whose_request_is_with_the_server_was_sent():
    assert wording.phase(Phase.CALLING) == "sent"
    assert wording.phase(Phase.DRAINING) == "draining"
