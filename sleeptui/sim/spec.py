"""What a simulated fleet consists of: engines, GPUs, scenarios. Values only, cheap to import."""

from dataclasses import dataclass
from enum import StrEnum

from sleeptui.core.units import GIB
from sleeptui.core.version import Version, parse
from sleeptui.sim.faults import FaultSetting

KEY_ENV = "SLEEPTUI_SIM_KEY"
"""Environment variable with the API key of the simulated servers that ask for one."""
DEMO_KEY = "sim-demo-key"
"""Their key where the variable is not set."""

BYTES_PER_PARAMETER = 2
BLOCK_TOKENS = 16
_HOST_BYTES_EACH = 256 << 30


class Start(StrEnum):
    """How an engine begins."""

    AWAKE = "awake"
    LEVEL_1 = "level 1"
    LEVEL_2 = "level 2"
    COLD = "cold"
    """The process has just started: nothing listens until the cold start is over."""
    STOPPED = "stopped"
    """There is no process; it can be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """One simulated GPU; the defaults are those of an H200 as NVML reports it."""

    name: str = "NVIDIA H200 SIM"
    total_bytes: int = 150_754_820_096
    reserve_bytes: int = round(0.6 * GIB)
    """Kept by the driver: not in NVML's v2 figure, but nobody can allocate it."""
    other_bytes: int = round(0.4 * GIB)
    """Held by a process that is no server, so that "other" is not empty."""
    power_limit_w: float = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """One simulated vLLM server."""

    name: str
    """Name in the fleet, and the first served name of the model."""
    root: str
    """Repository of the weights, as ``/v1/models`` says."""
    params_b: float
    """Parameters in billions; weights are two bytes each."""
    version: str = "0.25.1"
    gpus: tuple[int, ...] = (0,)
    gpu_memory_utilization: float = 0.6
    kv_token_bytes: int = 131_072
    max_model_len: int = 8192
    max_num_seqs: int = 64
    start: Start = Start.AWAKE
    cold_start_s: float | None = None
    """Process start to the first answer; None: as long as measured for a model of its size."""
    slept_before: bool = False
    """Its host copy is allocated: the slow first level 1 sleep has been."""
    clients: int = 0
    """Synthetic clients, each with one request at a time, thinking in between."""
    dev_mode: bool = True
    """VLLM_SERVER_DEV_MODE=1"""
    sleep_mode: bool = True
    """--enable-sleep-mode"""
    load_tracking: bool = True
    """--enable-server-load-tracking"""
    keyed: bool = False
    """--api-key: the routes under /v1 ask for the key of KEY_ENV."""
    served_name: str | None = None
    """Where the served name differs from the name in the fleet."""
    answer_prefix: str = ""
    """Text put before each answer: lets a model answer with control sequences."""
    faults: tuple[FaultSetting, ...] = ()
    """Switched on from the beginning."""

    @property
    def model_name(self) -> str:
        """The name that requests and metrics use."""
        return self.served_name if self.served_name is not None else self.name

    @property
    def parsed_version(self) -> Version:
        """The version as three numbers."""
        return parse(self.version) or (0, 25, 1)

    @property
    def weight_bytes(self) -> int:
        """All weights, over all its GPUs."""
        return round(self.params_b * 1e9) * BYTES_PER_PARAMETER

    @property
    def residual_bytes(self) -> int:
        """Held on each GPU whatever happens: context, kernels, graphs.

        Measured on an H200 with 0.25.1: 1.35 GiB for a 1.5B and 1.85 GiB for a 7.2B model.
        """
        return round((1.22 + 0.088 * self.params_b / len(self.gpus)) * GIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named fleet."""

    name: str
    title: str
    description: str
    gpus: tuple[GpuSpec, ...]
    engines: tuple[EngineSpec, ...]

    @property
    def host_bytes(self) -> int:
        """Memory of the machine: so much for each GPU."""
        return _HOST_BYTES_EACH * len(self.gpus)

    @property
    def server_names(self) -> tuple[str, ...]:
        """In fleet order."""
        return tuple(engine.name for engine in self.engines)

    def pool_bytes(self, engine: EngineSpec) -> int:
        """Weights and KV cache together, over all its GPUs: what level 2 frees.

        ``gpu_memory_utilization`` is a share of each GPU's total; half a GiB of it goes to
        activations that stay outside the pool (83.4 of 83.9 GiB on the measured machine).
        """
        totals = sum(self.gpus[index].total_bytes for index in engine.gpus)
        share = round(totals * engine.gpu_memory_utilization)
        return share - round(0.5 * GIB) * len(engine.gpus)

    def kv_tokens(self, engine: EngineSpec) -> int:
        """Tokens that its KV cache holds, in whole blocks."""
        tokens = (self.pool_bytes(engine) - engine.weight_bytes) // engine.kv_token_bytes
        return tokens // BLOCK_TOKENS * BLOCK_TOKENS
