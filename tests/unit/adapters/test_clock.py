"""SystemClock: the loop's own monotonic time, and the epoch."""

import asyncio
import datetime as dt

from sleeptui.adapters.clock import SystemClock
from sleeptui.core.ports import Clock


async def test_monotonic_time_is_the_time_of_the_event_loop():
    clock: Clock = SystemClock()
    before = asyncio.get_running_loop().time()
    now = clock.now_s()
    after = asyncio.get_running_loop().time()
    assert before <= now <= after


async def test_a_sleep_lasts_at_least_its_time():
    clock = SystemClock()
    start = clock.now_s()
    await clock.sleep(0.01)
    # The loop may wake a timer early by its own resolution.
    assert clock.now_s() - start >= 0.009


async def test_a_sleep_of_nothing_lets_others_run():
    ran: list[int] = []
    asyncio.get_running_loop().call_soon(ran.append, 1)
    await SystemClock().sleep(0)
    assert ran == [1]


def test_wall_time_counts_from_the_epoch_in_utc():
    before = dt.datetime.now(dt.UTC).timestamp()
    wall = SystemClock().wall_s()
    # A datetime has whole microseconds.
    assert before <= wall <= dt.datetime.now(dt.UTC).timestamp() + 1e-6
