"""Settings: every default in one place, with its unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each kind of request may take."""

    connect_s: float = 1.0
    """Any connection."""
    probe_s: float = 2.0
    """A look: /is_sleeping, /metrics, /health."""
    sleep_s: float = 120.0
    """/sleep, after the drain."""
    wake_s: float = 120.0
    """/wake_up; at level 2 each of its steps."""
    drain_s: float = 120.0
    """How long a sleep waits for requests in flight."""
    prompt_s: float = 120.0
    """A test prompt, with its whole answer."""
    canary_s: float = 10.0
    """The canary, before a sleep and after a wake."""
    settle_s: float = 10.0
    """How long the state and the memory may take to be confirmed."""
    start_s: float = 900.0
    """A cold start, until the server answers."""
    stop_s: float = 60.0
    """How long a server that is told to end may take; then it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The prompt that proves a wake: sent before a sleep and after the wake, answers compared."""

    enabled: bool = True
    """Off for models where it costs too much, or that do not generate text."""
    prompt: str = "The quick brown fox jumps over the lazy dog. One, two, three,"
    """Sent as it is, with no chat template; the same answer each time is what matters."""
    max_tokens: int = 16
    """Compared tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """One server to watch, as configured or discovered."""

    name: str
    """Unique in the fleet."""
    url: str
    """Base URL without a trailing slash."""
    api_key_env: str | None = None
    """Name of the environment variable with the key; the key itself is never stored."""
    gpus: tuple[int, ...] | None = None
    """NVML indices; where not given, learnt from the processes."""
    container: str | None = None
    """Docker container name."""
    compose: str | None = None
    """Docker Compose service name."""
    command: tuple[str, ...] = ()
    """Starts it as a process of this machine; empty: it is started by others, or a container."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Added to that of the program, for ``command``."""
    cwd: str | None = None
    """Where ``command`` runs; without it: beside the configuration file."""
    weights: str | None = None
    """File or folder of its weights on this machine: what of it is in the page cache tells one
    cold start from another. Without it: found from its command line where that names a path."""
    compile_cache: str | None = None
    """Folder of its compile caches (VLLM_CACHE_ROOT); emptied for a first start ever."""
    level: int = 1
    """Sleep level when none is chosen."""
    pinned: bool = False
    """Never put to sleep by a switch or by sleep all."""
    canary: Canary = Canary()
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How often to look."""

    interval_s: float = 0.5
    """Between two looks at servers and GPUs."""
    fast_interval_s: float = 0.05
    """Between two readings of GPU memory around an operation."""
    discovery_s: float = 5.0
    """Between two searches for containers and processes."""
    stale_after_s: float = 5.0
    """A server that has not answered for so long is shown as stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a measurement counts."""

    settled_bytes: int = 32 << 20
    """GPU memory has settled when it stays within this."""
    settled_for_s: float = 0.3
    """How long GPU memory must stay within that."""
    freed_fraction: float = 0.5
    """A sleep that frees less than this share of what the server held is suspect."""
    regrown_fraction: float = 0.5
    """A sleeping server that holds more than this share of its awake memory is half awake."""
    residual_bytes: int | None = None
    """A sleeping server that holds more is suspect; without it there is no ceiling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDefaults:
    """What the prompt screen starts with."""

    text: str = "Say in one sentence why the sky is blue."
    """What is asked."""
    max_tokens: int = 64
    """The longest answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDefaults:
    """How sessions are recorded."""

    folder: str | None = None
    """Where their folders are made; without it: the platform's folder for the data of programs."""
    at_start: bool = False
    """From the first look on (``--record``)."""
    text: bool = False
    """Prompts and answers in full; else their hash and counts."""
    gpu_interval_s: float = 0.1
    """Between two readings of the GPUs while recording."""
    report: bool = True
    """Make the report and its tables when a recording has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one run."""

    servers: tuple[ServerSpec, ...] = ()
    demo: str | None = None
    """Scenario of the simulated fleet, instead of servers."""
    gpu_bank: str | None = None
    """Folder where simulated servers that run on their own keep the memory of their simulated
    GPUs: then there is no NVML to ask, and no figure is a measurement."""
    plan: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)
    """What the header of a recording says of the benchmark that it is of, by dotted name."""
    seed: int | None = None
    """Of the benchmark's order."""
    readonly: bool = False
    """Watch only: nothing can be put to sleep or woken."""
    sampling: Sampling = Sampling()
    thresholds: Thresholds = Thresholds()
    prompt: PromptDefaults = PromptDefaults()
    recording: RecordingDefaults = RecordingDefaults()
    theme: str = "textual-dark"
    """Any theme of Textual; the command palette shows them."""
    ascii: bool = False
    """Only ASCII characters: no bars, no braille, no glyphs."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Command id to keys, such as "server.wake" = "w,f2"."""
    source: str = "defaults"
    """Where the settings came from, for the header and for errors."""
