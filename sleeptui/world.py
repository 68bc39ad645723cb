"""The outside of the panel: clients, GPUs, containers and processes, imported late.

The adapters cost more to import than the whole of Textual (httpx 70 ms, psutil, NVML, Docker), so
they are imported in a thread when the panel stands, and the services wait for them.
"""

import asyncio
import gc
import importlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import GpuReading
from sleeptui.core.ports import (
    Candidate,
    Clock,
    EngineClient,
    EngineClients,
    GpuProbe,
    HomeFinder,
    Notebook,
    Surveyor,
)
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.services.lag import LagMeter

if TYPE_CHECKING:
    from sleeptui.core.environment import Machine
    from sleeptui.sim.address import FleetAddress

_ADAPTERS = ("sleeptui.logs", "sleeptui.adapters.vllm", "sleeptui.adapters.notebook")
_SURVEY = ("sleeptui.adapters.machine",)
_LOCAL = ("sleeptui.adapters.nvml", "sleeptui.adapters.homes")
_SIMULATED = ("sleeptui.sim.launch", "sleeptui.sim.probes")


class World:
    """The outside, opened after the first frame: clients, GPUs, containers and processes.

    It is the probe, the finder, the notebook and the client factory that the services hold from
    the start; until it is open there is nothing to see.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._clock = clock
        self._stack = AsyncExitStack()
        self._clients: EngineClients | None = None
        self._probe: GpuProbe | None = None
        self._finder: HomeFinder | None = None
        self._notebook: Notebook | None = None
        self._address: FleetAddress | None = None

    async def open(self) -> Sequence[ServerSpec]:
        """Import the adapters, start the simulated fleet if asked; returns the servers to watch.

        Raises:
            SimError: The simulated fleet did not start.
        """
        demo = self._settings.demo
        await asyncio.to_thread(_import, _ADAPTERS + (_LOCAL if demo is None else _SIMULATED))
        from sleeptui.adapters.vllm import VllmClients  # noqa: PLC0415
        from sleeptui.logs import set_up  # noqa: PLC0415

        set_up()
        gc.freeze()  # what is loaded by now stays: no collection need look at it again
        gc.enable()
        clients = VllmClients(LagMeter())
        self._stack.push_async_callback(clients.close)
        self._clients = clients
        if demo is None:
            return self._look_at_this_machine()
        return await self._simulate(demo)

    async def close(self) -> None:
        """Close all that was opened, the simulated fleet last."""
        await self._stack.aclose()

    def __call__(self, spec: ServerSpec) -> EngineClient:
        """The client of a server."""
        if self._clients is None:
            raise RuntimeError(spec.name)
        return self._clients(spec)

    async def sample(self) -> GpuReading:
        """All GPUs now."""
        if self._probe is None:
            raise RuntimeError(self)
        return await self._probe.sample()

    async def homes(self, specs: Sequence[ServerSpec]) -> Mapping[str, Home]:
        """Where the servers run."""
        return {} if self._finder is None else await self._finder.homes(specs)

    async def candidates(self) -> Sequence[Candidate]:
        """What looks like a vLLM server."""
        return () if self._finder is None else await self._finder.candidates()

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines of a server's output."""
        return () if self._finder is None else await self._finder.log_tail(home, lines)

    def notes(self) -> Sequence[str]:
        """What could not be looked at, and why."""
        return () if self._finder is None else self._finder.notes()

    async def read(self, key: str) -> Learned | None:
        """What earlier runs have learnt of a server."""
        return None if self._notebook is None else await self._notebook.read(key)

    async def write(self, key: str, learned: Learned) -> None:
        """Keep what is learnt of a server."""
        if self._notebook is not None:
            await self._notebook.write(key, learned)

    async def describe(self) -> "Machine":
        """The machine that is measured."""
        await asyncio.to_thread(_import, _SURVEY if self._address is None else _SIMULATED)
        surveyor: Surveyor
        if self._address is None:
            from sleeptui.adapters.machine import LocalSurveyor  # noqa: PLC0415

            surveyor = LocalSurveyor()
        else:
            from sleeptui.sim.probes import SimSurveyor  # noqa: PLC0415

            surveyor = SimSurveyor(self._address)
        return await surveyor.describe()

    def _look_at_this_machine(self) -> Sequence[ServerSpec]:
        from sleeptui.adapters.homes import LocalHomes  # noqa: PLC0415
        from sleeptui.adapters.notebook import FileNotebook, state_path  # noqa: PLC0415
        from sleeptui.adapters.nvml import NvmlProbe  # noqa: PLC0415

        self._notebook = FileNotebook(state_path(), self._clock)
        self._probe, self._finder = NvmlProbe(self._clock), LocalHomes(self._clock)
        self._stack.push_async_callback(self._probe.close)
        self._stack.push_async_callback(self._finder.close)
        return self._settings.servers

    async def _simulate(self, scenario: str) -> Sequence[ServerSpec]:
        from sleeptui.adapters.notebook import MemoryNotebook  # noqa: PLC0415
        from sleeptui.sim.launch import launched_fleet  # noqa: PLC0415
        from sleeptui.sim.probes import SimGpuProbe, SimHomes  # noqa: PLC0415

        self._notebook = MemoryNotebook()
        address = await self._stack.enter_async_context(launched_fleet(scenario))
        self._address = address
        self._probe, self._finder = SimGpuProbe(address), SimHomes(address)
        self._stack.push_async_callback(self._probe.close)
        self._stack.push_async_callback(self._finder.close)
        return address.servers


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)
