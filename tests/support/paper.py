"""Services for tests of the screens: a picture that tests set, commands that are written down."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.builders import record
from support.clock import ManualClock

from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.errors import NoRoom, NotAllowed, SleeptuiError
from sleeptui.core.events import Event
from sleeptui.core.home import Home
from sleeptui.core.lifecycle import refusal
from sleeptui.core.model import FleetView
from sleeptui.core.operation import Kind, OperationRecord
from sleeptui.core.settings import Settings
from sleeptui.services.bus import Bus


class PaintedStore:
    """A store whose picture is set by hand."""

    def __init__(self, view: FleetView) -> None:
        self.view = view
        self.asked = 0

    @property
    def recording(self):
        return self.view.recording

    def apply(self, event: Event) -> None:
        self.asked += 1


class PaperTicket:
    """A ticket that ends when the test says so."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.completion: Completion | None = None
        self.cancelled = False
        self._end: asyncio.Future[OperationRecord] = asyncio.get_running_loop().create_future()

    async def ended(self) -> OperationRecord:
        return await asyncio.shield(self._end)

    def end(self, result: OperationRecord, completion: Completion | None = None) -> None:
        self.completion = completion
        self._end.set_result(result)

    def cancel(self) -> bool:
        self.cancelled = True
        return True


class PaperOperations:
    """Writes down what was submitted; refuses as the state table does."""

    def __init__(self, store: PaintedStore, *, readonly: bool) -> None:
        self.busy = False
        self.asked: list[tuple[Any, ...]] = []
        self.tickets: list[PaperTicket] = []
        self.without_room: set[tuple[str, str]] = set()

        self.stoppable: set[str] = set()

        self.on_token: Callable[[TokenEvent], None] | None = None
        self._store = store
        self._readonly = readonly

    def sleep(self, server: str, *, level: Any = None, mode: Any = None) -> PaperTicket:
        return self._submit("server.sleep_options", "sleep", server, level, mode)

    def wake(self, server: str, *, verify: bool = True, force: bool = False) -> PaperTicket:
        return self._fitted("server.wake", "wake", server, force=force)

    def switch(self, server: str, *, force: bool = False) -> PaperTicket:
        return self._fitted("server.switch", "switch", server, force=force)

    def verify(self, server: str) -> PaperTicket:
        return self._submit("server.verify", "verify", server)

    def cancel(self, server: str) -> bool:
        if server not in self.stoppable:
            raise NotAllowed(f"{server}: nothing waits or drains")
        self.asked.append(("cancel", server))
        return True

    def prompt(
        self, server: str, text: str, *, max_tokens: int, on_token: Callable[[TokenEvent], None]
    ) -> PaperTicket:
        ticket = self._submit("server.prompt", "prompt", server, text, max_tokens)
        self.on_token = on_token
        return ticket

    def _fitted(self, command_id: str, kind: str, server: str, *, force: bool) -> PaperTicket:
        if force:
            return self._submit(command_id, kind, server, "force")
        if (kind, server) in self.without_room:
            raise NoRoom(
                f"{server} needs 80.0 GiB on GPU 0, 39.4 GiB are free",
                hint="x makes room: code could give 58.3 GiB",
            )
        return self._submit(command_id, kind, server)

    def _submit(self, command_id: str, *asked: Any) -> PaperTicket:
        view = self._store.view.server(asked[1])
        refused = refusal(command_id, view, readonly=self._readonly) if view else NotAllowed("gone")
        if refused is not None:
            raise refused
        self.asked.append(asked)
        self.tickets.append(PaperTicket(len(self.tickets) + 1))
        return self.tickets[-1]


class PaperSupervisor:
    """Holds a rate."""

    def __init__(self) -> None:
        self.interval_s = 0.5
        self.home_problem = ""

    def set_interval(self, seconds: float) -> None:
        self.interval_s = min(max(seconds, 0.1), 10.0)


@dataclass
class PaperFinder:
    """Logs by container name."""

    logs: dict[str, list[str]] = field(default_factory=dict)
    problem: SleeptuiError | None = None
    reads: int = 0

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        self.reads += 1
        if self.problem is not None:
            raise self.problem
        return self.logs.get(home.container or "", [])[-lines:]

    def notes(self) -> Sequence[str]:
        return ()

    async def homes(self, specs: Any) -> Mapping[str, Home]:
        return {}

    async def candidates(self) -> Sequence[Any]:
        return ()

    async def close(self) -> None:
        return


class PaperServices:
    """What the app is given, with nothing behind it."""

    replay = None
    archive = None
    recordings = None
    bench = None

    def __init__(self, view: FleetView, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.bus = Bus()
        self.store = PaintedStore(view)
        self.operations = PaperOperations(self.store, readonly=self.settings.readonly)
        self.supervisor = PaperSupervisor()
        self.finder = PaperFinder()
        self.clock = ManualClock()
        self.begun = 0
        self.bus.subscribe(self.store.apply)

    def begin(self) -> None:
        self.begun += 1

    def open_bench(self):
        return self.bench

    def paint(self, view: FleetView, event: Event) -> None:
        """A new picture, and the event that made it."""
        self.store.view = view
        self.bus.publish(event)


def prompt_record(server: str = "qwen", **fields: Any) -> OperationRecord:
    """A prompt that ended well."""
    return record(
        Kind.PROMPT,
        server,
        **{"first_token_s": 0.05, "tokens_per_s": 120.0, "duration_s": 0.6, "parts": (), **fields},
    )
