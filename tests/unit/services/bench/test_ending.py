import asyncio

import pytest
from support.clock import settle

from sleeptui.services.bench.ending import TIME_OVER, USER_ABORT, Ending, Stopping


async def nap(clock, seconds, log):
    try:
        await clock.sleep(seconds)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    return "rested"


async def test_work_goes_to_its_end(clock):
    ending, log = Ending(asyncio.Event(), clock, 10.0), []
    task = asyncio.ensure_future(ending.unless(nap(clock, 5.0, log)))
    await clock.advance(5.0)
    assert (await task, log, ending.cls) == ("rested", [], "")
    ending.check()


async def test_an_order_to_stop_cancels_the_work_and_waits_for_its_end(clock):
    stop, log = asyncio.Event(), []
    ending = Ending(stop, clock, None)
    task = asyncio.ensure_future(ending.unless(nap(clock, 5.0, log)))
    await settle()
    stop.set()
    with pytest.raises(Stopping):
        await task
    assert (log, ending.cls) == (["cancelled"], USER_ABORT)
    with pytest.raises(Stopping):
        ending.check()


async def test_the_time_is_over_within_a_step_and_between_two(clock):
    log = []
    ending = Ending(asyncio.Event(), clock, 3.0)
    task = asyncio.ensure_future(ending.unless(nap(clock, 5.0, log)))
    await clock.advance(3.0)
    with pytest.raises(Stopping):
        await task
    assert (log, ending.cls) == (["cancelled"], TIME_OVER)
    later = Ending(asyncio.Event(), clock, 3.0)
    await clock.advance(3.0)
    with pytest.raises(Stopping):
        later.check()
    assert later.cls == TIME_OVER


async def test_an_error_of_the_work_is_its_own(clock):
    async def fail():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - its own
        await Ending(asyncio.Event(), clock, None).unless(fail())


async def test_a_cancelled_wait_ends_the_work(clock):
    log = []
    task = asyncio.ensure_future(Ending(asyncio.Event(), clock, 9.0).unless(nap(clock, 5.0, log)))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cancelled"]
