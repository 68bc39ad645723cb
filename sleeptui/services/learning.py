"""Recalls what earlier runs have learnt of each server, and keeps what this one learns."""

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.events import (
    Event,
    FactsLearned,
    Noted,
    OperationEnded,
    Recalled,
    ReferenceTaken,
    ServerRemoved,
)
from sleeptui.core.fleet import FleetStore
from sleeptui.core.learned import LastOperation, Learned
from sleeptui.core.model import ServerFacts
from sleeptui.core.operation import Kind
from sleeptui.core.ports import Clock, Notebook
from sleeptui.core.text import one_line
from sleeptui.services.bus import Bus

KEY_LIMIT = 500


def key_of(url: str, facts: ServerFacts) -> str | None:
    """Under what a server is kept: its address, without a password, and its weights.

    None where it is not known what it serves: behind the same address another model may answer.
    """
    if not facts.models:
        return None
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return one_line(f"{address} {facts.root or facts.models[0]}", KEY_LIMIT)


@dataclass(slots=True, kw_only=True, eq=False)
class _Page:
    """One server in the notebook."""

    key: str
    is_recalled: bool = False
    is_due: bool = False
    """It has learnt something since it was last written."""
    kept: Learned | None = None
    """As it stands in the notebook."""
    task: asyncio.Task[None] | None = None


class Learning:
    """One task a server at most: reads it once, then writes the latest whenever that has changed.

    What fails is said once; it costs the memory of earlier runs, nothing else.
    """

    def __init__(self, *, bus: Bus, store: FleetStore, notebook: Notebook, clock: Clock) -> None:
        """Over a notebook; nothing is read before the models of a server are known."""
        self._bus = bus
        self._store = store
        self._notebook = notebook
        self._clock = clock
        self._pages: dict[str, _Page] = {}
        self._last: dict[str, LastOperation] = {}
        """Of this run; it may have ended before it was known what the server serves."""
        self._told: set[str] = set()
        self._group: asyncio.TaskGroup | None = None

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Follow the events from now on; the tasks belong to ``group``."""
        self._group = group
        self._bus.subscribe(self._follow)

    async def end(self) -> None:
        """Write what has changed, and wait for it."""
        for server, page in self._pages.items():
            page.is_due = True
            self._work_on(server, page)
        await self.settled()

    async def settled(self) -> None:
        """Wait until what has begun to be read or written is."""
        if tasks := {page.task for page in self._pages.values() if page.task is not None}:
            await asyncio.wait(tasks)

    def _follow(self, event: Event) -> None:
        match event:
            case FactsLearned():
                self._open(event.server, event.facts)
            case ServerRemoved():
                self._pages.pop(event.server, None)
                self._last.pop(event.server, None)
            case OperationEnded() if event.record.kind is not Kind.PROMPT:
                self._note_end(event)
            case ReferenceTaken():
                self._write_soon(event.server)
            case _:
                pass

    def _open(self, server: str, facts: ServerFacts) -> None:
        view = self._store.server(server)
        key = key_of(view.spec.url, facts) if view is not None else None
        page = self._pages.get(server)
        if key is None or (page is not None and page.key == key):
            return
        self._pages[server] = _Page(key=key)
        self._work_on(server, self._pages[server])

    def _note_end(self, event: OperationEnded) -> None:
        """Keep what an operation has taught, and which one it was."""
        record = event.record
        if not record.is_idle:
            ended_wall_s = self._clock.wall_s() - self._clock.now_s() + event.at_s
            self._last[record.server] = LastOperation.of(record, ended_wall_s)
        self._write_soon(record.server)

    def _write_soon(self, server: str) -> None:
        if page := self._pages.get(server):
            page.is_due = True
            self._work_on(server, page)

    def _work_on(self, server: str, page: _Page) -> None:
        if self._group is not None and (page.task is None or page.task.done()):
            page.task = self._group.create_task(self._work(server, page), name=f"learn {server}")

    async def _work(self, server: str, page: _Page) -> None:
        if not page.is_recalled:
            await self._recall(server, page)
        while page.is_due:
            page.is_due = False
            await self._write(server, page)

    async def _recall(self, server: str, page: _Page) -> None:
        try:
            page.kept = await self._notebook.read(page.key)
        except SleeptuiError as error:
            self._say(error)
        page.is_recalled = True
        if page.kept is not None and self._pages.get(server) is page:
            now_s = self._clock.now_s()
            self._bus.publish(Recalled(at_s=now_s, server=server, learned=page.kept))

    async def _write(self, server: str, page: _Page) -> None:
        view = self._store.server(server)
        is_open = self._pages.get(server) is page
        if view is None or not is_open:
            return
        learned = replace(view.learned, last=self._last.get(server) or view.learned.last)
        if learned in (page.kept, Learned()):
            return
        try:
            await self._notebook.write(page.key, learned)
        except SleeptuiError as error:
            self._say(error)
        else:
            page.kept = learned

    def _say(self, error: SleeptuiError) -> None:
        """Say it once: the next write fails for the same reason."""
        text = str(error)
        if text not in self._told:
            self._told.add(text)
            now_s = self._clock.now_s()
            self._bus.publish(Noted(at_s=now_s, server=None, severity="warning", text=text))
