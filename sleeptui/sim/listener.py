"""The listening socket of one simulated server, which can come and go on the same port."""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

from sleeptui.core.errors import SimError

LOOPBACK = "127.0.0.1"
_KEEP_ALIVE_S = 5
"""vLLM's default (VLLM_HTTP_TIMEOUT_KEEP_ALIVE): a pooled connection is closed after it."""

_ACCEPTING_TURNS = 5
"""Turns of the loop from accept to the connection being known: asyncio takes three."""


class Listener:
    """A port on loopback: bound for its whole life, answering only while it is open.

    A bound socket that does not listen refuses connections, as a vLLM server does from its start
    to its first answer. uvicorn's ``Server`` is used without its own loop: with 64 servers its
    ten ticks a second each would cost more than the requests.
    """

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        """Bound at once.

        Args:
            app: What answers.
            port: 0: a free one.

        Raises:
            SimError: The port is taken.
        """
        self._config = uvicorn.Config(
            app,
            access_log=False,
            lifespan="off",
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ws="none",
        )
        self._config.load()
        self._server: uvicorn.Server | None = None
        try:
            self._socket = _bound(port)
        except OSError as error:
            raise SimError(
                f"Port {port} of {LOOPBACK} cannot be taken: {error.strerror or error}",
                hint="Another server may listen there.",
            ) from error
        self.port: int = self._socket.getsockname()[1]

    @property
    def is_open(self) -> bool:
        """It answers."""
        return self._server is not None

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://{LOOPBACK}:{self.port}"

    async def open(self) -> None:
        """Begin to answer."""
        if self._server is not None:
            return
        server = uvicorn.Server(self._config)
        server.lifespan = self._config.lifespan_class(self._config)
        await server.on_tick(0)
        await server.startup(sockets=[self._socket])
        self._server = server

    async def tick(self) -> None:
        """Once a second: the date header."""
        if self._server is not None:
            await self._server.on_tick(0)

    async def close(self) -> None:
        """Refuse connections, break those that are open, end what is under way."""
        server, self._server = self._server, None
        if server is None:
            return
        for listening in server.servers:
            listening.close()
        for _ in range(_ACCEPTING_TURNS):
            await _break(server)
            await asyncio.sleep(0)
        self._socket = _bound(self.port)

    async def end(self) -> None:
        """Let go of the port, also where that is cut off."""
        try:
            await self.close()
        finally:
            self._socket.close()


async def _break(server: uvicorn.Server) -> None:
    """Break all connections, and end what is answered on them."""
    state = server.server_state
    for connection in list(state.connections):
        transport = getattr(connection, "transport", None)
        if transport is not None:
            transport.abort()
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _bound(port: int) -> socket.socket:
    """A bound socket. It names its protocol: asyncio sets TCP_NODELAY only on those that do.

    Without, each second small answer waits 40 ms for the client's delayed acknowledgement.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((LOOPBACK, port))
    except OSError:
        found.close()
        raise
    found.setblocking(False)
    return found
