"""httpx's exceptions, and vLLM's five shapes of an error answer, to errors for the user."""

import re
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from socket import gaierror

import httpx
import msgspec

from sleeptui.adapters.json_errors import BROKEN_JSON
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.text import one_line

HTTPX_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
"""The roots of httpx's exception tree."""

NOT_VLLM_HINT = "is this the port of vLLM?"
_RUNNING = "is the server running?"
_BUSY = "slow is not down: its state will tell"
_BROKEN = re.compile("closed|disconnected")


def translate(error: Exception, *, server: str, address: str) -> EngineError:
    """The error for the user; httpx's own words stay out of it, they may quote a key or a URL.

    Args:
        error: One of HTTPX_ERRORS.
        server: Name of the server.
        address: Host and port, and path prefix, without user and password.
    """
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return TimedOut(
                f"{server}: {address} does not take the connection",
                server=server,
                hint="a firewall, a host that is down, or a server too busy to take it",
            )
        case httpx.TimeoutException():
            return timed_out(server=server, address=address)
        case httpx.ConnectError():
            return _no_connection(error, server=server, address=address)
        case httpx.RemoteProtocolError() if not _BROKEN.search(str(error)):
            return BadReply(
                f"{server}: what answers on {address} does not speak HTTP",
                server=server,
                hint=NOT_VLLM_HINT,
                sent=True,
            )
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return Unreachable(
                f"{server}: {address} broke the connection", server=server, hint=_RUNNING, sent=True
            )
        case _:
            return BadReply(
                f"{server}: {address} cannot be asked", server=server, hint="check its url"
            )


def timed_out(*, server: str, address: str, sent: bool = True) -> TimedOut:
    """The error for a request that was not answered in time; ``sent``: it was written."""
    return TimedOut(
        f"{server}: no answer in time from {address}", server=server, hint=_BUSY, sent=sent
    )


def _no_connection(error: httpx.ConnectError, *, server: str, address: str) -> EngineError:
    causes = list(_causes(error))
    text = f"nothing listens on {address}"
    hint = _RUNNING
    if any(isinstance(cause, gaierror) for cause in causes):
        text, hint = f"the host of {address} is not known", "check its url"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        text, hint = f"no TLS connection to {address}", "http or https? Is its certificate trusted?"
    elif not any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        text = f"no connection to {address}"
    return Unreachable(f"{server}: {text}", server=server, hint=hint)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from; asyncio groups the errors of several addresses."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__


class _ErrorObject(msgspec.Struct):
    message: object = None


class _ErrorBody(msgspec.Struct):
    error: object = None
    detail: object = None
    message: object = None


_decode = msgspec.json.Decoder(_ErrorBody).decode
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)


def is_markup(body: bytes) -> bool:
    """The body is an HTML or XML page."""
    return _MARKUP.match(body) is not None


def detail_of(body: bytes) -> str:
    """The server's own words in an error answer, in one line; empty where it says nothing.

    vLLM has five shapes: ``{"error": {"message": ..}}`` (0.11 and later), ``{"object": "error",
    "message": ..}`` before, ``{"error": ".."}`` (401, /pause, scaling), ``{"detail": ..}`` (404,
    405), and plain text (0.17 and before).
    """
    if is_markup(body):
        return "an HTML page"
    try:
        answer = _decode(body)
    except BROKEN_JSON:
        return one_line(body[:2000].decode(errors="replace"))
    for words in (answer.error, answer.detail, answer.message):
        if isinstance(words, dict) and isinstance(words.get("message"), str):
            return one_line(words["message"])
        if isinstance(words, str):
            return one_line(words)
    return ""


def refused(
    status: int, body: bytes, *, server: str, path: str, api_key_env: str | None = None
) -> Refused:
    """The error for an answer with an error status."""
    detail = detail_of(body)
    words = detail or _phrase(status)
    return Refused(
        f"{server}: {path} answered {status}, {words}",
        server=server,
        status=status,
        detail=detail,
        hint=_hint(status, path, api_key_env),
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no words"


def _hint(status: int, path: str, api_key_env: str | None) -> str:
    api = path.startswith("/v1")
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if api_key_env:
            return f"is the key in ${api_key_env} the right one?"
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return "it wants a key: name its environment variable in api_key_env"
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED if not api:
            return "the dev routes are off: start it with VLLM_SERVER_DEV_MODE=1"
        case HTTPStatus.NOT_IMPLEMENTED if not api:
            return "this frontend of vLLM lacks the route"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "its log tells more"
    return ""
