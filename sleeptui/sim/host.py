"""One simulated server: its engine, its HTTP application, its port and its processes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sleeptui.core.ports import Clock
from sleeptui.core.settings import ServerSpec
from sleeptui.sim.engine import Engine, Phase
from sleeptui.sim.faults import ONCE, Fault, FaultSetting
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.listener import LOOPBACK, Listener
from sleeptui.sim.log import ServerLog
from sleeptui.sim.server import EngineApp
from sleeptui.sim.spec import KEY_ENV, EngineSpec, Scenario, Start
from sleeptui.sim.startup import Conditions

_FIRST_PID = 4_200_000
"""Above the default limit of Linux (4,194,304): never the number of a real process."""
_PIDS_EACH = 10
_STARTS = 5
"""After so many starts the process numbers come again, as they do on a machine."""
_ENDED = (Phase.GONE, Phase.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What a server that runs as a process of its own has beside its specification."""

    port: int
    began_s: float
    """Monotonic time of the start of the process."""
    seed: str
    conditions: Conditions
    """What its start has found."""
    sink: Callable[[str], None]
    """Its output."""


class Host:
    """A server of the fleet, as the machine sees it."""

    def __init__(
        self,
        index: int,
        spec: EngineSpec,
        scenario: Scenario,
        gpus: Sequence[SimGpu],
        *,
        clock: Clock,
        speed: float,
        requests_speed: float | None = None,
        seed: str = "",
        alone: Alone | None = None,
    ) -> None:
        self._first_pid = _FIRST_PID + index * _PIDS_EACH
        self._starts = 0
        self.api_pid = os.getpid() if alone else self._first_pid
        self.core_pid = os.getpid() if alone else self.api_pid + 1
        """The engine process: it, and not the one that listens, holds the GPU memory. A server
        on its own is one process."""
        self.log = ServerLog(
            api_pid=self.api_pid,
            core_pid=self.core_pid,
            wall_s=clock.wall_s,
            sink=alone.sink if alone else None,
        )
        self.engine = Engine(
            spec,
            scenario,
            gpus,
            log=self.log,
            now_s=alone.began_s if alone else clock.now_s(),
            wall_s=clock.wall_s,
            speed=speed,
            requests_speed=1.0 if alone else requests_speed,
            seed=alone.seed if alone else seed,
            conditions=alone.conditions if alone else None,
        )
        if spec.start not in {Start.COLD, Start.STOPPED}:
            self.log.web("Application startup complete.")
        self.app = EngineApp(self.engine, clock)
        self.listener = Listener(self.app, alone.port if alone else 0)

    @property
    def name(self) -> str:
        """Its name in the fleet."""
        return self.engine.spec.name

    @property
    def server(self) -> ServerSpec:
        """As the panel watches it."""
        key = KEY_ENV if self.engine.spec.keyed else None
        level = 2 if self.engine.spec.start is Start.LEVEL_2 else 1
        return ServerSpec(name=self.name, url=self.listener.url, api_key_env=key, level=level)

    async def follow(self) -> None:
        """Let the port follow the life of the process and the faults."""
        if self.engine.phase is not Phase.UP:
            self.app.pulse.advance()
        if self.engine.listening and not self.listener.is_open:
            await self.listener.open()
        elif self.listener.is_open and not self.engine.listening:
            await self.listener.close()

    async def set_fault(self, setting: FaultSetting) -> None:
        """Switch a fault on; death and restart happen at once."""
        now_s = self.app.pulse.advance()
        if setting.fault not in ONCE:
            self.engine.faults.set(setting)
        elif setting.fault is Fault.DEATH:
            self.engine.kill()
        else:
            self._renumber()
            self.engine.restart(now_s, setting.seconds)
        self.app.pulse.kick()
        await self.follow()

    async def start(self) -> None:
        """Start its process anew; one that runs goes on."""
        now_s = self.app.pulse.advance()
        if self.engine.phase in _ENDED:
            self._renumber()
            self.engine.restart(now_s)
        await self.follow()

    async def stop(self) -> None:
        """End its process; one that does not run stays as it is."""
        now_s = self.app.pulse.advance()
        if self.engine.phase not in _ENDED:
            self.log.api("launcher.py:110", "Shutting down FastAPI HTTP server.")
            self.engine.stop(now_s)
        self.app.pulse.kick()
        await self.follow()

    def _renumber(self) -> None:
        """Another start, another process."""
        self._starts = (self._starts + 1) % _STARTS
        self.api_pid = self._first_pid + 2 * self._starts
        self.core_pid = self.api_pid + 1
        self.log.belongs_to(self.api_pid, self.core_pid)

    async def clear_faults(self, fault: Fault | None = None) -> None:
        """Switch one fault off, or all; a server that is gone starts again."""
        now_s = self.app.pulse.advance()
        self.engine.faults.clear(fault)
        if self.engine.phase in (Phase.DYING, Phase.GONE):
            self._renumber()
            self.engine.restart(now_s)
        self.app.pulse.kick()
        await self.follow()

    def home(self) -> dict[str, Any]:
        """Its processes, for the panel's home finder."""
        engine = self.engine
        alive = engine.phase not in _ENDED
        started = datetime.fromtimestamp(engine.created_s, UTC).isoformat(timespec="seconds")
        return {
            "name": self.name,
            "url": self.listener.url,
            "pids": [self.api_pid, self.core_pid] if alive else [],
            "started_at": started,
            "listens_on": [LOOPBACK] if self.listener.is_open else [],
            "host_bytes": engine.host_bytes if alive else None,
            "command": self._command() if alive else [],
            "environment": self._environment() if alive else {},
        }

    def running(self) -> dict[str, Any]:
        """The fields of core.runtime.Running, as the machine sees its process."""
        engine = self.engine
        ended = engine.phase in _ENDED
        return {
            "is_running": not ended,
            "pids": [] if ended else [self.api_pid, self.core_pid],
            "started_wall_s": engine.created_s,
            "exit_code": None if not ended else int(engine.phase is Phase.GONE),
        }

    def _command(self) -> list[str]:
        spec = self.engine.spec
        words = ["vllm", "serve", spec.root, "--port", str(self.listener.port)]
        words += ["--served-model-name", spec.model_name] if spec.model_name != spec.root else []
        words += ["--gpu-memory-utilization", f"{spec.gpu_memory_utilization:g}"]
        words += ["--max-model-len", str(spec.max_model_len)]
        words += ["--max-num-seqs", str(spec.max_num_seqs)]
        words += ["--tensor-parallel-size", str(len(spec.gpus))] if len(spec.gpus) > 1 else []
        words += ["--enable-sleep-mode"] if spec.sleep_mode else []
        words += ["--enable-server-load-tracking"] if spec.load_tracking else []
        return [*words, "--api-key", "***"] if spec.keyed else words

    def _environment(self) -> dict[str, str]:
        visible = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, self.engine.spec.gpus))}
        return visible | ({"VLLM_SERVER_DEV_MODE": "1"} if self.engine.spec.dev_mode else {})

    def state(self) -> dict[str, Any]:
        """What it is really in, to compare with what a panel says."""
        engine = self.engine
        return {
            "name": self.name,
            "url": self.listener.url,
            "version": engine.spec.version,
            "phase": engine.phase.value,
            "asleep": sorted(engine.executor.asleep),
            "pause": engine.scheduler.pause.value,
            "weights_ok": engine.executor.weights_ok,
            "weights_empty": engine.executor.weights_empty,
            "lost": engine.executor.stuck,
            "busy": engine.busy,
            "running": len(engine.scheduler.running),
            "waiting": len(engine.scheduler.waiting),
            "held_bytes": engine.executor.memory.held_bytes,
            "faults": [setting.fault.value for setting in engine.faults.on],
        }
