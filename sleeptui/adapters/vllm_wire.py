"""HTTP to one vLLM server: bounded reads, stamps, errors translated; no word of what is asked.

It stands on httpx's transport, not on its client: redirects, cookies and proxies from the
environment must not happen here anyway, and a request costs 0.2 ms of CPU less, of 0.5,
which 64 servers looked at twice a second feel.
"""

import base64
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import httpx

from sleeptui import __version__
from sleeptui.adapters.http_errors import HTTPX_ERRORS, NOT_VLLM_HINT, translate
from sleeptui.adapters.pool import Pool
from sleeptui.core.errors import BadReply, ConfigError, EngineError
from sleeptui.core.settings import ServerSpec

MIB = 1 << 20
BODY_BYTES = MIB
"""Larger answers are not read, but for those that are known to be larger."""
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_HEADERS = {"accept-encoding": "identity", "user-agent": f"sleeptui/{__version__}"}
# Two requests at once, and room for those whose connections are still being torn down.
_PROBE_LIMITS = httpx.Limits(max_connections=8, max_keepalive_connections=2)
# A connection for each: one from a pool may be closed by the server (uvicorn: idle for 5 s) just
# when a request is written to it that must not be repeated.
_TIMED_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)
_STALE = (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes


@dataclass(slots=True)
class Stamps:
    """Monotonic times of one request, taken by httpcore's ``trace`` hook."""

    sent_s: float | None = None
    """The connection stands, the first byte is about to be written; None: never written."""
    headers_s: float | None = None

    async def __call__(self, name: str, _info: Mapping[str, object]) -> None:
        """Called by httpcore with the name of what happens."""
        if name == "http11.send_request_headers.started":
            self.sent_s = time.monotonic()
        elif name == "http11.receive_response_headers.complete":
            self.headers_s = time.monotonic()


class Wire:
    """The connections to one server.

    ``get`` belongs to the event loop that calls it first, ``exchange`` and ``close_timed`` to
    another: timed requests share nothing with looks. All raise EngineError and nothing else.
    """

    def __init__(self, spec: ServerSpec) -> None:
        """Read the URL; connects to nothing.

        Raises:
            ConfigError: The URL is none.
        """
        self._spec = spec
        self._base = _base_url(spec)
        self._basic = _basic_auth(spec)
        self._prefix = self._base.raw_path.rstrip(b"/")
        self.address = (self._base.netloc + self._prefix).decode("ascii")
        """Host, port and path prefix, for messages; without user and password."""
        self._looks = Pool(self._base, _PROBE_LIMITS)
        self._timed = Pool(self._base, _TIMED_LIMITS)
        self._requests: dict[str, httpx.Request] = {}

    async def get(self, path: str, *, limit: int = BODY_BYTES, what: str = "") -> Reply:
        """GET, whatever the status; a connection that breaks is tried once more.

        After an error answer vLLM closes the connection, and the next read on it fails.

        Args:
            path: Path and query.
            limit: Bytes; a larger body is not read on.
            what: What was too much then, instead of the path.
        """
        what = what or f"to {path}"
        request = self._requests.get(path)
        if request is None:
            request = self._request("GET", path)
            if not path.startswith("/v1"):  # those carry the key, which is not kept
                self._requests[path] = request
        with self._translated():
            try:
                return await self._whole(request, limit, what)
            except _STALE:
                return await self._whole(request, limit, what)

    @asynccontextmanager
    async def exchange(
        self,
        path: str,
        stamps: Stamps,
        *,
        method: str = "POST",
        content: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
        connect_s: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Send once, on a connection of its own, closed at the end; for timed requests.

        The body is left to the caller, to be read inside this context. ``connect_s``: how long the
        connection may take; None: as the settings say.
        """
        request = self._request(method, path, content=content)
        if connect_s is not None:
            request.extensions["timeout"] = {"connect": connect_s}
        request.headers.update(headers)
        request.extensions["trace"] = stamps
        with self._translated():
            async with self._timed.lent() as transport:
                response = await transport.handle_async_request(request)
                try:
                    yield response
                finally:
                    await response.aclose()

    async def read(self, response: httpx.Response, *, what: str, limit: int = BODY_BYTES) -> bytes:
        """The whole body; ``what`` says what was too much.

        Raises:
            BadReply: It is larger than ``limit`` bytes; the rest is not read.
        """
        body: list[bytes] = []
        size = int(response.headers.get("content-length", "0"))  # h11 lets only digits pass
        if size <= limit:
            size = 0
            async with chunks(response) as parts:
                async for part in parts:
                    size += len(part)
                    if size > limit:
                        break
                    body.append(part)
        if size > limit:
            body.clear()  # else it lives as long as the error, whose traceback has this frame
            raise BadReply(
                f"{self._spec.name}: answers more than {limit // MIB} MiB {what}",
                server=self._spec.name,
                hint=NOT_VLLM_HINT,
            )
        return b"".join(body)

    @property
    def has_timed(self) -> bool:
        """``exchange`` was used, so ``close_timed`` has something to close."""
        return self._timed.is_used

    async def close_looks(self) -> None:
        """Close the connections of ``get``."""
        await self._looks.close()

    async def close_timed(self) -> None:
        """Close the connections of ``exchange``, on its loop."""
        await self._timed.close()

    async def _whole(self, request: httpx.Request, limit: int, what: str) -> Reply:
        async with self._looks.lent() as transport:
            response = await transport.handle_async_request(request)
            try:
                body = await self.read(response, limit=limit, what=what)
                return Reply(response.status_code, body)
            finally:
                await response.aclose()

    def _request(self, method: str, path: str, *, content: bytes = b"") -> httpx.Request:
        headers = dict(_HEADERS)
        authorization = self._authorization(path)
        if authorization is not None:
            headers["authorization"] = authorization
        if content:
            headers["content-type"] = "application/json"
        return httpx.Request(
            method,
            self._base.copy_with(raw_path=self._prefix + path.encode("ascii")),
            headers=headers,
            content=content,
            extensions={"timeout": {"connect": self._spec.timeouts.connect_s}},
        )

    def _authorization(self, path: str) -> str | None:
        """The key goes to /v1 only, where vLLM wants it; the URL's user and password elsewhere."""
        name = self._spec.api_key_env
        key = os.environ.get(name, "").strip() if name and path.startswith("/v1") else ""
        if not key:
            return self._basic
        if not (key.isascii() and key.isprintable()):
            raise EngineError(
                f"{self._spec.name}: the key in ${name} has characters that cannot be sent",
                server=self._spec.name,
                hint="set it again",
            )
        return f"Bearer {key}"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except HTTPX_ERRORS as error:
            raise translate(error, server=self._spec.name, address=self.address) from error


def chunks(response: httpx.Response) -> aclosing[AsyncGenerator[bytes, None]]:
    """The body as it comes, undecoded; leaving the context early leaves nothing behind."""
    # httpx declares an iterator and returns a generator, which alone can be closed.
    return aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw()))


def _base_url(spec: ServerSpec) -> httpx.URL:
    try:
        url = httpx.URL(spec.url)
        has_host = bool(url.host)
    except (httpx.InvalidURL, UnicodeError) as error:  # a host that no internationalised name is
        raise _bad_url(spec) from error
    if url.scheme not in {"http", "https"} or not has_host:
        raise _bad_url(spec)
    return url.copy_with(userinfo=b"", query=None, fragment=None)


def _bad_url(spec: ServerSpec) -> ConfigError:
    # Without the URL itself: it may have a password in it.
    return ConfigError(
        f"the url of {spec.name} cannot be read", hint="write it like http://127.0.0.1:8000"
    )


def _basic_auth(spec: ServerSpec) -> str | None:
    url = httpx.URL(spec.url)
    if not url.userinfo:
        return None
    pair = f"{url.username}:{url.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
