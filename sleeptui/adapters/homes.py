"""Where servers run on this machine: containers and plain processes, as one picture.

Docker and the process list are asked side by side; the failure of one does not hide the other.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sleeptui.adapters.docker import ContainerCandidates, DockerEngine, FoundContainers
from sleeptui.adapters.processes import FoundHomes, LocalProcesses
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.home import Home
from sleeptui.core.ports import Candidate, Clock
from sleeptui.core.settings import ServerSpec

T = TypeVar("T")
_ENDED = frozenset({"created", "exited", "dead", "removing"})


class LocalHomes:
    """Docker's containers and this machine's processes; core.ports.HomeFinder."""

    def __init__(
        self,
        clock: Clock,
        *,
        docker: DockerEngine | None = None,
        processes: LocalProcesses | None = None,
    ) -> None:
        """Nothing is imported or asked before the first look.

        Args:
            clock: For the pause after a failure of Docker.
            docker: None: the engine that the environment names.
            processes: None: those of this machine.
        """
        self._docker = docker or DockerEngine(clock)
        self._processes = processes or LocalProcesses()
        self._notes: tuple[str, ...] = ()

    async def homes(self, specs: Sequence[ServerSpec]) -> Mapping[str, Home]:
        """Home by server name, for those that were found.

        Raises:
            SleeptuiError: Neither Docker nor the processes can be looked at.
        """
        containers, processes = await asyncio.gather(
            _tried(self._docker.homes, specs), _tried(self._processes.homes, specs)
        )
        self._say(containers, processes)
        in_docker = containers if isinstance(containers, FoundContainers) else FoundContainers()
        on_host = processes if isinstance(processes, FoundHomes) else FoundHomes()
        # What is found in a container needs no excuse for its process.
        unseen = (note for name, note in on_host.notes.items() if name not in in_docker.homes)
        self._notes += (*in_docker.notes, *unseen)
        return {
            spec.name: home
            for spec in specs
            if (home := _choose(spec.name, in_docker, on_host)) is not None
        }

    async def candidates(self) -> Sequence[Candidate]:
        """What looks like a vLLM server; one entry an address, containers first.

        Raises:
            SleeptuiError: Neither Docker nor the processes can be looked at.
        """
        containers = await _tried(self._docker.candidates)
        in_docker = ContainerCandidates() if isinstance(containers, SleeptuiError) else containers
        processes = await _tried(partial(self._processes.candidates, known=in_docker.pids))
        self._say(containers, processes)
        on_host = () if isinstance(processes, SleeptuiError) else processes
        taken = {one.url for one in in_docker.candidates if one.url and one.problem is None}
        return [*in_docker.candidates, *(one for one in on_host if one.url not in taken)]

    def notes(self) -> Sequence[str]:
        """What the last look could not see and why, a sentence each; empty when it saw all."""
        return self._notes

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines of the output of the container, else of the process.

        Raises:
            SleeptuiError: There is no log that can be read, and why.
        """
        if home.container is not None:
            return await asyncio.to_thread(self._docker.log_tail, home.container, lines)
        return await asyncio.to_thread(self._processes.log_tail, home, lines)

    async def close(self) -> None:
        """Close the connection to Docker; waits for a request that is under way."""
        await asyncio.to_thread(self._docker.close)

    def _say(self, containers: object, processes: object) -> None:
        """Note what failed.

        Raises:
            SleeptuiError: Both did.
        """
        if isinstance(processes, SleeptuiError) and isinstance(containers, SleeptuiError):
            raise processes
        failures = (one for one in (containers, processes) if isinstance(one, SleeptuiError))
        self._notes = tuple(str(failure) for failure in failures)


async def _tried(look: Callable[..., T], *arguments: object) -> T | SleeptuiError:
    try:
        return await asyncio.to_thread(look, *arguments)
    except SleeptuiError as error:
        return error


def _choose(name: str, containers: FoundContainers, processes: FoundHomes) -> Home | None:
    """The truer of a server's container and its process.

    A container that is configured by name is what the user means. One that was guessed by its
    port gives way to a process that is seen listening there and is none of the container's.
    """
    container, process = containers.homes.get(name), processes.homes.get(name)
    if container is None or process is None:
        return container or process
    if not process.pids.isdisjoint(container.pids):
        # In the network of the host only its processes tell where it listens.
        return replace(container, listens_on=container.listens_on or process.listens_on)
    if name in containers.named:
        return container
    if container.container_state in _ENDED or container.pids:
        return process
    # It lives, and its processes cannot be told by Docker: they are those that listen.
    return replace(
        container,
        pids=process.pids,
        listens_on=container.listens_on or process.listens_on,
        host_bytes=process.host_bytes,
    )
