"""The connection to one Docker engine: every request of docker-py goes through here.

docker-py is imported when the first request finds a daemon. All methods block, each request at
most as long as the deadline; whoever shares a gateway takes turns.
"""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from sleeptui.adapters.docker_errors import docker_failures, explain, explain_connection
from sleeptui.adapters.local_address import LocalAddresses
from sleeptui.core.errors import ContainerError
from sleeptui.core.ports import Clock
from sleeptui.core.text import one_line

if TYPE_CHECKING:
    import docker

T = TypeVar("T")
DEFAULT_SOCKET = "/var/run/docker.sock"


class NoSuchContainer(Exception):
    """There is no such container."""


class DockerGateway:
    """One Docker engine, asked request by request."""

    def __init__(
        self,
        clock: Clock,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 3.0,
        retry_s: float = 10.0,
    ) -> None:
        """Nothing is imported or connected before the first request.

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
        self._client: docker.DockerClient | None = None
        self._failure: ContainerError | None = None
        self._failed_s = 0.0

    @property
    def host(self) -> str:
        """Where the ports of its containers are reached."""
        return urlsplit(self._address).hostname or "127.0.0.1"

    @property
    def is_failing(self) -> bool:
        """The daemon itself cannot be asked, and is left alone for a while."""
        return self._failure is not None

    def port_of(self, here: LocalAddresses, url: str) -> int | None:
        """The port of a URL that leads to the daemon's machine."""
        if here.has(self.host):
            return here.port_of(url)
        return LocalAddresses(known=frozenset({self.host})).port_of(url)

    def ask(self, call: "Callable[[docker.DockerClient], T]") -> T:
        """Carry out one request of docker-py.

        Raises:
            NoSuchContainer: The daemon answers, and there is no such container.
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
            raise NoSuchContainer from error
        except docker_failures() as error:
            failure = explain(error, address=self._shown, timeout_s=self._timeout_s)
            if not isinstance(error, docker.errors.APIError):
                self._fail(failure, now_s)
            raise failure from error
        self._failure = None
        return answer

    def close(self) -> None:
        """Close its connections; the next request opens them again."""
        if self._client is not None:
            self._client.close()
            self._client = None

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
        self.close()

    @property
    def _shown(self) -> str:
        return one_line(self._address.removeprefix("unix://"))


def _address(environment: dict[str, str]) -> str:
    """Where the daemon is; a rootless one is found without DOCKER_HOST, which is then set."""
    if not environment.get("DOCKER_HOST"):
        directory = environment.get("XDG_RUNTIME_DIR")
        rootless = Path(directory or "/", "docker.sock")
        if not Path(DEFAULT_SOCKET).exists() and directory and rootless.exists():
            environment["DOCKER_HOST"] = f"unix://{rootless}"
    return environment.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
