"""``/v1/completions`` and ``/v1/chat/completions`` of a simulated server.

The fate of a request follows the captures: parked while asleep (041, 056 to 058: a stream gets
its headers and then nothing), ended by a sleep with ``abort`` (108, 109), complete after a
``wait`` (116, 117), frozen and completed after the wake with ``keep`` (124, 125). A client that
goes away ends its request.
"""

import asyncio
import itertools
import random

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Send

from sleeptui.sim.answers import unexpected, wrong_value
from sleeptui.sim.asks import Ask, read_ask, read_json
from sleeptui.sim.core_loop import DEAD
from sleeptui.sim.engine import Engine, Phase
from sleeptui.sim.openai import Reply
from sleeptui.sim.pulse import Pulse
from sleeptui.sim.scheduler import SimRequest
from sleeptui.sim.text import Voice

_NO_NUMBER = "Out of range float values are not JSON compliant: nan"
_WRITE_GAP_S = 0.002
"""Each further open stream adds so much between two writes, tokens then come in one piece."""


class Completions:
    """All completions of one server."""

    def __init__(self, engine: Engine, pulse: Pulse) -> None:
        self._engine = engine
        self._pulse = pulse
        self._open: dict[str, Reply] = {}
        self._numbers = itertools.count(1)
        self._seed = random.Random(engine.spec.name).getrandbits(40)  # noqa: S311 - only an id

    @property
    def open(self) -> int:
        """Answers under way, parked ones too: what /load counts."""
        return len(self._open)

    def request_ids(self, answer_ids: list[str]) -> frozenset[int]:
        """The engine's requests of some answers."""
        replies = [self._open[name] for name in answer_ids if name in self._open]
        return frozenset(request.id for reply in replies for request in reply.requests)

    async def handle(self, request: Request, send: Send, *, chat: bool) -> Response | None:
        """Answer one request; None: the answer was streamed.

        Raises:
            Refusal: The request is wrong, or the engine is dead.
        """
        engine = self._engine
        body = await read_json(request, engine.dialect)
        ask = read_ask(body, chat=chat, spec=engine.spec, dialect=engine.dialect)
        if engine.phase is not Phase.UP:
            raise unexpected(engine.dialect, DEAD)
        reply = self._begin(ask)
        self._open[reply.id] = reply
        try:
            if ask.stream:
                await self._stream(reply, request.receive, send)
                return None
            return await self._whole(reply, request.receive)
        finally:
            del self._open[reply.id]
            self._drop(reply)

    def _begin(self, ask: Ask) -> Reply:
        engine = self._engine
        now_s = self._pulse.advance()
        requests = []
        for index in range(ask.choices):
            variant = 0 if ask.greedy else index
            voice = Voice(engine.spec.root, ask.prompt, variant=variant)
            request = SimRequest(
                prompt_tokens=ask.prompt_tokens,
                max_tokens=ask.max_tokens,
                arrived_s=now_s,
                natural_tokens=None if ask.ignore_eos else voice.natural_tokens,
                voice=voice,
            )
            engine.submit(request)
            requests.append(request)
        prefix = "chatcmpl" if ask.chat else "cmpl"
        self._pulse.kick()
        return Reply(
            ask,
            requests,
            dialect=engine.dialect,
            version=engine.spec.version,
            answer_id=f"{prefix}-{self._seed:010x}{next(self._numbers):06x}",
            prefix=engine.spec.answer_prefix,
        )

    async def _whole(self, reply: Reply, receive: Receive) -> Response:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(reply, receive))
            while not reply.ended:
                await self._pulse.pause_until(self._due_s(reply))
                self._pulse.advance()
            watch.cancel()
        if reply.failed:
            raise unexpected(self._engine.dialect, DEAD)
        if reply.has_no_number:
            raise wrong_value(self._engine.dialect, _NO_NUMBER)
        return JSONResponse(reply.body())

    async def _stream(self, reply: Reply, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        if self._engine.dialect.varies:
            headers.append((b"vary", b"Origin"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(reply, receive))
            while True:
                now_s = self._pulse.advance()
                text = "".join(reply.chunks())
                if reply.ended:
                    break
                if text:
                    await send(_body(text, more=True))
                due_s = self._due_s(reply)
                gap_s = _WRITE_GAP_S * (len(self._open) - 1)
                if due_s is not None and gap_s:
                    due_s = max(due_s, now_s + gap_s)
                await self._pulse.pause_until(due_s)
            watch.cancel()
        await send(_body(text + "".join(reply.closing()), more=False))

    async def _watch(self, reply: Reply, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._drop(reply)
        self._pulse.kick()

    def _due_s(self, reply: Reply) -> float | None:
        times = [
            due_s
            for request in reply.requests
            if request.finish_reason is None
            and (due_s := self._engine.next_token_s(request)) is not None
        ]
        return min(times, default=None)

    def _drop(self, reply: Reply) -> None:
        if reply.ended:
            return
        now_s = self._pulse.advance()
        for request in reply.requests:
            self._engine.scheduler.abort(request, now_s)


def _body(text: str, *, more: bool) -> dict[str, object]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
