"""Benchmarks of a fleet with a seeded fault: the real runner, clients, journal and verdicts."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from support.seeded import CLEAN, LEFT

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.vllm import VllmClients
from sleeptui.config_expectations import read_expectations
from sleeptui.core.events import Event
from sleeptui.core.plan import InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.session import Session
from sleeptui.core.settings import RecordingDefaults, Sampling, Settings, Thresholds, Timeouts
from sleeptui.late import LateArchive, LateJournals
from sleeptui.services.bench.prepared import BenchEnd, Criteria, prepare
from sleeptui.services.bench.runner import run_bench
from sleeptui.services.lag import LagMeter
from sleeptui.services.panel import Services
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.runtime import SimRuntimes

REPOSITORY = Path(__file__).parents[2]
LIMIT_S = 60.0
_LATENCY = Latency(blocks=6, cycles=3, dwell_s=(0.0,), warm_up=1, steady=1, settle_s=0.1)
_IN_FLIGHT = InFlight(
    streams=(6,),
    repeats=5,
    max_tokens=640,
    dwell_s=0.2,
    late=6,
    parked=6,
    probe_per_s=4.0,
    deadline_s=2.0,
)
"""Answers of 1.4 s: a busy machine too sends the sleep before they are over."""
BASELINE = "baseline"
USE = "use"
PLANS = {
    BASELINE: Plan(name=BASELINE, models=(LEFT,), latency=_LATENCY),
    CLEAN: Plan(
        name=CLEAN,
        models=(LEFT,),
        latency=_LATENCY,
        in_flight=_IN_FLIGHT,
        stability=Stability(cycles=59),
    ),
    USE: Plan(name=USE, memory=Memory(cycles=1)),
    "slower": Plan(name="slower", models=(LEFT,), latency=_LATENCY),
    "leak": Plan(name="leak", models=(LEFT,), stability=Stability(cycles=20)),
    "lose": Plan(name="lose", models=(LEFT,), in_flight=_IN_FLIGHT),
    "garbage": Plan(name="garbage", models=(LEFT,), stability=Stability(cycles=110)),
}
"""By fault: what it touches, often enough to meet a rare one."""
_TIMEOUTS = Timeouts(prompt_s=8.0, canary_s=3.0, settle_s=5.0)
"""Bounds that suit a fleet this fast: what is lost is waited for."""


async def detect(
    folder: Path, fault: str, seed: int, *, plan: Plan, baseline: Session | None = None
) -> tuple[BenchEnd, Session]:
    """One benchmark on a fresh fleet with a fault: how it ended, and what its journal says.

    Args:
        folder: Of the recording.
        fault: As ``support.seeded`` names them.
        seed: Of the fleet, and of the order of the steps.
        plan: What to measure.
        baseline: What its wakes are compared with.
    """
    expected = read_expectations()
    criteria = Criteria(
        expectations=expected.lines,
        text=expected.text,
        baseline=baseline,
        baseline_name=baseline.run_id if baseline else "",
    )
    async with _fleet(fault, seed) as address, _services(folder, address, seed) as services:
        prepared = prepare(services, plan, seed=seed)
        end = await run_bench(services, prepared, criteria, asyncio.Event())
        await services.recordings.written()
        path, archive = services.recordings.path, services.archive
        assert path is not None
        assert archive is not None
        return end, await asyncio.to_thread(archive.read, path)


@asynccontextmanager
async def _fleet(fault: str, seed: int) -> AsyncIterator[FleetAddress]:
    command = (sys.executable, "-m", "tests.support.seeded", fault, str(seed))
    process: Process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, cwd=REPOSITORY
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            line = await process.stdout.readline()
        yield FleetAddress.read(line.decode())
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def _services(folder: Path, address: FleetAddress, seed: int) -> AsyncIterator[Services]:
    settings = Settings(
        servers=tuple(replace(spec, timeouts=_TIMEOUTS) for spec in address.servers),
        demo=address.scenario,
        seed=seed,
        sampling=Sampling(interval_s=0.1, fast_interval_s=0.02, discovery_s=1.0),
        thresholds=Thresholds(settled_for_s=0.06),
        recording=RecordingDefaults(folder=str(folder), at_start=True, report=False),
    )
    clock, clients, runtimes = SystemClock(), VllmClients(LagMeter()), SimRuntimes(address)
    services = Services(
        settings=settings,
        clients=clients,
        probe=SimGpuProbe(address, clock),
        finder=SimHomes(address),
        clock=clock,
        journals=LateJournals(settings, clock),
        archive=LateArchive(settings),
        runtimes=runtimes,
    )
    try:
        async with services:
            services.begin()
            await _until_known(services)
            yield services
    finally:
        await clients.close()
        await runtimes.close()


async def _until_known(services: Services) -> None:
    """Every server was looked at, and what it holds was measured."""
    known = asyncio.Event()

    def follow(_: Event) -> None:
        """After each event: is that all?"""
        views = services.store.view.servers
        if len(views) == len(services.settings.servers) and all(
            view.facts.models and view.memory for view in views
        ):
            known.set()

    unsubscribe = services.bus.subscribe(follow)
    async with asyncio.timeout(LIMIT_S):
        await known.wait()
    unsubscribe()
