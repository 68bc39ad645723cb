"""The measuring thread: results, errors, cancelling, its end."""

import asyncio
import threading

import pytest

from sleeptui.adapters.measuring import Measuring


async def where() -> str:
    return threading.current_thread().name


async def test_work_runs_on_a_thread_of_its_own_and_the_same_for_all():
    measuring = Measuring()
    names = [await measuring.run(where()) for _ in range(2)]
    assert names == ["sleeptui-measuring"] * 2
    await measuring.close()


async def test_nothing_is_started_before_it_is_needed():
    before = threading.active_count()
    measuring = Measuring()
    assert threading.active_count() == before
    await measuring.close()


async def test_errors_come_back_as_they_were():
    async def fail() -> None:
        raise LookupError("there")

    measuring = Measuring()
    with pytest.raises(LookupError, match="there"):
        await measuring.run(fail())
    await measuring.close()


async def test_a_blocked_caller_does_not_delay_the_work():
    done = threading.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    measuring = Measuring()
    task = asyncio.create_task(measuring.run(work()))
    await asyncio.sleep(0)
    assert done.wait(10)  # holds this event loop, as a repaint would
    await task
    await measuring.close()


async def test_cancelling_the_caller_cancels_the_work():
    begun, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    measuring = Measuring()
    task = asyncio.create_task(measuring.run(work()))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(cleaned.wait, 10)
    await measuring.close()


async def test_closing_cancels_what_still_runs_and_ends_the_thread():
    begun, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    before = set(threading.enumerate())
    measuring = Measuring()
    task = asyncio.create_task(measuring.run(work()))
    await asyncio.to_thread(begun.wait, 10)
    await measuring.close()
    assert cleaned.is_set()
    with pytest.raises(asyncio.CancelledError):
        await task
    started = set(threading.enumerate()) - before
    assert "sleeptui-measuring" not in [thread.name for thread in started]


async def test_closing_twice_or_unused_is_fine():
    measuring = Measuring()
    await measuring.close()
    await measuring.run(where())
    await measuring.close()
    await measuring.close()
