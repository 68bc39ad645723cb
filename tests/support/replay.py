"""Plays recorded answers of real vLLM servers over a real socket, byte for byte.

It knows no rule of vLLM but which recorded answer belongs to which request in which state. What
was not recorded is not answered: the connection is closed, and the test that wants it skips.
No time passes in it: a held stream goes on when the next sleep or wake comes.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from support.raw_http import listening, read_request

DATA = Path(__file__).parent.parent / "data"
HELD_TOKENS = 1000
"""A stream asked for more tokens than this is held half-way, to be aborted."""


def recorded(folder: str, name: str) -> bytes:
    """One recording, whole."""
    return (DATA / folder / f"{name}.http").read_bytes()


def recorded_body(folder: str, name: str) -> bytes:
    """The body of one recording."""
    return recorded(folder, name).partition(b"\r\n\r\n")[2]


class Replay:
    """One server that answers from a folder of recordings.

    Attributes:
        state: awake, paused, l0, l1, l2 or partial (level 2, weights awake again).
        requests: Method, target and headers of every request that came.
    """

    def __init__(self, folder: str, *, overlay: str = "", api_key: str | None = None) -> None:
        """Answers of ``overlay`` win; with ``api_key`` only for requests under /v1 without it."""
        self._folder = folder
        self._overlay = overlay
        self._api_key = api_key
        self.state = "awake"
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""
        self._turned = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Replay"]:
        """Listen on a free port of this machine."""
        async with listening(self._talk) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._one(reader, writer):
            pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection stays open."""
        method, target, headers, body = await read_request(reader)
        self.requests.append((method, target, headers))
        answer = self._answer(method, target, body, headers)
        if answer is None:
            return False
        head, _, rest = answer.partition(b"\r\n\r\n")
        if b"text/event-stream" in head:
            await self._stream(head, rest, json.loads(body), writer)
            return False
        writer.write(answer)
        await writer.drain()
        # vLLM closes after an error answer without announcing it.
        return _status(answer) < 400 and b"\r\nconnection: close" not in head

    def _answer(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> bytes | None:
        names, state = self._names(method, target, body)
        folders = [self._folder]
        if self._overlay and not (self._api_key and self._may(target, headers)):
            folders.insert(0, self._overlay)
        paths = (DATA / folder / f"{name}.http" for folder in folders for name in names)
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            return None
        answer = path.read_bytes()
        if state is not None and _status(answer) == 200:
            self.state = state
            self._turned.set()
            self._turned = asyncio.Event()
        return answer

    def _may(self, target: str, headers: dict[str, str]) -> bool:
        if not target.startswith("/v1"):
            return True
        return headers.get("authorization") == f"Bearer {self._api_key}"

    def _names(self, method: str, target: str, body: bytes) -> tuple[list[str], str | None]:
        """Names of the recordings to look for, best first, and the state after the answer."""
        url = urlsplit(target)
        route = url.path.strip("/").replace("/", "_")
        query = parse_qs(url.query)
        if method == "GET":
            return [f"{route}-{self.state}", route], None
        match route:
            case "sleep":
                level = query["level"][0]
                return [f"sleep-l{level}", "sleep"], f"l{level}"
            case "wake_up" if "tags" in query:
                tags = "_".join(query["tags"])
                return [f"wake_up-{tags}", route], "partial" if tags == "weights" else "awake"
            case "wake_up" | "resume":
                return [route], "awake"
            case "pause":
                return [route], "paused"
            case "v1_completions":
                return [route, *self._completion(json.loads(body))], None
        return [route], None

    def _completion(self, asked: dict[str, object]) -> list[str]:
        served = json.loads(recorded_body(self._folder, "v1_models"))["data"]
        if asked["model"] not in [model["id"] for model in served]:
            return ["bad_model"]
        if _is_held(asked):
            return ["completions-stream-abort"]
        plain = ["completions-stream-continuous_usage", "completions-stream"]
        return ["completions-stream-canary", *plain] if asked.get("logprobs") else plain

    async def _stream(
        self, head: bytes, body: bytes, asked: dict[str, object], writer: asyncio.StreamWriter
    ) -> None:
        events = [event + b"\n\n" for event in body.split(b"\n\n") if event]
        writer.write(head + b"\r\n\r\n")
        while self.state != "awake":  # parked: the head comes at once, the tokens with the wake
            await self._turned.wait()
        turned = self._turned
        for index, event in enumerate(events):
            if _is_held(asked) and index == len(events) // 2:
                await writer.drain()
                await turned.wait()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _status(answer: bytes) -> int:
    return int(answer[9:12])


def _is_held(asked: dict[str, object]) -> bool:
    return int(str(asked["max_tokens"])) > HELD_TOKENS
