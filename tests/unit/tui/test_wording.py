"""Sentences that are put together."""

import pytest

from sleeptui.core.errors import NotAllowed
from sleeptui.core.operation import Kind, Phase
from sleeptui.tui import wording


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (("qwen is asleep", "wake it"), "qwen is asleep. Wake it"),
        (("it said no.", "restart it."), "it said no. Restart it"),
        (("no room", ""), "no room"),
        (("", ""), ""),
        (("it is silent", "l shows its log"), "it is silent. l shows its log"),
        (("it leaks", "a restart helps"), "it leaks. A restart helps"),
        (("it is off", "--enable-sleep-mode switches it on"),
         "it is off. --enable-sleep-mode switches it on"),
        (("no flag", "vllm serve --help lists it"), "no flag. vllm serve --help lists it"),
        (("x", "http://127.0.0.1 is it"), "x. http://127.0.0.1 is it"),
    ],
)  # fmt: skip
def test_each_part_is_a_sentence_and_keys_keep_their_case(parts, said):
    assert wording.sentences(*parts) == said


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


def test_an_error_says_what_and_what_next():
    refused = NotAllowed("qwen: a wake is already running", hint="wait for its end")
    assert wording.of_error(refused) == "qwen: a wake is already running. Wait for its end"


def test_an_operation_whose_request_is_with_the_server_was_sent():
    assert wording.phase(Phase.CALLING) == "sent"
    assert wording.phase(Phase.DRAINING) == "draining"
