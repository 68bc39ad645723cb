"""Opens the eyes of the doctor without a panel: waits until everything was looked at once."""

import asyncio
from collections.abc import Callable

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
    """What has been looked at since the services began, and what has not."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._discovered = self._gpus = self._homes = False
        self._servers: set[str] = set()
        self._seen: set[str] = set()
        """Looked at, with an answer or a refusal; one that was too late is none."""
        self._asked: set[str] = set()
        """Facts were read, or could not be."""
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
        waiting = sorted(self._servers - self._seen)
        facts = sorted(self._servers & self._seen - self._asked)
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
        if reach is Reach.TIMED_OUT:
            return
        self._seen.add(event.server)
        if reach is not Reach.ANSWERED:
            self._asked.add(event.server)  # nobody is there who could tell facts
