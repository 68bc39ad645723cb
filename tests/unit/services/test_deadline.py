"""What was ended is quiet, also where it fails at that very moment."""

import asyncio
import gc

import pytest
from support.clock import ManualClock

from sleeptui.core.errors import TimedOut
from sleeptui.services.deadline import end, within
from sleeptui.services.ticket import Stopped, Ticket


@pytest.fixture
async def complaints():
    """What asyncio complains of: a task that has failed, and nobody has asked why."""
    found = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: found.append(context["message"]))
    yield found
    loop.set_exception_handler(None)


async def _late():
    """As a request whose own deadline passes while it is cancelled."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError as cancelled:
        raise TimedOut("no answer in time", server="a") from cancelled


async def _failing():
    raise TimedOut("no answer in time", server="a")


async def _settled():
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)


async def test_a_task_that_fails_while_it_is_cancelled_is_ended(complaints):
    task = asyncio.ensure_future(_late())
    await asyncio.sleep(0)
    await end(task)
    assert task.done()
    del task
    await _settled()
    assert complaints == []


async def test_a_task_that_had_failed_before_is_ended(complaints):
    task = asyncio.ensure_future(_failing())
    await asyncio.wait({task})
    await end(task)
    del task
    await _settled()
    assert complaints == []


async def test_a_deadline_counts_where_the_work_fails_because_of_it(complaints):
    clock = ManualClock()
    waiting = asyncio.ensure_future(within(clock, 1.0, _late()))
    await clock.advance(1.5)
    with pytest.raises(TimeoutError):
        await waiting
    del waiting
    await _settled()
    assert complaints == []


async def test_what_fails_in_time_says_why():
    with pytest.raises(TimedOut):
        await within(ManualClock(), 1.0, _failing())


async def test_a_section_whose_operation_is_cancelled_may_fail_meanwhile(complaints):
    running = asyncio.ensure_future(Ticket(1).stoppable(_late()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await end(running)
    assert running.cancelled()
    del running
    await _settled()
    assert complaints == []


async def test_a_stopped_section_is_stopped(complaints):
    ticket = Ticket(1)
    running = asyncio.ensure_future(ticket.stoppable(asyncio.sleep(60)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ticket.cancel()
    with pytest.raises(Stopped):
        await running
    assert complaints == []
