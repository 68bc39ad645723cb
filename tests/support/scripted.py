"""A server that answers whatever a test says, byte by byte, well or badly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from support.raw_http import listening, read_request


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Answering = Callable[[Asked, asyncio.StreamWriter], Awaitable[bool | None]]
"""Writes what it likes; true keeps the connection open."""


def http(
    body: bytes | str = b"", *, status: int = 200, kind: str = "application/json", head: str = ""
) -> bytes:
    """A well-formed answer."""
    data = body.encode() if isinstance(body, str) else body
    phrase = HTTPStatus(status).phrase
    return (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-length: {len(data)}\r\ncontent-type: {kind}\r\n"
        f"{head}\r\n"
    ).encode() + data


NOT_FOUND = http('{"detail":"Not Found"}', status=404)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def chunk(data: bytes | str) -> bytes:
    """One piece of a chunked body."""
    raw = data.encode() if isinstance(data, str) else data
    return b"%x\r\n%s\r\n" % (len(raw), raw)


class Scripted:
    """Listens on a free port of this machine; remembers what it was asked."""

    def __init__(self, answering: Answering | dict[str, bytes], *, greeting: bytes = b"") -> None:
        """With a dict: answers by path, ``NOT_FOUND`` for others.

        With a greeting that is all it says, before it is asked.
        """
        self._greeting = greeting
        self._answering = _by_path(answering) if isinstance(answering, dict) else answering
        self.asked: list[Asked] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self, method: str) -> list[str]:
        """The paths asked with that method, in order."""
        return [asked.path for asked in self.asked if asked.method == method]

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1") -> AsyncIterator["Scripted"]:
        async with listening(self._talk, host) as self.port:
            yield self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._greeting:
            writer.write(self._greeting)
            return
        while await self._answering(await self._next(reader), writer):
            await writer.drain()

    async def _next(self, reader: asyncio.StreamReader) -> Asked:
        asked = Asked(*await read_request(reader))
        self.asked.append(asked)
        return asked


def _by_path(answers: dict[str, bytes]) -> Answering:
    async def answering(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        writer.write(answers.get(asked.path, NOT_FOUND))
        return True

    return answering


async def for_ever() -> None:
    """Never comes back, until it is cancelled."""
    await asyncio.Event().wait()
