"""One look at all processes of this machine, through psutil: who is whose child."""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptui.core.errors import ProcessError

if TYPE_CHECKING:
    import psutil

# The groups that Docker, Podman, Kubernetes (containerd, CRI-O) and LXC put processes into.
_CONTAINER_GROUP = re.compile(
    r"/docker/|docker-[0-9a-f]{12,}|libpod[-_]|/kubepods|/cri-|/crio-|/lxc[/.]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A TCP socket that listens."""

    address: str
    port: int
    pid: int | None
    """None: it belongs to a process of another user."""


class ProcessTable:
    """The processes at one moment. What is gone or forbidden meanwhile reads as unknown."""

    def __init__(
        self, processes: Mapping[int, "psutil.Process"], parents: Mapping[int, int]
    ) -> None:
        self._processes = processes
        self._parents = parents
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        self._argv: dict[int, list[str]] = {}
        for pid, parent in parents.items():
            self._children[parent].append(pid)

    @classmethod
    def read(cls) -> "ProcessTable":
        """Read the process list; 30 us a process.

        Raises:
            ProcessError: There is no process list to read.
        """
        import psutil  # noqa: PLC0415 - late, the first frame does not wait for it

        processes: dict[int, psutil.Process] = {}
        parents: dict[int, int] = {}
        try:
            for process in psutil.process_iter():
                try:
                    parents[process.pid] = process.ppid()
                except psutil.Error:
                    continue
                processes[process.pid] = process
        except OSError as error:
            raise ProcessError(
                f"The processes of this machine cannot be listed: {error.strerror or error}",
                hint="Is /proc mounted?",
            ) from error
        return cls(processes, parents)

    @property
    def pids(self) -> Iterable[int]:
        """All processes."""
        return self._processes.keys()

    def parent(self, pid: int) -> int | None:
        """The parent, if it is there."""
        parent = self._parents.get(pid)
        return parent if parent in self._processes else None

    def tree(self, root: int) -> frozenset[int]:
        """A process and all that descend from it; empty if it is not there."""
        found: set[int] = set()
        waiting = [root] if root in self._processes else []
        while waiting:
            pid = waiting.pop()
            if pid not in found:
                found.add(pid)
                waiting.extend(self._children.get(pid, ()))
        return frozenset(found)

    def container(self, pid: int | None, identity: str) -> frozenset[int]:
        """The processes of a container, on this machine; empty where they are another machine's.

        PIDs of a remote daemon, or of a panel that itself runs in a container, name other
        processes here or none: so the control group must name the container.

        Args:
            pid: Its first process, as the daemon's machine counts; None: it has none.
            identity: The whole id of the container.
        """
        if pid is None or identity not in control_groups(pid):
            return frozenset()
        return self.tree(pid)

    def started_s(self, pid: int) -> float | None:
        """When it was started, seconds since the epoch; with the PID it names a process.

        None also of one that has ended and that its parent has not taken note of: in a container
        whose first process takes no note of anything it stays in the list for good.
        """
        import psutil  # noqa: PLC0415

        process = self._processes.get(pid)
        try:
            if process is None or process.status() == psutil.STATUS_ZOMBIE:
                return None
            return process.create_time()
        except psutil.Error:
            return None

    def started_at(self, pid: int) -> str | None:
        """When it was started, UTC, ISO 8601, in whole seconds."""
        started_s = self.started_s(pid)
        if started_s is None:
            return None
        return dt.datetime.fromtimestamp(started_s, dt.UTC).isoformat(timespec="seconds")

    def argv(self, pid: int) -> list[str]:
        """Its command line, or the title it gave itself; empty where unknown."""
        if pid not in self._argv:
            self._argv[pid] = self._read_argv(pid)
        return self._argv[pid]

    def _read_argv(self, pid: int) -> list[str]:
        import psutil  # noqa: PLC0415

        process = self._processes.get(pid)
        try:
            return process.cmdline() if process else []
        except psutil.Error:
            return []

    def environment(self, pid: int) -> Mapping[str, str]:
        """The variables that it was started with; empty where unknown (another user's)."""
        import psutil  # noqa: PLC0415

        process = self._processes.get(pid)
        try:
            return process.environ() if process else {}
        except (psutil.Error, OSError):
            return {}

    def program(self, pid: int) -> str:
        """The name of its program, as ``ps`` shows it; empty where unknown."""
        import psutil  # noqa: PLC0415

        process = self._processes.get(pid)
        try:
            return process.name() if process else ""
        except psutil.Error:
            return ""

    def host_bytes(self, pids: Iterable[int]) -> int | None:
        """Resident host memory, summed; memory shared among them counts for each."""
        import psutil  # noqa: PLC0415

        total: int | None = None
        for pid in pids:
            process = self._processes.get(pid)
            try:
                if process is not None:
                    total = (total or 0) + process.memory_info().rss
            except psutil.Error:
                continue
        return total


def listeners() -> list[Listener]:
    """All TCP sockets that listen, in one pass; 0.1 ms and more a process, so not often.

    Raises:
        ProcessError: The system does not show its sockets.
    """
    import psutil  # noqa: PLC0415

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError) as error:
        raise ProcessError(
            "The listening ports of this machine cannot be read",
            hint="Is /proc mounted, and readable for this user?",
        ) from error
    return [
        Listener(address=one.laddr.ip, port=one.laddr.port, pid=one.pid)
        for one in connections
        if one.status == psutil.CONN_LISTEN and one.laddr
    ]


def sees_our_ports(pid: int) -> bool:
    """The process uses this machine's network, so that its ports are ours.

    Told by its network namespace; where that is not to be read (another user's process) by its
    control group, which anybody may read.
    """
    try:
        own = Path("/proc/self/ns/net").readlink()
        return Path(f"/proc/{pid}/ns/net").readlink() == own
    except PermissionError:
        return _CONTAINER_GROUP.search(control_groups(pid)) is None
    except OSError:
        return False


def control_groups(pid: int) -> str:
    """The text of /proc/PID/cgroup: it names the container; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cgroup").read_text(errors="replace")
    except OSError:
        return ""
