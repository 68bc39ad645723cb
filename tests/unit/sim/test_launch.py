"""The fleet as a process of its own."""

import asyncio
import os
import subprocess
import sys

import httpx
import pytest

from sleeptui.core.errors import SimError
from sleeptui.sim import launch
from sleeptui.sim.__main__ import main
from sleeptui.sim.launch import launched_fleet
from sleeptui.sim.spec import DEMO_KEY, KEY_ENV


async def gone(url: str) -> None:
    """Wait until nothing listens there any more."""
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(f"{url}/health")
            except httpx.ConnectError:
                return
            await asyncio.sleep(0.01)


async def test_a_launched_fleet_answers_and_goes(monkeypatch):
    monkeypatch.delenv(KEY_ENV, raising=False)
    async with launched_fleet("versions", speed=50) as address:
        assert address.scenario == "versions"
        assert os.environ[KEY_ENV] == DEMO_KEY
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            for server in address.servers:
                headers = {}
                if server.api_key_env:
                    headers = {"authorization": f"Bearer {os.environ[server.api_key_env]}"}
                answer = await http.get(f"{server.url}/v1/models", headers=headers)
                assert answer.json()["data"][0]["id"] == server.name
        url = address.servers[0].url
    await gone(url)


async def test_it_dies_with_its_parent():
    """The parent is killed: nobody closes anything, but its pipe ends."""
    parent = (
        "import asyncio, sys\n"
        "from sleeptui.sim.launch import launched_fleet\n"
        "async def run():\n"
        "    async with launched_fleet('default') as address:\n"
        "        sys.stdout.write(address.servers[0].url + '\\n')\n"
        "        sys.stdout.flush()\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(run())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE
    )
    url = (await process.stdout.readline()).decode().strip()
    assert url.startswith("http://127.0.0.1:")
    process.kill()
    await process.wait()
    await gone(url)


async def test_an_unknown_scenario():
    with pytest.raises(SimError, match="nowhere"):
        async with launched_fleet("nowhere"):
            pass


async def test_a_process_that_does_not_come_up_says_why(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(launch, "_MODULE", "sleeptui.sim.nowhere")
    with pytest.raises(SimError, match="nowhere"):
        async with launched_fleet("default"):
            pass


async def test_a_process_that_says_nothing_in_time(monkeypatch):
    monkeypatch.setattr(launch, "_START_S", 0.0)
    with pytest.raises(SimError, match="did not start"):
        async with launched_fleet("default"):
            pass


def test_usage(capsys):
    assert main(["nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_an_interrupt_ends_it_cleanly():
    process = subprocess.Popen(
        [sys.executable, "-m", "sleeptui.sim", "default"], stdout=subprocess.PIPE, text=True
    )
    assert "control_url" in process.stdout.readline()
    process.terminate()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


async def test_a_full_disk_is_said(monkeypatch):
    def full():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(launch.tempfile, "TemporaryFile", full)
    with pytest.raises(SimError, match="needs a temporary file") as caught:
        async with launched_fleet("default"):
            pytest.fail("it started")
    assert "TMPDIR" in caught.value.hint
