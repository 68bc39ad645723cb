"""One simulated engine on a clock that tests turn by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from sleeptui.core.units import GIB
from sleeptui.sim.calls import Call, Method
from sleeptui.sim.engine import Engine
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.log import ServerLog
from sleeptui.sim.scheduler import SimRequest
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario
from sleeptui.sim.text import Voice

START_S = 100.0
WALL_S = 1_790_000_000.0


@dataclass
class Bench:
    """An engine, its GPU and the time."""

    spec: EngineSpec
    gpu_spec: GpuSpec = field(default_factory=GpuSpec)
    now_s: float = START_S

    def __post_init__(self) -> None:
        scenario = Scenario(
            name="t", title="", description="", gpus=(self.gpu_spec,) * 2, engines=(self.spec,)
        )
        self.gpus = [SimGpu(index, self.gpu_spec) for index in range(2)]
        self.gpu = self.gpus[0]
        self.log = ServerLog(api_pid=1, core_pid=2, wall_s=lambda: WALL_S)
        self.engine = Engine(
            self.spec, scenario, self.gpus, log=self.log, now_s=START_S, wall_s=lambda: WALL_S
        )

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.engine.advance(self.now_s)

    def call(self, method: Method, **fields: Any) -> Call:
        """Send a call; it may not be done yet."""
        return self.engine.send(Call(method=method, sent_s=self.now_s, **fields))

    def finish(self, call: Call) -> float:
        """Let time pass until a call is done; the seconds it took."""
        while not call.done:
            due_s = self.engine.next_event_s()
            assert due_s is not None, "nothing will ever end this call"
            self.pass_(due_s - self.now_s)
        return self.now_s - call.sent_s

    def do(self, method: Method, **fields: Any) -> Call:
        """Send a call and let time pass until it is done."""
        call = self.call(method, **fields)
        self.finish(call)
        return call

    def sleep(self, level: int = 1, mode: str = "abort") -> Call:
        """POST /sleep."""
        return self.do(Method.SLEEP, level=level, mode=mode)

    def wake(self, *tags: str) -> Call:
        """POST /wake_up."""
        return self.do(Method.WAKE_UP, tags=tags or None)

    def reload(self) -> Call:
        """POST /collective_rpc reload_weights."""
        return self.do(Method.COLLECTIVE_RPC, function="reload_weights")

    def ask(self, tokens: int = 50, prompt_tokens: int = 10) -> SimRequest:
        """A request of so many tokens."""
        request = SimRequest(
            prompt_tokens=prompt_tokens,
            max_tokens=tokens,
            arrived_s=self.now_s,
            voice=Voice("m", "p"),
        )
        self.engine.submit(request)
        return request

    def answer(self, tokens: int = 5) -> SimRequest:
        """A request, carried to its end."""
        request = self.ask(tokens)
        self.pass_(60)
        assert request.finish_reason is not None
        return request

    def says(self, text: str) -> bool:
        """A log line has this text."""
        return any(text in line for line in self.log.tail(400))

    @property
    def held_gib(self) -> float:
        """GPU memory of the engine."""
        return self.gpu.held(self.spec.name) / GIB

    @property
    def is_sleeping(self) -> bool:
        """GET /is_sleeping."""
        return bool(self.do(Method.IS_SLEEPING).value)

    @property
    def is_paused(self) -> bool:
        """GET /is_paused."""
        return bool(self.do(Method.IS_PAUSED).value)


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a bench; the fields are those of the engine."""

    def make(version: str = "0.25.1", *, gpu: GpuSpec | None = None, **fields: Any) -> Bench:
        known = {"name": "code", "root": "acme/coder", "params_b": 1.5, "version": version}
        return Bench(EngineSpec(**{**known, **fields}), gpu or GpuSpec())

    return make
