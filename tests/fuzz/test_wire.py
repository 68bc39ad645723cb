"""Bytes on a real socket against the real client: every fault is an error of the server's.

Bounded in number and time, on loopback alone. One server and one client serve all examples.
"""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.bad_servers import answers
from support.fuzzing import DEEP, RAW, as_json, fuzz, is_clean, mangled, mutated, pieces
from support.replay import recorded, recorded_body
from support.scripted import STREAM_HEAD, Scripted, chunk, http

from sleeptui.adapters.vllm import VllmClients
from sleeptui.core.errors import EngineError
from sleeptui.core.model import Observation, SleepLevel
from sleeptui.core.settings import ServerSpec, Timeouts

QUICK = Timeouts(connect_s=2, probe_s=0.5, sleep_s=0.5, wake_s=0.5, prompt_s=0.5, canary_s=0.5)
"""A server that says nothing more must not hold an example up."""
LIMIT_S = 20.0
WELL = answers()
STREAM = recorded_body("vllm-0.32.0", "completions-stream")
ROUTES = (
    "/is_sleeping",
    "/metrics",
    "/version",
    "/v1/models",
    "/v1/completions",
    "/sleep",
    "/server_info",
)
RECORDED = [
    recorded("vllm-0.32.0", name)
    for name in (
        "is_sleeping-l1",
        "v1_models",
        "version",
        "not_found",
        "sleep-l1",
        "sleep-level_3",
        "health",
    )
]
HEADS = st.lists(
    st.sampled_from(
        [
            b"content-length: 5",
            b"content-length: 99999999999",
            b"content-length: " + b"9" * 5000,
            b"content-length: -1",
            b"content-length: 5, 5",
            b"content-length: 5\r\ncontent-length: 6",
            b"transfer-encoding: chunked",
            b"transfer-encoding: gzip, chunked",
            b"content-encoding: gzip",
            b"content-type: text/event-stream",
            b"content-type: \xff\xfe",
            b"connection: upgrade",
            b": no name",
            b" folded",
            b"x: " + b"y" * 70_000,
            b"location: http://127.0.0.1:1/",
            b"x:" + b"\0",
            b"set-cookie: a=b",
        ]
    ),
    max_size=3,
)
STATUS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 204 No",
        b"HTTP/1.1 100 Go",
        b"HTTP/1.1 503 x\x1b[2J",
        b"HTTP/1.1 302 Found",
        b"HTTP/1.1 999 ?",
        b"HTTP/1.1 200",
        b"HTTP/2 200 OK",
        b"ICY 200 OK",
        b"HTTP/1.1 -1 OK",
        b"HTTP/1.1 200 " + b"x" * 3000,
    ]
)
BOMB = gzip.compress(b"\0" * (4 << 20))
BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            BOMB,
            DEEP,
            *RAW,
            b"5\r\nabcde\r\n0\r\n\r\n",
            b"ffffffffffffffff\r\nx",
            b"-5\r\n",
            b"5;" + b"x" * 5000,
        ]
    ),
    mutated(json.loads(recorded_body("vllm-0.32.0", "v1_models"))).map(as_json),
    mangled(STREAM),
    st.lists(mangled(STREAM[:400]), max_size=3).map(lambda parts: b"".join(map(chunk, parts))),
)
ANSWERS = st.one_of(
    st.tuples(STATUS, HEADS, BODIES).map(
        lambda parts: (
            parts[0] + b"\r\n" + b"".join(head + b"\r\n" for head in parts[1]) + b"\r\n" + parts[2]
        )
    ),
    st.sampled_from(RECORDED).flatmap(mangled),
    BODIES.map(http),
    BODIES.map(lambda body: STREAM_HEAD + body),
    st.binary(max_size=60),
)


class Fleet:
    """A loop in a thread with one bad server and one client, which all examples share."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.parts: dict[str, list[bytes]] = {}
        self.server = Scripted(self._answer)

    async def _answer(self, asked, writer) -> bool:
        parts = self.parts.get(asked.path)
        if parts is None:
            writer.write(WELL.get(asked.path, http(status=404)))
            return True
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        return False

    def run(self, coroutine):
        """The result, from this thread; what hangs fails."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT_S)


@contextmanager
def running() -> Iterator[Fleet]:
    loop = asyncio.new_event_loop()
    fleet, ready, over = Fleet(loop), Future(), asyncio.Event()

    async def serve() -> None:
        async with fleet.server.running():
            ready.set_result(None)
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.result(LIMIT_S)
    try:
        yield fleet
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(LIMIT_S)
        loop.close()


@pytest.fixture(scope="module")
def fleet():
    with running() as made:
        yield made


async def asked(fleet: Fleet, timeouts: Timeouts = QUICK) -> list[object]:
    """All that a client asks a server, and what came of each."""
    clients = VllmClients()
    client = clients(ServerSpec(name="qwen", url=fleet.server.url, timeouts=timeouts))
    found: list[object] = []
    try:
        found.append(await client.observe(full=True))
        for ask in (
            client.facts,
            lambda: client.complete("x", max_tokens=5, on_token=lambda _: None),
            lambda: client.canary("x", max_tokens=5),
            lambda: client.sleep(SleepLevel.OFFLOAD, None),
        ):
            try:
                found.append(await ask())
            except EngineError as error:
                found.append(error)
    finally:
        await client.close()
        await clients.close()
    return found


def check(found: list[object]) -> None:
    for one in found:
        if isinstance(one, EngineError):
            assert is_clean(one.message, one.hint)
        elif isinstance(one, Observation):
            assert is_clean(one.problem)
        elif hasattr(one, "text"):
            assert is_clean(one.text, lines=True)
            assert is_clean(one.error)


def everywhere(*parts: bytes) -> dict[str, list[bytes]]:
    """The same answer on all routes."""
    return {route: list(parts) for route in ROUTES}


@fuzz(30)
@given(st.dictionaries(st.sampled_from(ROUTES), ANSWERS.flatmap(pieces), min_size=1, max_size=3))
@example(everywhere(b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n"))
@example(everywhere(b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 19 + b"\r\n\r\n"))
@example(everywhere(http(BOMB, head="content-encoding: gzip\r\n")))
@example(everywhere(b"HTTP/1.1 200 OK\r\n", *([b"x: y\r\n" * 500] * 400)))
@example(everywhere(*([b"HTTP/1.1 100 Continue\r\n\r\n"] * 200)))
@example(everywhere(STREAM_HEAD, b"ffffffffffffffffffff\r\n"))
@example(everywhere(STREAM_HEAD, b"5;" + b"x" * 200_000))
def test_nothing_but_an_error_of_the_server_comes_of_it(fleet, parts):
    fleet.parts = parts
    check(fleet.run(asked(fleet)))
