import asyncio
import time

import pytest
from support.clock import settle

from sleeptui.services import lag
from sleeptui.services.deadline import end, within
from sleeptui.services.lag import HEARTBEAT_S, LagMeter
from sleeptui.services.nap import Naps


@pytest.fixture
def loop_without_stalls():
    """Here they are what is measured."""


def stall(seconds):
    """Hold up the event loop, as a bug would."""
    time.sleep(seconds)


async def test_a_nap_ends_in_time_or_when_all_are_ended(clock):
    naps = Naps(clock)
    long, short = asyncio.ensure_future(naps.nap(10.0)), asyncio.ensure_future(naps.nap(1.0))
    await clock.advance(1.0)
    assert short.done()
    assert not long.done()
    naps.end_all()
    await settle()
    assert long.done()
    assert clock.now_s() == 101.0


async def test_a_cancelled_nap_leaves_nothing_behind(clock):
    naps = Naps(clock)
    nap = asyncio.ensure_future(naps.nap(10.0))
    await settle()
    await end(nap)
    assert nap.cancelled()
    assert naps._sleepers == set()


async def test_within_gives_the_result_that_comes_in_time(clock):
    async def work():
        await clock.sleep(1.0)
        return "done"

    task = asyncio.ensure_future(within(clock, 2.0, work()))
    await clock.advance(1.0)
    assert await task == "done"


async def test_within_ends_work_that_is_late(clock):
    ended = []

    async def work():
        try:
            await clock.sleep(5.0)
        finally:
            ended.append(True)

    task = asyncio.ensure_future(within(clock, 2.0, work()))
    await clock.advance(2.0)
    with pytest.raises(TimeoutError):
        await task
    assert ended == [True]


async def test_within_passes_errors_on(clock):
    async def work():
        raise LookupError

    with pytest.raises(LookupError):
        await within(clock, 2.0, work())


async def test_end_waits_for_the_end_and_leaves_ended_tasks_alone(clock):
    task = asyncio.ensure_future(clock.sleep(5.0))
    await settle()
    await end(task)
    assert task.cancelled()
    await end(task)


async def test_lag_is_that_of_the_worst_stall_and_only_while_measured():
    meter = LagMeter()
    with meter.measuring() as outer:
        await asyncio.sleep(0)
        with meter.measuring() as inner:
            stall(3 * HEARTBEAT_S)
            await asyncio.sleep(0)
        assert inner.worst_s >= HEARTBEAT_S
        with meter.measuring() as calm:
            pass
    assert outer.worst_s >= inner.worst_s
    assert calm.worst_s < outer.worst_s
    assert meter._beat is None


async def test_a_suspended_machine_holds_the_loop_up_too(monkeypatch):
    meter, asleep_s = LagMeter(), 0.0

    def since_start_s():
        return time.monotonic() + asleep_s

    monkeypatch.setattr(lag, "_now_s", since_start_s)
    with meter.measuring() as found:
        asleep_s = 40.0
    assert found.worst_s > 39.0


async def test_a_beat_that_comes_is_followed_by_the_next():
    meter = LagMeter()
    with meter.measuring():
        first, struck = meter._beat, asyncio.Event()
        asyncio.get_running_loop().call_at(first.when() + HEARTBEAT_S, struck.set)
        await struck.wait()
        assert meter._beat is not first
        assert meter._beat is not None
