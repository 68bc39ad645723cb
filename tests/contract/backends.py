"""What the contract suite of the vLLM client runs on: recordings, the simulated fleet, real vLLM.

The suite itself sees only this: a server that is awake and idle, and what this one cannot show.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import httpx
import pytest
from support.replay import Replay

from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario

LONG_TOKENS = 2000
"""An answer so long that it is still streaming when the next request comes."""


@dataclass
class Backend:
    """A server under the contract."""

    url: str
    version: str | None
    """None: not known beforehand."""
    sleep_enabled: bool | None
    """What /server_info says of ``--enable-sleep-mode``; None: not known beforehand."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """What it cannot show, by topic, and why."""

    def needs(self, topic: str) -> None:
        """Skip the test where this server cannot show the topic."""
        if topic in self.lacks:
            pytest.skip(self.lacks[topic])

    async def counter(self, name: str) -> float:
        """The sum of a counter of /metrics."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30) as client:
            page = (await client.get("/metrics")).text
        lines = (line for line in page.splitlines() if line.startswith(f"{name}{{"))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    async def post(self, path: str) -> int:
        """What somebody else does to the server; returns the status."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30) as client:
            return (await client.post(path)).status_code


@asynccontextmanager
async def replay(
    folder: str, *, lacks: Mapping[str, str] = MappingProxyType({}), **fields: object
) -> AsyncIterator[Backend]:
    lacks = {"counters": "recorded counters do not move", **lacks}
    async with Replay(folder).running() as server:
        version = folder.removeprefix("vllm-")
        yield Backend(url=server.url, version=version, lacks=lacks, **fields)


@asynccontextmanager
async def replay_0_25_1() -> AsyncIterator[Backend]:
    missing = "no recording of this by 0.25.1"
    lacks = dict.fromkeys(["pause", "level 0", "is_paused", "bad level", "canary"], missing)
    async with replay("vllm-0.25.1", sleep_enabled=True, lacks=lacks) as backend:
        yield backend


@asynccontextmanager
async def replay_0_31_0() -> AsyncIterator[Backend]:
    lacks = {
        "metrics in all states": "not recorded of 0.31.0 in every state",
        "canary": "no recording of this by 0.31.0",
    }
    async with replay("vllm-0.31.0", sleep_enabled=False, lacks=lacks) as backend:
        yield backend


@asynccontextmanager
async def replay_0_32_0() -> AsyncIterator[Backend]:
    async with replay("vllm-0.32.0", sleep_enabled=False) as backend:
        yield backend


@asynccontextmanager
async def simulated(**fields: object) -> AsyncIterator[Backend]:
    """One simulated server, alone on its GPU, ten times as fast as a real one."""
    engine = EngineSpec(name="tiny-a", root="acme/tiny-a", params_b=1.5, **fields)
    scenario = Scenario(
        name="contract", title="", description="", gpus=(GpuSpec(),), engines=(engine,)
    )
    async with running_fleet(scenario, speed=10) as fleet:
        yield Backend(
            url=fleet.address.servers[0].url,
            version=engine.version,
            sleep_enabled=engine.sleep_mode,
        )


@asynccontextmanager
async def live() -> AsyncIterator[Backend]:
    """The server at SLEEPTUI_LIVE_URL; it is left awake."""
    url = os.environ.get("SLEEPTUI_LIVE_URL")
    if not url:
        pytest.skip("SLEEPTUI_LIVE_URL is not set")
    backend = Backend(url=url, version=None, sleep_enabled=None)
    await backend.post("/wake_up")
    try:
        yield backend
    finally:
        await backend.post("/wake_up")


BACKENDS = {
    "sim-0.25.1": partial(simulated, version="0.25.1"),
    "sim-0.32.0": partial(simulated, version="0.32.0"),
    "replay-0.25.1": replay_0_25_1,
    "replay-0.31.0": replay_0_31_0,
    "replay-0.32.0": replay_0_32_0,
    "live": live,
}
