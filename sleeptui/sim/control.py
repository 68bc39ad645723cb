"""The control server of a simulated fleet: on loopback, with a random token.

=======  =======================  =============================================================
method   path                     does
=======  =======================  =============================================================
GET      /gpus                    all GPUs, as NVML would say
POST     /gpus/{index}            ``{"problem": text or null, "other_bytes": n}``: lose a GPU,
                                  let another process take memory
POST     /nvml                    ``{"problem": text or null}``: no NVML at all
GET      /homes                   processes of the servers
GET      /log/{server}?lines=n    last lines that a server wrote
GET      /processes/{server}      whether its process runs
POST     /processes/{server}      ``{"do": "start"}`` or ``"stop"``: begin or end its process
GET      /state                   what each server is really in
GET      /faults                  the faults that are on, by server
POST     /faults/{server}         ``{"fault": name, ...}``: switch on (names: faults.Fault)
DELETE   /faults/{server}?fault=  switch one off, or all; a dead server starts again
POST     /traffic                 ``{"on": bool}``: synthetic clients of all servers
=======  =======================  =============================================================

Each request carries ``Authorization: Bearer <token>``; mistakes are 400 ``{"error": text}``.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sleeptui.core.errors import SimError
from sleeptui.core.text import one_line
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.machine import SimMachine

_MOST_LINES = 400
Handler = Callable[[Request], Awaitable[Response]]


class _TokenOnly:
    """Refuses requests without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._allowed(scope):
            await JSONResponse({"error": "token missing or wrong"}, 401)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        return Request(scope).headers.get("authorization") == self._expected


def control_app(machine: SimMachine, token: str) -> ASGIApp:
    """The application that serves the table above."""
    control = _Control(machine)
    routes = [
        Route("/gpus", control.gpus),
        Route("/gpus/{index}", control.set_gpu, methods=["POST"]),
        Route("/nvml", control.set_nvml, methods=["POST"]),
        Route("/homes", control.homes),
        Route("/log/{server}", control.log),
        Route("/processes/{server}", control.process),
        Route("/processes/{server}", control.order_process, methods=["POST"]),
        Route("/state", control.state),
        Route("/faults", control.faults),
        Route("/faults/{server}", control.set_fault, methods=["POST"]),
        Route("/faults/{server}", control.clear_fault, methods=["DELETE"]),
        Route("/traffic", control.traffic, methods=["POST"]),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(_TokenOnly, token=token)],
        exception_handlers={SimError: _say},
    )


async def _say(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


class _Control:
    def __init__(self, machine: SimMachine) -> None:
        self._machine = machine

    async def gpus(self, _request: Request) -> Response:
        """All GPUs now."""
        return JSONResponse(self._machine.gpu_reading())

    async def set_gpu(self, request: Request) -> Response:
        """Lose a GPU or get it back; let another process take memory."""
        index = request.path_params["index"]
        gpu = {str(one.index): one for one in self._machine.gpus}.get(index)
        if gpu is None:
            raise SimError(f"The simulated fleet has no GPU {one_line(index, 20)}")
        body = await _json(request)
        if "problem" in body:
            gpu.problem = _text(body, "problem")
        taken = body.get("other_bytes")
        if isinstance(taken, int):
            if taken < 0:
                raise SimError("other_bytes is a number of at least 0")
            gpu.occupy(taken)
        return JSONResponse({"other_bytes": gpu.other_bytes, "problem": gpu.problem})

    async def set_nvml(self, request: Request) -> Response:
        """Take NVML away, or give it back."""
        self._machine.nvml_problem = _text(await _json(request), "problem")
        return JSONResponse({"problem": self._machine.nvml_problem})

    async def homes(self, _request: Request) -> Response:
        """Processes of the servers."""
        return JSONResponse({"homes": [host.home() for host in self._machine.hosts.values()]})

    async def log(self, request: Request) -> Response:
        """What a server wrote."""
        host = self._machine.host(request.path_params["server"])
        wanted = request.query_params.get("lines", "100")
        is_few = wanted.isdecimal() and len(wanted) < len(str(_MOST_LINES))
        lines = int(wanted) if is_few else _MOST_LINES
        return JSONResponse({"lines": list(host.log.tail(lines))})

    async def process(self, request: Request) -> Response:
        """Whether the process of a server runs."""
        host = self._machine.host(request.path_params["server"])
        host.app.pulse.advance()
        return JSONResponse(host.running())

    async def order_process(self, request: Request) -> Response:
        """Begin or end the process of a server."""
        host = self._machine.host(request.path_params["server"])
        match (await _json(request)).get("do"):
            case "start":
                await host.start()
            case "stop":
                await host.stop()
            case other:
                raise SimError(f"A process is told to start or to stop, not {other!r}")
        return JSONResponse(host.running())

    async def state(self, _request: Request) -> Response:
        """What each server is really in."""
        for host in self._machine.hosts.values():
            host.app.pulse.advance()
        return JSONResponse({"servers": [host.state() for host in self._machine.hosts.values()]})

    async def faults(self, _request: Request) -> Response:
        """The faults that are on."""
        states = [host.state() for host in self._machine.hosts.values()]
        return JSONResponse({state["name"]: state["faults"] for state in states})

    async def set_fault(self, request: Request) -> Response:
        """Switch a fault on."""
        host = self._machine.host(request.path_params["server"])
        await host.set_fault(FaultSetting.read(await _json(request)))
        return JSONResponse(host.state())

    async def clear_fault(self, request: Request) -> Response:
        """Switch faults off."""
        host = self._machine.host(request.path_params["server"])
        name = request.query_params.get("fault")
        if name is not None and name not in set(Fault):
            raise SimError(f"There is no fault {name!r}")
        await host.clear_faults(None if name is None else Fault(name))
        return JSONResponse(host.state())

    async def traffic(self, request: Request) -> Response:
        """Synthetic clients on or off."""
        on = bool((await _json(request)).get("on"))
        for host in self._machine.hosts.values():
            host.app.pulse.advance()
            host.engine.traffic.on = on
        return JSONResponse({"on": on})


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:  # also digits without end, nested without end
        raise SimError("The body is no JSON") from error
    if not isinstance(body, dict):
        raise SimError("The body is no JSON object")
    return body


def _text(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise SimError(f"{key} is a text or null")
    return value
