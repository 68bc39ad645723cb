"""Opens the eyes of a command without a panel: waits until what it needs was looked at once."""

import asyncio
from collections.abc import Callable, Collection

from sleeptui.core.events import (
    Discovered,
    Event,
    FactsLearned,
    GpuSampled,
    Noted,
    ServerAdded,
    StateObserved,
)
from sleeptui.core.model import Reach
from sleeptui.services.deadline import within
from sleeptui.services.panel import Services


class Survey:
    """What has been looked at since the services began, and what has not.

    Of a server that a command needs all is waited for: an answer, its version. One that has not
    answered for as long as makes it stale will not; it is taken as it is. Of the other servers one
    look is enough, whatever comes of it: they count for the memory that they hold.
    """

    def __init__(self, services: Services, needed: Collection[str] | None = None) -> None:
        """Nothing was looked at yet.

        Args:
            services: That look.
            needed: Names of the servers that matter; None: all do, and none is given up.
        """
        self._services = services
        self._needed = None if needed is None else frozenset(needed)
        self._began_s = services.clock.now_s()
        self._discovered = self._gpus = self._homes = False
        self._servers: set[str] = set()
        self._seen: set[str] = set()
        """Looked at, with an answer or a refusal; one that was too late is none."""
        self._asked: set[str] = set()
        """Facts were read, or could not be."""
        self._looked: set[str] = set()
        """A look has ended, in whatever way."""
        self._moved = asyncio.Event()

    async def take(self, limit_s: float, told: Callable[[tuple[str, ...]], None]) -> bool:
        """Let the services begin, and wait until all was looked at, at most ``limit_s``.

        Args:
            limit_s: After so long it ends, whatever is missing.
            told: Called with what is still waited for, each time that this changes.

        Returns:
            Whether everything was looked at.
        """
        unsubscribe = self._services.bus.subscribe(self._heard)
        try:
            self._services.begin()
            await within(self._services.clock, limit_s, self._all(told))
        except TimeoutError:
            return False
        finally:
            unsubscribe()
        return True

    @property
    def missing(self) -> tuple[str, ...]:
        """What has not been looked at, in words."""
        if not self._discovered:
            return ("the servers",)
        if self._services.settings.demo is not None and not self._servers:
            return ()  # the simulated fleet did not come up: there is nothing to look at
        needed = self._servers if self._needed is None else self._servers & self._needed
        waiting = sorted((needed - self._seen) | (self._servers - self._looked))
        facts = sorted(needed & self._seen - self._asked)
        return (
            *waiting,
            *(f"the version of {name}" for name in facts),
            *(() if self._gpus else ("the GPUs",)),
            *(() if self._homes else ("containers and processes",)),
        )

    async def _all(self, told: Callable[[tuple[str, ...]], None]) -> None:
        said: tuple[str, ...] = ()
        while missing := self.missing:
            if missing != said:
                said = missing
                told(missing)
            if self._discovered and not self._homes:
                await self._services.supervisor.look_for_homes()
                # Who holds what is told by a reading that comes after the processes are known.
                await self._services.supervisor.sample_gpus()
                self._homes = True
                continue
            await self._moved.wait()
            self._moved.clear()
        await self._services.recalled()

    def _heard(self, event: Event) -> None:
        match event:
            case ServerAdded():
                self._servers.add(event.spec.name)
            case Discovered():
                self._discovered = True
            case StateObserved():
                self._look(event)
            case FactsLearned():
                self._asked.add(event.server)
            case Noted() if event.server is not None:
                self._asked.add(event.server)
            case GpuSampled():
                self._gpus = True
            case _:
                return
        self._moved.set()

    def _look(self, event: StateObserved) -> None:
        reach = event.observation.reach
        self._looked.add(event.server)
        if reach is Reach.TIMED_OUT and not self._is_stale(event.at_s):
            return
        self._seen.add(event.server)
        if reach is not Reach.ANSWERED:
            self._asked.add(event.server)  # nobody is there who could tell facts

    def _is_stale(self, now_s: float) -> bool:
        """Whether a server without an answer so far is given up."""
        limit_s = self._services.settings.sampling.stale_after_s
        return self._needed is not None and now_s - self._began_s >= limit_s
