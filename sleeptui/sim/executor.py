"""What sleeps: weights and KV cache of one engine, and the transitions between the states.

Follows the captured 0.25.1 on an H200: notes.jsonl (cycles, garbage after a plain level 2 wake,
mended by a reload), faults.jsonl (out of memory, then ``invalid argument``), nvml.csv (a sleep
gives back the weights while they are copied and then the KV cache, a wake takes them in that
order), *.sleep-lines.log (what is logged).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sleeptui.core.units import GIB
from sleeptui.sim.calls import Call, CallFailed
from sleeptui.sim.dialect import Dialect
from sleeptui.sim.faults import Fault, Faults
from sleeptui.sim.latency import Latency
from sleeptui.sim.log import ServerLog
from sleeptui.sim.memory import EngineMemory

WEIGHTS, KV_CACHE, SCHEDULING = "weights", "kv_cache", "scheduling"
_ALLOCATOR = "/workspace/csrc/cumem_allocator.cpp"
OUT_OF_MEMORY = f"CUDA Error: out of memory at {_ALLOCATOR}:163"
INVALID_ARGUMENT = f"CUDA Error: invalid argument at {_ALLOCATOR}:169"
_WEIGHTS_UNTIL = 0.62
"""Share of a transition that goes to the weights (captured curve)."""
_OOM_AT = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Something that keeps the engine loop busy until its end."""

    call: Call
    kind: str
    """sleep, wake, reload"""
    begin_s: float
    end_s: float
    tags: frozenset[str] = frozenset()
    level: int = 0
    frees: bool = True
    """False: the memory stays, because of a missing switch or a fault."""

    def share(self, now_s: float) -> float:
        """How much of it is done, 0..1."""
        if now_s >= self.end_s:
            return 1.0
        return max(now_s - self.begin_s, 0.0) / (self.end_s - self.begin_s)


class Executor:
    """The worker side of one engine."""

    def __init__(
        self,
        *,
        memory: EngineMemory,
        latency: Latency,
        dialect: Dialect,
        faults: Faults,
        log: ServerLog,
        rng: random.Random,
        sleep_mode: bool,
    ) -> None:
        self.memory = memory
        self.asleep: set[str] = set()
        """Tags that sleep."""
        self.pinned = False
        """The host copy was allocated once: later level 1 sleeps are fast."""
        self.weights_ok = True
        self.weights_empty = False
        """They were never read again after level 2: no number comes out of them any more."""
        self.lost = False
        """A wake ran out of memory and left the mappings in disorder."""
        self._copied = False
        """The weights are in host memory, or were never given back."""
        self._freed = False
        """The last sleep really gave memory back."""
        self._latency = latency
        self._dialect = dialect
        self._faults = faults
        self._log = log
        self._rng = rng
        self._sleep_mode = sleep_mode

    @property
    def runnable(self) -> bool:
        """Requests can run: nothing that they touch is unmapped."""
        return not (self.asleep and self._freed)

    @property
    def stuck(self) -> bool:
        """Neither way any more."""
        return self.lost or Fault.WEDGE in self._faults

    @property
    def _slower(self) -> float:
        """How many times as long a wake takes."""
        setting = self._faults.get(Fault.SLOWER)
        return 1.0 if setting is None else setting.factor

    def fall_asleep_at_once(self, level: int) -> None:
        """Begin in a sleep state; the first, slow, level 1 sleep has been."""
        self.asleep = {WEIGHTS, KV_CACHE}
        self._copied = self.pinned = level == 1
        self._freed = True

    def begin_sleep(self, call: Call, now_s: float) -> Transition | None:
        """Start to fall asleep; None: the call does nothing.

        Raises:
            CallFailed: The engine is stuck.
        """
        awake = {WEIGHTS, KV_CACHE} - self.asleep
        if self.asleep and not (self._dialect.sleeps_half_woken and awake):
            self._log.core("abstract.py:320", "Executor is already sleeping.", "WARNING")
            return None
        if self.stuck:
            raise CallFailed(INVALID_ARGUMENT)
        frees = self._sleep_mode and Fault.KEEPS_MEMORY not in self._faults
        took_s = self._latency.scaled(0.004)
        if frees:
            pinned = self.pinned or WEIGHTS not in awake
            took_s = self._latency.sleep_s(level=call.level, pinned=pinned, rng=self._rng)
        return Transition(
            call=call,
            kind="sleep",
            begin_s=now_s,
            end_s=now_s + took_s,
            tags=frozenset(awake),
            level=call.level,
            frees=frees,
        )

    def begin_wake(self, call: Call, now_s: float) -> Transition | None:
        """Start to wake; None: the call does nothing.

        Raises:
            CallFailed: The engine is stuck.
        """
        if not self.asleep:
            self._log.core("abstract.py:333", "Executor is not sleeping.", "WARNING")
            return None
        tags = self.asleep if call.tags is None else set(call.tags)
        for tag in sorted(tags - self.asleep):
            text = f"Tag {tag} is not in sleeping tags {sorted(self.asleep)}"
            self._log.core("abstract.py:340", text, "WARNING")
        if tags - self.asleep:
            return None
        if self.stuck:
            raise CallFailed(INVALID_ARGUMENT)
        took_s = self._latency.scaled(0.003)
        if self._freed:
            took_s = self._latency.wake_s(
                weights=WEIGHTS in tags,
                kv_cache=KV_CACHE in tags,
                copied=self._copied,
                rng=self._rng,
            )
            took_s *= self._slower
        return Transition(
            call=call,
            kind="wake",
            begin_s=now_s,
            end_s=now_s + took_s,
            tags=frozenset(tags),
            frees=self._freed,
        )

    def begin_reload(self, call: Call, now_s: float) -> Transition:
        """Start to read the weights from disk again.

        Raises:
            CallFailed: They are not mapped, the engine is stuck, or it is another function.
        """
        if call.function != "reload_weights":
            raise CallFailed(f"'Worker' object has no attribute '{call.function}'")
        if self.stuck or (WEIGHTS in self.asleep and self._freed):
            raise CallFailed("Worker failed with error 'CUDA error: an illegal memory access'")
        end_s = now_s + self._latency.reload_s(self._rng) * self._slower
        return Transition(call=call, kind="reload", begin_s=now_s, end_s=end_s)

    def follow(self, transition: Transition, now_s: float) -> None:
        """Let the memory follow a transition.

        Raises:
            CallFailed: Out of memory; what fitted stays mapped.
        """
        if transition.kind == "reload" or not transition.frees:
            return
        share = transition.share(now_s)
        waking = transition.kind == "wake"
        if waking and Fault.OOM in self._faults:
            share = min(share, _OOM_AT)
        weights, kv_cache = _shares(share, transition.tags)
        memory = self.memory
        fits = memory.map(
            weights=_mapped(memory.weights, weights, waking, WEIGHTS in transition.tags),
            kv_cache=_mapped(memory.kv_cache, kv_cache, waking, KV_CACHE in transition.tags),
        )
        failed = waking and share >= _OOM_AT and Fault.OOM in self._faults
        if not fits or failed:
            self.lost = not self._dialect.retries_oom
            raise CallFailed(OUT_OF_MEMORY)

    def complete(self, transition: Transition) -> None:
        """The end of a transition that went well."""
        took_s = transition.end_s - transition.begin_s
        match transition.kind:
            case "sleep":
                self._slept(transition, took_s)
            case "wake":
                self._woke(transition, took_s)
            case _:
                self.weights_ok, self.weights_empty = True, False
                text = f"Reloading and processing weights took {took_s:.2f} seconds"
                self._log.core("gpu_model_runner.py:5210", text)

    def _slept(self, transition: Transition, took_s: float) -> None:
        self.asleep = {WEIGHTS, KV_CACHE}
        self._freed = transition.frees
        level_1 = transition.level == 1
        if WEIGHTS in transition.tags:
            self._copied = level_1 or not transition.frees
        self.pinned = self.pinned or (level_1 and transition.frees)
        memory = self.memory
        freed = memory.weight_bytes + memory.kv_bytes if transition.frees else 0
        saved = memory.weight_bytes if level_1 and transition.frees else 0
        leak = self._faults.get(Fault.LEAK)
        if leak is not None and transition.frees:
            memory.residual_bytes += leak.size_bytes
            memory.map(weights=0.0, kv_cache=0.0)
        self._log.core(
            "cumem.py:271",
            f"CuMemAllocator: sleep freed {freed / GIB:.2f} GiB memory in total, of which "
            f"{saved / GIB:.2f} GiB is backed up in CPU and the rest "
            f"{(freed - saved) / GIB:.2f} GiB is discarded directly.",
        )
        self._log.core("abstract.py:327", f"It took {took_s:.6f} seconds to fall asleep.")

    def _woke(self, transition: Transition, took_s: float) -> None:
        self.asleep -= transition.tags
        if WEIGHTS in transition.tags and transition.frees:
            self.weights_ok = self.weights_ok and self._copied
            self.weights_empty = self.weights_empty or not self._copied
            if self._faults.strikes(Fault.GARBAGE):
                self.weights_ok = False
        tags: Sequence[str] | set[str] = sorted(transition.tags)
        if transition.call.tags is None:
            tags = {WEIGHTS, KV_CACHE}
        self._log.core("abstract.py:345", f"It took {took_s:.6f} seconds to wake up tags {tags}.")


def _shares(done: float, tags: frozenset[str]) -> tuple[float, float]:
    """How far weights and KV cache are: the weights first, both or only one of them."""
    if tags != {WEIGHTS, KV_CACHE}:
        return done, done
    return min(done / _WEIGHTS_UNTIL, 1.0), max(done - _WEIGHTS_UNTIL, 0.0) / (1 - _WEIGHTS_UNTIL)


def _mapped(before: float, done: float, waking: bool, moves: bool) -> float:
    if not moves:
        return before
    return done if waking else 1.0 - done
