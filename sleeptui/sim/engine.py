"""One simulated vLLM engine: the life of its process, and all that a panel can see of it.

It has no clock and no tasks of its own: ``advance(now_s)`` brings it up to a moment, whoever
asks. The captures that it follows are named in executor.py, completions.py and routes.py.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial

from sleeptui.core.units import GIB
from sleeptui.sim.calls import Call
from sleeptui.sim.core_loop import DEAD, EngineCore, EngineDied
from sleeptui.sim.dialect import dialect_of
from sleeptui.sim.executor import Executor
from sleeptui.sim.faults import Fault, Faults
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.latency import Latency
from sleeptui.sim.log import ServerLog
from sleeptui.sim.memory import EngineMemory
from sleeptui.sim.scheduler import Pause, Scheduler, SimRequest
from sleeptui.sim.spec import EngineSpec, Scenario, Start
from sleeptui.sim.startup import Conditions, Line, StartUp
from sleeptui.sim.stats import Stats
from sleeptui.sim.traffic import Traffic

_THINK_S = 2.5
_DYING_S = (1.0, 2.0)
"""After the death of the engine /health says 200 for 1 s, then 503 for 1 s (faults.jsonl)."""
_API_BYTES, _CORE_BYTES = 1 << 30, 2 << 30
"""Resident host memory of API and engine process, without the copy of the weights."""


_SHORTEST_S = 1e-3
"""Of a start: its steps share it."""


class Phase(Enum):
    """The life of the process."""

    STARTING = "starting"
    UP = "up"
    DYING = "dying"
    GONE = "gone"
    """It has died, or could not start."""
    STOPPED = "stopped"
    """It was ended, or has not been started yet."""


class Engine:
    """One server's engine."""

    def __init__(
        self,
        spec: EngineSpec,
        scenario: Scenario,
        gpus: Sequence[SimGpu],
        *,
        log: ServerLog,
        now_s: float,
        wall_s: Callable[[], float],
        speed: float = 1.0,
        requests_speed: float | None = None,
        seed: str = "",
        conditions: Conditions | None = None,
    ) -> None:
        """Begins as its specification says.

        Args:
            spec: The engine.
            scenario: The fleet that it is in.
            gpus: All GPUs of the machine.
            log: Where it writes.
            now_s: Monotonic time of its begin.
            wall_s: Seconds since the epoch.
            speed: Everything takes so many times less.
            requests_speed: The same of requests alone; None: as everything.
            seed: Another one, other paces and other draws.
            conditions: What its starts find; None: those of the measured starts.
        """
        self.spec = spec
        self.log = log
        self.dialect = dialect_of(spec.parsed_version)
        self.faults = Faults(spec.faults, seed=f"{spec.name}{seed}")
        self.kv_tokens = scenario.kv_tokens(spec)
        self.phase = Phase.UP
        self._pool_bytes = scenario.pool_bytes(spec)
        self._pace = partial(
            Latency.of, spec, self._pool_bytes, speed, requests_speed=requests_speed
        )
        self._conditions = conditions or Conditions()
        self._gpus = [gpus[index] for index in spec.gpus]
        self._rng = random.Random(f"engine-{spec.name}{seed}")  # noqa: S311 - a picture, no secret
        self.latency = self._pace(self._rng)
        self._wall_s = wall_s
        self.traffic = Traffic(
            clients=spec.clients,
            think_s=self.latency.scaled(_THINK_S),
            seed=spec.name,
            start_s=now_s,
        )
        self.created_s = wall_s()
        """Start of the process, seconds since the epoch."""
        self._since_s = self._ready_s = now_s
        self._lines: deque[Line] = deque()
        self._core = self._loaded(now_s, spec.start)
        self.executor.pinned = self.executor.pinned or spec.slept_before
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        if self.spec.start is Start.COLD:
            self.restart(now_s)
        elif self.spec.start is Start.STOPPED:
            self.phase = Phase.STOPPED
        elif Fault.DEATH in self.faults:
            self.kill()

    def _loaded(self, now_s: float, start: Start) -> EngineCore:
        """A fresh process with its model, awake or asleep."""
        memory = EngineMemory(
            self.spec.name,
            self._gpus,
            residual_bytes=self.spec.residual_bytes,
            weight_bytes=self.spec.weight_bytes,
            kv_bytes=self._pool_bytes - self.spec.weight_bytes,
        )
        core = EngineCore(
            spec=self.spec,
            dialect=self.dialect,
            latency=self.latency,
            memory=memory,
            kv_tokens=self.kv_tokens,
            traffic=self.traffic,
            faults=self.faults,
            log=self.log,
            rng=self._rng,
            at_s=now_s,
        )
        if start in {Start.COLD, Start.STOPPED}:
            return core
        level = {Start.LEVEL_1: 1, Start.LEVEL_2: 2}.get(start)
        share = 1.0 if level is None else 0.0
        memory.map(weights=share, kv_cache=share)
        if level is not None:
            core.fall_asleep_at_once(level)
        return core

    # --- what can be seen -------------------------------------------------------------------

    @property
    def scheduler(self) -> Scheduler:
        """Batch and queue of the process."""
        return self._core.scheduler

    @property
    def executor(self) -> Executor:
        """What sleeps in the process."""
        return self._core.executor

    @property
    def stats(self) -> Stats:
        """What the process counted since its start."""
        return self._core.stats

    @property
    def sleep_metric(self) -> tuple[int, int, int]:
        """vllm:engine_sleep_state: awake, weights_offloaded, discard_all."""
        return self._core.sleep_metric

    @property
    def is_sleeping(self) -> bool:
        """As ``/is_sleeping`` says."""
        return self._core.is_sleeping

    @property
    def listening(self) -> bool:
        """Its port answers: not during start-up, not after the death."""
        return self.phase in (Phase.UP, Phase.DYING) and Fault.REFUSE not in self.faults

    @property
    def healthy(self) -> bool:
        """What /health says; true while asleep, and for a second after the death."""
        dead_s = self._core.at_s - self._since_s
        return self.phase is Phase.UP or dead_s < self.latency.scaled(_DYING_S[0])

    @property
    def busy(self) -> bool:
        """A transition keeps the engine loop busy."""
        return self._core.transition is not None

    @property
    def batch(self) -> int:
        """Requests that run now, for the load of the GPU."""
        moving = self.scheduler.pause is not Pause.ALL and self.phase is Phase.UP
        return len(self.scheduler.running) if moving and not self.busy else 0

    @property
    def host_bytes(self) -> int:
        """Resident host memory; the pinned copy of level 1 stays after a wake."""
        match self.phase:
            case Phase.GONE | Phase.STOPPED:
                return 0
            case Phase.DYING:
                return _API_BYTES
            case Phase.STARTING:
                return _API_BYTES + _CORE_BYTES
        pinned = self.spec.weight_bytes if self.executor.pinned else 0
        return _API_BYTES + _CORE_BYTES + pinned

    def next_event_s(self) -> float | None:
        """When a call that waits may end; None: not before something else happens."""
        return self._core.next_event_s()

    def next_token_s(self, request: SimRequest) -> float | None:
        """When the next token of a request may come; None: not before something else happens."""
        return self._core.next_token_s(request) if self.phase is Phase.UP else None

    # --- what can be done -------------------------------------------------------------------

    def send(self, call: Call) -> Call:
        """Put a call in line; it is done when ``call.done`` says so."""
        if self.phase is Phase.UP:
            self._core.send(call)
        else:
            call.fail(DEAD)
        return call

    def submit(self, request: SimRequest) -> None:
        """Queue a request; on a dead engine it ends at once."""
        if self.phase is Phase.UP:
            self.scheduler.submit(request)
        else:
            request.finish_reason = "error"

    def kill(self) -> None:
        """The engine process dies: its memory is free at once, the server follows in 2 s."""
        if self.phase in (Phase.UP, Phase.STARTING):
            self.log.api("async_llm.py:742", "AsyncLLM output_handler failed.", "ERROR")
            self._end_process(Phase.DYING)

    def restart(self, now_s: float, after_s: float | None = None) -> None:
        """Start anew, and come up awake after ``after_s`` at speed 1, else after a cold start.

        As in vLLM it does not come back where its share of the GPU is not free.
        """
        self.advance(now_s)
        self._end_process(Phase.STARTING)
        self.created_s = self._wall_s()
        self.latency = self._pace(self._rng)
        start_up = StartUp.drawn(self.latency, self._conditions, self._rng)
        if after_s is not None:
            start_up = start_up.lasting(max(self.latency.scaled(after_s), _SHORTEST_S))
        self._ready_s = self._since_s + start_up.total_s
        self._lines = deque(
            start_up.lines(version=self.spec.version, weight_gib=self.latency.weight_gib)
        )
        if not self.executor.memory.fits(1.0):
            self.log.core("core.py:1180", self._no_room(), "ERROR")
            self.phase = Phase.GONE

    def _no_room(self) -> str:
        gpu = min(self._gpus, key=lambda one: one.free_bytes)
        share, total = self.spec.gpu_memory_utilization, gpu.spec.total_bytes
        return (
            f"ValueError: Free memory on device cuda:{gpu.index} "
            f"({gpu.free_bytes / GIB:.2f}/{total / GIB:.2f} GiB) on startup is less than desired "
            f"GPU memory utilization ({share:g}, {share * total / GIB:.2f} GiB). Decrease GPU "
            "memory utilization or reduce GPU memory used by other processes."
        )

    def stop(self, now_s: float) -> None:
        """End the process: its memory is free, nothing listens, it does not come back."""
        self.advance(now_s)
        self._end_process(Phase.STOPPED)

    def advance(self, now_s: float) -> None:
        """Bring everything up to this moment; earlier moments change nothing."""
        while self._core.at_s < now_s:
            if self.phase is not Phase.UP:
                self._core.at_s = now_s
                self._follow_process()
                continue
            try:
                self._core.run(now_s)
            except EngineDied:
                self.kill()
        if self.phase is Phase.UP:
            self._core.settle()

    def _end_process(self, phase: Phase) -> None:
        self.phase = phase
        self._since_s = self._core.at_s
        self.executor.memory.release()
        self._core.end()
        self.traffic.restart(self._core.at_s)

    def _follow_process(self) -> None:
        at_s = self._core.at_s
        passed_s = at_s - self._since_s
        if self.phase is Phase.DYING and passed_s >= self.latency.scaled(_DYING_S[1]):
            self.phase = Phase.GONE
        elif self.phase is Phase.STARTING and at_s >= self._ready_s:
            self._started()
        elif self.phase is Phase.STARTING:
            self._say_until(passed_s)
            share = passed_s / (self._ready_s - self._since_s)
            memory = self.executor.memory
            memory.map(weights=min(share * 2, 1.0), kv_cache=max(share * 2 - 1, 0.0))

    def _say_until(self, passed_s: float) -> None:
        while self._lines and self._lines[0].after_s <= passed_s:
            line = self._lines.popleft()
            if line.place:
                self.log.core(line.place, line.text)
            else:
                self.log.web(line.text)

    def _started(self) -> None:
        self._core = self._loaded(self._core.at_s, Start.AWAKE)
        if not self.executor.memory.mapped:
            self.executor.memory.release()
            self.phase = Phase.GONE
            self.log.core("core.py:1180", "CUDA out of memory.", "ERROR")
            return
        self.phase = Phase.UP
        self._say_until(math.inf)
        if Fault.DEATH in self.faults:
            self.kill()
