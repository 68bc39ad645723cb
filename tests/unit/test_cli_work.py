"""Exit codes of several ends, signals and questions."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from sleeptui.cli_act import CODES
from sleeptui.cli_signals import Stops, as_ctrl_c, signals
from sleeptui.cli_work import worst
from sleeptui.services.errand import WELL, End


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((), 0),
        ((0,), 0),
        ((0, 3), 3),
        ((4, 3), 4),
        ((0, 1, 4), 1),
        ((1, 5, 0), 5),
        ((5, 130), 130),
    ],
)
def test_the_worst_end_counts(codes, code):
    assert worst(codes) == code


def test_every_end_has_its_code_and_only_what_is_well_is_0():
    assert set(CODES) == set(End)
    assert {end for end, code in CODES.items() if code == 0} == WELL


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
async def test_each_signal_that_ends_a_program_stops(name):
    stops = Stops()
    with signals(stops.order):
        os.kill(os.getpid(), signal.Signals[name])
        await asyncio.wait_for(stops.first.wait(), 5)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_where_no_loop_runs_each_is_ctrl_c(name):
    number = signal.Signals[name]
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), as_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_where_no_loop_runs_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with as_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_the_first_signal_stops_and_the_second_does_not_wait():
    stops = Stops()
    with signals(stops.order):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stops.first.wait(), 5)
        assert not stops.second.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stops.second.wait(), 5)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stops = Stops()
        with signals(stops.order):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.05)
            assert not stops.first.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_work_that_ends_before_a_signal_keeps_its_result():
    stops = Stops()
    work = asyncio.ensure_future(asyncio.sleep(0, "done"))
    assert await stops.before(work)
    assert work.result() == "done"
    endless = asyncio.ensure_future(asyncio.Event().wait())
    stops.order()
    assert not await stops.before(endless)
    assert endless.cancelled()
    kept = asyncio.ensure_future(asyncio.Event().wait())
    assert not await stops.before(kept, cancel=False)
    assert not kept.done()
    kept.cancel()
    with suppress(asyncio.CancelledError):
        await kept
