"""SIGCONT revives the panel only where there is a terminal to come back to."""

import os
import pty
import signal
import sys

import pytest

from sleeptui.tui import suspension


@pytest.fixture
def resumed(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGCONT, signal.SIGTSTP)}
    seen = []
    signal.signal(signal.SIGCONT, lambda *_: seen.append(1))
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


def test_only_while_there_is_a_terminal(resumed, monkeypatch):
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs)
    monkeypatch.setattr(sys, "__stdin__", stream)
    suspension.resume_only_on_a_terminal()
    signal.raise_signal(signal.SIGCONT)
    assert resumed == [1]
    os.close(ours)
    signal.raise_signal(signal.SIGCONT)
    assert resumed == [1]
    stream.close()


def test_after_the_end_nothing_is_resumed(resumed):
    suspension.end()
    signal.raise_signal(signal.SIGCONT)
    assert resumed == []
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_without_a_handler_there_is_nothing_to_guard(resumed):
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    suspension.resume_only_on_a_terminal()
    assert signal.getsignal(signal.SIGCONT) is signal.SIG_DFL
