"""The services as one: what the app is given."""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from sleeptui.core.fleet import FleetStore
from sleeptui.core.ports import Clock, EngineClients, GpuProbe, HomeFinder
from sleeptui.core.settings import Settings
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import end
from sleeptui.services.discovery import Discovery
from sleeptui.services.operations import Operations
from sleeptui.services.run import Desk
from sleeptui.services.supervisor import Supervisor

CLOSE_LIMIT_S = 2.0
"""How long the end waits for answers that are under way."""


class Services:
    """Owns every long-lived task. Opened outside the app, closed after it.

    Textual cancels its workers on exit and does not wait for them; what must be told to its end
    (operations, connections) lives here instead.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        clients: EngineClients,
        probe: GpuProbe,
        finder: HomeFinder,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.finder = finder
        self.bus = Bus()
        self.store = FleetStore(settings)
        self.bus.subscribe(self.store.apply)
        self._probe = probe
        self._clients = clients
        self.supervisor = Supervisor(
            settings=settings,
            bus=self.bus,
            store=self.store,
            clients=clients,
            probe=probe,
            finder=finder,
            clock=clock,
        )
        desk = Desk(
            settings=settings,
            bus=self.bus,
            store=self.store,
            supervisor=self.supervisor,
            clock=clock,
        )
        self.operations = Operations(desk)
        self._group: asyncio.TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._discovery: asyncio.Task[None] | None = None

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
        return await self._stack.__aexit__(kind, error, trace)

    def begin(self) -> None:
        """Start discovery and polling: after the first frame of the app.

        Raises:
            RuntimeError: Not open, or begun already.
        """
        if self._group is None or self._discovery is not None:
            raise RuntimeError(self)
        self.operations.begin(self._group)
        self.supervisor.begin(self._group)
        discovery = Discovery(
            settings=self.settings,
            bus=self.bus,
            supervisor=self.supervisor,
            clients=self._clients,
            finder=self.finder,
            clock=self.clock,
        )
        self._discovery = self._group.create_task(discovery.run(), name="discovery")

    async def _end(self) -> None:
        if self._discovery is not None:
            await end(self._discovery)
        await self.operations.drain(CLOSE_LIMIT_S)
        await self.supervisor.end()
