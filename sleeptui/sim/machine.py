"""The machine that a simulated fleet runs on: GPUs, servers and their processes."""

from typing import Any

from sleeptui.core.errors import SimError
from sleeptui.core.ports import Clock
from sleeptui.sim.engine import Engine
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.host import Host
from sleeptui.sim.spec import Scenario

_OTHER_HOST_BYTES = 12 << 30
"""Host memory of what is no server."""


def host_memory(total_bytes: int, servers_bytes: int) -> dict[str, int]:
    """The fields of core.model.HostMemory, from what the servers hold."""
    available = total_bytes - _OTHER_HOST_BYTES - servers_bytes
    return {"total_bytes": total_bytes, "available_bytes": max(available, 0)}


class SimMachine:
    """GPUs and servers of one scenario."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        speed: float,
        requests_speed: float | None = None,
        seed: str = "",
        clock: Clock,
    ) -> None:
        self.scenario = scenario
        self.speed = speed
        self.nvml_problem: str | None = None
        """Set by hand: there is no NVML."""
        self._clock = clock
        self._host_bytes = scenario.host_bytes
        self.gpus = [SimGpu(index, spec) for index, spec in enumerate(scenario.gpus)]
        self.hosts = {
            spec.name: Host(
                index,
                spec,
                scenario,
                self.gpus,
                clock=clock,
                speed=speed,
                requests_speed=requests_speed,
                seed=seed,
            )
            for index, spec in enumerate(scenario.engines)
        }

    def host(self, name: str) -> Host:
        """A server by its name.

        Raises:
            SimError: There is none.
        """
        host = self.hosts.get(name)
        if host is None:
            raise SimError(f"The simulated fleet has no server {name!r}")
        return host

    def engine(self, name: str) -> Engine:
        """The engine of a server, brought up to now."""
        host = self.host(name)
        host.app.pulse.advance()
        return host.engine

    def gpu_reading(self) -> dict[str, Any]:
        """All GPUs now, as NVML would say; brings every engine up to now."""
        now_s = self._clock.now_s()
        batches = [0] * len(self.gpus)
        copying = [False] * len(self.gpus)
        for host in self.hosts.values():
            host.engine.advance(now_s)
            for index in host.engine.spec.gpus:
                batches[index] += host.engine.batch
                copying[index] = copying[index] or host.engine.busy
        for gpu in self.gpus:
            gpu.load(now_s, batch=batches[gpu.index], copying=copying[gpu.index])
        return {
            "problem": self.nvml_problem,
            "gpus": [self._gpu(gpu) for gpu in self.gpus],
            "host": self._host(),
        }

    def _host(self) -> dict[str, int]:
        held = sum(host.engine.host_bytes for host in self.hosts.values())
        return host_memory(self._host_bytes, held)

    def _gpu(self, gpu: SimGpu) -> dict[str, Any]:
        return gpu.figures(
            [
                (host.core_pid, held)
                for host in self.hosts.values()
                if (held := gpu.held(host.name)) > 0
            ]
        )
