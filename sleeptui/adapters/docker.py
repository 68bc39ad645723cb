"""vLLM servers in Docker containers, through docker-py, which is imported when first needed.

All methods block, each request at most as long as the deadline; one call at a time is carried
out. A daemon that failed is left alone for a while, so that a hanging one costs one deadline, not
one each look.
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sleeptui.adapters import process_table
from sleeptui.adapters.container_facts import ContainerFacts, read_facts
from sleeptui.adapters.docker_errors import docker_failures, explain, explain_connection
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

T = TypeVar("T")
DEFAULT_SOCKET = "/var/run/docker.sock"
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


class _Missing(Exception):
    """There is no such container."""


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
        self._clock = clock
        self._environment = dict(os.environ if environment is None else environment)
        self._address = _address(self._environment)
        self._timeout_s = timeout_s
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._client: docker.DockerClient | None = None
        self._known: dict[str, _Known] = {}
        self._failure: ContainerError | None = None
        self._failed_s = 0.0

    @property
    def host(self) -> str:
        """Where the ports of its containers are reached."""
        return urlsplit(self._address).hostname or "127.0.0.1"

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
            port = self._port(here, spec.url)
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
            pids=frozenset().union(*(_pids(table, one) for one in live)),
        )

    def log_tail(self, container: str, lines: int) -> Sequence[str]:
        """The last lines of both outputs of a container, cleaned.

        Raises:
            ContainerError: There is no such container, or its log driver keeps nothing.
        """
        with self._lock:
            try:
                content = self._ask(lambda client: _read_log(client, container, lines))
            except _Missing as error:
                raise ContainerError(
                    f"There is no container {one_line(container)} any more",
                    hint="Was it removed or renamed? docker ps -a shows all.",
                ) from error
        return log_lines(content, lines)

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            self._drop_client()

    def _containers(self) -> tuple[list[ContainerFacts], list[str]]:
        """All containers, ended ones too, and a note for each that is not understood."""
        listed = self._ask(lambda client: client.api.containers(all=True))
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
                seen = self._ask(partial(_inspect, container=identity))
                known[identity] = _Known(key=key, facts=read_facts(seen))
            except _Missing:  # removed since it was listed
                continue
            except ContainerError as error:
                if self._failure is not None:
                    raise
                notes.append(str(error))
        self._known = known
        return [one.facts for one in known.values()], notes

    def _ask(self, call: "Callable[[docker.DockerClient], T]") -> T:
        """The gateway: carry out one request of docker-py.

        Raises:
            _Missing: The daemon answers, and there is no such container.
            ContainerError: Anything else that goes wrong.
        """
        now_s = self._clock.now_s()
        if self._failure is not None and now_s - self._failed_s < self._retry_s:
            raise self._failure
        self._knock(now_s)
        import docker  # noqa: PLC0415 - 0.15 s, only where a daemon answers

        try:
            if self._client is None:
                self._client = docker.from_env(
                    environment=self._environment,
                    timeout=self._timeout_s,  # type: ignore[arg-type] # requests takes fractions
                )
            answer = call(self._client)
        except docker.errors.NotFound as error:
            raise _Missing from error
        except docker_failures() as error:
            failure = explain(error, address=self._shown, timeout_s=self._timeout_s)
            if not isinstance(error, docker.errors.APIError):
                self._fail(failure, now_s)
            raise failure from error
        self._failure = None
        return answer

    def _knock(self, now_s: float) -> None:
        """See that the daemon's socket takes connections.

        So docker-py is not even imported where there is no Docker; and it leaks the socket of
        each connection that fails.
        """
        scheme, _, path = self._address.partition("://")
        if scheme != "unix":
            return
        try:
            with socket.socket(socket.AF_UNIX) as knock:
                knock.settimeout(self._timeout_s)
                knock.connect(path)
        except OSError as error:
            failure = explain_connection(error, address=self._shown, timeout_s=self._timeout_s)
            self._fail(failure, now_s)
            raise failure from error

    def _fail(self, failure: ContainerError, now_s: float) -> None:
        self._failure, self._failed_s = failure, now_s
        self._drop_client()

    @property
    def _shown(self) -> str:
        return one_line(self._address.removeprefix("unix://"))

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _port(self, here: LocalAddresses, url: str) -> int | None:
        """The port of a URL that leads to the daemon's machine."""
        if here.has(self.host):
            return here.port_of(url)
        return LocalAddresses(known=frozenset({self.host})).port_of(url)


def _address(environment: dict[str, str]) -> str:
    """Where the daemon is; a rootless one is found without DOCKER_HOST, which is then set."""
    if not environment.get("DOCKER_HOST"):
        directory = environment.get("XDG_RUNTIME_DIR")
        rootless = Path(directory or "/", "docker.sock")
        if not Path(DEFAULT_SOCKET).exists() and directory and rootless.exists():
            environment["DOCKER_HOST"] = f"unix://{rootless}"
    return environment.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"


def _match(
    spec: ServerSpec, containers: Sequence[ContainerFacts], port: int | None
) -> ContainerFacts | None:
    """The container of a server: as configured, else by its port; a live one before others."""
    if spec.container:
        found = [one for one in containers if _is_called(one, spec.container)]
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


def _is_called(container: ContainerFacts, name: str) -> bool:
    name = name.lstrip("/")
    is_id = len(name) >= _SHORTEST_ID and container.id.startswith(name)
    return container.name == name or is_id


def _missing(spec: ServerSpec) -> str:
    what = f"container {spec.container}" if spec.container else f"Compose service {spec.compose}"
    return one_line(f"{spec.name}: there is no {what}; docker ps -a shows all")


def _home(table: ProcessTable, container: ContainerFacts, port: int | None) -> Home:
    pids = _pids(table, container)
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


def _pids(table: ProcessTable, container: ContainerFacts) -> frozenset[int]:
    """The processes of a container, on this machine; empty where they are another machine's.

    PIDs of a remote daemon, or of a panel that itself runs in a container, name other processes
    here or none: so the control group must name the container.
    """
    if container.pid is None or container.id not in process_table.control_groups(container.pid):
        return frozenset()
    return table.tree(container.pid)


def _inspect(client: "docker.DockerClient", container: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.api.inspect_container(container)
    return found


def _read_log(client: "docker.DockerClient", container: str, lines: int) -> bytes:
    # Bounded by the engine: it keeps a longer line in pieces of 16 KiB, and counts each.
    content: bytes = client.api.logs(container, tail=lines)
    return content[-LONGEST_TAIL:]
