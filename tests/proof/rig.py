"""The real services over real clients on a simulated fleet with real sockets; no Textual.

Whatever is waited for is a condition. ``truth`` is what the control server of the simulation says
that a server is really in; ``somebody`` acts on the servers past the panel, as other people do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import httpx
import pytest

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.homes import LocalHomes
from sleeptui.adapters.nvml import NvmlProbe
from sleeptui.adapters.vllm import VllmClients
from sleeptui.core.events import Event, OperationEnded
from sleeptui.core.model import LogEntry, ServerView, State
from sleeptui.core.operation import Kind, OperationRecord
from sleeptui.core.ports import EngineClient
from sleeptui.core.settings import Sampling, ServerSpec, Settings, Thresholds, Timeouts
from sleeptui.services import as_json
from sleeptui.services.lag import LagMeter
from sleeptui.services.panel import Services
from sleeptui.sim.faults import Fault
from sleeptui.sim.fleet import SimFleet, running_fleet
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.spec import Scenario
from sleeptui.tui.present import Look, badge
from sleeptui.tui.present_detail import detail_lines
from sleeptui.tui.spans import plain

LIMIT_S = 30.0
"""No condition may take longer, on a busy machine either."""
WIDTH = 400
"""Cells of the detail: so wide that no sentence is broken."""
TIMEOUTS = Timeouts(
    connect_s=10.0,
    probe_s=10.0,
    sleep_s=6.0,
    wake_s=6.0,
    drain_s=2.0,
    prompt_s=LIMIT_S,
    canary_s=10.0,
    settle_s=5.0,
)
"""Bounds that suit a fleet that is many times as fast as a real one; a look, a canary and a prompt
have time enough for a machine that stands still for seconds."""
QUICK = replace(TIMEOUTS, connect_s=1.0, probe_s=1.0, canary_s=1.5)
"""Where one of them is waited for."""
SETTINGS = Settings(
    sampling=Sampling(interval_s=0.1, fast_interval_s=0.02, discovery_s=0.3, stale_after_s=LIMIT_S),
    thresholds=Thresholds(settled_for_s=0.06),
)
SOON_STALE = replace(SETTINGS, sampling=replace(SETTINGS.sampling, stale_after_s=2.0))
"""Where that is waited for."""


@dataclass(eq=False)
class Stream:
    """One streamed completion that somebody else has sent."""

    server: str
    tokens: int = 0
    finish: str | None = None
    """finish_reason; "cut": the stream broke before it."""
    task: asyncio.Task[None] = field(init=False)


@dataclass(eq=False)
class Rig:
    """The panel's services, and the fleet that they watch."""

    services: Services
    fleet: SimFleet | None = None
    """None: it is a real server."""
    control: httpx.AsyncClient | None = None
    """Speaks with the control server of the simulation."""
    events: list[Event] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    _beside: list[asyncio.Task[None]] = field(default_factory=list)
    http: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    """Connections of somebody else, by server."""

    # --- what the panel says -------------------------------------------------------------------

    def view(self, name: str) -> ServerView:
        """The picture of a server now."""
        view = self.services.store.server(name)
        assert view is not None
        return view

    def says(self, name: str) -> str:
        """All that the panel says of a server: badge and detail, as text."""
        look = Look(now_s=self.services.clock.now_s())
        view = self.view(name)
        lines = [badge(view, look), *detail_lines(view, look, WIDTH, lambda at_s: f"{at_s:.1f}")]
        return "\n".join(plain(line).rstrip() for line in lines)

    def badge(self, name: str) -> str:
        """State as glyph and word."""
        return plain(badge(self.view(name), Look(now_s=self.services.clock.now_s())))

    def json(self, name: str) -> dict[str, Any]:
        """What JSON says of a server, read back from its text."""
        text = as_json.text("server", as_json.server(self.view(name)))
        return json.loads(text)

    def records(self, name: str, kind: Kind | None = None) -> list[OperationRecord]:
        """Ended operations of a server, newest first."""
        history = self.view(name).history
        return [record for record in history if kind in (None, record.kind)]

    def log_of(self, name: str) -> list[LogEntry]:
        """Lines of the event log about a server."""
        return [entry for entry in self.services.store.view.log if entry.server == name]

    # --- waiting -------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition."""
        end_s = monotonic() + LIMIT_S
        while not condition():
            assert monotonic() < end_s, f"in vain: {what or condition}\n{self._pictures()}"
            await asyncio.sleep(0.005)

    async def until_state(self, name: str, *states: State) -> None:
        """Wait until a server is shown in one of these states, with nothing of ours running.

        A prompt may: it can be parked or frozen there.
        """

        def there() -> bool:
            view = self.view(name)
            operation = view.operation
            is_idle = operation is None or operation.kind is Kind.PROMPT
            return view.state in states and is_idle

        await self.until(there, f"{name} becomes {' or '.join(states)}")

    async def look(self, name: str) -> None:
        """One full look at a server that begins now."""
        await self.services.supervisor.look(name)

    async def do(self, ticket: Any) -> OperationRecord:
        """Wait for the end of an order."""
        async with asyncio.timeout(LIMIT_S):
            return await ticket.ended()

    def follow(self, name: str) -> list[State]:
        """All states that a server is shown in from now on, a repeated one once; grows."""
        states = [self.view(name).state]

        def note(_event: Event) -> None:
            state = self.view(name).state
            if state is not states[-1]:
                states.append(state)

        self.services.bus.subscribe(note)
        return states

    def ended(self) -> list[OperationRecord]:
        """All operations that have ended, oldest first."""
        return [event.record for event in self.events if isinstance(event, OperationEnded)]

    # --- somebody else, and the simulation ---------------------------------------------------

    async def somebody(self, name: str, path: str, **body: Any) -> int:
        """POST past the panel; returns the status, 0 where the connection broke."""
        try:
            answer = await self.http[name].post(path, json=body or None)
        except httpx.HTTPError:
            return 0
        return answer.status_code

    async def get(self, name: str, path: str) -> int:
        """GET past the panel; returns the status."""
        return (await self.http[name].get(path)).status_code

    def streams_of(self, name: str) -> list[Stream]:
        """All streamed prompts of somebody else to a server."""
        return [stream for stream in self.streams if stream.server == name]

    def stream(self, name: str, max_tokens: int = 64) -> Stream:
        """Somebody else sends a streamed prompt."""
        stream = Stream(server=name)
        stream.task = asyncio.create_task(self._follow(stream, name, max_tokens))
        self.streams.append(stream)
        return stream

    def keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the test, to its end at the latest."""
        task = asyncio.create_task(work)
        self._beside.append(task)
        return task

    async def fault(self, name: str, fault: Fault, **parameters: Any) -> None:
        """Switch a fault of a simulated server on."""
        answer = await self._simulation.post(f"/faults/{name}", json={"fault": fault} | parameters)
        answer.raise_for_status()

    async def clear(self, name: str, fault: Fault | None = None) -> None:
        """Switch one fault off, or all; a server that is gone starts again."""
        query = {} if fault is None else {"fault": fault}
        (await self._simulation.delete(f"/faults/{name}", params=query)).raise_for_status()

    async def occupy(self, gpu: int, other_bytes: int) -> None:
        """Another process takes GPU memory."""
        answer = await self._simulation.post(f"/gpus/{gpu}", json={"other_bytes": other_bytes})
        answer.raise_for_status()

    async def truth(self, name: str) -> dict[str, Any]:
        """What a simulated server is really in."""
        answer = (await self._simulation.get("/state")).raise_for_status()
        return next(one for one in answer.json()["servers"] if one["name"] == name)

    async def server_log(self, name: str) -> list[str]:
        """What a simulated server has written."""
        answer = await self._simulation.get(f"/log/{name}", params={"lines": 400})
        return list(answer.raise_for_status().json()["lines"])

    @property
    def _simulation(self) -> httpx.AsyncClient:
        assert self.control is not None
        return self.control

    # --- parts ---------------------------------------------------------------------------------

    async def _follow(self, stream: Stream, name: str, max_tokens: int) -> None:
        body = {
            "model": name,
            "prompt": "Count.",
            "max_tokens": max_tokens,
            "ignore_eos": True,
            "stream": True,
        }
        with suppress(httpx.HTTPError):
            async with self.http[name].stream("POST", "/v1/completions", json=body) as answer:
                async for line in answer.aiter_lines():
                    if not line.startswith("data: {"):
                        continue
                    chunk = json.loads(line.removeprefix("data: "))
                    for choice in chunk.get("choices", ()):
                        stream.tokens += 1
                        stream.finish = choice.get("finish_reason") or stream.finish
        stream.finish = stream.finish or "cut"

    def _pictures(self) -> str:
        names = [view.name for view in self.services.store.view.servers]
        return "\n\n".join(f"--- {name}\n{self.says(name)}" for name in names)

    async def close(self) -> None:
        """End what runs beside the test, and close the connections of somebody else."""
        tasks = [*self._beside, *(stream.task for stream in self.streams)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self.http.values():
            await client.aclose()


@asynccontextmanager
async def opened(
    scenario: Scenario,
    *,
    speed: float = 10.0,
    settings: Settings = SETTINGS,
    timeouts: Timeouts = TIMEOUTS,
) -> AsyncIterator[Rig]:
    """Run a fleet and the services that watch it; all servers that can be known are known.

    Args:
        scenario: The fleet; its servers begin without faults that hide them.
        speed: Everything in the fleet takes so many times less.
        settings: Of the services; the servers are filled in.
        timeouts: Of every server.
    """
    async with running_fleet(scenario, speed=speed) as fleet:
        address, clock = fleet.address, SystemClock()
        specs = tuple(replace(spec, timeouts=timeouts) for spec in address.servers)
        control = httpx.AsyncClient(
            base_url=address.control_url,
            headers={"authorization": f"Bearer {address.token}"},
            trust_env=False,
        )
        async with control, _clients() as clients:
            services = Services(
                settings=replace(settings, servers=specs),
                clients=clients,
                probe=SimGpuProbe(address, clock),
                finder=SimHomes(address),
                clock=clock,
            )
            rig = Rig(services=services, fleet=fleet, control=control)
            async with _watching(rig, _is_placed):
                yield rig


@asynccontextmanager
async def opened_live(
    spec: ServerSpec, *, client: Callable[[EngineClient], EngineClient]
) -> AsyncIterator[Rig]:
    """The services that watch one real server; its memory is seen where it has a GPU.

    Args:
        spec: The server, named as the model that it serves.
        client: May put something between the services and the client.
    """
    clock = SystemClock()
    async with _clients() as clients:
        services = Services(
            settings=replace(SETTINGS, servers=(spec,)),
            clients=lambda spec: client(clients(spec)),
            probe=NvmlProbe(clock),
            finder=LocalHomes(clock),
            clock=clock,
        )
        rig = Rig(services=services)
        async with _watching(rig, lambda view: bool(view.facts.models)):
            yield rig


@asynccontextmanager
async def _clients() -> AsyncIterator[VllmClients]:
    clients = VllmClients(LagMeter())
    try:
        yield clients
    finally:
        await clients.close()


@asynccontextmanager
async def _watching(rig: Rig, is_known: Callable[[ServerView], bool]) -> AsyncIterator[None]:
    services = rig.services
    services.bus.subscribe(rig.events.append)
    failed: AssertionError | pytest.fail.Exception | None = None
    specs = services.settings.servers
    rig.http = {spec.name: _plain_client(spec) for spec in specs}

    def all_known() -> bool:
        views = services.store.view.servers
        return len(views) == len(specs) and all(is_known(view) for view in views)

    try:
        async with services:
            services.begin()
            try:
                await rig.until(all_known, "all servers are known")
                yield
            except (AssertionError, pytest.fail.Exception) as error:
                failed = error  # in a group, as the services would raise it, it is unreadable
        if failed is not None:
            raise failed
    finally:
        await rig.close()


def _plain_client(spec: ServerSpec) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=spec.url, timeout=LIMIT_S, trust_env=False)


def _is_placed(view: ServerView) -> bool:
    return bool(view.facts.models) and view.home is not None and view.memory is not None
