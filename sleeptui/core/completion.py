"""What requests to a server come to: stamps of control requests, pieces and ends of answers."""

from dataclasses import dataclass

from sleeptui.core.canary import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A control request that was answered 200; stamps from the monotonic clock."""

    sent_s: float
    """Before the request was written."""
    done_s: float
    """The answer was complete."""
    status: str | None = None
    """``status`` of the body (0.32 and later): sleeping, awake."""
    late_s: float | None = None
    """How late the loop that took the stamps was meanwhile, at most; None: not measured."""

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
    late_s: float | None = None
    """As of ``Timed``."""
