"""The values that travel inside: servers, what was seen of them, GPUs, and the picture of all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from sleeptui.core.canary import Check, Verification
from sleeptui.core.drift import Drift
from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.operation import Operation, OperationRecord
from sleeptui.core.recording import Recording
from sleeptui.core.series import Series
from sleeptui.core.settings import ServerSpec
from sleeptui.core.version import Features, features_of


class SleepLevel(IntEnum):
    """vLLM's sleep levels; anything else is never sent."""

    PAUSE = 0
    OFFLOAD = 1
    DISCARD = 2


class SleepMode(StrEnum):
    """What ``/sleep`` does with requests in flight."""

    ABORT = "abort"
    WAIT = "wait"
    KEEP = "keep"


class State(StrEnum):
    """What a server is in, the words of the panel."""

    UNKNOWN = "unknown"
    AWAKE = "awake"
    DRAINING = "draining"
    FALLING_ASLEEP = "falling asleep"
    WAKING = "waking"
    VERIFYING = "verifying"
    RELOADING = "reloading"
    STARTING = "starting"
    STOPPING = "stopping"
    ASLEEP = "asleep"
    PAUSED = "paused"
    PARTIAL = "partial"
    SUSPECT = "suspect"
    WEDGED = "wedged"
    NO_CONTROL = "no control"
    DOWN = "down"
    STALE = "stale"


IN_TRANSITION = frozenset(
    {
        State.DRAINING,
        State.FALLING_ASLEEP,
        State.WAKING,
        State.VERIFYING,
        State.RELOADING,
        State.STARTING,
        State.STOPPING,
    }
)


class Reach(StrEnum):
    """How far a look at a server got."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """The connection was refused, or broke: nothing listens."""
    TIMED_OUT = "timed out"
    """No answer in time: busy or hung, not down."""
    UNHEALTHY = "unhealthy"
    """``/health`` says 503: the engine is dead."""
    NOT_VLLM = "not vLLM"
    """Something else answers on the port, or the answer cannot be read."""


class Control(StrEnum):
    """Whether the sleep routes can be used."""

    UNKNOWN = "unknown"
    AVAILABLE = "available"
    NO_DEV_MODE = "no dev mode"
    """The routes answer 404: VLLM_SERVER_DEV_MODE is not 1."""
    NO_SLEEP_MODE = "no sleep mode"
    """``--enable-sleep-mode`` is missing, says ``/server_info``: sleeping would free nothing."""


class SleepMetric(StrEnum):
    """``vllm:engine_sleep_state``, one-hot."""

    AWAKE = "awake"
    OFFLOADED = "weights_offloaded"
    DISCARDED = "discard_all"
    NONE = "none"
    """All three are zero: level 0, or only the KV cache was released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMetrics:
    """The families of ``/metrics`` that are in use, summed over engines; None where absent."""

    running: int | None = None
    """vllm:num_requests_running"""
    waiting: int | None = None
    """vllm:num_requests_waiting"""
    kv_usage: float | None = None
    """vllm:kv_cache_usage_perc, 0..1, mean over engines"""
    sleep_metric: SleepMetric | None = None
    generation_tokens_total: float | None = None
    prompt_tokens_total: float | None = None
    preemptions_total: float | None = None
    requests_total: Mapping[str, float] = field(default_factory=dict)
    """vllm:request_success_total by finished_reason"""
    ttft_sum_s: float | None = None
    ttft_count: float | None = None
    """vllm:time_to_first_token_seconds, sum and count"""
    sleep_operation_s: float | None = None
    wake_operation_s: float | None = None
    """vllm:sleep_mode_operation_duration_seconds_sum by operation (0.32 and later)"""
    sleep_operations: int | None = None
    wake_operations: int | None = None
    """its counts"""
    operations_in_flight: int | None = None
    """vllm:sleep_mode_operations_in_flight, summed"""
    gpu_memory_utilization: float | None = None
    """from vllm:cache_config_info"""
    kv_cache_tokens: int | None = None
    """from vllm:cache_config_info: num_gpu_blocks x block_size"""
    process_start_s: float | None = None
    """process_start_time_seconds, epoch: tells a restart"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What changes only with a restart; asked once and after each restart."""

    version: str | None = None
    models: tuple[str, ...] = ()
    """Served names, the first is the one in the metrics."""
    root: str | None = None
    """Path or repository of the weights."""
    max_model_len: int | None = None
    sleep_enabled: bool | None = None
    """``enable_sleep_mode`` of /server_info; None where it cannot be read."""
    device: str | None = None
    """``device_config`` of /server_info: ``cuda``, ``cpu``; None where it cannot be read."""
    load_tracking: bool | None = None
    """``--enable-server-load-tracking`` is on: /load counts parked requests."""

    @property
    def features(self) -> Features:
        """What this version can do."""
        return features_of(self.version)

    @property
    def sleep_mode_advice(self) -> str:
        """What to do where sleep mode is off.

        On a CPU nothing: vLLM refuses to start there with the flag (``ModelConfig``, 0.32).
        """
        if self.device == "cpu":
            return "vLLM has no sleep mode on a CPU"
        return "start it with --enable-sleep-mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a server."""

    at_s: float
    """Monotonic time at which the look ended."""
    took_s: float
    reach: Reach
    problem: str | None = None
    """One sentence when it did not answer as it should."""
    control: Control = Control.UNKNOWN
    is_sleeping: bool | None = None
    is_paused: bool | None = None
    is_sleeping_slow: bool = False
    """/metrics answered, /is_sleeping did not: a transition runs in the engine."""
    is_broken_off: bool = False
    """Refused, though something took the connection before it broke."""
    metrics: EngineMetrics | None = None
    load: int | None = None
    """/load: requests that the server holds, parked ones too; None where it is not tracked."""


class MemorySource(StrEnum):
    """How a memory figure is known."""

    MEASURED = "measured"
    """NVML's own figures for the processes of the server."""
    ESTIMATED = "estimated"
    """The change of the GPU's used memory around our own operations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """GPU memory that a server holds."""

    by_gpu: Mapping[int, int]
    """Bytes by GPU index."""
    source: MemorySource

    @property
    def total_bytes(self) -> int:
        """Bytes on all its GPUs."""
        return sum(self.by_gpu.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """A process that holds memory on a GPU."""

    pid: int
    used_bytes: int | None
    """None where NVML does not say (containers, MIG, no permission)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSample:
    """One GPU at one moment; None where NVML has no value."""

    index: int
    name: str
    uuid: str = ""
    total_bytes: int | None = None
    used_bytes: int | None = None
    """NVML memory v2: without the driver's own reserve."""
    reserved_bytes: int | None = None
    """The driver's own reserve, of no use to anybody; None where it is part of ``used_bytes``."""
    utilization: float | None = None
    """0..1, time in which a kernel ran."""
    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None
    processes: tuple[GpuProcess, ...] | None = None
    """None where NVML cannot list them."""
    problem: str | None = None
    """One sentence when the GPU does not answer (lost, no permission)."""

    @property
    def free_bytes(self) -> int | None:
        """Total less used and reserved."""
        if self.total_bytes is None or self.used_bytes is None:
            return None
        return self.total_bytes - self.used_bytes - (self.reserved_bytes or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMemory:
    """Memory of the machine; level 1 puts weights there."""

    total_bytes: int
    available_bytes: int
    """Can be had without swapping (MemAvailable)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """All GPUs at one moment."""

    at_s: float
    gpus: tuple[GpuSample, ...] = ()
    problem: str | None = None
    """One sentence when there is no NVML at all."""
    host: HostMemory | None = None
    """Memory of the machine that the GPUs are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of the event log."""

    at_s: float
    server: str | None
    severity: str
    """info, good, warning, bad"""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServerView:
    """All that is known of one server, at one moment."""

    spec: ServerSpec
    state: State = State.UNKNOWN
    since_s: float = 0.0
    """Monotonic time at which the state began."""
    level: int | None = None
    verification: Verification | None = None
    """The newest canary since it last woke or started; None: its answers are not checked."""
    check_due: bool = False
    """Somebody else woke it: what it answers now is not known."""
    is_doubted: bool = False
    """Somebody else woke it from level 2, or from a level that is not known, and no answer has
    shown since that its weights were read again: it can give no reference."""
    reason: str = ""
    """Why, for states that need it: suspect, wedged, no control, down, stale."""
    advice: str = ""
    """What helps."""
    evidence: tuple[str, ...] = ()
    """How the state is known, a line a signal."""
    before_stale: State | None = None
    """The last known state while STALE."""
    facts: ServerFacts = ServerFacts()
    control: Control = Control.UNKNOWN
    """As the newest look found it."""
    home: Home | None = None
    seen_at_s: float | None = None
    """When it last answered."""
    metrics: EngineMetrics | None = None
    queue_frozen: bool = False
    """The queue figures are those of the last step before the sleep."""
    parked: int | None = None
    """Requests that wait for the wake; None where it cannot be known."""
    idle_since_s: float | None = None
    """Monotonic time since when no request has run, as far as is known; None: one runs."""
    was_busy: bool = False
    """A request ran until then; else that is since when it was looked at."""
    tokens_per_s: float | None = None
    last_ttft_s: float | None = None
    """First-token time of our last prompt, else the mean of the requests since the last look."""
    memory: GpuMemory | None = None
    on_gpus: tuple[int, ...] = ()
    """GPUs on which it was seen to hold memory, also when it is down."""
    residual_bytes: int | None = None
    """GPU memory held while asleep, as last measured."""
    operation: Operation | None = None
    """Ours, running or queued."""
    history: tuple[OperationRecord, ...] = ()
    """Newest first, bounded."""
    expected_s: float | None = None
    """How long the running operation took the last times."""
    cycles: int = 0
    """Our sleeps that ended well since the server was started."""
    learned: Learned = field(default_factory=Learned)
    """What is remembered of it beyond this run."""
    drift: tuple[Drift, ...] = ()
    """What grows from cycle to cycle."""
    memory_series: Series = field(default_factory=Series)
    running_series: Series = field(default_factory=Series)
    waiting_series: Series = field(default_factory=Series)

    @property
    def name(self) -> str:
        """The server's name, unique in the fleet."""
        return self.spec.name

    @property
    def check(self) -> Check:
        """The badge of an awake server."""
        return self.verification.check if self.verification else Check.UNVERIFIED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpuView:
    """One GPU and who holds its memory."""

    sample: GpuSample
    holders: tuple[tuple[str, int, MemorySource], ...] = ()
    """Server name, bytes, how known; in fleet order."""
    other_bytes: int | None = None
    """Used by none of the servers; None where the holders are not known well enough."""
    used_series: Series = field(default_factory=Series)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetView:
    """The whole picture; only FleetStore makes it."""

    at_s: float = 0.0
    servers: tuple[ServerView, ...] = ()
    gpus: tuple[GpuView, ...] = ()
    gpu_problem: str | None = None
    host: HostMemory | None = None
    notes: tuple[str, ...] = ()
    """What discovery found and why not, for the first screen."""
    looking: bool = True
    """Discovery is still running."""
    log: tuple[LogEntry, ...] = ()
    """Oldest first, bounded."""
    recording: Recording | None = None

    def server(self, name: str) -> ServerView | None:
        """The server of that name."""
        return next((view for view in self.servers if view.name == name), None)
