"""Stand-ins for journals: what was heard is kept, what the disk does is up to the test."""

import asyncio
from collections.abc import Callable

from sleeptui.core.environment import Machine
from sleeptui.core.errors import ExportError, JournalError
from sleeptui.core.events import Event
from sleeptui.core.model import ServerView


class FakeJournal:
    """Implements Journal."""

    def __init__(self, path: str, view: Callable[[str], ServerView | None]) -> None:
        self._path = path
        self.view = view
        self.problem = ""
        self.events: list[Event] = []
        self.waits: list[int] = []
        """How many events it had heard, each time somebody waited for them."""
        self.hold: asyncio.Event | None = None
        """What is heard is written when it is set; so is the end."""
        self.aborted: bool | None = None
        """How it was closed; None: it is open."""

    @property
    def path(self) -> str:
        return self._path

    def heard(self, event: Event) -> None:
        assert self.aborted is None
        self.events.append(event)

    async def written(self) -> None:
        self.waits.append(len(self.events))
        if self.hold is not None:
            await self.hold.wait()

    async def close(self, *, aborted: bool) -> None:
        if self.hold is not None:
            await self.hold.wait()
        assert self.aborted is None
        self.aborted = aborted


class FakeJournals:
    """Implements Journals."""

    def __init__(self) -> None:
        self.opened: list[FakeJournal] = []
        self.refusal: JournalError | None = None
        self.hold: asyncio.Event | None = None
        """An opening ends when it is set."""

    async def open(self, view: Callable[[str], ServerView | None]) -> FakeJournal:
        if self.hold is not None:
            await self.hold.wait()
        if self.refusal is not None:
            raise self.refusal
        self.opened.append(FakeJournal(f"/sessions/{len(self.opened) + 1}", view))
        return self.opened[-1]

    @property
    def last(self) -> FakeJournal:
        return self.opened[-1]


class FakeReporter:
    """Implements Reporter."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hold: asyncio.Event | None = None
        self.refusal: ExportError | None = None
        self.cancelled = 0

    async def report(self, session: str) -> None:
        self.asked.append(session)
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.refusal is not None:
            raise self.refusal


class FakeSurveyor:
    """Implements Surveyor."""

    async def describe(self) -> Machine:
        return Machine(host="gpu-box-1")
