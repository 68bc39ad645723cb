"""A program over a terminal that was lent notices that the lender is gone."""

import asyncio
import os
import subprocess
import sys

import pytest

from sleeptui.adapters.lender import on_end_of

LENT = """
import asyncio, sys
from sleeptui.adapters.lender import on_end_of

async def main():
    gone = asyncio.Event()
    with on_end_of(int(sys.argv[1]), gone.set):
        print("watching", flush=True)
        await gone.wait()
    print("gone", flush=True)

asyncio.run(main())
"""
LENDER = """
import os, subprocess, sys
lent = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
lent.wait()
"""


async def test_nobody_has_lent_anything():
    calls = []
    with on_end_of(None, lambda: calls.append(1)):
        await asyncio.sleep(0)
    assert calls == []


async def test_while_the_parent_runs_nothing_is_told():
    calls = []
    with on_end_of(os.getppid(), lambda: calls.append(1)):
        await asyncio.sleep(0.05)
    assert calls == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_parent_that_is_killed_is_told():
    with subprocess.Popen(
        [sys.executable, "-c", LENDER, LENT], stdout=subprocess.PIPE, text=True
    ) as lender:
        assert lender.stdout is not None
        assert lender.stdout.readline() == "watching\n"
        lender.kill()
        assert lender.stdout.read() == "gone\n"


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


async def test_one_that_had_ended_before_is_told_at_once(ended):
    gone = asyncio.Event()
    with on_end_of(ended, gone.set):
        await asyncio.wait_for(gone.wait(), 5)


@pytest.mark.parametrize("error", [ProcessLookupError, OSError])
async def test_where_nothing_can_be_watched_the_program_runs_on(monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(os, "pidfd_open", refuse)
    calls = []
    with on_end_of(os.getppid(), lambda: calls.append(1)):
        await asyncio.sleep(0)
    assert calls == []
