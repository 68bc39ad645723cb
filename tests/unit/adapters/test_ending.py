"""Signals that end the panel are heard from the first moment on, and once."""

import asyncio
import os
import signal

import pytest
from textual.app import App

from sleeptui.adapters.ending import HUNG_UP, Ending, ending


async def heard():
    """Let the loop read its signals, and act on them."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
async def test_a_signal_is_an_exit_code(name):
    number, codes = signal.Signals[name], []
    with ending() as end, end.ends(codes.append):
        os.kill(os.getpid(), number)
        await heard()
    assert codes == [128 + number]
    assert end.code == 128 + number


async def test_a_signal_before_there_is_anything_to_end_is_kept():
    with ending() as end:
        os.kill(os.getpid(), signal.SIGTERM)
        await heard()
        assert end.code == 128 + signal.SIGTERM


def test_only_the_first_order_counts():
    end, codes = Ending(), []
    with end.ends(codes.append):
        end.order(HUNG_UP)
        end.order(143)
    end.order(130)
    assert codes == [HUNG_UP]
    assert end.code == HUNG_UP == 129


def test_what_has_ended_is_not_ended_again():
    end, codes = Ending(), []
    with end.ends(codes.append):
        pass
    end.order(143)
    assert codes == []
    assert end.code == 143


async def test_usr1_marks_and_ends_nothing():
    marks = []
    with ending(lambda: marks.append(1)) as end:
        os.kill(os.getpid(), signal.SIGUSR1)
        await heard()
    assert (marks, end.code) == ([1], None)


async def test_afterwards_signals_do_what_they_did():
    with ending():
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_a_signal_from_before_the_app_ends_it_with_its_first_frame():
    app = App()
    with ending() as end:
        os.kill(os.getpid(), signal.SIGTERM)
        with end.ends(lambda code: app.exit(None, code)):
            await app.run_async(headless=True)
    assert app.return_code == 143
