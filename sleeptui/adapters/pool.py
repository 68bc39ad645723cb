"""Connections to one server, thrown away together when a request on them was cut off."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import httpx


@dataclass(slots=True, eq=False)
class _Lent:
    """One transport of httpx, and how many requests are on it."""

    transport: httpx.AsyncHTTPTransport
    users: int = 0


class Pool:
    """A pool of connections that cannot be used up by requests that were given up.

    httpcore (1.0) shields the closing of a request from anyio's cancellation, and not from that of
    a task: a request whose time is over just while it is being closed stays in its pool for ever,
    with its connection. On a loop that is late this happens often, and a full pool answers nobody.
    So a pool in which a request was cut off is replaced, and closed when nobody uses it any more.
    Closing has a task of its own: where it is cut off too, the connections behind it stay open.

    It belongs to the event loop that uses it.
    """

    def __init__(self, base: httpx.URL, limits: httpx.Limits) -> None:
        """Connects to nothing.

        Args:
            base: Of the server.
            limits: On the connections that are open at once, and kept.
        """
        self._base = base
        self._limits = limits
        self._now: _Lent | None = None
        self._worn: list[_Lent] = []
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_used(self) -> bool:
        """Whether there is something to close."""
        return self._now is not None or bool(self._worn) or bool(self._closing)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """The transport, for one request, from its begin to the end of its answer."""
        self._close_worn()
        if self._now is None:
            self._now = _Lent(_transport(self._base, self._limits))
        lent = self._now
        lent.users += 1
        try:
            yield lent.transport
        except (asyncio.CancelledError, TimeoutError):
            if self._now is lent:
                self._now = None
                self._worn.append(lent)
            raise
        finally:
            lent.users -= 1

    async def close(self) -> None:
        """Close all connections, also those in use."""
        if self._now is not None:
            self._worn.append(self._now)
            self._now = None
        for lent in self._worn:
            self._close_beside(lent)
        self._worn.clear()
        await asyncio.gather(*(asyncio.shield(one) for one in self._closing))

    def _close_worn(self) -> None:
        for lent in self._worn:
            if not lent.users:
                self._close_beside(lent)
        self._worn = [lent for lent in self._worn if lent.users]

    def _close_beside(self, lent: _Lent) -> None:
        closing = asyncio.create_task(lent.transport.aclose(), name=f"close {self._base.host}")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _transport(base: httpx.URL, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    tls = _tls() if base.scheme == "https" else _no_tls()
    return httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)


@cache
def _tls() -> ssl.SSLContext:
    """One for all servers: reading the system's certificates takes 15 ms."""
    return ssl.create_default_context()


@cache
def _no_tls() -> ssl.SSLContext:
    """For plain HTTP, where it is never used: spares the reading of certificates."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
