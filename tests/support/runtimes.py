"""Stand-ins for what starts and ends servers: engines that come up after a while, and weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from support.fakes import FakeEngine, FakeHomes

from sleeptui.core.cold import Residency
from sleeptui.core.completion import Timed
from sleeptui.core.errors import SleeptuiError, Unreachable
from sleeptui.core.home import Home
from sleeptui.core.model import Reach
from sleeptui.core.ports import Clock
from sleeptui.core.runtime import Running, Runtime
from sleeptui.core.settings import ServerSpec

LOG = (
    "INFO 11-24 10:00:00 [loader.py:1] Loading weights took 2.38 seconds",
    "INFO 11-24 10:00:00 [core.py:1] init engine (profile, create kv cache) took 11.50 seconds",
)


@dataclass(eq=False)
class FakeRuntime:
    """Implements Runtime: it makes an engine answer ``takes_s`` after its start.

    Errors are raised by the calls of their names, one each time.
    """

    engine: "StartedEngine"
    clock: Clock
    takes_s: float = 20.0
    dies_after_s: float | None = None
    """It ends by itself so long after its start."""
    exit_code: int | None = None
    lines: Sequence[str] = LOG
    survives: bool = False
    """It does not end when it is told to."""
    stop_takes_s: float = 1.0
    is_running: bool = False
    errors: dict[str, list[SleeptuiError]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    began_s: float = 0.0
    began_wall_s: float = 0.0
    on_move: Callable[["FakeRuntime"], None] | None = None
    """Called when it has started or ended."""

    async def start(self, spec: ServerSpec) -> Running:
        self.calls.append(f"start {spec.name}")
        self._raise("start")
        self.is_running, self.began_s = True, self.clock.now_s()
        self.began_wall_s = self.clock.wall_s()
        self.exit_code = None
        self._moved()
        return self._now()

    async def stop(self, spec: ServerSpec, limit_s: float) -> Running:
        self.calls.append(f"stop {spec.name} {limit_s:g}")
        self._raise("stop")
        await self.clock.sleep(self.stop_takes_s)
        if not self.survives:
            self.is_running = False
            self.engine.reach = Reach.REFUSED
            self._moved()
        return self._now()

    async def state(self, spec: ServerSpec) -> Running:
        self._raise("state")
        self.look()
        return self._now()

    async def output(self, spec: ServerSpec) -> Sequence[str]:
        self._raise("output")
        return self.lines

    def look(self) -> None:
        """What time has made of it; the engine asks at each of its looks."""
        if not self.is_running or self.engine.reach is Reach.ANSWERED:
            return
        passed_s = self.clock.now_s() - self.began_s
        if self.dies_after_s is not None and passed_s >= self.dies_after_s:
            self.is_running, self.exit_code = False, 1
        elif passed_s >= self.takes_s:
            self.engine.come_up(self.began_s)

    def _now(self) -> Running:
        return Running(
            is_running=self.is_running,
            what=f"process {self.engine.pid}",
            pids=frozenset({self.engine.pid}) if self.is_running else frozenset(),
            started_wall_s=self.began_wall_s if self.is_running else None,
            exit_code=self.exit_code,
        )

    def _moved(self) -> None:
        if self.on_move is not None:
            self.on_move(self)

    def _raise(self, call: str) -> None:
        if errors := self.errors.get(call):
            raise errors.pop(0)


class StartedEngine(FakeEngine):
    """An engine that a runtime brings up, and that does not answer before."""

    runtime: FakeRuntime | None = None

    async def health(self) -> Timed:
        if self.runtime is not None:
            self.runtime.look()
        if self.reach is not Reach.ANSWERED:
            raise Unreachable(f"{self.name}: nothing listens", server=self.name)
        return await super().health()

    def come_up(self, began_s: float) -> None:
        """A new process, awake."""
        self.reach = Reach.ANSWERED
        self.started_s = began_s + 1_790_000_000.0 - 100.0
        self.level, self.is_paused, self.awake_tags = None, False, {"weights", "kv_cache"}
        self.has_weights, self.has_copy = True, False
        self.sleeps = self.wakes = 0


def down(clock: Clock, name: str = "qwen", **fields: object) -> StartedEngine:
    """An engine whose process does not run."""
    return StartedEngine(clock, name=name, reach=Reach.REFUSED, **fields)  # type: ignore[arg-type]


class FakeRuntimes:
    """Implements Runtimes: one for each engine; others are started by others."""

    def __init__(self, *runtimes: FakeRuntime) -> None:
        self.runtimes: Mapping[str, FakeRuntime] = {one.engine.name: one for one in runtimes}
        for one in runtimes:
            one.engine.runtime = one
            one.is_running = one.engine.reach is Reach.ANSWERED

    def live_in(self, homes: FakeHomes) -> None:
        """Their processes are found where they run, and nowhere when they do not."""

        def moved(one: FakeRuntime) -> None:
            name = one.engine.name
            if one.is_running:
                homes.found[name] = Home(pids=frozenset({one.engine.pid}))
            else:
                homes.found.pop(name, None)

        for one in self.runtimes.values():
            one.on_move = moved

    def of(self, spec: ServerSpec) -> Runtime | None:
        return self.runtimes.get(spec.name)

    async def close(self) -> None:
        pass


@dataclass(eq=False)
class FakeWeights:
    """Implements WeightFiles: ``share`` of a checkpoint of 1000 bytes is in the page cache."""

    share: float | None = 0.5
    cache: str = "populated"
    read: int | None = 0
    refuses: str = ""
    calls: list[str] = field(default_factory=list)

    async def residency(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        self.calls.append("residency")
        return self._now()

    async def evict(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        self.calls.append("evict")
        self.share, self.read = 0.0, 1000
        return self._now()

    async def warm(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        self.calls.append("warm")
        self.share, self.read = 1.0, 0
        return self._now()

    async def compile_cache(self, spec: ServerSpec) -> str:
        return self.cache

    async def clear_compile_cache(self, spec: ServerSpec) -> str:
        self.calls.append("clear")
        if not self.refuses:
            self.cache = "empty"
        return self.refuses

    async def read_bytes(self, pids: Sequence[int]) -> int | None:
        return self.read

    def _now(self) -> Residency:
        if self.share is None:
            return Residency(problem="cache state unknown: an overlay file system")
        return Residency(total_bytes=1000, resident_bytes=int(1000 * self.share), files=2)
