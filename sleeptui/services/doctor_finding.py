"""What the doctor finds, and what it finds it from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.settings import Settings
from sleeptui.services.places import Gpus


class Status(StrEnum):
    """How bad it is; the worst first."""

    BAD = "bad"
    """Something does not work, or will not."""
    WARN = "warn"
    """It works, and may hurt."""
    UNKNOWN = "unknown"
    """It cannot be seen; it may be good or bad."""
    OK = "ok"


NAMES_SAID = 3
ORDER = tuple(Status)
"""The worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was examined."""

    id: str
    """Stable name: ``sleep_mode``, ``bug.32714``, ``gpu.0``."""
    server: str | None
    """Name of the server; None: the machine."""
    title: str
    """A few words."""
    status: Status
    what: str
    """What is, one sentence."""
    known: str = ""
    """How that is known."""
    next: str = ""
    """What to type or to change; of what is well, empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the doctor looks at."""

    fleet: FleetView
    settings: Settings
    notes: tuple[str, ...] = ()
    """What of containers and processes could not be looked at, and why."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """``os.environ``: for the API keys that are named in the settings."""
    wall_s: float = 0.0
    """Seconds since the epoch."""
    gpus: Mapping[str, Gpus] = field(default_factory=dict)
    """On which GPUs of this machine a server is, by its name."""


def names(those: Sequence[str]) -> str:
    """``a, b, c and 4 more``."""
    more = len(those) - NAMES_SAID
    return ", ".join(those[:NAMES_SAID]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One server among all that the doctor looks at."""

    view: ServerView
    scene: Scene

    def find(
        self, id_: str, title: str, status: Status, what: str, *, known: str = "", to_do: str = ""
    ) -> Finding:
        """A finding of this server."""
        return Finding(
            id=id_,
            server=self.view.name,
            title=title,
            status=status,
            what=what,
            known=known,
            next=to_do,
        )
