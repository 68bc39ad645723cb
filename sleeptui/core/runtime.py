"""What benchmarks and starts need from the outside, as Protocols.

Apart from ``core.ports``, because the panel needs none of it before its first frame.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sleeptui.core.cold import Residency
from sleeptui.core.events import Event
from sleeptui.core.plan import Plan
from sleeptui.core.settings import ServerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a runtime says of a server."""

    is_running: bool
    what: str
    """``process 4711``, ``container exp1-code``."""
    pids: frozenset[int] = frozenset()
    """Its process tree, where it can be seen."""
    started_wall_s: float | None = None
    """Since the epoch, by the runtime's own stamp."""
    exit_code: int | None = None
    """Of one that has ended."""
    problem: str = ""
    """Why it does not run, as the runtime says; empty: nothing is known."""


class Runtime(Protocol):
    """Starts and ends servers: processes of this machine, containers, or simulated ones.

    All raise ContainerError or ProcessError, with what to do, and nothing else.
    """

    async def start(self, spec: ServerSpec) -> Running:
        """Start it and return at once: it takes long until it answers.

        Raises:
            ContainerError: It cannot be started, and why.
            ProcessError: The same of a process.
        """

    async def stop(self, spec: ServerSpec, limit_s: float) -> Running:
        """End it with its whole tree: told to at first, killed after ``limit_s``.

        One that does not run is no error.
        """

    async def state(self, spec: ServerSpec) -> Running:
        """Whether it runs, and what is known of it."""

    async def output(self, spec: ServerSpec) -> Sequence[str]:
        """What it has written since its start, cleaned, at most the last 64 KiB lines."""


class Runtimes(Protocol):
    """Which runtime a server has."""

    def of(self, spec: ServerSpec) -> Runtime | None:
        """Its runtime; None: it is started by others."""

    async def close(self) -> None:
        """Let go of connections. What was started goes on."""


class WeightFiles(Protocol):
    """The weights of servers as files of this machine, and the page cache over them."""

    async def residency(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        """How much is in the page cache. Never raises: ``problem`` tells.

        Args:
            spec: The server; ``weights`` names the files.
            command: Its command line, where the configuration does not name them.
        """

    async def evict(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        """Drop its clean pages from the page cache, and look again."""

    async def warm(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        """Read them all once, and look again."""

    async def compile_cache(self, spec: ServerSpec) -> str:
        """What is in its folder of compile caches: populated, empty, unknown. Never raises."""

    async def clear_compile_cache(self, spec: ServerSpec) -> str:
        """Empty its folder of compile caches. Returns why it could not; empty: it is empty."""

    async def read_bytes(self, pids: Sequence[int]) -> int | None:
        """What those processes have read physically so far; None: cannot be told."""


class Follower(Protocol):
    """Reads a journal that somebody else is writing."""

    def follow(self, session: str) -> AsyncIterator[Sequence[Event]]:
        """What is new in it, again and again, until its end has come.

        Raises:
            JournalError: It cannot be read, and why.
        """


class BenchChild(Protocol):
    """A benchmark in a process of its own."""

    async def recording(self) -> str:
        """Wait until it records. Returns the folder of its session; empty: it ended before."""

    async def ended(self) -> int:
        """Wait for its end. Returns its exit code."""

    def said(self) -> Sequence[str]:
        """The last lines that it has written, cleaned."""

    def stop(self) -> None:
        """Tell it to stop, as ctrl+c does; it restores the servers first."""

    async def close(self) -> None:
        """Let go of it: it goes on. One whose servers end with this program is ended."""


class Benches(Protocol):
    """Runs benchmarks in processes of their own, and follows those that run."""

    def plans(self) -> Sequence[Plan]:
        """The plans that come with the program."""

    async def start(self, plan: str, servers: Sequence[ServerSpec]) -> BenchChild:
        """Run a plan on these servers; it goes on when this program ends.

        Raises:
            ProcessError: It cannot be started, and why.
        """

    def follow(self, session: str) -> AsyncIterator[Sequence[Event]]:
        """As of ``Follower``."""
