"""Benchmarks on stand-ins: servers on one GPU that can be started, on a clock turned by hand."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from support.clock import ManualClock
from support.panel import Panel, opened
from support.runtimes import FakeRuntime, FakeRuntimes, StartedEngine

from sleeptui.core.bench import BenchPhase, PhaseBegan, PhaseEnded
from sleeptui.core.events import OperationEnded, RequestBegan
from sleeptui.core.home import Home
from sleeptui.core.operation import OperationRecord
from sleeptui.core.plan import Plan
from sleeptui.services.bench.prepared import BenchEnd, Criteria, prepare
from sleeptui.services.bench.runner import run_bench


def asleep(engine: StartedEngine, level: int = 1) -> StartedEngine:
    """As if somebody had put it to sleep before."""
    engine.level, engine.is_paused, engine.awake_tags = level, True, set()
    engine.has_weights = level == 1
    return engine


@asynccontextmanager
async def bench_panel(
    clock: ManualClock,
    *engines: StartedEngine,
    startable: Sequence[str] | None = None,
    **options: object,
) -> AsyncIterator[Panel]:
    """Services over these engines; those that are named, or all, can be started in 5 s."""
    able = [one for one in engines if startable is None or one.name in startable]
    runtimes = FakeRuntimes(
        *(
            FakeRuntime(engine=one, clock=clock, takes_s=5.0, is_running=one.reach == "answered")
            for one in able
        )
    )
    async with opened(*engines, clock=clock, runtimes=runtimes, **options) as panel:  # type: ignore[arg-type]
        panel.homes.found = _Found(panel.homes.found, runtimes)
        yield panel


class _Found(dict[str, Home]):
    """Homes of those that run: a process that has ended has none."""

    def __init__(self, found: Mapping[str, Home], runtimes: FakeRuntimes) -> None:
        super().__init__(found)
        self._runtimes = runtimes.runtimes

    def __contains__(self, name: object) -> bool:
        runtime = self._runtimes.get(str(name))
        return super().__contains__(name) and (runtime is None or runtime.is_running)


def begun(
    panel: Panel, plan: Plan, *, seed: int = 1, stop: asyncio.Event | None = None
) -> "asyncio.Task[BenchEnd]":
    """A benchmark that runs."""
    prepared = prepare(panel.services, plan, seed=seed)
    work = run_bench(panel.services, prepared, Criteria(), stop or asyncio.Event())
    return asyncio.ensure_future(work)


async def bench(
    panel: Panel, plan: Plan, *, seed: int = 1, stop: asyncio.Event | None = None
) -> BenchEnd:
    """A benchmark from its begin to its end."""
    task = begun(panel, plan, seed=seed, stop=stop)
    await panel.clock.until(task.done, limit_s=100_000.0)
    return await task


def phases(panel: Panel) -> list[tuple[BenchPhase, str, str]]:
    """Each phase with its class and note, in the order of their begins."""
    ends = {event.id: event for event in panel.events if isinstance(event, PhaseEnded)}
    return [
        (event.phase, ends[event.phase.id].cls, ends[event.phase.id].note)
        for event in panel.events
        if isinstance(event, PhaseBegan)
    ]


def records(panel: Panel) -> list[OperationRecord]:
    """Operations that ended."""
    return [event.record for event in panel.events if isinstance(event, OperationEnded)]


def cohorts(panel: Panel) -> list[str]:
    """Of the requests that were sent."""
    return [event.cohort for event in panel.events if isinstance(event, RequestBegan)]
