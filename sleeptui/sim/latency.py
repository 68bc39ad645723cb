"""How long things take, scaled from what was measured on an H200 with vLLM 0.25.1.

Two models were measured, 1.5B (3.06 GiB of weights) and 7.2B (13.4 GiB); the straight line
through both gives the fixed part and the part per GiB. Level 1, sleep: 0.148 and 0.33 s, wake:
0.31 and 0.53 s, first sleep (it allocates the pinned host copy): 2.5 and 12.1 s. Level 2, sleep:
0.087 s, wake in steps: 0.022 s weights, 0.77 s reload of 3.06 GiB, 0.12 s for 80 GiB of KV cache.
Cold start: 45 s and 114 s.

Two processes of the same server are not alike: each draws a pace, beside the spread from run to
run. Without that, restarts would tell nothing that more wakes of one process do not.
"""

import random
from dataclasses import dataclass

from sleeptui.core.units import GIB
from sleeptui.sim.spec import EngineSpec

_SPREAD = 0.06
"""Relative spread from run to run, as in the captured cycles."""
_PACE_SD = 0.03
"""Relative standard deviation between processes."""
_PACE_AT_MOST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The latencies of one engine, seconds of its own time."""

    weight_gib: float
    kv_gib: float
    params_b: float
    speed: float = 1.0
    """Everything is so many times faster."""
    requests_speed: float | None = None
    """Requests alone are so many times faster; None: as everything. Tokens that come ten times
    faster than those of a real server are more than a client on the same machine can follow."""
    pace: float = 1.0
    """This process takes so many times as long as the usual one."""
    start_s: float | None = None
    """A cold start, where it is not that of a model of its size."""

    @classmethod
    def of(
        cls,
        spec: EngineSpec,
        pool_bytes: int,
        speed: float,
        rng: random.Random | None = None,
        *,
        requests_speed: float | None = None,
    ) -> "Latency":
        """For a process of an engine whose pool holds weights and KV cache.

        Args:
            spec: The engine.
            pool_bytes: Weights and KV cache.
            speed: Everything takes so many times less.
            rng: Its pace is drawn from it; None: it is the usual one.
            requests_speed: Requests take so many times less; None: as everything.
        """
        drawn = 0.0 if rng is None else rng.gauss(0.0, _PACE_SD)
        ranks = len(spec.gpus)
        return cls(
            weight_gib=spec.weight_bytes / GIB / ranks,
            kv_gib=(pool_bytes - spec.weight_bytes) / GIB / ranks,
            params_b=spec.params_b / ranks,
            speed=speed,
            requests_speed=requests_speed,
            pace=1.0 + max(-_PACE_AT_MOST, min(drawn, _PACE_AT_MOST)),
            start_s=spec.cold_start_s,
        )

    def sleep_s(self, *, level: int, pinned: bool, rng: random.Random) -> float:
        """Executor time of ``/sleep``, without the drain.

        Args:
            level: 1 copies the weights to the host, anything else drops them.
            pinned: The host copy was allocated by an earlier level 1 sleep.
            rng: Source of the spread.
        """
        if level != 1:
            seconds = 0.07 + 0.0002 * (self.weight_gib + self.kv_gib)
        elif pinned:
            seconds = 0.094 + 0.0176 * self.weight_gib
        else:
            seconds = 0.1 + 0.87 * self.weight_gib
        return self._spread(seconds, rng)

    def wake_s(self, *, weights: bool, kv_cache: bool, copied: bool, rng: random.Random) -> float:
        """Executor time of ``/wake_up``.

        Args:
            weights: The tag is asleep and gets woken.
            kv_cache: The same for this tag.
            copied: The weights come back from the host (level 1).
            rng: Source of the spread.
        """
        seconds = 0.004
        if weights:
            seconds += 0.018 + (0.14 + 0.0213 * self.weight_gib if copied else 0.0)
        if kv_cache:
            seconds += 0.0015 * self.kv_gib
        return self._spread(seconds, rng)

    def reload_s(self, rng: random.Random) -> float:
        """``/collective_rpc`` reload_weights, weights in the page cache."""
        return self._spread(0.05 + 0.235 * self.weight_gib, rng)

    def cold_start_s(self, rng: random.Random) -> float:
        """Process start to the first answer."""
        usual_s = 30.0 + 11.7 * self.params_b
        return self._spread(usual_s if self.start_s is None else self.start_s, rng)

    def prefill_s(self, tokens: int) -> float:
        """Prompt to first token on an idle engine."""
        return (0.009 + tokens * self.params_b * 2.5e-6) / self._requests

    def step_s(self, batch: int) -> float:
        """One decode step: a token for each running request."""
        return (0.0008 + 0.00047 * self.params_b + 0.0001 * (batch - 1)) / self._requests

    @property
    def _requests(self) -> float:
        return self.speed if self.requests_speed is None else self.requests_speed

    def scaled(self, seconds: float) -> float:
        """Any other duration, at this speed."""
        return seconds / self.speed

    def _spread(self, seconds: float, rng: random.Random) -> float:
        return seconds * self.pace * (1 + rng.uniform(-_SPREAD, _SPREAD)) / self.speed
