"""The services as one: what the app is given."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.events import Discovered
from sleeptui.core.fleet import FleetStore
from sleeptui.core.ports import (
    Archive,
    Clock,
    EngineClients,
    GpuProbe,
    HomeFinder,
    Journals,
    Notebook,
    Reporter,
    Surveyor,
)
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import end
from sleeptui.services.discovery import Discovery
from sleeptui.services.lag import LagMeter
from sleeptui.services.learning import Learning
from sleeptui.services.ledger import Ledger
from sleeptui.services.operations import Operations
from sleeptui.services.recording import Recordings
from sleeptui.services.run import Desk
from sleeptui.services.supervisor import Supervisor
from sleeptui.services.vigil import Vigil

if TYPE_CHECKING:
    # Not for the first frame.
    from sleeptui.core.runtime import Benches, Runtimes, WeightFiles
    from sleeptui.services.bench_watch import BenchWatch

CLOSE_LIMIT_S = 2.0
"""How long the end waits for answers that are under way."""
BESIDE_S = 2.0
"""Between two looks at least, while a benchmark measures."""
Prepare = Callable[[], Awaitable[Sequence[ServerSpec]]]
"""Opens the outside after the first frame; gives the servers to watch, none: look around."""


class Services:
    """Owns every long-lived task. Opened outside the app, closed after it.

    Textual cancels its workers on exit and does not wait for them; what must be told to its end
    (operations, connections) lives here instead.
    """

    replay: None = None
    """This is no replay."""

    def __init__(
        self,
        *,
        settings: Settings,
        clients: EngineClients,
        probe: GpuProbe,
        finder: HomeFinder,
        clock: Clock,
        prepare: Prepare | None = None,
        notebook: Notebook | None = None,
        journals: Journals | None = None,
        surveyor: Surveyor | None = None,
        reporter: Reporter | None = None,
        archive: Archive | None = None,
        benches: "Benches | None" = None,
        runtimes: "Runtimes | None" = None,
        weights: "WeightFiles | None" = None,
    ) -> None:
        """Over the given outside; ``prepare`` opens it when the services begin.

        Without a ``notebook`` nothing is recalled or kept, without ``journals`` nothing recorded,
        without ``runtimes`` nothing started or stopped.
        """
        self.settings = settings
        self.clock = clock
        self.finder = finder
        self.archive = archive
        self.runtimes = runtimes
        self.weights = weights
        self.hands_off = False
        """A benchmark moves the servers: nothing is asked of them by itself meanwhile."""
        self.bench: BenchWatch | None = None
        self._benches = benches
        self._interval_s = settings.sampling.interval_s
        self.bus = Bus()
        self.store = FleetStore(settings)
        self.bus.subscribe(self.store.apply)
        self._probe = probe
        self._clients = clients
        self._prepare = prepare
        self.supervisor = Supervisor(
            settings=settings,
            bus=self.bus,
            store=self.store,
            clients=clients,
            probe=probe,
            finder=finder,
            clock=clock,
        )
        lag = LagMeter()
        self.ledger = Ledger(self.bus, clock)
        self.recordings = self._recording(lag, journals, surveyor, reporter)
        self.operations = self._operating(lag)
        self._learning = self._learns(notebook)
        self._group: asyncio.TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._beginning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open; nothing is looked at yet."""
        self._stack.push_async_callback(self.finder.close)
        self._stack.push_async_callback(self._probe.close)
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._stack.push_async_callback(self._end)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """End operations and loops, then close what they used."""
        if error is not None:
            self.recordings.abort()
        return await self._stack.__aexit__(kind, error, trace)

    def begin(self) -> None:
        """Start discovery and polling: after the first frame of the app.

        Raises:
            RuntimeError: Not open, or begun already.
        """
        if self._group is None or self._beginning is not None:
            raise RuntimeError(self)
        self._beginning = self._group.create_task(self._begin(self._group), name="begin")

    def open_bench(self) -> "BenchWatch | None":
        """What runs benchmarks beside the panel; None: none can be run here."""
        if self.bench is None and self._benches is not None and self._group is not None:
            from sleeptui.services.bench.prepared import prepare  # noqa: PLC0415 - when asked for
            from sleeptui.services.bench_watch import BenchWatch  # noqa: PLC0415 - as above

            self.bench = BenchWatch(
                benches=self._benches,
                bus=self.bus,
                clock=self.clock,
                group=self._group,
                ahead=lambda plan: prepare(self, plan, seed=0),
                hands_off=self._keep_off,
            )
        return self.bench

    async def recalled(self) -> None:
        """Wait until what earlier runs have learnt of the servers that are known is read."""
        if self._learning is not None:
            await self._learning.settled()

    def _keep_off(self, is_off: bool) -> None:
        """A benchmark begins to move the servers, or has ended: looks cost them time too."""
        self.hands_off = is_off
        if is_off:
            self._interval_s = self.supervisor.interval_s
            self.supervisor.set_interval(max(self._interval_s, BESIDE_S))
        else:
            self.supervisor.set_interval(self._interval_s)

    def _recording(
        self,
        lag: LagMeter,
        journals: Journals | None,
        surveyor: Surveyor | None,
        reporter: Reporter | None,
    ) -> Recordings:
        """What writes down what happens, when it is asked to."""
        return Recordings(
            settings=self.settings,
            bus=self.bus,
            store=self.store,
            gpus=self.supervisor.gpus,
            lag=lag,
            clock=self.clock,
            journals=journals,
            surveyor=surveyor,
            reporter=reporter,
        )

    def _learns(self, notebook: Notebook | None) -> Learning | None:
        """What keeps what is learnt; None: nothing is kept."""
        if notebook is None:
            return None
        return Learning(bus=self.bus, store=self.store, notebook=notebook, clock=self.clock)

    def _operating(self, lag: LagMeter) -> Operations:
        """What takes orders, also those that nobody gives: to verify what others have woken."""
        desk = Desk(
            settings=self.settings,
            bus=self.bus,
            store=self.store,
            supervisor=self.supervisor,
            clock=self.clock,
            ledger=self.ledger,
            runtimes=self.runtimes,
            weights=self.weights,
            lag=lag,
            written=self.recordings.written,
        )
        operations = Operations(desk)
        Vigil(
            settings=self.settings,
            bus=self.bus,
            store=self.store,
            operations=operations,
            clock=self.clock,
            is_off=lambda: self.hands_off,
        )
        return operations

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        """Open the outside, then watch. A fleet that does not come up is said, not raised."""
        servers: Sequence[ServerSpec] = self.settings.servers
        if self._prepare is not None:
            try:
                servers = await self._prepare()
            except SleeptuiError as error:
                self.bus.publish(Discovered(at_s=self.clock.now_s(), notes=(str(error),)))
                return
        self.recordings.begin(group)
        if self.settings.recording.at_start:
            await self.recordings.start_or_say()
        if self._learning is not None:
            self._learning.begin(group)
        self.operations.begin(group)
        self.supervisor.begin(group)
        discovery = Discovery(
            servers=servers,
            settings=self.settings,
            bus=self.bus,
            supervisor=self.supervisor,
            clients=self._clients,
            finder=self.finder,
            clock=self.clock,
        )
        await discovery.run()

    async def _end(self) -> None:
        if self._beginning is not None:
            await end(self._beginning)
        if self.bench is not None:
            await self.bench.end()
        await self.operations.drain(CLOSE_LIMIT_S)
        if self._learning is not None:
            await self._learning.end()
        await self.supervisor.end()
        await self.recordings.end()
