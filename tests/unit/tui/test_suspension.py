"""Stop and go: the terminal is given back in between, and taken again only where there is one."""

import asyncio
import os
import pty
import signal
import sys
import termios
from contextlib import contextmanager

import pytest
from textual.app import SuspendNotSupported

from sleeptui.tui.suspension import Suspension, handled, left_to_another

GIVEN, TAKEN = "terminal given back", "terminal taken"


class Suspendable:
    """As much of an app as is suspended."""

    def __init__(self, *, is_supported=True):
        self.steps = []
        self.sizes = []
        self._is_supported = is_supported

    @contextmanager
    def suspend(self):
        if not self._is_supported:
            raise SuspendNotSupported
        self.steps.append(GIVEN)
        yield
        self.steps.append(TAKEN)

    def post_message(self, message):
        self.sizes.append((message.size.width, message.size.height))


@pytest.fixture
async def app():
    return Suspendable()


@pytest.fixture
async def suspension(app):
    found = Suspension(app)
    found.begin()
    yield found
    found.end()


@pytest.fixture
def terminal(monkeypatch):
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs)
    monkeypatch.setattr(sys, "__stdin__", stream)
    hung_up = []

    def hang_up():
        hung_up.append(1)
        os.close(ours)

    yield hang_up
    stream.close()
    if not hung_up:
        os.close(ours)


@pytest.fixture
def stops(app, monkeypatch):
    """What stops the program, and continues it at once."""

    def stop(whom, number):
        app.steps.append((whom, number, signal.getsignal(signal.SIGTSTP)))
        signal.raise_signal(signal.SIGCONT)

    monkeypatch.setattr(os, "killpg", stop)
    monkeypatch.setattr(os, "kill", stop)


async def heard():
    """Let the loop read its signals, and act on them."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_whole_job_is_stopped_while_the_terminal_is_the_shells(suspension, app, stops):
    assert suspension.suspend()
    await heard()
    assert app.steps == [GIVEN, (os.getpgrp(), signal.SIGTSTP, signal.SIG_DFL), TAKEN]


async def test_a_signal_that_stops_waits_for_the_loop(suspension, app, stops, terminal):
    signal.raise_signal(signal.SIGTSTP)
    assert app.steps == [], "the code that was interrupted may hold a lock"
    await heard()
    assert app.steps == [GIVEN, (os.getpid(), signal.SIGTSTP, signal.SIG_DFL), TAKEN]


async def test_a_stop_that_was_not_seen_coming_takes_the_terminal_anew(suspension, app, terminal):
    signal.raise_signal(signal.SIGCONT)
    await heard()
    assert app.steps == [GIVEN, TAKEN]


async def test_a_terminal_that_is_gone_is_not_taken(suspension, app, terminal):
    terminal()
    signal.raise_signal(signal.SIGCONT)
    await heard()
    assert app.steps == []


async def test_a_job_that_nobody_could_continue_is_not_stopped(suspension, app, monkeypatch):
    monkeypatch.setattr(os, "killpg", lambda *_: None)  # what the kernel does with it
    assert not suspension.suspend()
    assert app.steps == [GIVEN, TAKEN]


def test_without_a_terminal_nothing_is_stopped(monkeypatch):
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("it was stopped"))
    assert not Suspension(Suspendable(is_supported=False)).suspend()


async def test_after_the_end_nothing_is_resumed(app):
    suspension = Suspension(app)
    suspension.begin()
    suspension.end()
    signal.raise_signal(signal.SIGCONT)
    await heard()
    assert app.steps == []
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


async def test_who_has_lent_the_terminal_stops_as_any_program(suspension, app, terminal):
    with left_to_another():
        assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
        signal.raise_signal(signal.SIGCONT)
        await heard()
    assert app.steps == []
    signal.raise_signal(signal.SIGCONT)
    await heard()
    assert app.steps == [GIVEN, TAKEN]


def test_handled_is_as_before_after_it():
    before = signal.getsignal(signal.SIGCONT)
    with handled(signal.SIGCONT, signal.SIG_IGN):
        assert signal.getsignal(signal.SIGCONT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGCONT) is before


async def test_the_newest_size_of_the_terminal_is_told_last(app, suspension, terminal):
    def resize(width, height):
        termios.tcsetwinsize(sys.__stdin__.fileno(), (height, width))
        os.kill(os.getpid(), signal.SIGWINCH)

    for width in (60, 80, 120):
        resize(width, 36)
    await asyncio.sleep(0.05)
    assert app.sizes[-1] == (120, 36)
    with handled(signal.SIGWINCH, lambda *_: None):  # as Textual sets its own after a suspension
        resize(80, 24)
        await asyncio.sleep(0.05)
    assert app.sizes[-1] == (80, 24)


async def test_without_a_terminal_no_size_is_told(app, suspension, terminal):
    terminal()
    os.kill(os.getpid(), signal.SIGWINCH)
    await asyncio.sleep(0.05)
    assert app.sizes in ([], [(0, 0)])
