"""One simulated server: its engine, its HTTP application, its port and its processes."""

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

_FIRST_PID = 4_200_000
"""Above the default limit of Linux (4,194,304): never the number of a real process."""
_PIDS_EACH = 10


class Host:
    """A server of the fleet, as the machine sees it."""

    def __init__(
        self,
        index: int,
        spec: EngineSpec,
        scenario: Scenario,
        gpus: list[SimGpu],
        *,
        clock: Clock,
        speed: float,
    ) -> None:
        self.api_pid = _FIRST_PID + index * _PIDS_EACH
        self.core_pid = self.api_pid + 1
        """The engine process: it, and not the one that listens, holds the GPU memory."""
        self.log = ServerLog(api_pid=self.api_pid, core_pid=self.core_pid, wall_s=clock.wall_s)
        self.engine = Engine(
            spec,
            scenario,
            gpus,
            log=self.log,
            now_s=clock.now_s(),
            wall_s=clock.wall_s,
            speed=speed,
        )
        if spec.start not in {Start.COLD, Start.STOPPED}:
            self.log.web("Application startup complete.")
        self.app = EngineApp(self.engine, clock)
        self.listener = Listener(self.app)

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
            self.engine.restart(now_s, setting.seconds)
        self.app.pulse.kick()
        await self.follow()

    async def clear_faults(self, fault: Fault | None = None) -> None:
        """Switch one fault off, or all; a server that is gone starts again."""
        now_s = self.app.pulse.advance()
        self.engine.faults.clear(fault)
        if self.engine.phase in (Phase.DYING, Phase.GONE):
            self.engine.restart(now_s)
        self.app.pulse.kick()
        await self.follow()

    def home(self) -> dict[str, Any]:
        """Its processes, for the panel's home finder."""
        engine = self.engine
        alive = engine.phase is not Phase.GONE
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
