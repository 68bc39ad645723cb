"""Calls from the API process into the engine process, as vLLM's utility calls.

They wait in line: while a transition keeps the engine loop busy, ``/is_sleeping`` waits too.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class CallFailed(Exception):
    """The engine refused; the text ends the captured ``Call to <method> method failed: ``."""


class Method(StrEnum):
    """What can be called; the values are the names in error messages."""

    SLEEP = "sleep"
    WAKE_UP = "wake_up"
    IS_SLEEPING = "is_sleeping"
    PAUSE = "pause_scheduler"
    RESUME = "resume_scheduler"
    IS_PAUSED = "is_scheduler_paused"
    COLLECTIVE_RPC = "collective_rpc"
    RESET_PREFIX_CACHE = "reset_prefix_cache"
    ABORT = "abort_requests"


OPERATIONS = {Method.SLEEP: "sleep", Method.WAKE_UP: "wake"}
"""Label ``operation`` of the sleep operation metrics (0.32)."""


@dataclass(eq=False, slots=True, kw_only=True)
class Call:
    """One call, from the moment it is sent to its result."""

    method: Method
    sent_s: float
    level: int = 1
    mode: str = "abort"
    tags: tuple[str, ...] | None = None
    function: str = ""
    """Worker method of a collective_rpc."""
    request_ids: frozenset[int] | None = field(default=None)
    """For abort; None: all."""
    done: bool = False
    value: bool | int | None = None
    error: str | None = None

    def finish(self, value: bool | int | None = None) -> None:
        """It returned."""
        self.done, self.value = True, value

    def fail(self, reason: str) -> None:
        """It raised; the answer is a 500 with this text."""
        self.done, self.error = True, f"Call to {self.method} method failed: {reason}"
