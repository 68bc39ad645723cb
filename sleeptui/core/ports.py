"""What the services need from the outside, as Protocols."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sleeptui.core.events import Event
from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import (
    GpuReading,
    Observation,
    ServerFacts,
    ServerView,
    SleepLevel,
    SleepMode,
)
from sleeptui.core.settings import ServerSpec

if TYPE_CHECKING:
    # Their classes take long to make; the first frame shows none of them.
    from sleeptui.core.completion import Completion, Timed, TokenEvent
    from sleeptui.core.environment import Machine
    from sleeptui.core.session import Session, SessionSummary


class EngineClient(Protocol):
    """One vLLM server. All raise core.errors.EngineError and nothing else."""

    async def observe(self, *, full: bool) -> Observation:
        """Look once. Never raises: what went wrong is in the observation.

        Args:
            full: Also read /metrics, /load and /is_paused; else only /is_sleeping.
        """

    async def facts(self) -> ServerFacts:
        """Read what changes only with a restart: version, models, switches."""

    async def sleep(self, level: SleepLevel, mode: SleepMode | None) -> "Timed":
        """POST /sleep; ``mode`` only where the version knows it. Never retried."""

    async def wake(self, tags: Sequence[str] = ()) -> "Timed":
        """POST /wake_up; no tags wakes everything. Never retried."""

    async def reload_weights(self) -> "Timed":
        """POST /collective_rpc reload_weights: the second step of a level 2 wake."""

    async def reset_prefix_cache(self) -> "Timed":
        """POST /reset_prefix_cache."""

    async def health(self) -> "Timed":
        """GET /health once, cheap and timed; raises unless it is answered with 200."""

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: "Callable[[TokenEvent], None]",
        model: str | None = None,
        ignore_eos: bool = False,
        detailed: bool = False,
        request_id: str = "",
        limit_s: float | None = None,
    ) -> "Completion":
        """Stream one completion; ``on_token`` is called on the caller's event loop.

        Cancelling closes the connection, which aborts the request in the engine.
        A stream that breaks after its first token is returned as far as it came, with ``error``.

        Args:
            prompt: The text, with no chat template.
            max_tokens: Where the answer is cut.
            on_token: Called for each piece, in order.
            model: A served name (an alias, a LoRA adapter); None: the first.
            ignore_eos: Its answer has ``max_tokens`` tokens, whatever the model thinks.
            detailed: With each token and its probabilities.
            request_id: Its X-Request-Id, letters, digits and ``-``; the server's log has it.
            limit_s: Bounds the whole of it, and its connection; None: as ``timeouts`` says.
        """

    async def canary(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: "Callable[[TokenEvent], None] | None" = None,
    ) -> "Completion":
        """Ask for a greedy answer with the id and log probabilities of each token.

        Salted, so that no prefix cache answers in the place of the weights; where the version
        knows no salt (before 0.9), the prefix cache is reset first, if that can be done.
        Bounded by ``timeouts.canary_s``. Cancelling aborts it in the engine. ``on_token`` as in
        ``complete``.
        """

    async def close(self) -> None:
        """Close its connections."""


class Lateness(Protocol):
    """How late an event loop was."""

    worst_s: float
    """At most; complete when the measuring has ended."""


class LoopMeter(Protocol):
    """Measures the stalls of the event loop that it is used on."""

    def measuring(self) -> AbstractContextManager[Lateness]:
        """Measure until the block ends."""


class EngineClients(Protocol):
    """Makes the client of a server."""

    def __call__(self, spec: ServerSpec) -> EngineClient:
        """A client that has not connected yet."""


class GpuProbe(Protocol):
    """Reads the GPUs."""

    async def sample(self) -> GpuReading:
        """All GPUs now. Never raises: problems are in the reading."""

    async def close(self) -> None:
        """Let go of the driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that looks like a vLLM server, found by discovery."""

    name: str
    """Container or served model name; not yet unique."""
    url: str | None
    """None: it has no port that can be reached from here."""
    origin: str
    """How it was found, for the first screen: ``container vllm-a``, ``process 4711``."""
    container: str | None = None
    problem: str | None = None
    """Why it cannot be watched."""


class HomeFinder(Protocol):
    """Finds where servers run, on this machine: processes, or containers."""

    async def homes(self, specs: Sequence[ServerSpec]) -> Mapping[str, Home]:
        """Home by server name, for those that were found.

        Raises:
            SleeptuiError: It cannot look at all, and why.
        """

    async def candidates(self) -> Sequence[Candidate]:
        """What looks like a vLLM server. Raises SleeptuiError if it cannot look."""

    def notes(self) -> Sequence[str]:
        """What the last look could not see and why, a sentence each: no Docker, no permission."""

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines of the server's output, cleaned.

        Raises:
            SleeptuiError: There is no log that can be read, and why.
        """

    async def close(self) -> None:
        """Close connections."""


class Notebook(Protocol):
    """What is learnt of servers, kept from run to run."""

    async def read(self, key: str) -> Learned | None:
        """What is known of a server; None: nothing.

        Raises:
            SleeptuiError: It cannot be read, and why.
        """

    async def write(self, key: str, learned: Learned) -> None:
        """Keep it.

        Raises:
            SleeptuiError: It cannot be kept, and why.
        """


class Journal(Protocol):
    """One session on its way to the disk."""

    @property
    def path(self) -> str:
        """The session's folder."""

    @property
    def problem(self) -> str:
        """What it cannot take, in one sentence; empty: all is well."""

    def heard(self, event: Event) -> None:
        """Take in an event: queued for the writer's thread; never blocks, never raises."""

    async def written(self) -> None:
        """Wait until all that was heard is with the operating system, at most for a second.

        An operation waits for this before its first request: a crash leaves a begin without an
        end, never an effect without a begin. A disk that is stuck must not hold it up for ever.
        """

    async def close(self, *, aborted: bool) -> None:
        """Write the end, and wait until the disk has it. Never raises; ``problem`` tells."""


class Journals(Protocol):
    """Opens recordings."""

    async def open(self, view: Callable[[str], ServerView | None]) -> Journal:
        """Begin a session in a new folder, with its header on the disk.

        Args:
            view: The picture of a server, as the fleet store has it when an event is heard.

        Raises:
            JournalError: It cannot be written there, and why.
        """


class Archive(Protocol):
    """The sessions that were recorded. Its methods may take long: call them off the loop."""

    def sessions(self) -> "Sequence[SessionSummary]":
        """All of them, newest first.

        Raises:
            JournalError: The folder cannot be read, and why.
        """

    def read(self, name: str) -> "Session":
        """One session, whole, from its journal alone.

        Args:
            name: Its name, a unique beginning or part of it, ``last``, or a path.

        Raises:
            JournalError: There is none, more than one, or it cannot be read.
        """

    def export(self, name: str) -> Sequence[str]:
        """Make the usual files from a session's journal, beside it.

        Returns:
            Paths of what was written.

        Raises:
            JournalError: The journal cannot be read.
            ExportError: A file cannot be written.
        """


class Reporter(Protocol):
    """Makes the files of a session that has just been recorded."""

    async def report(self, session: str) -> None:
        """Make them beside its journal; cancelling ends it.

        Args:
            session: Path of its folder.

        Raises:
            ExportError: They were not made, and why.
        """


class Surveyor(Protocol):
    """Describes the machine that is measured."""

    async def describe(self) -> "Machine":
        """All that can be read. Never raises: what could not be read is in it."""


class Clock(Protocol):
    """Time; tests turn it by hand."""

    def now_s(self) -> float:
        """Monotonic seconds."""

    def wall_s(self) -> float:
        """Seconds since the epoch, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
