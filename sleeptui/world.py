"""The outside of the panel: clients, GPUs, containers and processes, imported late.

The adapters cost more to import than the whole of Textual (httpx 70 ms, psutil, NVML, Docker), so
they are imported in a thread when the panel stands, and the services wait for them.
"""

import asyncio
import gc
import importlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptui.config import folder_of
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
from sleeptui.services.deadline import end
from sleeptui.services.lag import LagMeter

if TYPE_CHECKING:
    from sleeptui.core.cold import Residency
    from sleeptui.core.environment import Machine
    from sleeptui.core.runtime import Runtime, Runtimes, WeightFiles
    from sleeptui.sim.address import FleetAddress

_ADAPTERS = (
    "sleeptui.logs",
    "sleeptui.adapters.allocator",
    "sleeptui.adapters.vllm",
    "sleeptui.adapters.notebook",
)
_AT_WORK = ("sleeptui.core.track", "sleeptui.services.prompt", "sleeptui.services.switch")
"""What the first server and the first order need: neither is to wait for its import."""
_SURVEY = ("sleeptui.adapters.machine",)
_LOCAL = (
    "sleeptui.adapters.nvml",
    "sleeptui.adapters.homes",
    "sleeptui.adapters.runtimes",
    "sleeptui.adapters.weight_files",
)
_NO_FILES = "The weights of this simulated fleet are no files"
_SIMULATED = ("sleeptui.sim.launch", "sleeptui.sim.probes", "sleeptui.sim.runtime")


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
        self._runtimes: Runtimes | None = None
        self._weights: WeightFiles | None = None

    async def open(self) -> Sequence[ServerSpec]:
        """Import the adapters, start the simulated fleet if asked; returns the servers to watch.

        Raises:
            SimError: The simulated fleet did not start.
        """
        demo = self._settings.demo
        outside = _LOCAL if demo is None else _SIMULATED
        await asyncio.to_thread(_import, _ADAPTERS + _AT_WORK + outside)
        from sleeptui import logs  # noqa: PLC0415
        from sleeptui.adapters import allocator  # noqa: PLC0415
        from sleeptui.adapters.vllm import VllmClients  # noqa: PLC0415

        allocator.give_back_large_blocks()
        pieces = asyncio.create_task(allocator.give_back_pieces(self._clock), name="give back")
        self._stack.push_async_callback(end, pieces)
        logs.set_up()
        self._stack.callback(logs.end)
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

    def announced(self) -> str | None:
        """Where the simulated fleet is, for a program that watches it too; None: there is none."""
        return None if self._address is None else self._address.announce()

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

    def of(self, spec: ServerSpec) -> "Runtime | None":
        """What starts and ends a server; None: others do."""
        return None if self._runtimes is None else self._runtimes.of(spec)

    async def residency(self, spec: ServerSpec, command: Sequence[str] = ()) -> "Residency":
        """How much of a server's weights is in the page cache."""
        return await self._weights.residency(spec, command) if self._weights else _unseen()

    async def evict(self, spec: ServerSpec, command: Sequence[str] = ()) -> "Residency":
        """Drop them from the page cache, and look again."""
        return await self._weights.evict(spec, command) if self._weights else _unseen()

    async def warm(self, spec: ServerSpec, command: Sequence[str] = ()) -> "Residency":
        """Read them all once, and look again."""
        return await self._weights.warm(spec, command) if self._weights else _unseen()

    async def compile_cache(self, spec: ServerSpec) -> str:
        """What is in its folder of compile caches."""
        return await self._weights.compile_cache(spec) if self._weights else "unknown"

    async def clear_compile_cache(self, spec: ServerSpec) -> str:
        """Empty its folder of compile caches."""
        return await self._weights.clear_compile_cache(spec) if self._weights else _NO_FILES

    async def read_bytes(self, pids: Sequence[int]) -> int | None:
        """What those processes have read physically so far."""
        return await self._weights.read_bytes(pids) if self._weights else None

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
        from sleeptui.adapters.runtimes import LocalRuntimes  # noqa: PLC0415
        from sleeptui.adapters.weight_files import LocalWeightFiles  # noqa: PLC0415

        folder, bank = folder_of(self._settings), self._settings.gpu_bank
        self._notebook = FileNotebook(state_path() if bank is None else _learned(bank), self._clock)
        self._probe, self._finder = self._gpus(bank), LocalHomes(self._clock)
        self._runtimes = LocalRuntimes(self._clock, base=folder)
        self._weights = LocalWeightFiles(base=folder)
        self._stack.push_async_callback(self._probe.close)
        self._stack.push_async_callback(self._finder.close)
        self._stack.push_async_callback(self._runtimes.close)
        return self._settings.servers

    def _gpus(self, bank: str | None) -> GpuProbe:
        """Those of this machine, or simulated ones that several simulated servers share."""
        if bank is None:
            from sleeptui.adapters.nvml import NvmlProbe  # noqa: PLC0415

            return NvmlProbe(self._clock)
        from sleeptui.sim.bank_probe import BankProbe  # noqa: PLC0415

        return BankProbe(bank, self._clock)

    async def _simulate(self, scenario: str) -> Sequence[ServerSpec]:
        from sleeptui.adapters.notebook import MemoryNotebook  # noqa: PLC0415
        from sleeptui.sim.launch import launched_fleet  # noqa: PLC0415
        from sleeptui.sim.probes import SimGpuProbe, SimHomes  # noqa: PLC0415
        from sleeptui.sim.runtime import SimRuntimes  # noqa: PLC0415

        self._notebook = MemoryNotebook()
        address = await self._stack.enter_async_context(launched_fleet(scenario))
        self._address = address
        self._probe, self._finder = SimGpuProbe(address), SimHomes(address)
        self._runtimes = SimRuntimes(address)
        self._stack.push_async_callback(self._runtimes.close)
        self._stack.push_async_callback(self._probe.close)
        self._stack.push_async_callback(self._finder.close)
        return address.servers


def _unseen() -> "Residency":
    from sleeptui.core.cold import Residency  # noqa: PLC0415

    return Residency(problem=_NO_FILES)


def _learned(bank: str) -> Path:
    """What is learnt of simulated servers stays with their simulated GPUs."""
    return Path(bank) / "learned"


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)
