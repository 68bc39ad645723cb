"""Every exception of httpx, and every shape of an error answer, becomes words for the user."""

import inspect
import ssl
from socket import gaierror

import httpx
import pytest

from sleeptui.adapters.http_errors import HTTPX_ERRORS, detail_of, is_markup, refused, translate
from sleeptui.core.errors import BadReply, EngineError, TimedOut, Unreachable

SECRET = "sk-secret"


def all_exceptions_of_httpx() -> list[type[Exception]]:
    return [
        value
        for _, value in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(value, Exception)
    ]


def make(kind: type[Exception], text: str = SECRET) -> Exception:
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://x")
        return httpx.HTTPStatusError(text, request=request, response=httpx.Response(500))
    parameters = inspect.signature(kind).parameters
    return kind() if not parameters else kind(text)


def told(error: Exception) -> EngineError:
    return translate(error, server="qwen", address="127.0.0.1:8001")


@pytest.mark.parametrize("kind", all_exceptions_of_httpx(), ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_translated(kind):
    error = make(kind)
    assert isinstance(error, HTTPX_ERRORS)
    found = told(error)
    assert isinstance(found, TimedOut | Unreachable | BadReply)
    assert found.server == "qwen"
    assert found.message.startswith("qwen: ")
    assert "127.0.0.1:8001" in found.message
    assert found.hint
    assert SECRET not in str(found)
    assert kind.__name__ not in str(found)


@pytest.mark.parametrize(
    ("kind", "expected", "sent"),
    [
        (httpx.ConnectTimeout, TimedOut, False),
        (httpx.PoolTimeout, TimedOut, False),
        (httpx.ReadTimeout, TimedOut, True),
        (httpx.WriteTimeout, TimedOut, True),
        (httpx.ConnectError, Unreachable, False),
        (httpx.ReadError, Unreachable, True),
        (httpx.WriteError, Unreachable, True),
        (httpx.CloseError, Unreachable, True),
        (httpx.RemoteProtocolError, BadReply, True),
        (httpx.UnsupportedProtocol, BadReply, False),
    ],
)
def test_it_is_known_whether_the_request_may_have_arrived(kind, expected, sent):
    found = told(kind("no words"))
    assert type(found) is expected
    assert found.sent is sent


def caused(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("no words")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(), "qwen: nothing listens on 127.0.0.1:8001"),
        (
            ExceptionGroup("both", [ConnectionRefusedError(), OSError()]),
            "qwen: nothing listens on 127.0.0.1:8001",
        ),
        (gaierror(), "qwen: the host of 127.0.0.1:8001 is not known"),
        (ssl.SSLError(), "qwen: no TLS connection to 127.0.0.1:8001"),
        (OSError(101, "Network is unreachable"), "qwen: no connection to 127.0.0.1:8001"),
    ],
)
def test_why_there_is_no_connection(cause, words):
    assert told(caused(cause)).message == words


@pytest.mark.parametrize(
    "words",
    [
        "Server disconnected without sending a response.",
        "peer closed connection without sending complete message body (incomplete chunked read)",
    ],
)
def test_a_connection_that_the_server_broke_is_not_called_a_bad_answer(words):
    found = told(httpx.RemoteProtocolError(words))
    assert type(found) is Unreachable
    assert found.message == "qwen: 127.0.0.1:8001 broke the connection"


def test_another_protocol_is_said_to_be_one():
    found = told(httpx.RemoteProtocolError("illegal status line: bytearray(b'-ERR unknown')"))
    assert found.message == "qwen: what answers on 127.0.0.1:8001 does not speak HTTP"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"message":"out of memory","type":"x","code":500}}', "out of memory"),
        (b'{"object":"error","message":"flat","code":400}', "flat"),
        (b'{"error":"Unauthorized"}', "Unauthorized"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b"Internal Server Error", "Internal Server Error"),
        (b"<!DOCTYPE html><html>...", "an HTML page"),
        (b"  <html>", "an HTML page"),
        (b'{"error":{"message":"two\\nlines \\u001b[31mred"}}', "two lines red"),
        (b'{"error":{"code":500}}', ""),
        (b'{"detail":[{"loc":1}]}', ""),
        (b"[1,2]", "[1,2]"),
        (b"\xff\xfe half", "�� half"),
        (b"", ""),
    ],
)
def test_the_words_of_the_server_in_all_five_shapes(body, words):
    assert detail_of(body) == words


def test_long_words_are_cut():
    assert len(detail_of(b"x" * 100_000)) == 300


def test_is_markup():
    assert is_markup(b"\n <?xml version='1.0'?>")
    assert not is_markup(b'{"a": "<html>"}')


@pytest.mark.parametrize(
    ("status", "path", "key_env", "hint"),
    [
        (401, "/v1/models", None, "it wants a key: name its environment variable in api_key_env"),
        (401, "/v1/models", "QWEN_KEY", "is the key in $QWEN_KEY the right one?"),
        (404, "/sleep", None, "the dev routes are off: start it with VLLM_SERVER_DEV_MODE=1"),
        (405, "/sleep", None, "the dev routes are off: start it with VLLM_SERVER_DEV_MODE=1"),
        (404, "/v1/completions", None, ""),
        (501, "/sleep", None, "this frontend of vLLM lacks the route"),
        (500, "/wake_up", None, "its log tells more"),
        (400, "/sleep", None, ""),
    ],
)
def test_what_to_do_about_a_refusal(status, path, key_env, hint):
    found = refused(status, b'{"error":"no"}', server="qwen", path=path, api_key_env=key_env)
    assert found.message == f"qwen: {path} answered {status}, no"
    assert (found.status, found.detail, found.hint, found.sent) == (status, "no", hint, False)


@pytest.mark.parametrize(("status", "words"), [(503, "Service Unavailable"), (599, "no words")])
def test_a_refusal_without_words_has_those_of_http(status, words):
    found = refused(status, b"", server="qwen", path="/health")
    assert found.message == f"qwen: /health answered {status}, {words}"
    assert found.detail == ""
