"""Requests that are cut off at any moment leave a client that still sees its server."""

import asyncio
import contextlib

import psutil
from contract.test_bad_servers import WELL
from support.scripted import Scripted

from sleeptui.core.model import Reach

STEPS = 80
"""A look has ended after fewer turns of the loop; each is a moment at which it can be cut off."""
MOST = 24
"""Sockets of both ends, of looks that go on; 80 looks that left two each would be far more."""


async def cut_off(work, steps):
    """Give it so many turns of the loop, then cancel it, and once more while it is closing."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_looks_that_were_cut_off_use_up_no_connections(connect):
    async with Scripted(WELL).running() as server:
        client = connect(server.url)
        assert (await client.observe(full=True)).reach is Reach.ANSWERED
        before = len(psutil.Process().net_connections())
        for steps in range(STEPS):
            await cut_off(client.observe(full=True), steps)
        assert (await client.observe(full=True)).reach is Reach.ANSWERED
        await asyncio.sleep(0.05)
        assert len(psutil.Process().net_connections()) - before < MOST


async def test_facts_that_were_cut_off_use_up_no_connections(connect):
    async with Scripted(WELL).running() as server:
        client = connect(server.url)
        for steps in range(STEPS):
            await cut_off(client.facts(), steps)
        assert (await client.facts()).version == "0.32.0"
