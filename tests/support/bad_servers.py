"""One server for each thing that can go wrong on a port, and well ones beside them, in a thread.

All are real: they listen on loopback and send bytes. The well ones are simulated vLLM servers.
"""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from support.replay import recorded_body
from support.scripted import NOT_FOUND, STREAM_HEAD, Asked, Scripted, chunk, for_ever, http

from sleeptui.sim.fleet import SimFleet, running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

LIMIT_S = 30.0
CLEAR_SCREEN = "\x1b[2J"
TITLE = "\x1b]0;owned\x07"
MARKUP = "[red]red[/red]"
WILD_NAME = f"wild{CLEAR_SCREEN}{TITLE}\x9b31m\u202e{MARKUP}"
WILD_ANSWER = f"dear{CLEAR_SCREEN}{TITLE} {MARKUP}\x9b2J\u202e [/]"
LONG_NAME = "long" * 75
WIDE_NAME = "模型名字很长🦙🦙" * 6
HUGE_BYTES = 100_000_000
METRICS = recorded_body("vllm-0.32.0", "metrics-awake")
_STARTED = b"process_start_time_seconds"


def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(model: str = "qwen", metrics: bytes = METRICS) -> dict[str, bytes]:
    """What a well and awake vLLM answers to a look."""
    models = json.dumps({"object": "list", "data": [{"id": model}]})
    return {
        "/is_sleeping": http('{"is_sleeping":false}'),
        "/is_paused": http('{"is_paused":false}'),
        "/load": http('{"server_load":0}'),
        "/metrics": http(metrics, kind="text/plain"),
        "/version": http('{"version":"0.32.0"}'),
        "/v1/models": http(models),
        "/health": http(),
    }


def figure(name: bytes, value: bytes, page: bytes = METRICS) -> bytes:
    """The page of metrics with another value for each sample of a name."""
    changed = []
    for line in page.split(b"\n"):
        head, space, _ = line.rpartition(b" ")
        is_it = space and head.partition(b"{")[0] == name
        changed.append(head + b" " + value if is_it else line)
    return b"\n".join(changed)


async def hang(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Accepts and never answers."""
    await for_ever()


async def drip(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """One byte of a promised answer after the other."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def banner(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """Another service, which says who it is."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nInvalid SSH identification string.\r\n\r\n")
    return False


async def hang_up(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """Another service, which does not like what it hears."""
    return False


async def huge(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """100 MB of valid metrics."""
    if asked.path != "/metrics":
        writer.write(answers().get(asked.path, NOT_FOUND))
        return True
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % HUGE_BYTES)
    block = METRICS * (1 + (1 << 18) // len(METRICS))
    for _ in range(HUGE_BYTES // len(block)):
        writer.write(block)
        await writer.drain()
    return False


def mad_figures() -> bytes:
    """Metrics that are no numbers, infinite, negative or larger than a float can say."""
    page = METRICS
    for name, value in {
        b"vllm:num_requests_running": b"NaN",
        b"vllm:num_requests_waiting": b"+Inf",
        b"vllm:kv_cache_usage_perc": b"-Inf",
        b"vllm:generation_tokens_total": b"1e400",
        b"vllm:prompt_tokens_total": b"-5",
        _STARTED: b"NaN",
    }.items():
        page = figure(name, value, page)
    return page


class GoesBack:
    """Its counters fall and its start moves at each look, into the past."""

    def __init__(self) -> None:
        self._looks = count()

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Answer a look."""
        if asked.path == "/metrics":
            number = next(self._looks)
            page = figure(b"vllm:generation_tokens_total", b"%d" % max(0, 9_000 - number))
            page = figure(_STARTED, b"%d" % (1_790_000_000 - 3600 * number), page)
            writer.write(http(page, kind="text/plain"))
        else:
            writer.write(answers().get(asked.path, NOT_FOUND))
        return True


def _stream(text: str, *, whole: bool) -> bytes:
    """A streamed answer, with its end or cut in the middle."""
    event = {
        "choices": [{"index": 0, "text": text, "finish_reason": None}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5},
    }
    end = {"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}
    pieces = chunk(f"data: {json.dumps(event)}\n\n")
    if whole:
        pieces += chunk(f"data: {json.dumps(end)}\n\n") + chunk("data: [DONE]\n\n")
        pieces += b"0\r\n\r\n"
    return STREAM_HEAD + pieces


async def cut(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """Dies in the middle of a stream."""
    is_prompt = asked.path == "/v1/completions"
    writer.write(
        _stream("half an ans", whole=False) if is_prompt else answers().get(asked.path, NOT_FOUND)
    )
    return not is_prompt


async def wild(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """Its name and its answer try to drive the terminal."""
    is_prompt = asked.path == "/v1/completions"
    well = answers(WILD_NAME).get(asked.path, NOT_FOUND)
    writer.write(_stream(WILD_ANSWER, whole=True) if is_prompt else well)
    return True


class DiesAsleep:
    """Dies while it falls asleep: breaks the connection of /sleep, and nothing listens any more."""

    def __init__(self) -> None:
        self.scripted = Scripted(self._answer)
        self.dead = asyncio.Event()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.method == "POST":
            self.dead.set()
            return False
        writer.write(answers().get(asked.path, NOT_FOUND))
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Scripted]:
        """Listen until it dies."""
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(self.scripted.running())
            stop = stack.pop_all()
            grave = asyncio.create_task(self._die(stop))
            yield port
            self.dead.set()
            await grave

    async def _die(self, stop: AsyncExitStack) -> None:
        await self.dead.wait()
        await stop.aclose()


def _healthy() -> Scenario:
    engine = EngineSpec(
        name="healthy",
        root="acme/classify-0.6b",
        params_b=0.6,
        gpu_memory_utilization=0.12,
        start=Start.AWAKE,
    )
    return Scenario(
        name="bad-input",
        title="The servers beside the bad ones",
        description="One is well, one dies when it is told to.",
        gpus=(GpuSpec(),),
        engines=(engine, replace(engine, name="dies")),
    )


SCRIPTED = {
    "hangs": lambda: Scripted(hang),
    "drips": lambda: Scripted(drip),
    "web-page": lambda: Scripted(
        dict.fromkeys(answers(), http("<!DOCTYPE html><html>It works</html>", kind="text/html"))
    ),
    "half-json": lambda: Scripted({**answers(), "/is_sleeping": http('{"is_slee')}),
    "huge": lambda: Scripted(huge),
    "another": lambda: Scripted(
        dict.fromkeys(answers(), http("404 page not found", status=404, kind="text/plain"))
    ),
    "ssh": lambda: Scripted(banner),
    "hangs-up": lambda: Scripted(hang_up),
    "mad": lambda: Scripted(answers(metrics=mad_figures())),
    "back": lambda: Scripted(GoesBack()),
    "cut": lambda: Scripted(cut),
    "wild": lambda: Scripted(wild),
    "long": lambda: Scripted(answers(LONG_NAME)),
    "wide": lambda: Scripted(answers(WIDE_NAME)),
    "dies-asleep": DiesAsleep,
}
"""By the name under which the panel shall watch it."""


class BadFleet:
    """The servers that run. Made by ``bad_servers``."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._ready: Future[None] = Future()
        self.urls: dict[str, str] = {}
        self.fleet: SimFleet | None = None
        self.scripted: dict[str, Scripted] = {}

    def arguments(self, *names: str) -> list[str]:
        """For the command line of the panel; no names: all."""
        chosen = names or self.urls
        return [part for name in chosen for part in ("--server", f"{name}={self.urls[name]}")]

    def do(self, what: Coroutine[Any, Any, object]) -> None:
        """Do something in the thread of the servers."""
        asyncio.run_coroutine_threadsafe(what, self._loop).result(LIMIT_S)

    @contextmanager
    def running(self) -> Iterator["BadFleet"]:
        """All servers listen until the block ends."""
        thread = threading.Thread(target=self._run, name="bad servers")
        thread.start()
        try:
            self._ready.result(LIMIT_S)
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._end.set)
            thread.join(LIMIT_S)
        assert not thread.is_alive()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            self.fleet = await stack.enter_async_context(running_fleet(_healthy()))
            self.urls = {server.name: server.url for server in self.fleet.address.servers}
            self.urls["refuses"] = f"http://127.0.0.1:{closed_port()}"
            for name, make in SCRIPTED.items():
                server = await stack.enter_async_context(make().running())
                self.scripted[name] = server
                self.urls[name] = server.url
            self._ready.set_result(None)
            await self._end.wait()


@contextmanager
def bad_servers() -> Iterator[BadFleet]:
    """All of them, until the block ends."""
    with BadFleet().running() as fleet:
        yield fleet
