"""Stand-ins for the outside: engines that obey the rules of vLLM, GPUs, containers.

They keep state, so that a test can act on them and look at what the services made of it. All
time comes from the test's clock.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.builders import GIB
from support.builders import answer as canary_answer
from support.builders import facts as make_facts

from sleeptui.core.canary import Answer
from sleeptui.core.completion import Completion, Timed, TokenEvent
from sleeptui.core.errors import EngineError, Refused, SleeptuiError, TimedOut, Unreachable
from sleeptui.core.home import Home
from sleeptui.core.model import (
    Control,
    EngineMetrics,
    GpuProcess,
    GpuReading,
    GpuSample,
    HostMemory,
    Observation,
    Reach,
    ServerFacts,
    SleepLevel,
    SleepMetric,
    SleepMode,
)
from sleeptui.core.ports import Candidate, Clock
from sleeptui.core.settings import ServerSpec

_METRIC = {0: SleepMetric.NONE, 1: SleepMetric.OFFLOADED, 2: SleepMetric.DISCARDED}


def oom(server: str = "qwen") -> Refused:
    """What a wake into a full card answers."""
    detail = "Call to wake_up method failed: CUDA Error: out of memory"
    return Refused(f"{server}: {detail}", server=server, status=500, detail=detail)


def timed_out(server: str = "qwen") -> TimedOut:
    """What the client raises when no answer comes."""
    return TimedOut("no answer in 120 s", server=server, sent=True)


def broken(server: str = "qwen") -> Unreachable:
    """What the client raises when the connection breaks."""
    return Unreachable("the connection broke", server=server, sent=True)


@dataclass(eq=False)
class FakeEngine:
    """Implements EngineClient as one server, with the state machine of vLLM 0.17 and later.

    Behaviour is changed by setting fields; ``faults`` maps a call (``sleep``, ``wake``,
    ``wake weights``, ``reload_weights``, ...) to errors that it raises, one each time;
    ``works_anyway`` names calls that take effect before they raise.
    """

    clock: Clock
    name: str = "qwen"
    version: str | None = "0.32.0"
    held_bytes: int = 40 * GIB
    residual_bytes: int = 2 * GIB
    gpus: tuple[int, ...] = (0,)
    pid: int = 4711
    sleep_takes_s: float = 0.3
    wake_takes_s: float = 0.5
    look_takes_s: float = 0.0
    frees: bool = True
    regrows: bool = True
    shows_metrics: bool = True
    server_facts: ServerFacts | None = None
    running: int = 0
    waiting: int = 0
    level: int | None = None
    awake_tags: set[str] = field(default_factory=lambda: {"weights", "kv_cache"})
    is_paused: bool = False
    reach: Reach = Reach.ANSWERED
    started_s: float = 1_000.0
    load: int | None = None
    faults: dict[str, list[EngineError]] = field(default_factory=dict)
    works_anyway: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    """Control calls and prompts."""
    log: list[str] = field(default_factory=list)
    """The same with the canaries."""
    looks: list[tuple[float, bool]] = field(default_factory=list)
    has_copy: bool = False
    sleeps: int = 0
    wakes: int = 0
    operation_s: float = 0.0
    answer: Completion | None = None
    canary_takes_s: float = 0.08
    has_weights: bool = True
    """False after a level 2 sleep, until they are read again: its answers are garbage."""
    canary_tokens: Answer = field(default_factory=canary_answer)
    """What it answers to the canary with its weights in place."""
    canary_answers: list[Answer | Completion] = field(default_factory=list)
    """What it answers to the next canaries instead, one each."""
    canary_hold: asyncio.Event | None = None
    """Answers to canaries wait for it."""
    hold: asyncio.Event | None = None
    """Answers of control calls and prompts wait for it."""
    finished: dict[str, float] | None = field(default_factory=lambda: {"stop": 0.0, "abort": 0.0})
    """request_success_total; None: not in its metrics."""
    uncounted: int = 0
    """Requests that an abort loses without counting them."""
    generated: float | None = None
    """generation_tokens_total."""
    streams: set[asyncio.Future[str]] = field(default_factory=set)
    """Prompts that are open; the result is a finish_reason that ends one early."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    on_observe: Callable[[], None] | None = None
    late_s: float | None = None
    """How late the stamps of its answers were."""
    closed: bool = False

    @property
    def is_sleeping(self) -> bool:
        return self.is_paused or self.awake_tags != {"weights", "kv_cache"}

    @property
    def used_bytes(self) -> int:
        """What it holds on all its GPUs now."""
        if self.reach is Reach.REFUSED:
            return 0
        asleep = not self.frees or (self.awake_tags == set() and self.level in (1, 2))
        if self.awake_tags == {"weights", "kv_cache"} or not self.frees:
            return self.held_bytes
        return self.residual_bytes if asleep else (self.held_bytes + self.residual_bytes) // 2

    @property
    def copy_bytes(self) -> int:
        """Weights in host memory: from the first sleep at level 1 on."""
        return self.held_bytes - self.residual_bytes if self.has_copy else 0

    @property
    def metric(self) -> SleepMetric:
        if self.is_sleeping and self.level is not None:
            return _METRIC[self.level]
        return SleepMetric.AWAKE

    async def observe(self, *, full: bool) -> Observation:
        self.looks.append((self.clock.now_s(), full))
        if self.look_takes_s:
            await self.clock.sleep(self.look_takes_s)
        if self.on_observe:
            self.on_observe()
        now_s = self.clock.now_s()
        if self.reach is not Reach.ANSWERED:
            return Observation(at_s=now_s, took_s=0.0, reach=self.reach, problem="nothing listens")
        return Observation(
            at_s=now_s,
            took_s=self.look_takes_s,
            reach=Reach.ANSWERED,
            control=Control.AVAILABLE,
            is_sleeping=self.is_sleeping,
            is_paused=self.is_sleeping if full else None,
            metrics=self._metrics() if full and self.shows_metrics else None,
            load=self.load if full else None,
        )

    def _metrics(self) -> EngineMetrics:
        operated = self.sleeps + self.wakes > 0
        return EngineMetrics(
            running=self.running,
            waiting=self.waiting,
            kv_usage=0.0,
            sleep_metric=self.metric,
            process_start_s=self.started_s,
            sleep_operations=self.sleeps if operated else None,
            wake_operations=self.wakes if operated else None,
            sleep_operation_s=self.operation_s if operated else None,
            wake_operation_s=self.operation_s if operated else None,
            gpu_memory_utilization=0.5,
            requests_total=dict(self.finished or {}),
            generation_tokens_total=self.generated,
        )

    async def facts(self) -> ServerFacts:
        self._raise("facts")
        return self.server_facts or make_facts(self.version, models=(self.name,))

    async def sleep(self, level: SleepLevel, mode: SleepMode | None) -> Timed:
        def effect() -> None:
            self.level, self.is_paused, self.awake_tags = int(level), True, set()
            if level is SleepLevel.PAUSE:
                self.awake_tags = {"weights", "kv_cache"}
            self._end_requests(mode)
            self.woken.clear()
            self.has_weights = self.has_weights and level is not SleepLevel.DISCARD
            self.has_copy = self.has_copy or level is SleepLevel.OFFLOAD
            self.sleeps += 1
            self.operation_s += self.sleep_takes_s

        while mode is SleepMode.WAIT and self.streams:
            await self.clock.sleep(0.1)
        return await self._control(f"sleep {int(level)} {mode}", self.sleep_takes_s, effect)

    async def wake(self, tags: Sequence[str] = ()) -> Timed:
        def effect() -> None:
            if self.regrows:
                self.awake_tags = self.awake_tags | set(tags or ("weights", "kv_cache"))
            self.is_paused = self.awake_tags != {"weights", "kv_cache"}
            self.wakes += 1
            if not self.is_sleeping:
                self.woken.set()
            self.operation_s += self.wake_takes_s

        return await self._control(" ".join(("wake", *tags)), self.wake_takes_s, effect)

    def _end_requests(self, mode: SleepMode | None) -> None:
        if mode is SleepMode.KEEP:
            return
        if self.finished is not None and mode is SleepMode.ABORT:
            self.finished["abort"] += self.running + self.waiting - self.uncounted
        elif self.finished is not None:
            self.finished["stop"] += self.running
        if mode is SleepMode.ABORT:
            self.waiting = 0
            for stream in self.streams:
                stream.set_result("abort")
        self.running = 0

    async def reload_weights(self) -> Timed:
        def effect() -> None:
            self.has_weights = True

        return await self._control("reload_weights", 0.8, effect)

    async def reset_prefix_cache(self) -> Timed:
        return await self._control("reset_prefix_cache", 0.01, lambda: None)

    async def health(self) -> Timed:
        self._raise("health")
        if self.reach is not Reach.ANSWERED:
            raise Unreachable(f"{self.name}: nothing listens", server=self.name)
        return Timed(sent_s=self.clock.now_s(), done_s=self.clock.now_s(), late_s=self.late_s)

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: Callable[[TokenEvent], None],
        ignore_eos: bool = False,
        detailed: bool = False,
        request_id: str = "",
        limit_s: float | None = None,
    ) -> Completion:
        self._note(f"complete {prompt} {max_tokens}")
        self._raise("complete")
        sent_s, first_s, cut = self.clock.now_s(), None, asyncio.get_running_loop().create_future()
        self.streams.add(cut)
        try:
            await self._pass(0.1, cut)
            if not cut.done():
                first_s = self.clock.now_s()
                on_token(TokenEvent(at_s=first_s, text="blue", tokens=1))
            if self.hold:
                await _either(self.hold.wait(), cut)
            await self._pass(0.5, cut)
        finally:
            self.streams.discard(cut)
        self._raise("complete end")
        if self.answer is not None:
            return self.answer
        return Completion(
            sent_s=sent_s,
            headers_s=sent_s,
            first_token_s=first_s,
            last_token_s=self.clock.now_s(),
            ended_s=self.clock.now_s(),
            text="blue",
            prompt_tokens=3,
            completion_tokens=11,
            finish_reason=cut.result() if cut.done() else "stop",
            terminated=True,
            late_s=self.late_s,
        )

    async def _pass(self, seconds: float, cut: "asyncio.Future[str]") -> None:
        """Work on a prompt: not while it sleeps, and not when it is cut."""
        await _either(self.clock.sleep(seconds), cut)
        while self.is_sleeping and not cut.done():
            await _either(self.woken.wait(), cut)

    async def canary(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: Callable[[TokenEvent], None] | None = None,
    ) -> Completion:
        self.log.append("canary")
        self._raise("canary")
        sent_s = self.clock.now_s()
        if self.canary_hold:
            await self.canary_hold.wait()
        if self.canary_takes_s:
            await self.clock.sleep(self.canary_takes_s)
        self._raise("canary end")
        tokens = self.canary_tokens if self.has_weights else canary_answer(*[0] * max_tokens)
        if self.canary_answers:
            other = self.canary_answers.pop(0)
            if isinstance(other, Completion):
                return other
            tokens = other
        if on_token is not None:
            first_s = sent_s + self.canary_takes_s / 2
            on_token(TokenEvent(at_s=first_s, text="", tokens=1))
            on_token(TokenEvent(at_s=self.clock.now_s(), text="", tokens=len(tokens)))
        return Completion(
            sent_s=sent_s,
            headers_s=sent_s,
            first_token_s=sent_s + self.canary_takes_s / 2,
            last_token_s=self.clock.now_s(),
            ended_s=self.clock.now_s(),
            text="",
            prompt_tokens=12,
            completion_tokens=len(tokens),
            finish_reason="length",
            terminated=True,
            tokens=tokens,
            late_s=self.late_s,
        )

    async def close(self) -> None:
        self.closed = True

    async def _control(self, call: str, takes_s: float, effect: Callable[[], None]) -> Timed:
        self._note(call)
        sent_s = self.clock.now_s()
        if self.hold:
            await self.hold.wait()
        if takes_s:
            await self.clock.sleep(takes_s)
        name = call.split(maxsplit=1)[0]
        if call in self.works_anyway or name in self.works_anyway:
            effect()
            self._raise(name)
        self._raise(call)
        self._raise(name)
        effect()
        return Timed(sent_s=sent_s, done_s=self.clock.now_s(), late_s=self.late_s)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.log.append(call)

    def _raise(self, call: str) -> None:
        if errors := self.faults.get(call):
            raise errors.pop(0)


async def _either(work: Coroutine[Any, Any, Any], cut: "asyncio.Future[str]") -> None:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, cut}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()


class FakeEngines:
    """Implements EngineClients: the engine whose address is asked for."""

    def __init__(self, *engines: FakeEngine) -> None:
        self.engines = {engine.name: engine for engine in engines}
        self.by_url: dict[str, FakeEngine] = {}

    def __call__(self, spec: ServerSpec) -> FakeEngine:
        found = self.by_url.get(spec.url)
        return found if found is not None else self.engines[spec.name]


class FakeGpus:
    """Implements GpuProbe: GPUs whose memory is what the engines hold, and ``other_bytes``."""

    def __init__(
        self,
        clock: Clock,
        engines: FakeEngines,
        *,
        count: int = 1,
        total_bytes: int = 140 * GIB,
        problem: str | None = None,
        shows_processes: bool = True,
    ) -> None:
        self.clock = clock
        self.engines = engines
        self.count = count
        self.total_bytes = total_bytes
        self.problem = problem
        self.shows_processes = shows_processes
        self.other_bytes: dict[int, int] = {}
        self.host_bytes: int | None = 512 * GIB
        """Of the machine; None: not known."""
        self.samples: list[float] = []
        self.closed = False

    async def sample(self) -> GpuReading:
        now_s = self.clock.now_s()
        self.samples.append(now_s)
        if self.problem:
            return GpuReading(at_s=now_s, problem=self.problem)
        gpus = tuple(self._gpu(index) for index in range(self.count))
        return GpuReading(at_s=now_s, gpus=gpus, host=self._host())

    def _host(self) -> HostMemory | None:
        if self.host_bytes is None:
            return None
        copies = sum(engine.copy_bytes for engine in self.engines.engines.values())
        return HostMemory(total_bytes=self.host_bytes, available_bytes=self.host_bytes - copies)

    def _gpu(self, index: int) -> GpuSample:
        held = [
            GpuProcess(pid=engine.pid, used_bytes=engine.used_bytes // len(engine.gpus))
            for engine in self.engines.engines.values()
            if index in engine.gpus
        ]
        return GpuSample(
            index=index,
            name="NVIDIA H200",
            total_bytes=self.total_bytes,
            used_bytes=sum(process.used_bytes or 0 for process in held)
            + self.other_bytes.get(index, 0),
            processes=tuple(held) if self.shows_processes else None,
        )

    async def close(self) -> None:
        self.closed = True


class FakeHomes:
    """Implements HomeFinder: the homes and candidates that the test puts in."""

    def __init__(self) -> None:
        self.found: dict[str, Home] = {}
        self.listed: list[Candidate] = []
        self.unseen: list[str] = []
        self.error: SleeptuiError | None = None
        self.asked: list[tuple[str, ...]] = []
        self.closed = False

    async def homes(self, specs: Sequence[ServerSpec]) -> Mapping[str, Home]:
        self.asked.append(tuple(spec.name for spec in specs))
        if self.error:
            raise self.error
        return {spec.name: self.found[spec.name] for spec in specs if spec.name in self.found}

    async def candidates(self) -> Sequence[Candidate]:
        if self.error:
            raise self.error
        return tuple(self.listed)

    def notes(self) -> Sequence[str]:
        return tuple(self.unseen)

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        return [f"line {number} of {home.container}" for number in range(lines)]

    async def close(self) -> None:
        self.closed = True
