"""Benchmarks on a simulated fleet inside this process, at high speed, recorded for real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.vllm import VllmClients
from sleeptui.core.events import Event
from sleeptui.core.settings import RecordingDefaults, Sampling, Settings, Thresholds
from sleeptui.late import LateArchive, LateJournals
from sleeptui.services.lag import LagMeter
from sleeptui.services.panel import Services
from sleeptui.sim.fleet import SimFleet, running_fleet
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.runtime import SimRuntimes
from sleeptui.sim.scenario import SCENARIOS

SPEED = 40.0
LIMIT_S = 100.0


@asynccontextmanager
async def bench_fleet(
    folder: Path, scenario: str = "exp1", *, speed: float = SPEED
) -> AsyncIterator[tuple[Services, SimFleet]]:
    """Services over a fleet, which have looked at all of it and record into ``folder``."""
    async with running_fleet(SCENARIOS[scenario], speed=speed) as fleet:
        settings = Settings(
            servers=fleet.address.servers,
            demo=scenario,
            sampling=Sampling(interval_s=0.1, fast_interval_s=0.02, discovery_s=1.0),
            thresholds=Thresholds(settled_for_s=0.06),
            recording=RecordingDefaults(folder=str(folder), at_start=True, report=False),
        )
        clock, clients = SystemClock(), VllmClients(LagMeter())
        runtimes = SimRuntimes(fleet.address)
        services = Services(
            settings=settings,
            clients=clients,
            probe=SimGpuProbe(fleet.address),
            finder=SimHomes(fleet.address),
            clock=clock,
            journals=LateJournals(settings, clock),
            archive=LateArchive(settings),
            runtimes=runtimes,
        )
        try:
            async with services:
                services.begin()
                await _until_known(services, len(settings.servers))
                yield services, fleet
        finally:
            await clients.close()
            await runtimes.close()


async def _until_known(services: Services, count: int) -> None:
    """Every server was looked at, and what it holds was measured."""
    known = asyncio.Event()

    def follow(_: Event) -> None:
        views = services.store.view.servers
        if len(views) == count and all(view.facts.models and view.memory for view in views):
            known.set()

    unsubscribe = services.bus.subscribe(follow)
    async with asyncio.timeout(LIMIT_S):
        await known.wait()
    unsubscribe()
