"""vLLM servers in Docker containers, through docker-py, which is imported when first needed.

All methods block, each request at most as long as the deadline; one call at a time is carried
out. A daemon that failed is left alone for a while, so that a hanging one costs one deadline, not
one each look.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sleeptui.adapters.container_facts import ContainerFacts, read_facts
from sleeptui.adapters.docker_gateway import DockerGateway, NoSuchContainer
from sleeptui.adapters.local_address import LocalAddresses
from sleeptui.adapters.process_logs import LONGEST_TAIL, log_lines
from sleeptui.adapters.process_table import ProcessTable
from sleeptui.core.errors import ContainerError
from sleeptui.core.home import Home
from sleeptui.core.ports import Candidate, Clock
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line

if TYPE_CHECKING:
    import docker

MOST_ENDED = 8
"""At most so many containers that have ended are listed as candidates: the latest."""
_SHORTEST_ID = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundContainers:
    """Homes by server name, and what could not be seen."""

    homes: Mapping[str, Home] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    """Servers whose container is configured by its name or service, not guessed by the port."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCandidates:
    """Containers that look like vLLM servers."""

    candidates: tuple[Candidate, ...] = ()
    pids: frozenset[int] = frozenset()
    """Their processes, so that these are not listed once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An inspection, good until the list shows the container otherwise."""

    key: tuple[str, ...]
    facts: ContainerFacts


class DockerEngine:
    """Finds servers among the containers of one Docker engine."""

    def __init__(
        self,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 3.0,
        retry_s: float = 10.0,
    ) -> None:
        """Nothing is imported or connected before the first call.

        Args:
            clock: For the pause after a failure.
            environment: With DOCKER_HOST, DOCKER_TLS_VERIFY and so on; None: the program's own.
            timeout_s: Deadline of each request.
            retry_s: How long a daemon that failed is left alone.
        """
        self._gateway = DockerGateway(
            clock, environment=environment, timeout_s=timeout_s, retry_s=retry_s
        )
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    @property
    def host(self) -> str:
        """Where the ports of its containers are reached."""
        return self._gateway.host

    def homes(self, specs: Sequence[ServerSpec]) -> FoundContainers:
        """The containers of those servers, running or not.

        A server is matched by its configured container, else by its Compose service, else by the
        port of its URL.

        Raises:
            ContainerError: The daemon cannot be asked.
        """
        with self._lock:
            containers, notes = self._containers()
        here = LocalAddresses.read()
        table = ProcessTable.read()
        homes: dict[str, Home] = {}
        for spec in specs:
            port = self._gateway.port_of(here, spec.url)
            found = _match(spec, containers, port)
            if found is not None:
                homes[spec.name] = _home(table, found, port)
            elif spec.container or spec.compose:
                notes.append(_missing(spec))
        named = frozenset(spec.name for spec in specs if spec.container or spec.compose)
        return FoundContainers(homes=homes, named=named & homes.keys(), notes=tuple(notes))

    def candidates(self) -> ContainerCandidates:
        """Containers that look like vLLM servers; those that have ended come last.

        Raises:
            ContainerError: The daemon cannot be asked.
        """
        with self._lock:
            containers, _notes = self._containers()
        servers = [container for container in containers if container.is_vllm]
        live = [container for container in servers if container.is_live]
        ended = sorted(
            (container for container in servers if not container.is_live),
            key=lambda container: container.started_at or "",
            reverse=True,
        )
        table = ProcessTable.read()
        return ContainerCandidates(
            candidates=tuple(one.candidate(self.host) for one in (*live, *ended[:MOST_ENDED])),
            pids=frozenset().union(*(table.container(one.pid, one.id) for one in live)),
        )

    def log_tail(self, container: str, lines: int) -> Sequence[str]:
        """The last lines of both outputs of a container, cleaned.

        Raises:
            ContainerError: There is no such container, or its log driver keeps nothing.
        """
        with self._lock:
            try:
                content = self._gateway.ask(lambda client: _read_log(client, container, lines))
            except NoSuchContainer as error:
                raise ContainerError(
                    f"There is no container {one_line(container)} any more",
                    hint="Was it removed or renamed? docker ps -a shows all.",
                ) from error
        return log_lines(content, lines)

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            self._gateway.close()

    def _containers(self) -> tuple[list[ContainerFacts], list[str]]:
        """All containers, ended ones too, and a note for each that is not understood."""
        listed = self._gateway.ask(lambda client: client.api.containers(all=True))
        known: dict[str, _Known] = {}
        notes: list[str] = []
        for entry in listed:
            identity = str(entry["Id"])
            # "Up 3 minutes (healthy)": changes each minute at most, and with every restart.
            key = (str(entry.get("State")), str(entry.get("Status")), str(entry.get("Names")))
            before = self._known.get(identity)
            if before is not None and before.key == key:
                known[identity] = before
                continue
            try:
                seen = self._gateway.ask(partial(_inspect, container=identity))
                known[identity] = _Known(key=key, facts=read_facts(seen))
            except NoSuchContainer:  # removed since it was listed
                continue
            except ContainerError as error:
                if self._gateway.is_failing:
                    raise
                notes.append(str(error))
        self._known = known
        return [one.facts for one in known.values()], notes


def _match(
    spec: ServerSpec, containers: Sequence[ContainerFacts], port: int | None
) -> ContainerFacts | None:
    """The container of a server: as configured, else by its port; a live one before others."""
    if spec.container:
        found = [one for one in containers if is_called(one, spec.container)]
    elif spec.compose:
        found = [one for one in containers if one.compose == spec.compose]
    elif port is not None:
        found = [one for one in containers if one.has_port(port)]
    else:
        return None
    return max(
        found,
        key=lambda one: (
            one.is_live,
            port is not None and one.has_port(port),
            one.started_at or "",
        ),
        default=None,
    )


def is_called(container: ContainerFacts, name: str) -> bool:
    """The container has this name, or an id that begins so."""
    name = name.lstrip("/")
    is_id = len(name) >= _SHORTEST_ID and container.id.startswith(name)
    return container.name == name or is_id


def _missing(spec: ServerSpec) -> str:
    what = f"container {spec.container}" if spec.container else f"Compose service {spec.compose}"
    return one_line(f"{spec.name}: there is no {what}; docker ps -a shows all")


def _home(table: ProcessTable, container: ContainerFacts, port: int | None) -> Home:
    pids = table.container(container.pid, container.id)
    return Home(
        pids=pids,
        container=container.name,
        container_state=container.state,
        health=container.health,
        exit_code=container.exit_code,
        started_at=container.started_at,
        restarts=container.restarts,
        listens_on=container.listens_on(port),
        host_bytes=table.host_bytes(pids),
        command=container.argv,
        image=container.image or None,
        image_digest=container.image_digest,
        environment=container.environment,
    )


def _inspect(client: "docker.DockerClient", container: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.api.inspect_container(container)
    return found


def _read_log(client: "docker.DockerClient", container: str, lines: int) -> bytes:
    # Bounded by the engine: it keeps a longer line in pieces of 16 KiB, and counts each.
    content: bytes = client.api.logs(container, tail=lines)
    return content[-LONGEST_TAIL:]
