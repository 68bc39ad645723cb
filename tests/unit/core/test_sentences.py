"""Sentences that are put together."""

import pytest

from sleeptui.core.errors import NotAllowed
from sleeptui.core.sentences import sentences


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
    assert sentences(*parts) == said


def test_an_error_says_what_and_what_next():
    refused = NotAllowed("qwen: a wake is already running", hint="wait for its end")
    assert str(refused) == "qwen: a wake is already running. Wait for its end"
