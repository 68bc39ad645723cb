"""Servers that are started as containers that exist already; core.runtime.Runtime.

A container is named by the configuration, by its name or as the service of a Compose file. Each
server has a connection of its own, so that the end of one, which takes long, holds up no other
one and no look.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from sleeptui.adapters.container_facts import COMPOSE_SERVICE, ContainerFacts, read_facts
from sleeptui.adapters.docker_gateway import DockerGateway, NoSuchContainer
from sleeptui.adapters.local_address import LocalAddresses
from sleeptui.adapters.process_logs import log_lines
from sleeptui.adapters.process_table import ProcessTable
from sleeptui.core.errors import ContainerError
from sleeptui.core.ports import Clock
from sleeptui.core.runtime import Running
from sleeptui.core.settings import ServerSpec
from sleeptui.core.startup_log import failure
from sleeptui.core.text import one_line

if TYPE_CHECKING:
    import docker

T = TypeVar("T")
MOST_LINES = 64 << 10
LONGEST_OUTPUT = 16 << 20
"""Bytes of the end of a container's output that are kept."""
REQUEST_LIMIT_S = 60.0
"""A start waits for the devices and the network of the container; a stop has its limit on top."""
_LAST_LINES = 200
"""Enough to find the error that a server has ended with."""
_BEFORE_START_S = 1.0
"""The engine notes the start of a container when it runs already and may have written."""
_HINTS = (
    ("could not select device driver", "Has this machine a GPU, and the NVIDIA Container Toolkit?"),
    ("Unknown runtime specified", "Is the NVIDIA Container Toolkit installed?"),
    ("address already in use", "Something else listens there: end it, or publish another port."),
    ("port is already allocated", "Another container has that port: docker ps shows which."),
)


class DockerRuntime:
    """Starts and ends servers as containers of one Docker engine."""

    def __init__(
        self,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = REQUEST_LIMIT_S,
    ) -> None:
        """Nothing is imported or connected before the first order.

        Args:
            clock: For the connections.
            environment: With DOCKER_HOST and so on; None: the program's own.
            timeout_s: Deadline of each request.
        """
        self._clock = clock
        self._environment = environment
        self._timeout_s = timeout_s
        self._servers: dict[str, _Container] = {}

    async def start(self, spec: ServerSpec) -> Running:
        """Start its container; one that runs already goes on.

        Raises:
            ContainerError: It cannot be started, and why.
        """
        return await asyncio.to_thread(self._of(spec).start)

    async def stop(self, spec: ServerSpec, limit_s: float) -> Running:
        """Stop its container; the engine kills it after ``limit_s``.

        Raises:
            ContainerError: It cannot be stopped, and why.
        """
        return await asyncio.to_thread(self._of(spec).stop, limit_s)

    async def state(self, spec: ServerSpec) -> Running:
        """Whether its container runs; of one that has ended by itself, why.

        Raises:
            ContainerError: There is no such container, or the engine cannot be asked.
        """
        return await asyncio.to_thread(self._of(spec).state)

    async def output(self, spec: ServerSpec) -> Sequence[str]:
        """What it has written since its start, cleaned.

        Raises:
            ContainerError: There is no such container, or its log is not kept.
        """
        return await asyncio.to_thread(self._of(spec).output)

    async def close(self) -> None:
        """Close the connections; waits for requests that are under way."""
        for one in self._servers.values():
            await asyncio.to_thread(one.close)

    def _of(self, spec: ServerSpec) -> "_Container":
        one = self._servers.get(spec.name)
        if one is None or one.spec != spec:
            gateway = DockerGateway(
                self._clock,
                environment=self._environment,
                timeout_s=self._timeout_s,
                retry_s=0.0,
            )
            one = self._servers[spec.name] = _Container(spec, gateway)
        return one


class _Container:
    """The container of one server. All methods block, and take turns."""

    def __init__(self, spec: ServerSpec, gateway: DockerGateway) -> None:
        self.spec = spec
        self._gateway = gateway
        self._lock = threading.Lock()
        self._is_stopped = False
        """We have ended it: whatever its exit code, nothing is wrong."""

    def start(self) -> Running:
        """Start it; one that runs goes on."""
        with self._lock:
            facts = self._find()
            self._see_it_is_not_paused(facts, "started")
            if facts.state != "running":
                try:
                    self._ask(lambda client: client.api.start(facts.id))
                except ContainerError as error:
                    raise self._not_started(error) from error
                self._is_stopped = False
            return self._running(self._find())

    def stop(self, limit_s: float) -> Running:
        """End it; killed after ``limit_s``."""
        with self._lock:
            facts = self._find()
            self._see_it_is_not_paused(facts, "stopped")
            if facts.is_live:
                patience_s = math.ceil(limit_s)
                self._ask(lambda client: client.api.stop(facts.id, timeout=patience_s))
                self._is_stopped = True
            return self._running(self._find())

    def state(self) -> Running:
        """Whether it runs."""
        with self._lock:
            return self._running(self._find())

    def output(self) -> Sequence[str]:
        """What it has written since its start."""
        with self._lock:
            return self._output(self._find(), MOST_LINES)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._gateway.close()

    def _ask(self, call: "Callable[[docker.DockerClient], T]") -> T:
        """One request.

        Raises:
            ContainerError: It failed, or there is no such container.
        """
        try:
            return self._gateway.ask(call)
        except NoSuchContainer as error:
            raise ContainerError(
                one_line(f"{self.spec.name}: there is no {_wanted(self.spec)}"),
                hint="docker ps -a shows all; docker compose up --no-start makes those of a file.",
            ) from error

    def _find(self) -> ContainerFacts:
        name = self.spec.container
        if name:
            return self._inspect(name.lstrip("/"))
        label = f"{COMPOSE_SERVICE}={self.spec.compose}"
        listed = self._ask(lambda client: client.api.containers(all=True, filters={"label": label}))
        found = [self._inspect(str(entry["Id"])) for entry in listed]
        return self._choose(found)

    def _inspect(self, name: str) -> ContainerFacts:
        return read_facts(self._ask(lambda client: client.api.inspect_container(name)))

    def _choose(self, found: Sequence[ContainerFacts]) -> ContainerFacts:
        """The one container of a service, or the one of several that has the server's port."""
        if not found:
            raise ContainerError(
                one_line(f"{self.spec.name}: there is no {_wanted(self.spec)}"),
                hint="docker compose up --no-start makes the containers of a Compose file.",
            )
        port = self._gateway.port_of(LocalAddresses.read(), self.spec.url)
        fitting = [one for one in found if port is not None and one.has_port(port)]
        if len(found) == 1 or len(fitting) == 1:
            return (fitting or found)[0]
        names = ", ".join(sorted(one.name for one in found))
        have = "none of which has" if not fitting else f"{len(fitting)} of which have"
        raise ContainerError(
            one_line(
                f"{self.spec.name}: {_wanted(self.spec)} has {len(found)} containers ({names}),"
                f" {have} the port of {self.spec.url}"
            ),
            hint="Name the one that is meant: container = …",
        )

    def _see_it_is_not_paused(self, facts: ContainerFacts, done: str) -> None:
        if facts.state == "paused":
            raise ContainerError(
                f"Container {facts.name} is paused and cannot be {done}",
                hint=f"docker unpause {facts.name}",
            )

    def _not_started(self, error: ContainerError) -> ContainerError:
        """What the engine says of the attempt; the container itself keeps it too."""
        facts = self._find()
        why = facts.error or error.message.removeprefix("Docker refused: ")
        hint = next((hint for words, hint in _HINTS if words in why), error.hint)
        return ContainerError(f"Container {facts.name} cannot be started: {why}", hint=hint)

    def _running(self, facts: ContainerFacts) -> Running:
        is_running = facts.state in {"running", "paused"}
        pids = (
            ProcessTable.read().container(facts.pid, facts.id)
            if is_running and facts.pid is not None
            else frozenset[int]()
        )
        return Running(
            is_running=is_running,
            what=f"container {facts.name}",
            pids=pids,
            started_wall_s=facts.started_wall_s,
            exit_code=facts.exit_code,
            problem=self._problem(facts),
        )

    def _problem(self, facts: ContainerFacts) -> str:
        match facts.state:
            case "running":
                return ""
            case "paused":
                return f"it is paused: docker unpause {facts.name}"
            case "restarting":
                return f"it ends and is restarted, {facts.restarts} times so far"
            case "created":
                return facts.error
            case _ if self._is_stopped:
                return ""
            case _:
                return self._why_it_ended(facts)

    def _why_it_ended(self, facts: ContainerFacts) -> str:
        if facts.error:
            return facts.error
        if facts.is_oom_killed:
            return "the kernel has ended it for lack of memory"
        if not facts.exit_code:
            return ""
        try:
            return failure(self._output(facts, _LAST_LINES))
        except ContainerError:  # its log is not kept
            return ""

    def _output(self, facts: ContainerFacts, lines: int) -> Sequence[str]:
        since = _written_since(facts)
        content: bytes = self._ask(
            lambda client: client.api.logs(facts.id, since=since, tail=lines)
        )
        return log_lines(content[-LONGEST_OUTPUT:], lines)


def _wanted(spec: ServerSpec) -> str:
    return f"container {spec.container}" if spec.container else f"Compose service {spec.compose}"


def _written_since(facts: ContainerFacts) -> float | None:
    """From when on the output is of the last start; None: from the beginning."""
    started, ended = facts.started_wall_s, facts.ended_wall_s
    if started is None:
        return None
    if ended is not None and ended <= started:
        return ended
    # It has never ended before, or it has ended since: then when it did before is not kept.
    return None if facts.is_live else started - _BEFORE_START_S
