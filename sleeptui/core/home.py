"""Where a server runs: its container or its processes, and how it was started."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a server runs: its container or its processes on this machine."""

    pids: frozenset[int] = frozenset()
    """The whole process tree, as the host counts."""
    container: str | None = None
    """Container name."""
    container_state: str | None = None
    """Docker's word: running, exited, paused, restarting, created."""
    health: str | None = None
    """Docker's health check: starting, healthy, unhealthy; None where there is none."""
    exit_code: int | None = None
    """Of a container that has ended; 137: killed, mostly by the kernel for memory."""
    started_at: str | None = None
    """UTC, ISO 8601."""
    restarts: int | None = None
    listens_on: tuple[str, ...] = ()
    """Addresses that its port is bound to on this machine: 127.0.0.1, 0.0.0.0, ::; empty: not
    known."""
    log_path: str | None = None
    """The file that the server's output goes to, where it is one."""
    host_bytes: int | None = None
    """Resident host memory of the tree, summed over its processes."""
    command: tuple[str, ...] = ()
    """The command line that started the server, its secrets replaced by ``***``; empty: not
    known, or a title has taken its place."""
    image: str | None = None
    """Name of the container's image."""
    image_digest: str | None = None
    """Docker's id of that image, ``sha256:…``: a name may be given to another one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Those variables that steer vLLM, CUDA and NCCL and hold no secret."""

    @property
    def shares_memory(self) -> bool:
        """Whether what its processes share counts for each of them in ``host_bytes``."""
        return len(self.pids) > 1
