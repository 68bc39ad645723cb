"""Watches the fleet: one loop a server, one for the GPUs, one for containers and processes."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.events import HomeFound, Noted, ServerAdded, ServerRemoved
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import GpuReading, Observation
from sleeptui.core.ports import Clock, EngineClient, EngineClients, GpuProbe, HomeFinder
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.core.text import one_line
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import end
from sleeptui.services.gpus import GpuSampler
from sleeptui.services.nap import Naps
from sleeptui.services.watch import Watch

log = logging.getLogger(__name__)

SHORTEST_INTERVAL_S = 0.1
LONGEST_INTERVAL_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Watched:
    """A server's watch, with the tasks that carry it."""

    watch: Watch
    tasks: tuple[asyncio.Task[None], ...]


class Supervisor:
    """Looks at everything that is watched, and lends its clients to the operations.

    Its tasks belong to the TaskGroup given to ``begin``: a bug in one of them ends the program,
    an answer that does not come is an event.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        bus: Bus,
        store: FleetStore,
        clients: EngineClients,
        probe: GpuProbe,
        finder: HomeFinder,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._store = store
        self._clients = clients
        self._finder = finder
        self._clock = clock
        self._interval_s = settings.sampling.interval_s
        self._naps = Naps(clock)
        self._watched: dict[str, _Watched] = {}
        self._added = 0
        self._group: asyncio.TaskGroup | None = None
        self._loops: list[asyncio.Task[None]] = []
        self.home_problem = ""
        """Why containers and processes cannot be seen at all; empty: they can."""
        self._told: set[str] = set()
        self._home_naps = Naps(clock)
        self._are_homes_due = False
        self.gpus = GpuSampler(
            probe=probe,
            bus=bus,
            clock=clock,
            interval_s=self._interval_s,
            fast_interval_s=settings.sampling.fast_interval_s,
        )

    @property
    def interval_s(self) -> float:
        """Seconds between looks."""
        return self._interval_s

    def set_interval(self, seconds: float) -> None:
        """Look at another rate from now on; kept within 0.1 and 10 s."""
        self._interval_s = min(max(seconds, SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S)
        self.gpus.set_interval(self._interval_s)
        self._naps.end_all()

    @property
    def specs(self) -> tuple[ServerSpec, ...]:
        """All servers that are watched, in fleet order."""
        return tuple(one.watch.spec for one in self._watched.values())

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Start the loops for GPUs and homes; servers can be added from now on."""
        self._group = group
        self._loops = [
            group.create_task(self.gpus.run(), name="gpus"),
            group.create_task(self._find_homes(), name="homes"),
        ]

    def add(self, spec: ServerSpec) -> None:
        """Watch a server.

        Raises:
            RuntimeError: Called before ``begin``, or with a name that is watched.
        """
        if self._group is None or spec.name in self._watched:
            raise RuntimeError(spec.name)
        watch = Watch(
            spec=spec,
            client=self._clients(spec),
            number=self._added,
            bus=self._bus,
            clock=self._clock,
            naps=self._naps,
            view=lambda: self._store.server(spec.name),
        )
        self._added += 1
        self._bus.publish(ServerAdded(at_s=self._clock.now_s(), spec=spec))
        tasks = (
            self._group.create_task(watch.run(lambda: self._interval_s), name=f"watch {spec.name}"),
            self._group.create_task(watch.learn(), name=f"facts {spec.name}"),
        )
        self._watched[spec.name] = _Watched(watch=watch, tasks=tasks)
        self._are_homes_due = True
        self._home_naps.end_all()

    async def remove(self, name: str) -> None:
        """Stop watching a server and close its connections."""
        one = self._watched.pop(name)
        for task in one.tasks:
            await end(task)
        await one.watch.client.close()
        self._bus.publish(ServerRemoved(at_s=self._clock.now_s(), server=name))

    def client(self, name: str) -> EngineClient:
        """The client of a watched server."""
        return self._watched[name].watch.client

    async def look(self, name: str) -> Observation:
        """Look at a server in full, now; the look is published as all are."""
        return await self._watched[name].watch.look(full=True)

    async def sample_gpus(self) -> GpuReading:
        """Read the GPUs now."""
        return await self.gpus.sample()

    def fast(self) -> AbstractContextManager[None]:
        """Read the GPUs at the fast interval until the block ends."""
        return self.gpus.fast()

    def undisturbed(self, name: str) -> AbstractContextManager[None]:
        """Read no facts of a server until the block ends: its first answers are being timed."""
        return self._watched[name].watch.undisturbed()

    async def end(self) -> None:
        """Stop all loops and close all clients."""
        for task in self._loops:
            await end(task)
        for one in self._watched.values():
            for task in one.tasks:
                await end(task)
        for one in self._watched.values():
            await one.watch.client.close()

    async def _find_homes(self) -> None:
        """Find the containers and processes of the servers, again and again."""
        while True:
            self._are_homes_due = False
            await self.look_for_homes()
            if not self._are_homes_due:
                await self._home_naps.nap(self._settings.sampling.discovery_s)

    async def look_for_homes(self) -> None:
        """Find the containers and processes of the servers, now."""
        specs = self.specs
        if not specs:
            return
        try:
            homes = await self._finder.homes(specs)
        except SleeptuiError as error:
            if str(error) != self.home_problem:
                self.home_problem = str(error)
                self._note(f"where the servers run cannot be seen: {error}")
            return
        self.home_problem = ""
        if any(spec.name not in homes for spec in specs):
            self._tell(self._finder.notes())
        for spec in specs:
            view = self._store.server(spec.name)
            home = homes.get(spec.name)
            if view is not None and view.home != home:
                self._bus.publish(HomeFound(at_s=self._clock.now_s(), server=spec.name, home=home))

    def _tell(self, notes: Sequence[str]) -> None:
        """Say once what may be why a server was not found."""
        for note in notes:
            if note not in self._told:
                self._told.add(note)
                self._note(one_line(note))

    def _note(self, text: str) -> None:
        self._bus.publish(
            Noted(at_s=self._clock.now_s(), server=None, severity="warning", text=text)
        )
