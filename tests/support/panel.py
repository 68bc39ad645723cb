"""The real services on stand-ins, opened for one test."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.clock import ManualClock
from support.fakes import FakeEngine, FakeEngines, FakeGpus, FakeHomes

from sleeptui.core.events import (
    Event,
    OperationAdvanced,
    OperationEnded,
    OperationQueued,
    OperationStarted,
)
from sleeptui.core.home import Home
from sleeptui.core.model import Reach, ServerView, State
from sleeptui.core.operation import OperationRecord
from sleeptui.core.ports import Journals, Notebook, Reporter, Surveyor
from sleeptui.core.runtime import Runtimes, WeightFiles
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.services.panel import Services
from sleeptui.services.ticket import Ticket


@dataclass(eq=False)
class Panel:
    """Services that run, and all that they were given."""

    clock: ManualClock
    engines: FakeEngines
    gpus: FakeGpus
    homes: FakeHomes
    services: Services
    events: list[Event] = field(default_factory=list)

    def view(self, name: str) -> ServerView:
        found = self.services.store.view.server(name)
        assert found is not None
        return found

    def engine(self, name: str) -> FakeEngine:
        return self.engines.engines[name]

    async def ends(self, ticket: Ticket, *, limit_s: float = 600.0) -> OperationRecord:
        """Let time pass until the operation has ended."""
        await self.clock.until(ticket._record.done, limit_s=limit_s)
        return await ticket.ended()

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.clock.until(condition)

    def story(self) -> list[str]:
        """The events of operations, a word each: ``queued sleep a``."""
        names: dict[int, str] = {}
        words = []
        for event in self.events:
            match event:
                case OperationQueued() | OperationStarted():
                    operation = event.operation
                    names[operation.id] = f"{operation.kind.value} {operation.server}"
                    kind = "queued" if isinstance(event, OperationQueued) else "started"
                    words.append(f"{kind} {names[operation.id]}")
                case OperationAdvanced():
                    words.append(f"{event.phase.value} {names[event.id]}")
                case OperationEnded():
                    words.append(f"{event.record.outcome.value} {names[event.record.id]}")
                case _:
                    pass
        return words


@asynccontextmanager
async def opened(
    *engines: FakeEngine,
    clock: ManualClock,
    specs: Iterable[ServerSpec] | None = None,
    settings: Settings | None = None,
    begin: bool = True,
    notebook: Notebook | None = None,
    journals: Journals | None = None,
    surveyor: Surveyor | None = None,
    reporter: Reporter | None = None,
    runtimes: Runtimes | None = None,
    weights: WeightFiles | None = None,
    **gpus: object,
) -> AsyncIterator[Panel]:
    """Services that watch ``engines`` (by their names) and have looked at all of them."""
    factory = FakeEngines(*engines)
    for number, engine in enumerate(engines):
        engine.pid = 1000 + number
    if specs is None:
        specs = [
            ServerSpec(name=engine.name, url=f"http://127.0.0.1:{8001 + number}")
            for number, engine in enumerate(engines)
        ]
    settings = settings or Settings()
    settings = Settings(
        servers=tuple(specs),
        readonly=settings.readonly,
        sampling=settings.sampling,
        thresholds=settings.thresholds,
        recording=settings.recording,
    )
    homes = FakeHomes()
    homes.found = {
        engine.name: Home(pids=frozenset({engine.pid}))
        for engine in engines
        if engine.reach is not Reach.REFUSED or runtimes is None
    }
    probe = FakeGpus(clock, factory, **gpus)  # type: ignore[arg-type]
    services = Services(
        settings=settings,
        clients=factory,
        probe=probe,
        finder=homes,
        clock=clock,
        notebook=notebook,
        journals=journals,
        surveyor=surveyor,
        reporter=reporter,
        runtimes=runtimes,
        weights=weights,
    )
    panel = Panel(clock=clock, engines=factory, gpus=probe, homes=homes, services=services)
    services.bus.subscribe(panel.events.append)
    async with services:
        try:
            if begin:
                services.begin()
                await clock.until(
                    lambda: _is_known(services, settings, blind=probe.problem is not None)
                )
            yield panel
        finally:
            # Closing waits for what is under way on the hand-turned clock: let it pass at once.
            clock.run_free()


def _is_known(services: Services, settings: Settings, *, blind: bool) -> bool:
    views = services.store.view.servers
    looked = all(view.state is State.DOWN or view.facts.models for view in views)
    weighed = blind or all(view.state is State.DOWN or view.memory for view in views)
    return len(views) == len(settings.servers) and looked and weighed
