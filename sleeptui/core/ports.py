"""What the services need from the outside, as Protocols."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sleeptui.core.canary import Answer
from sleeptui.core.learned import Learned
from sleeptui.core.model import (
    GpuReading,
    Home,
    Observation,
    ServerFacts,
    SleepLevel,
    SleepMode,
)
from sleeptui.core.settings import ServerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A control request that was answered 200; stamps from the monotonic clock."""

    sent_s: float
    """Before the request was written."""
    done_s: float
    """The answer was complete."""
    status: str | None = None
    """``status`` of the body (0.32 and later): sleeping, awake."""

    @property
    def duration_s(self) -> float:
        """Request written to answer complete."""
        return self.done_s - self.sent_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEvent:
    """A piece of a streamed answer."""

    at_s: float
    """Monotonic time of its arrival, before it was read."""
    text: str
    """Cleaned of control sequences, line feeds kept; may be empty."""
    tokens: int
    """Tokens generated so far, from the server's usage; chunks where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A finished answer, or as much as came."""

    sent_s: float
    headers_s: float | None
    first_token_s: float | None
    """Monotonic time of the first chunk with a token; a role-only chunk has none."""
    last_token_s: float | None
    ended_s: float
    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str | None
    """stop, length, abort, error; None: the stream was cut before it."""
    terminated: bool
    """``data: [DONE]`` was seen."""
    error: str | None = None
    """The error object inside the stream, in one line."""
    tokens: Answer = ()
    """Each token with its probabilities, where they were asked for (``canary``)."""


class EngineClient(Protocol):
    """One vLLM server. All raise core.errors.EngineError and nothing else."""

    async def observe(self, *, full: bool) -> Observation:
        """Look once. Never raises: what went wrong is in the observation.

        Args:
            full: Also read /metrics, /load and /is_paused; else only /is_sleeping.
        """

    async def facts(self) -> ServerFacts:
        """Read what changes only with a restart: version, models, switches."""

    async def sleep(self, level: SleepLevel, mode: SleepMode | None) -> Timed:
        """POST /sleep; ``mode`` only where the version knows it. Never retried."""

    async def wake(self, tags: Sequence[str] = ()) -> Timed:
        """POST /wake_up; no tags wakes everything. Never retried."""

    async def reload_weights(self) -> Timed:
        """POST /collective_rpc reload_weights: the second step of a level 2 wake."""

    async def reset_prefix_cache(self) -> Timed:
        """POST /reset_prefix_cache."""

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: Callable[[TokenEvent], None],
        model: str | None = None,
    ) -> Completion:
        """Stream one completion; ``on_token`` is called on the caller's event loop.

        Cancelling closes the connection, which aborts the request in the engine.
        A stream that breaks after its first token is returned as far as it came, with ``error``.

        Args:
            prompt: The text, with no chat template.
            max_tokens: Where the answer is cut.
            on_token: Called for each piece, in order.
            model: A served name (an alias, a LoRA adapter); None: the first.
        """

    async def canary(self, prompt: str, *, max_tokens: int) -> Completion:
        """Ask for a greedy answer with the id and log probabilities of each token.

        Salted, so that no prefix cache answers in the place of the weights; where the version
        knows no salt (before 0.9), the prefix cache is reset first, if that can be done.
        Bounded by ``timeouts.canary_s``. Cancelling aborts it in the engine.
        """

    async def close(self) -> None:
        """Close its connections."""


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


class Clock(Protocol):
    """Time; tests turn it by hand."""

    def now_s(self) -> float:
        """Monotonic seconds."""

    def wall_s(self) -> float:
        """Seconds since the epoch, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
