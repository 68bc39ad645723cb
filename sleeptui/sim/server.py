"""The HTTP server of one simulated engine, as an ASGI application.

Written on Starlette's requests and responses without its router: FastAPI, which vLLM uses, does
not add HEAD to GET routes, and 64 servers looked at twice a second make the cost count.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from sleeptui.core.ports import Clock
from sleeptui.sim.answers import (
    VARY,
    ConnectionDropped,
    Refusal,
    not_found,
    unauthorized,
    wrong_method,
)
from sleeptui.sim.engine import Engine
from sleeptui.sim.exposition import CONTENT_TYPE
from sleeptui.sim.faults import Fault
from sleeptui.sim.httpstats import HttpStats
from sleeptui.sim.pulse import Pulse
from sleeptui.sim.routes import Handler, Routes
from sleeptui.sim.spec import DEMO_KEY, KEY_ENV

_CHAT, _TEXT = "/v1/chat/completions", "/v1/completions"
_BROKEN_PAGE = (
    b'# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine="0\n\x00\xff'
)
_HTML_PAGE = "<!doctype html><html><head><title>Welcome</title></head><body>It works!</body></html>"
_FILLER = b"".join(b'sleeptui_sim_filler{n="%06d"} 1.0\n' % place for place in range(2000))


class EngineApp:
    """Answers for one engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.pulse = Pulse(engine, clock)
        self._clock = clock
        self._http = HttpStats()
        self._routes = Routes(engine, self.pulse, self._http)
        self._table: dict[str, dict[str, Handler]] = self._routes.table()
        self._key = os.environ.get(KEY_ENV, DEMO_KEY) if engine.spec.keyed else None
        self._losable = 0
        """Requests since the last one that was lost."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Scopes other than HTTP are refused by closing.

        Raises:
            ConnectionDropped: After the answer, where vLLM closes the connection.
        """
        if scope["type"] != "http":
            return
        begin_s = self._clock.now_s()
        status, size = 0, 0

        async def counting(message: Message) -> None:
            """Send, and note status and size for the metrics."""
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        request = Request(scope, receive)
        try:
            if self._loses(request.url.path):
                await self._answer(request, _nowhere)
                await _left(request)
                raise ConnectionDropped
            await self._answer(request, counting)
        finally:
            self._count(request, status, size, self._clock.now_s() - begin_s)

    async def _answer(self, request: Request, send: Send) -> None:
        response: Response | None
        varies = self.engine.dialect.varies
        closes = False
        try:
            response = await self._faulty(request) or await self._served(request, send)
        except Refusal as refusal:
            response, closes = refusal.response, refusal.closes
            varies = varies and not closes
        if response is None:
            return
        if varies and response.status_code != HTTPStatus.UNAUTHORIZED:
            response.headers.update(VARY)
        response = self._halved(request, response)
        await response(request.scope, request.receive, send)
        if closes:
            raise ConnectionDropped

    async def _served(self, request: Request, send: Send) -> Response | None:
        path, method = request.url.path, request.method
        if path.startswith("/v1") and not self._authorized(request):
            return unauthorized()
        if path in (_CHAT, _TEXT):
            if method != "POST":
                return wrong_method("POST")
            return await self._routes.completions.handle(request, send, chat=path == _CHAT)
        handlers = self._table.get(path)
        if handlers is None:
            return not_found()
        handler = handlers.get(method)
        if handler is None:
            return wrong_method(next(iter(handlers)))
        return await handler(request)

    def _authorized(self, request: Request) -> bool:
        return self._key is None or request.headers.get("authorization") == f"Bearer {self._key}"

    # --- faults -------------------------------------------------------------------------------

    async def _faulty(self, request: Request) -> Response | None:
        """The answer that a fault gives instead; None: answer as usual."""
        faults = self.engine.faults
        if not faults:
            return None
        path = request.url.path
        if faults.get(Fault.HANG, path):
            await _left(request)
            raise ConnectionDropped
        slow = faults.get(Fault.SLOW, path)
        if slow:
            await asyncio.sleep(self.engine.latency.scaled(slow.delay_s))
        if faults.get(Fault.HTML, path):
            return HTMLResponse(_HTML_PAGE)
        failing = faults.get(Fault.ERROR, path)
        if failing:
            body = {"message": "switched on by hand", "type": "Simulated", "param": None}
            return JSONResponse({"error": body | {"code": failing.status}}, failing.status)
        return self._faulty_metrics() if path == "/metrics" else None

    def _loses(self, path: str) -> bool:
        losing = self.engine.faults.get(Fault.LOSE, path)
        if losing is None:
            return False
        if losing.chance is not None:
            return self.engine.faults.strikes(Fault.LOSE)
        self._losable += 1
        if self._losable < losing.every:
            return False
        self._losable = 0
        return True

    def _faulty_metrics(self) -> Response | None:
        faults = self.engine.faults
        if Fault.BROKEN_METRICS in faults:
            return Response(_BROKEN_PAGE, headers={"content-type": CONTENT_TYPE})
        huge = faults.get(Fault.HUGE_METRICS)
        if huge is None:
            return None
        return StreamingResponse(_filler(huge.size_bytes), headers={"content-type": CONTENT_TYPE})

    def _halved(self, request: Request, response: Response) -> Response:
        if not self.engine.faults.get(Fault.HALF_JSON, request.url.path):
            return response
        if response.headers.get("content-type") != "application/json":
            return response
        body = bytes(response.body)
        return Response(body[: len(body) // 2], response.status_code, media_type="application/json")

    def _count(self, request: Request, status: int, size: int, took_s: float) -> None:
        path = request.url.path
        known = path in self._table or path in (_CHAT, _TEXT)
        length = request.headers.get("content-length", "0")
        self._http.count(
            path if known else None,
            request.method,
            status or HTTPStatus.OK,
            sent=size,
            got=int(length) if length.isdigit() else 0,
            took_s=took_s,
        )
        if request.method == "POST" and status:
            client = f"{request.client.host}:{request.client.port}" if request.client else "-"
            query = f"?{request.url.query}" if request.url.query else ""
            phrase = f"{status} {HTTPStatus(status).phrase}"
            self.engine.log.access(client, f"POST {path}{query}", phrase)


async def _nowhere(_message: Message) -> None:
    """Where the answers go that are lost."""


async def _left(request: Request) -> None:
    """Wait until the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _filler(size: int) -> AsyncIterator[bytes]:
    """Valid lines without end, made of one piece that is sent again and again."""
    sent = 0
    while sent < size:
        yield _FILLER
        sent += len(_FILLER)
        await asyncio.sleep(0)
