"""What Docker's inspection of a container says of a vLLM server in it. Pure.

Field names are those of the Engine API, ``GET /containers/{id}/json``, 1.41 and later.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sleeptui.adapters import launch
from sleeptui.adapters.command_lines import (
    ServerCommand,
    port_of,
    read_container_command,
    read_flags,
)
from sleeptui.adapters.local_address import is_every, is_loopback, reachable_at
from sleeptui.core.errors import ContainerError
from sleeptui.core.ports import Candidate
from sleeptui.core.text import one_line

LIVE = frozenset({"running", "paused", "restarting"})
"""States in which a container has, or soon has, processes and its ports."""

COMPOSE_SERVICE = "com.docker.compose.service"
"""Label that Compose gives its containers; their names differ by version."""

# Of vLLM's own images (since 0.21 the labels) and of what makes an image a vLLM server. Not just
# any VLLM_*: a client may well have VLLM_API_KEY or VLLM_URL.
_LABELS = "ai.vllm."
_VARIABLES = frozenset(
    {"VLLM_USAGE_SOURCE", "VLLM_IMAGE_TAG", "VLLM_BUILD_COMMIT", "VLLM_SERVER_DEV_MODE"}
)
# vllm/vllm-openai, rocm/vllm, ghcr.io/me/my-vllm-cpu:0.32; not me/kvllm
_IMAGE = re.compile(r"(^|[/_-])vllm($|[/:@_-])")
_NEVER = "0001-01-01"


class _Health(msgspec.Struct, rename="pascal"):
    status: str = ""


class _State(msgspec.Struct, rename="pascal"):
    status: str = ""
    pid: int = 0
    exit_code: int = 0
    started_at: str = ""
    finished_at: str = ""
    error: str = ""
    oom_killed: bool = msgspec.field(name="OOMKilled", default=False)
    health: _Health | None = None


class _Config(msgspec.Struct, rename="pascal"):
    image: str = ""
    env: list[str] | None = None
    labels: dict[str, str] | None = None


class _Binding(msgspec.Struct, rename="pascal"):
    host_ip: str = ""
    host_port: str = ""


_Ports = dict[str, list[_Binding] | None]


class _HostConfig(msgspec.Struct, rename="pascal"):
    network_mode: str = ""
    port_bindings: _Ports | None = None


class _NetworkSettings(msgspec.Struct, rename="pascal"):
    ports: _Ports | None = None


class _Inspection(msgspec.Struct, rename="pascal"):
    id: str
    name: str = ""
    image: str = ""
    path: str = ""
    args: list[str] | None = None
    restart_count: int = 0
    state: _State = msgspec.field(default_factory=_State)
    config: _Config = msgspec.field(default_factory=_Config)
    host_config: _HostConfig = msgspec.field(default_factory=_HostConfig)
    network_settings: _NetworkSettings = msgspec.field(default_factory=_NetworkSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPort:
    """A port of a container that Docker forwards from the host."""

    addresses: tuple[str, ...]
    """Addresses on the host, IPv4 first; ``0.0.0.0`` for all."""
    port: int
    """Port on the host."""
    inside: int
    """Port in the container."""

    @property
    def address(self) -> str:
        """The first address."""
        return self.addresses[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """A container, as far as it matters for a server in it."""

    id: str
    name: str
    image: str
    image_digest: str | None
    """Docker's id of the image."""
    argv: tuple[str, ...]
    """What the container was started with, without secrets."""
    environment: Mapping[str, str]
    """What of its variables steers the server in it."""
    state: str
    """created, running, paused, restarting, removing, exited, dead"""
    health: str | None
    exit_code: int | None
    """None while it runs."""
    started_at: str | None
    """UTC, ISO 8601, in whole seconds."""
    started_wall_s: float | None
    """The same since the epoch, to the microsecond."""
    ended_wall_s: float | None
    """When it ended last, since the epoch; of one that runs, that was before its start."""
    error: str
    """Why the engine could not start it; empty: it could."""
    is_oom_killed: bool
    """The kernel has ended it for lack of memory."""
    restarts: int
    pid: int | None
    """Its first process, as the daemon's host counts."""
    compose: str | None
    """Name of its Compose service."""
    host_network: bool
    published: tuple[PublishedPort, ...]
    command: ServerCommand
    """Of the server, or defaults where the command does not tell."""
    is_vllm: bool

    @property
    def is_live(self) -> bool:
        """It has, or soon has, processes."""
        return self.state in LIVE

    def has_port(self, port: int) -> bool:
        """The server in it answers on this port of the host."""
        if self.host_network:
            return self.is_vllm and self.command.port == port
        return any(published.port == port for published in self.published)

    def listens_on(self, port: int | None) -> tuple[str, ...]:
        """Addresses of the daemon's machine where the server in it is reached.

        Empty where it has none now, and where it has that machine's own network: then its
        processes tell.

        Args:
            port: Of the server's URL; None: that leads to another machine.
        """
        if self.host_network or not self.is_live:
            return ()
        found = [one for one in self.published if one.port == port]
        found = found or [one for one in self.published if one.inside == self.command.port]
        return tuple(dict.fromkeys(address for one in found for address in one.addresses))

    def candidate(self, host: str) -> Candidate:
        """As something to watch.

        Args:
            host: Where the daemon's machine is reached.
        """
        url = self._url(host)
        return Candidate(
            name=self.command.name or self.name,
            url=url,
            origin=f"container {self.name}",
            container=self.name,
            problem=self._problem(url),
        )

    def _problem(self, url: str | None) -> str | None:
        match self.state:
            case "running" if url is not None:
                return None
            case "running" if self.command.uds:
                return f"it listens on the Unix socket {self.command.uds}, not on a port"
            case "running":
                port = self.command.port
                return f"port {port} is not published to here: run it with -p {port}:{port}"
            case "exited" | "dead":
                return f"it has ended with code {self.exit_code}: docker start {self.name}"
            case "paused":
                return f"it is paused: docker unpause {self.name}"
            case state:
                return f"it is {state}"

    def _url(self, host: str) -> str | None:
        scheme = "https" if self.command.tls else "http"
        if self.command.uds:
            return None
        if self.host_network:
            return f"{scheme}://{host}:{self.command.port}"
        for published in self.published:
            if published.inside == self.command.port or len(self.published) == 1:
                if is_every(published.address):
                    return f"{scheme}://{host}:{published.port}"
                if is_loopback(published.address) and not is_loopback(host):
                    continue  # only that machine itself gets there
                return f"{scheme}://{reachable_at(published.address)}:{published.port}"
        return None


def read_facts(attributes: Mapping[str, Any]) -> ContainerFacts:
    """Facts of one container from its inspection.

    Raises:
        ContainerError: It is not what the Engine API answers.
    """
    try:
        seen = msgspec.convert(attributes, _Inspection, strict=False)
    except msgspec.ValidationError as error:
        name = one_line(str(attributes.get("Name", "?"))).lstrip("/")
        raise ContainerError(
            f"Docker's description of container {name} is not understood: {one_line(str(error))}"
        ) from error
    argv = [seen.path, *(seen.args or ())]
    labels = seen.config.labels or {}
    command = read_container_command(argv)
    ended = seen.state.status in {"exited", "dead"}
    health = seen.state.health.status if seen.state.health else ""
    return ContainerFacts(
        id=seen.id,
        name=one_line(seen.name.lstrip("/")) or seen.id[:12],
        image=one_line(seen.config.image),
        image_digest=one_line(seen.image) or None,
        argv=launch.without_secrets([word for word in argv if word]),
        environment=launch.steering(_variables(seen.config)),
        state=one_line(seen.state.status),
        health=health if health in {"starting", "healthy", "unhealthy"} else None,
        exit_code=seen.state.exit_code if ended else None,
        started_at=_moment(seen.state.started_at),
        started_wall_s=_wall_s(seen.state.started_at),
        ended_wall_s=_wall_s(seen.state.finished_at),
        error=one_line(seen.state.error),
        is_oom_killed=seen.state.oom_killed,
        restarts=seen.restart_count,
        pid=seen.state.pid or None,
        compose=labels.get(COMPOSE_SERVICE),
        host_network=seen.host_config.network_mode == "host",
        published=_published(seen.network_settings.ports or seen.host_config.port_bindings or {}),
        command=command or read_flags(argv),
        is_vllm=command is not None or _is_vllm_image(seen.config, labels),
    )


def _variables(config: _Config) -> list[tuple[str, str]]:
    parts = [entry.partition("=") for entry in config.env or ()]
    return [(name, value) for name, _, value in parts]


def _is_vllm_image(config: _Config, labels: Mapping[str, str]) -> bool:
    return (
        any(label.startswith(_LABELS) for label in labels)
        or not _VARIABLES.isdisjoint(name for name, _ in _variables(config))
        or _IMAGE.search(config.image) is not None
    )


def _published(ports: _Ports) -> tuple[PublishedPort, ...]:
    found: dict[tuple[int, int], list[str]] = {}
    for inside, bindings in ports.items():
        number, _, protocol = inside.partition("/")
        for binding in bindings or ():
            # The same port may be bound for IPv4 and IPv6. An empty host port of a stopped
            # container means: chosen anew at each start.
            within, outside = port_of(number), port_of(binding.host_port)
            if protocol in {"", "tcp"} and within is not None and outside is not None:
                key = (within, outside)
                address = one_line(binding.host_ip) or "0.0.0.0"  # noqa: S104 - read, not bound
                found.setdefault(key, []).append(address)
    return tuple(
        PublishedPort(addresses=tuple(addresses), port=port, inside=inside)
        for (inside, port), addresses in found.items()
    )


def _moment(text: str) -> str | None:
    moment = _utc(text)
    return None if moment is None else moment.isoformat(timespec="seconds")


def _wall_s(text: str) -> float | None:
    moment = _utc(text)
    return None if moment is None else moment.timestamp()


def _utc(text: str) -> dt.datetime | None:
    if not text or text.startswith(_NEVER):
        return None
    try:
        # Of the engine's nanoseconds the last three digits are dropped.
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
