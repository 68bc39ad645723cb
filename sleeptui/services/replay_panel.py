"""The services of a replay: what the panel needs, from a tape in the place of a fleet."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, NoReturn, Self

from sleeptui.core.completion import TokenEvent
from sleeptui.core.errors import NotAllowed, SleeptuiError
from sleeptui.core.home import Home
from sleeptui.core.model import SleepLevel, SleepMode
from sleeptui.core.ports import Archive, Clock
from sleeptui.core.settings import Settings
from sleeptui.core.tape import Tape
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import end
from sleeptui.services.replay import Replay
from sleeptui.services.stage import Asked, Records

REPAINT_S: Final = 0.25
"""The panel paints no more often than is looked: a replay moves all the time."""


def refused() -> NotAllowed:
    """What every command that needs a server is answered."""
    return NotAllowed(
        "This is a replay: there is no server to ask", hint="leave it, and run sleeptui"
    )


class NoOrders:
    """Takes no order."""

    busy = False

    def sleep(
        self, server: str, *, level: SleepLevel | None = None, mode: SleepMode | None = None
    ) -> Asked:
        """Refused."""
        del level, mode
        _refuse(server)

    def wake(self, server: str, *, verify: bool = True, force: bool = False) -> Asked:
        """Refused."""
        del verify, force
        _refuse(server)

    def switch(self, server: str, *, force: bool = False) -> Asked:
        """Refused."""
        del force
        _refuse(server)

    def verify(self, server: str) -> Asked:
        """Refused."""
        _refuse(server)

    def prompt(
        self, server: str, text: str, *, max_tokens: int, on_token: Callable[[TokenEvent], None]
    ) -> Asked:
        """Refused."""
        del text, max_tokens, on_token
        _refuse(server)

    def cancel(self, server: str) -> bool:
        """Refused."""
        _refuse(server)


class Recorded:
    """What was looked at, and how often, when it was recorded."""

    interval_s = REPAINT_S
    home_problem = ""

    def set_interval(self, seconds: float) -> None:
        """What was recorded is not looked at more often."""

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """Logs of servers are not recorded."""
        del home, lines
        raise SleeptuiError("A recording has no logs of servers")

    def notes(self) -> Sequence[str]:
        """Nothing is looked at."""
        return ()


class ReplayServices:
    """Owns the task that plays. Opened outside the app, closed after it."""

    archive: Archive | None = None
    recordings: Records | None = None
    bench: None = None
    """A replay moves no servers."""

    def __init__(self, *, tape: Tape, clock: Clock, viewer: Settings, speed: float = 1.0) -> None:
        """Over a tape.

        Args:
            tape: What is played.
            clock: That of whoever watches.
            viewer: Theme, keys and glyphs of whoever watches.
            speed: At first.
        """
        self.settings = replace(
            tape.settings,
            theme=viewer.theme,
            ascii=viewer.ascii,
            keymap=viewer.keymap,
            source=viewer.source,
            readonly=False,  # that it is a replay says more
        )
        self.bus = Bus()
        self.replay = Replay(tape=tape, bus=self.bus, real=clock, speed=speed)
        self.clock = self.replay.clock
        self.store = self.replay.store
        self.operations = NoOrders()
        self.supervisor = self.finder = Recorded()
        self._group = asyncio.TaskGroup()
        self._playing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open; nothing is played yet."""
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop playing."""
        if self._playing is not None:
            await end(self._playing)
        await self._group.__aexit__(kind, error, trace)

    def open_bench(self) -> None:
        """A replay moves no servers."""

    def begin(self) -> None:
        """Play: after the first frame of the app.

        Raises:
            RuntimeError: It plays already.
        """
        if self._playing is not None:
            raise RuntimeError(self)
        self._playing = self._group.create_task(self.replay.run(), name="replay")


def _refuse(server: str) -> NoReturn:
    del server
    raise refused()
