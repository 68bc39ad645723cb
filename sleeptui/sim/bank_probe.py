"""The panel's port for GPUs, on a bank: what NVML would say of servers that run on their own."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sleeptui.core.environment import Machine
from sleeptui.core.model import GpuReading, HostMemory
from sleeptui.core.ports import Clock
from sleeptui.sim.bank import Bank, Entry
from sleeptui.sim.clock import RealClock
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.machine import host_memory
from sleeptui.sim.probes import cards, gpu_sample

SIMULATED = "gpu bank"
"""What a recording's header says in the place of a scenario."""


class BankProbe:
    """core.ports.GpuProbe: the GPUs of a bank; their processes have their real numbers."""

    def __init__(self, folder: str, clock: Clock | None = None) -> None:
        """The folder may be empty, or not there yet: then nobody holds anything."""
        self._bank = Bank(Path(folder).expanduser())
        self._clock = clock or RealClock()
        self._gpus: dict[int, SimGpu] = {}
        self._scenario = ""

    async def sample(self) -> GpuReading:
        """All GPUs now. Never raises: problems are in the reading."""
        at_s = self._clock.now_s()  # as with NVML: no figure is younger than its stamp says
        try:
            entries = await asyncio.to_thread(self._bank.entries)
        except OSError as error:
            said = error.strerror or error
            return GpuReading(at_s=at_s, problem=f"The GPU bank cannot be read: {said}")
        self._follow(at_s, entries)
        used = sum(entry.host_bytes for entry in entries)
        host = HostMemory(**host_memory(self._bank.scenario.host_bytes, used))
        gpus = tuple(
            gpu_sample(gpu.figures(_processes(entries, gpu.index)))
            for _index, gpu in sorted(self._gpus.items())
        )
        return GpuReading(at_s=at_s, gpus=gpus, host=host)

    async def machine(self, machine: Machine) -> Machine:
        """A machine with these GPUs in the place of its own, and said to be simulated."""
        reading = await self.sample()
        return replace(machine, cards=cards(reading), simulated=SIMULATED, driver="", cuda="")

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _follow(self, now_s: float, entries: Sequence[Entry]) -> None:
        """Let the GPUs hold what the entries say, and get warm by their load."""
        scenario = self._bank.scenario
        if scenario.name != self._scenario:
            self._scenario = scenario.name
            self._gpus = {index: SimGpu(index, spec) for index, spec in enumerate(scenario.gpus)}
        for index, gpu in self._gpus.items():
            on_it = [entry for entry in entries if entry.held.get(index)]
            gpu.hold(SIMULATED, sum(entry.held[index] for entry in on_it))
            gpu.load(
                now_s,
                batch=sum(entry.batch for entry in on_it),
                copying=any(entry.copying for entry in on_it),
            )


def _processes(entries: Sequence[Entry], index: int) -> list[tuple[int, int]]:
    return [(entry.pid, held) for entry in entries if (held := entry.held.get(index, 0))]
