"""What the routes of a simulated server do, one method a route.

Answers follow the captures of 0.25.1 (H200), 0.31.0 and 0.32.0 (CPU): the numbered files of the
last two, and for 0.25.1 sleep-*, wake-*, L2-*, sleep-bad-*, faults.jsonl.
"""

import json
import re
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sleeptui.sim.answers import Refusal, bad_request, error, invalid, unexpected, wrong_value
from sleeptui.sim.asks import Body, read_json
from sleeptui.sim.calls import Call, Method
from sleeptui.sim.completions import Completions
from sleeptui.sim.engine import Engine, Phase
from sleeptui.sim.exposition import CONTENT_TYPE
from sleeptui.sim.httpstats import HttpStats
from sleeptui.sim.metrics import MetricsPage
from sleeptui.sim.pulse import Pulse
from sleeptui.sim.serverinfo import server_info
from sleeptui.sim.text import tokenize

Handler = Callable[[Request], Awaitable[Response]]
_MODES = ("abort", "wait", "keep")
_INTEGER = re.compile(r"\s*[+-]?\d{1,4000}\s*")
_LEVELS = range(3)
_SYSTEM_INFO_S = 1.7
"""The first /server_info collects facts of the system (captured: 1.7 s, then 3 ms)."""


class Routes:
    """The handlers of one server."""

    def __init__(self, engine: Engine, pulse: Pulse, http: HttpStats) -> None:
        self._engine = engine
        self._pulse = pulse
        self._page = MetricsPage(engine, http)
        self._collected = False
        self.completions = Completions(engine, pulse)

    def table(self) -> dict[str, dict[str, Handler]]:
        """Path to method to handler: what this version has, with dev mode on or off."""
        table: dict[str, dict[str, Handler]] = {
            "/metrics": {"GET": self._metrics},
            "/health": {"GET": self._health},
            "/ping": {"GET": self._health, "POST": self._health},
            "/version": {"GET": self._version},
            "/load": {"GET": self._load},
            "/v1/models": {"GET": self._models},
            "/tokenize": {"POST": self._tokenize},
        }
        if not self._engine.spec.dev_mode:
            return table
        dialect = self._engine.dialect
        table |= {
            "/is_sleeping": {"GET": self._is_sleeping},
            "/sleep": {"POST": self._sleep},
            "/wake_up": {"POST": self._wake_up},
            "/reset_prefix_cache": {"POST": self._reset_prefix_cache},
            "/server_info": {"GET": self._server_info},
        }
        if dialect.pause_routes:
            table |= {
                "/is_paused": {"GET": self._is_paused},
                "/pause": {"POST": self._pause},
                "/resume": {"POST": self._resume},
            }
        if dialect.rpc_route:
            table["/collective_rpc"] = {"POST": self._collective_rpc}
        if dialect.abort_route:
            table["/abort_requests"] = {"POST": self._abort_requests}
        return table

    # --- always there -------------------------------------------------------------------------

    async def _health(self, _request: Request) -> Response:
        return Response(status_code=200 if self._engine.healthy else 503)

    async def _version(self, _request: Request) -> Response:
        return JSONResponse({"version": self._engine.spec.version})

    async def _load(self, _request: Request) -> Response:
        tracked = self._engine.spec.load_tracking
        held = self.completions.open + self._engine.traffic.open
        return JSONResponse({"server_load": held if tracked else 0})

    async def _metrics(self, _request: Request) -> Response:
        page = self._page.render(self._pulse.advance())
        return Response(page, headers={"content-type": CONTENT_TYPE})

    async def _models(self, _request: Request) -> Response:
        spec = self._engine.spec
        now = int(time.time())
        permission = {
            "id": f"modelperm-{now:016x}",
            "object": "model_permission",
            "created": now,
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }
        model = {
            "id": spec.model_name,
            "object": "model",
            "created": now,
            "owned_by": "vllm",
            "root": spec.root,
            "parent": None,
            "max_model_len": spec.max_model_len,
            "permission": [permission],
        }
        return JSONResponse({"object": "list", "data": [model]})

    async def _tokenize(self, request: Request) -> Response:
        body = await read_json(request, self._engine.dialect)
        tokens = tokenize(str(body.get("prompt", "")))
        length = self._engine.spec.max_model_len
        return JSONResponse(
            {"count": len(tokens), "max_model_len": length, "tokens": tokens, "token_strs": None}
        )

    # --- dev mode -----------------------------------------------------------------------------

    async def _is_sleeping(self, _request: Request) -> Response:
        call = await self._send(Method.IS_SLEEPING)
        return JSONResponse({"is_sleeping": call.value})

    async def _is_paused(self, _request: Request) -> Response:
        call = await self._send(Method.IS_PAUSED)
        return JSONResponse({"is_paused": call.value})

    async def _sleep(self, request: Request) -> Response:
        level = self._level(request.query_params.get("level", "1"))
        mode = request.query_params.get("mode", "abort")
        if self._engine.dialect.json_bodies:
            self._check_mode(mode)
        await self._send(Method.SLEEP, level=level, mode=mode)
        if not self._engine.dialect.json_bodies:
            return Response()
        return JSONResponse({"status": "sleeping", "level": level})

    async def _wake_up(self, request: Request) -> Response:
        tags = request.query_params.getlist("tags") or None
        self._engine.log.api("api_router.py:38", f"wake up the engine with tags: {tags}")
        call = await self._send(Method.WAKE_UP, tags=None if tags is None else tuple(tags))
        if not self._engine.dialect.json_bodies:
            return Response()
        return JSONResponse({"status": "sleeping" if call.value else "awake", "tags": tags})

    async def _pause(self, request: Request) -> Response:
        mode = request.query_params.get("mode", "abort")
        self._check_mode(mode)
        await self._send(Method.PAUSE, mode=mode)
        return JSONResponse({"status": "paused"})

    async def _resume(self, _request: Request) -> Response:
        await self._send(Method.RESUME)
        return JSONResponse({"status": "resumed"})

    async def _reset_prefix_cache(self, _request: Request) -> Response:
        await self._send(Method.RESET_PREFIX_CACHE)
        if not self._engine.dialect.json_cache_reset:
            return Response()
        return JSONResponse({"success": True})

    async def _collective_rpc(self, request: Request) -> Response:
        body = await self._any_json(request)
        method = body.get("method")
        if not isinstance(method, str):
            message = "Missing 'method' in request body"
            raise Refusal(error(self._engine.dialect, 400, message, "Bad Request"))
        await self._send(Method.COLLECTIVE_RPC, function=method)
        return JSONResponse({"results": [None] * len(self._engine.spec.gpus)})

    async def _abort_requests(self, request: Request) -> Response:
        body = await self._any_json(request)
        wanted = body.get("request_ids")
        ids = None
        if isinstance(wanted, list):
            ids = self.completions.request_ids([str(name) for name in wanted])
        call = await self._send(Method.ABORT, request_ids=ids)
        return JSONResponse({"status": "aborted", "aborted": call.value})

    async def _server_info(self, request: Request) -> Response:
        if not self._collected:
            self._collected = True
            due_s = self._pulse.advance() + self._engine.latency.scaled(_SYSTEM_INFO_S)
            await self._pulse.sleep_until(due_s)
        wants_json = request.query_params.get("config_format", "text") == "json"
        as_json = wants_json and self._engine.dialect.rpc_route
        return JSONResponse(server_info(self._engine, as_json=as_json))

    # --- parts --------------------------------------------------------------------------------

    async def _send(
        self,
        method: Method,
        *,
        level: int = 1,
        mode: str = "abort",
        tags: tuple[str, ...] | None = None,
        function: str = "",
        request_ids: frozenset[int] | None = None,
    ) -> Call:
        """Call the engine and wait for it.

        Raises:
            Refusal: The engine raised: a 500, after which the connection is closed.
        """
        call = Call(
            method=method,
            sent_s=self._pulse.advance(),
            level=level,
            mode=mode,
            tags=tags,
            function=function,
            request_ids=request_ids,
        )
        self._engine.send(call)
        if not call.done:
            self._pulse.kick()
            await self._pulse.until(lambda: call.done)
        elif self._engine.phase is Phase.UP and method not in _LOOKS:
            self._pulse.kick()
        if call.error is not None:
            raise unexpected(self._engine.dialect, call.error)
        return call

    def _level(self, text: str) -> int:
        """The level; checked since 0.32, before that anything that ``int`` takes goes."""
        dialect = self._engine.dialect
        number = int(text) if _INTEGER.fullmatch(text) else None
        if not dialect.json_bodies:
            if number is None:
                message = f"invalid literal for int() with base 10: {text!r}"
                raise wrong_value(dialect, message)
            return number
        if number is None:
            kind, says = "int_parsing", "a valid integer, unable to parse string as an integer"
            raise self._invalid_query("level", kind, f"Input should be {says}", text, "")
        if number not in _LEVELS:
            too_large = number > _LEVELS[-1]
            kind = "less_than_equal" if too_large else "greater_than_equal"
            limit = _LEVELS[-1] if too_large else 0
            words = kind.replace("_", " ")
            says = f"Input should be {words.replace('equal', 'or equal')} to {limit}"
            context = f"'{'le' if too_large else 'ge'}': {limit}"
            raise self._invalid_query("level", kind, says, text, context)
        return number

    def _check_mode(self, mode: str) -> None:
        if mode not in _MODES:
            expected = "'abort', 'wait' or 'keep'"
            context = f"'expected': \"{expected}\""
            says = f"Input should be {expected}"
            raise self._invalid_query("mode", "literal_error", says, mode, context)

    def _invalid_query(self, field: str, kind: str, says: str, value: str, context: str) -> Refusal:
        more = f", 'ctx': {{{context}}}" if context else ""
        quoted = json.dumps(says) if "'" in says else f"'{says}'"
        fields = (
            f"{{'type': '{kind}', 'loc': 'query.{field}', 'msg': {quoted}, "
            f"'input': '{value}'{more}}}"
        )
        return invalid(self._engine.dialect, f"query.{field}", fields)

    async def _any_json(self, request: Request) -> Body:
        """A JSON object, whatever the content type says."""
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError) as problem:
            message = f"JSON decode error: {problem}"
            response = error(self._engine.dialect, 400, message, "Bad Request")
            raise Refusal(response) from problem
        if not isinstance(body, dict):
            raise bad_request(self._engine.dialect, "The body is no JSON object")
        return body


_LOOKS = frozenset({Method.IS_SLEEPING, Method.IS_PAUSED, Method.RESET_PREFIX_CACHE})
