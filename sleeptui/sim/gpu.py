"""Simulated GPUs: who holds how much, and what NVML would say about the load."""

import math
import random
from collections.abc import Sequence
from typing import Any

from sleeptui.sim.spec import GpuSpec

_OTHER_PID = 4_199_000
_OTHER = ""
"""Holder of what no server holds."""
_IDLE_W = 76.0
_IDLE_C = 31.0
_CONTEXT_W = 24.0
"""A GPU with a CUDA context does not go to its lowest clock: 125 W with two on it."""
_HOT_C = 68.0
_POWER_LAG_S = 0.4
_HEAT_LAG_S = 25.0
_FULL_BATCH = 8.0


class SimGpu:
    """One GPU: its memory, and how it gets warm."""

    def __init__(self, index: int, spec: GpuSpec, seed: int = 0) -> None:
        self.index = index
        self.spec = spec
        self.problem: str | None = None
        """Set by a fault: the GPU is lost."""
        self.utilization = 0.0
        """0..1, time in which a kernel ran."""
        self.power_w = _IDLE_W
        self.temperature_c = _IDLE_C
        self._held: dict[str, int] = {_OTHER: spec.other_bytes}
        self._rng = random.Random(f"gpu-{seed}-{index}")  # noqa: S311 - a picture, no secret
        self._loaded_at_s: float | None = None

    @property
    def used_bytes(self) -> int:
        """Held by processes; without the driver's reserve, as NVML memory v2."""
        return sum(self._held.values())

    @property
    def free_bytes(self) -> int:
        """What can still be allocated."""
        return self.spec.total_bytes - self.spec.reserve_bytes - self.used_bytes

    @property
    def other_bytes(self) -> int:
        """Held by a process that is no server."""
        return self._held[_OTHER]

    def held(self, holder: str) -> int:
        """Bytes of one server."""
        return self._held.get(holder, 0)

    def hold(self, holder: str, target_bytes: int) -> bool:
        """Bring a server to a figure; takes what there is if it does not fit.

        Returns:
            False: out of memory, the server now holds as much as there was.
        """
        limit = self.held(holder) + max(self.free_bytes, 0)
        self._held[holder] = min(target_bytes, limit)
        return target_bytes <= limit

    def release(self, holder: str) -> None:
        """The process is gone."""
        self._held.pop(holder, None)

    def occupy(self, other_bytes: int) -> None:
        """Another process takes so much, as far as there is room."""
        limit = self.other_bytes + max(self.free_bytes, 0)
        self._held[_OTHER] = min(other_bytes, limit)

    def figures(self, processes: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """What NVML says of it: the fields of core.model.GpuSample.

        Args:
            processes: PID and bytes of the servers that hold some of it.
        """
        known: dict[str, Any] = {"index": self.index, "name": self.spec.name}
        if self.problem is not None:
            return known | {"problem": self.problem}
        others = [(_OTHER_PID + self.index, self.other_bytes)] if self.other_bytes else []
        return known | {
            "uuid": f"GPU-51117ab1-0000-0000-0000-{self.index:012x}",
            "total_bytes": self.spec.total_bytes,
            "used_bytes": self.used_bytes,
            "reserved_bytes": self.spec.reserve_bytes,
            "utilization": round(self.utilization, 3),
            "power_w": round(self.power_w, 1),
            "power_limit_w": self.spec.power_limit_w,
            "temperature_c": round(self.temperature_c, 1),
            "processes": [*processes, *others],
        }

    def load(self, now_s: float, *, batch: int, copying: bool) -> None:
        """Follow the load: utilisation at once, power fast, temperature slowly.

        Args:
            now_s: Monotonic time of this look.
            batch: Requests that run on it, over all servers.
            copying: A server on it falls asleep or wakes: copy kernels run.
        """
        passed_s = 0.0 if self._loaded_at_s is None else max(now_s - self._loaded_at_s, 0.0)
        first = self._loaded_at_s is None
        self._loaded_at_s = now_s
        share = min(batch / _FULL_BATCH, 1.0)
        if batch:
            self.utilization = min(0.9 + 0.1 * share + self._rng.uniform(-0.04, 0.02), 1.0)
        else:
            self.utilization = self._rng.uniform(0.7, 1.0) if copying else 0.0
        work = 0.25 + 0.35 * share if batch else 0.12 * copying
        contexts = _CONTEXT_W if len(self._held) > 1 else 0.0
        power_goal = _IDLE_W + contexts + work * self.spec.power_limit_w
        heat_goal = _IDLE_C + (_HOT_C - _IDLE_C) * min(
            (power_goal - _IDLE_W) / (0.7 * self.spec.power_limit_w), 1.0
        )
        power_step = 1.0 if first else 1 - math.exp(-passed_s / _POWER_LAG_S)
        heat_step = 1.0 if first else 1 - math.exp(-passed_s / _HEAT_LAG_S)
        self.power_w += (power_goal - self.power_w) * power_step + self._rng.uniform(-1.5, 1.5)
        self.temperature_c += (heat_goal - self.temperature_c) * heat_step
