"""What the panel stands on: the services of a fleet, or those of a replay."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.home import Home
from sleeptui.core.model import FleetView, ServerView, SleepLevel, SleepMode
from sleeptui.core.operation import OperationRecord
from sleeptui.core.ports import Archive, Clock
from sleeptui.core.recording import Recording
from sleeptui.core.settings import Settings
from sleeptui.services.bus import Bus
from sleeptui.services.replay import Replay

if TYPE_CHECKING:
    from sleeptui.services.bench_watch import BenchWatch  # not for the first frame


class Picture(Protocol):
    """Where the newest picture is."""

    @property
    def view(self) -> FleetView:
        """Of the whole fleet."""

    @property
    def recording(self) -> Recording | None:
        """The recording that runs, or the last one."""

    def server(self, name: str) -> ServerView | None:
        """Of one server."""


class Asked(Protocol):
    """An operation that was asked for."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def completion(self) -> Completion | None:
        """The answer of a prompt, once it has ended."""

    async def ended(self) -> OperationRecord:
        """Wait for its end."""

    def cancel(self) -> bool:
        """Stop it, where that can be done."""


class Orders(Protocol):
    """Takes orders. All raise core.errors.NotAllowed where one is refused."""

    @property
    def busy(self) -> bool:
        """Whether operations run or wait."""

    def sleep(
        self, server: str, *, level: SleepLevel | None = None, mode: SleepMode | None = None
    ) -> Asked:
        """Put a server to sleep."""

    def wake(self, server: str, *, verify: bool = True, force: bool = False) -> Asked:
        """Wake a server."""

    def switch(self, server: str, *, force: bool = False) -> Asked:
        """Make room for a server, and wake it."""

    def verify(self, server: str) -> Asked:
        """Ask a server the canary."""

    def prompt(
        self, server: str, text: str, *, max_tokens: int, on_token: Callable[[TokenEvent], None]
    ) -> Asked:
        """Send a test prompt."""

    def cancel(self, server: str) -> bool:
        """Take back what waits or drains."""


class Looks(Protocol):
    """How often the servers are looked at."""

    @property
    def interval_s(self) -> float:
        """Between two looks."""

    @property
    def home_problem(self) -> str:
        """Why containers and processes could not be looked at; empty: they could."""

    def set_interval(self, seconds: float) -> None:
        """Look more or less often."""


class Records(Protocol):
    """Records what happens. ``toggle`` and ``mark`` raise NotAllowed where they cannot."""

    @property
    def path(self) -> str | None:
        """The folder of the recording that runs; None: nothing is recorded."""

    def toggle(self) -> None:
        """Begin a recording, or end the one that runs."""

    def mark(self, text: str = "") -> None:
        """Mark this moment."""


class Outputs(Protocol):
    """What the servers themselves have written."""

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines of a server's output. Raises SleeptuiError: there is none."""

    def notes(self) -> Sequence[str]:
        """What could not be looked at, and why."""


class Stage(Protocol):
    """What the app is given. It outlives the app."""

    @property
    def settings(self) -> Settings:
        """Of this run."""

    @property
    def clock(self) -> Clock:
        """The time of what is shown."""

    @property
    def bus(self) -> Bus:
        """What happens."""

    @property
    def store(self) -> Picture:
        """What is known."""

    @property
    def operations(self) -> Orders:
        """What can be asked for."""

    @property
    def supervisor(self) -> Looks:
        """Who looks."""

    @property
    def finder(self) -> Outputs:
        """Who finds."""

    @property
    def archive(self) -> Archive | None:
        """What was recorded; None: it is not at hand."""

    @property
    def recordings(self) -> Records | None:
        """What records; None: nothing can be recorded here."""

    @property
    def bench(self) -> "BenchWatch | None":
        """The benchmark beside the panel; None: none was asked for yet."""

    def open_bench(self) -> "BenchWatch | None":
        """What runs benchmarks; None: none can be run here."""

    @property
    def replay(self) -> Replay | None:
        """The tape that is played; None: this is no replay."""

    def begin(self) -> None:
        """Start: after the first frame of the app."""
