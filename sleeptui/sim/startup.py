"""The cold start of a simulated engine: how long its steps take, and what its log says of them.

Follows ``*.sleep-lines.log`` of the 0.25.1 capture on an H200: of 114 s for a 7.2B model, 46.8 s
were the engine (26.1 s of it the compiler), 2.4 s the weights from the page cache. The rest is
Python, imports, configuration.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sleeptui.sim.latency import Latency

_ENGINE, _COMPILING = 0.41, 0.23
"""Shares of the whole; the compiler is a part of the engine's."""
_COMPILED = 0.12
"""What the compiler still takes of that where its cache is populated."""
_CACHED_S_PER_GIB = 0.17
"""Weights from the page cache to the GPU."""
_DISK_GIB_PER_S = 2.0
"""Weights from the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a start finds."""

    from_disk: float = 0.0
    """Share of the weights that is not in the page cache."""
    compiled: bool = False
    """Its compile cache is populated. Of the measured starts it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that the log says during a start."""

    after_s: float
    """Since the start of the process."""
    place: str
    """Source file and line, as vLLM's log has it; empty: a line of the API process."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """The steps of one start, seconds as they really take."""

    boot_s: float
    """Until the weights are loaded."""
    weights_s: float
    compile_s: float
    graphs_s: float
    """KV cache, profile, graphs, warm-up."""

    @classmethod
    def drawn(cls, latency: Latency, conditions: Conditions, rng: random.Random) -> "StartUp":
        """One start of an engine with these latencies."""
        whole_s = latency.cold_start_s(rng)
        cached_s = latency.scaled(_CACHED_S_PER_GIB * latency.weight_gib)
        disk_s = latency.scaled(conditions.from_disk * latency.weight_gib / _DISK_GIB_PER_S)
        compile_s = whole_s * _COMPILING
        return cls(
            boot_s=whole_s * (1 - _ENGINE) - cached_s,
            weights_s=cached_s + disk_s,
            compile_s=compile_s * (_COMPILED if conditions.compiled else 1.0),
            graphs_s=whole_s * (_ENGINE - _COMPILING),
        )

    @property
    def engine_s(self) -> float:
        """The engine's own initialisation, the compiler in it."""
        return self.compile_s + self.graphs_s

    @property
    def total_s(self) -> float:
        """Start of the process to the first answer."""
        return self.boot_s + self.weights_s + self.engine_s

    def lasting(self, total_s: float) -> "StartUp":
        """The same steps, in so many seconds together."""
        factor = total_s / self.total_s
        return replace(
            self,
            boot_s=self.boot_s * factor,
            weights_s=self.weights_s * factor,
            compile_s=self.compile_s * factor,
            graphs_s=self.graphs_s * factor,
        )

    def lines(self, *, version: str, weight_gib: float) -> Sequence[Line]:
        """What the log says, in order."""
        loaded_s = self.boot_s + self.weights_s
        compiled_s = loaded_s + self.compile_s
        load = f"Loading weights took {self.weights_s:.2f} seconds"
        model = f"Model loading took {weight_gib:.2f} GiB memory and {self.weights_s:.6f} seconds"
        engine = (
            "init engine (profile, create kv cache, warmup model) took "
            f"{self.engine_s:.2f} s (compilation: {self.compile_s:.2f} s)"
        )
        graphs = f"Graph capturing finished in {self.graphs_s:.2f} secs, took 0.52 GiB"
        compiled = f"torch.compile takes {self.compile_s:.2f} s in total"
        return (
            Line(after_s=self.boot_s, place="core.py:114", text=_initializing(version)),
            Line(after_s=loaded_s, place="default_loader.py:430", text=load),
            Line(after_s=loaded_s, place="gpu_model_runner.py:5039", text=model),
            Line(after_s=compiled_s, place="monitor.py:48", text=compiled),
            Line(after_s=self.total_s, place="gpu_model_runner.py:5690", text=graphs),
            Line(after_s=self.total_s, place="core.py:337", text=engine),
            Line(after_s=self.total_s, place="", text="Application startup complete."),
        )


def _initializing(version: str) -> str:
    return f"Initializing a V1 LLM engine (v{version})"
