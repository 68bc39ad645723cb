"""Connections that were cut off are all closed, whatever is cut off meanwhile."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from sleeptui.adapters import pool as module
from sleeptui.adapters.pool import Pool


class Transport:
    """Takes a few turns of the loop to close, as a real one does."""

    def __init__(self):
        self.closed = False

    async def aclose(self):
        for _ in range(3):
            await asyncio.sleep(0)
        self.closed = True


@pytest.fixture
def made(monkeypatch):
    """All transports that were made."""
    transports = []

    def make(*_):
        transports.append(Transport())
        return transports[-1]

    monkeypatch.setattr(module, "_transport", make)
    return transports


def _pool():
    return Pool(httpx.URL("http://127.0.0.1:8001"), httpx.Limits())


async def _cut_off(pool, until):
    with suppress(TimeoutError):
        async with pool.lent():
            await until.wait()
            raise TimeoutError


async def _use(pool):
    async with pool.lent():
        await asyncio.Event().wait()


async def _turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_was_cut_off_is_closed_though_the_next_request_is_cut_off_at_once(made):
    pool, end = _pool(), asyncio.Event()
    old = [asyncio.create_task(_cut_off(pool, end)) for _ in range(2)]
    await asyncio.sleep(0)
    first = asyncio.create_task(_use(pool))  # with the two on one transport
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.create_task(_use(pool))
    await asyncio.sleep(0)
    second.cancel()
    end.set()
    await asyncio.wait({second, *old})
    assert len(made) == 2
    third = asyncio.create_task(_use(pool))  # both are free: it closes them, and is cut off
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.wait({third})
    await _turns()
    assert [one.closed for one in made[:2]] == [True, True]
    await pool.close()
    assert all(one.closed for one in made)


async def test_closing_waits_for_all_and_goes_on_where_it_is_cut_off(made):
    pool = _pool()
    end = asyncio.Event()
    end.set()
    for _ in range(2):
        await _cut_off(pool, end)
    async with pool.lent():
        pass
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    assert pool.is_used
    await pool.close()
    assert all(one.closed for one in made)
    assert not pool.is_used


async def test_a_transport_in_use_is_not_closed(made):
    pool = _pool()
    end = asyncio.Event()
    end.set()
    async with pool.lent():
        await _cut_off(pool, end)
        async with pool.lent():
            await _turns()
            assert not made[0].closed
    async with pool.lent():
        await _turns()
        assert [one.closed for one in made] == [True, False]
    await pool.close()
