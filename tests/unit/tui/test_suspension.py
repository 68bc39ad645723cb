"""SIGCONT revives the panel only where there is a terminal to come back to."""

import os
import pty
import signal
import sys
from contextlib import contextmanager

import pytest
from textual.app import SuspendNotSupported

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


class Suspendable:
    """As much of an app as is suspended."""

    def __init__(self, *, is_supported=True):
        self.steps = []
        self._is_supported = is_supported

    @contextmanager
    def suspend(self):
        if not self._is_supported:
            raise SuspendNotSupported
        self.steps.append("terminal given back")
        yield
        self.steps.append("terminal taken")


def test_the_whole_job_is_stopped_between_giving_the_terminal_back_and_taking_it(
    resumed, monkeypatch
):
    app = Suspendable()

    def stop(group, number):
        app.steps.append((group, number, signal.getsignal(signal.SIGTSTP)))
        signal.raise_signal(signal.SIGCONT)

    monkeypatch.setattr(os, "killpg", stop)
    assert suspension.suspend(app)
    stopped = (os.getpgrp(), signal.SIGTSTP, signal.SIG_DFL)
    assert app.steps == ["terminal given back", stopped, "terminal taken"]
    assert resumed == [], "Textual would take the terminal a second time"
    signal.raise_signal(signal.SIGCONT)
    assert resumed == [1]


def test_a_job_that_nobody_could_continue_is_not_stopped(resumed, monkeypatch):
    monkeypatch.setattr(os, "killpg", lambda *_: None)  # what the kernel does with it
    app = Suspendable()
    assert not suspension.suspend(app)
    assert app.steps == ["terminal given back", "terminal taken"]


def test_without_a_terminal_nothing_is_stopped(resumed, monkeypatch):
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("it was stopped"))
    assert not suspension.suspend(Suspendable(is_supported=False))
