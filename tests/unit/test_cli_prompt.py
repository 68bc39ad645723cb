"""``sleeptui prompt``: what is sent."""

import io
import sys

import click
import pytest

from sleeptui.cli_prompt import text_of
from sleeptui.core.settings import Settings

USUAL = Settings().prompt.text


class Stdin(io.TextIOWrapper):
    """Standard input with some bytes in it."""

    def __init__(self, data=b"", *, is_terminal=False):
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.mark.parametrize(
    ("given", "data", "is_terminal", "text"),
    [
        ("Hello", b"ignored", False, "Hello"),
        (None, b"from a pipe\n", False, "from a pipe\n"),
        ("-", b"from a pipe", False, "from a pipe"),
        ("-", b"typed", True, "typed"),
        (None, b"", True, USUAL),
        (None, b"", False, USUAL),
        (None, b" \n", False, USUAL),
    ],
)
def test_what_is_sent(monkeypatch, given, data, is_terminal, text):
    monkeypatch.setattr(sys, "stdin", Stdin(data, is_terminal=is_terminal))
    assert text_of(given, Settings()) == text


@pytest.mark.parametrize(
    ("given", "data", "words"),
    [
        ("-", b"", "no text to send"),
        ("", b"", "no text to send"),
        ("-", b"\xff\xfe", "not UTF-8"),
        ("a\udcff", b"", "not UTF-8"),
        (None, b"x" * ((4 << 20) + 2), "longer than 4 MiB"),
    ],
)
def test_what_cannot_be_sent(monkeypatch, given, data, words):
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    with pytest.raises(click.UsageError) as error:
        text_of(given, Settings())
    assert words in error.value.message
