"""One run of ``sleeptui bench``, from the first look at the fleet to the last server restored."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sleeptui.adapters.bench_lock import holding, lock_folder
from sleeptui.cli_bench_paint import BenchScreen, inked, room_of
from sleeptui.cli_output import Paper, put
from sleeptui.cli_signals import Stops, agreed, signals
from sleeptui.cli_work import DONE, FAILED, INTERRUPTED, UNREACHABLE
from sleeptui.core.errors import ConfigError, JournalError, SleeptuiError
from sleeptui.core.model import ServerView, State
from sleeptui.core.plan import Plan
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.core.verdict import Word
from sleeptui.services import bench_json, bench_words
from sleeptui.services.bench.prepared import BenchEnd, Criteria, Prepared, barred, prepare
from sleeptui.services.bench.runner import run_bench
from sleeptui.services.doctor_survey import Survey
from sleeptui.wiring import open_services

if TYPE_CHECKING:
    from sleeptui.services.panel import Services

LOOK_LIMIT_S = 30.0
"""How long it waits until every server was looked at once."""
_BAD = frozenset({Word.FAIL, Word.INVALID})
_NOT_THERE = frozenset({State.DOWN, State.STALE, State.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for."""

    plan: Plan
    seed: int
    criteria: Criteria
    is_dry: bool = False
    is_agreed: bool = False
    """Nobody is asked."""
    is_announced: bool = False
    """The session's folder is told on stdout as soon as there is one, as JSON."""


@dataclass(slots=True, kw_only=True)
class Done:
    """How it ended.

    Attributes:
        code: Exit code.
        path: The folder of the session; empty: there is none.
    """

    order: Order
    paper: Paper
    code: int = DONE
    path: str = ""
    end: BenchEnd | None = None
    told: tuple[str, ...] = ()
    """For stdout, where nothing was measured."""

    def say(self, text: str) -> None:
        """A line on standard error."""
        with suppress(OSError):
            click.echo(self.paper.spelt(f"sleeptui: {text}"), err=True)

    def lines(self, paper: Paper) -> list[str]:
        """The result for a reader: verdicts, then the folder of the session."""
        made = [paper.spelt(line) for line in self.told]
        if self.end is not None and self.end.verdicts:
            width = room_of(paper, paper.width) if paper.width is not None else None
            verdicts = bench_words.verdicts(self.end.verdicts, width)
            made += [inked(line, paper) for line in verdicts]
            made += [inked(bench_words.summary(self.end.verdicts), paper)]
        return [*made, self.path] if self.path else made

    def as_json(self) -> str:
        """The result for a program; empty: nothing was measured."""
        end = self.end
        if end is None:
            return ""
        return bench_json.text(
            bench_json.BenchJson(
                session=self.path,
                plan=self.order.plan.name,
                seed=self.order.seed,
                ended=end.cls,
                steps=end.steps,
                done=end.done,
                failed=end.failed,
                skipped=end.skipped,
                left=list(end.left),
                counts=bench_json.counts(end.verdicts),
                verdicts=[bench_json.of_verdict(one) for one in end.verdicts],
            )
        )


async def measure(settings: Settings, order: Order) -> Done:
    """Open the services, measure, restore, close.

    Raises:
        ConfigError: The plan does not fit the fleet, or the session cannot be written.
        NotAllowed: A benchmark runs on one of the servers already.
    """
    paper = Paper.of(sys.stderr, ascii_only=settings.ascii)
    done, stops = Done(order=order, paper=paper), Stops()
    services = open_services(settings)
    services.hands_off = True  # no canary comes between that no plan has asked for
    screen = BenchScreen(sys.stderr, paper, services.clock)
    refused: SleeptuiError | None = None
    with signals(stops.order):
        async with services:
            try:
                await _Measuring(services, done, stops, screen).run()
            except SleeptuiError as error:  # told when all is closed, and not within a group
                refused = error
    if refused is not None:
        raise refused
    return done


class _Measuring:
    """The parts of a run, one after the other; each may end it."""

    def __init__(self, services: "Services", done: Done, stops: Stops, screen: BenchScreen) -> None:
        self._services = services
        self._done = done
        self._stops = stops
        self._screen = screen

    async def run(self) -> None:
        """All of it."""
        if not await self._looked():
            return
        order = self._done.order
        prepared = await self._prepared()
        if prepared is None:
            return
        if order.is_dry:
            self._done.told = prepared.briefing
            return
        for line in prepared.briefing:
            self._done.say(line)
        if not order.is_agreed and not await agreed("begin?", self._stops):
            self._done.say("nothing was touched")
            self._done.code = INTERRUPTED if self._stops.first.is_set() else DONE
            return
        servers = self._services.store.view.servers
        specs = [one.spec for one in servers if one.name in prepared.touched]
        about = f"sleeptui bench {order.plan.name}, process {os.getpid()}"
        with holding(specs, about, folder=lock_folder()):
            await self._record()
            await self._carry(prepared)

    async def _looked(self) -> bool:
        """Wait until every server was looked at; whether there is anything to measure."""
        survey = Survey(self._services)
        looking = asyncio.ensure_future(survey.take(LOOK_LIMIT_S, lambda _: None))
        if not await self._stops.before(looking):
            self._done.code = INTERRUPTED
            return False
        if survey.missing:
            missing = ", ".join(one_line(one) for one in survey.missing)
            self._done.say(f"not looked at within {LOOK_LIMIT_S:g} s: {missing}")
        view = self._services.store.view
        if view.servers:
            return True
        for note in view.notes:
            self._done.say(one_line(note))
        self._done.say("no server is there that could be measured. sleeptui doctor says why")
        self._done.code = UNREACHABLE
        return False

    async def _prepared(self) -> Prepared | None:
        """What will be done; None: no server answers."""
        order = self._done.order
        try:
            found = await barred(self._services)
            return prepare(self._services, order.plan, seed=order.seed, barred=found)
        except ConfigError as error:
            if not all(one.state in _NOT_THERE for one in self._services.store.view.servers):
                raise
            self._done.say(str(error))
            self._done.code = UNREACHABLE
            return None

    async def _record(self) -> None:
        """Begin the session.

        Raises:
            ConfigError: It cannot be written.
        """
        try:
            await self._services.recordings.start()
        except JournalError as error:
            raise ConfigError(error.message, hint=error.hint) from error
        self._done.path = self._services.recordings.path or ""
        if self._done.order.is_announced:
            put(json.dumps({"sleeptui_bench": 1, "session": self._done.path}))
        self._screen.say(f"recording to {self._done.path}")

    async def _carry(self, prepared: Prepared) -> None:
        """Carry it out, with the picture beside it."""
        done, services = self._done, self._services
        services.bus.subscribe(self._screen.heard)
        painting = asyncio.ensure_future(self._screen.run())
        stop = asyncio.Event()
        work = asyncio.ensure_future(run_bench(services, prepared, done.order.criteria, stop))
        try:
            await self._to_its_end(work, stop)
        finally:
            await self._screen.close()
            await painting
        if work.cancelled():
            services.recordings.abort()
            done.code = INTERRUPTED
            return
        done.end = end = work.result()
        for line in end.left:
            done.say(line)
        if end.unjudged:
            done.say(f"there are no verdicts: {end.unjudged}")
        done.code = _code(end, is_stopped=self._stops.first.is_set())

    async def _to_its_end(self, work: "asyncio.Future[BenchEnd]", stop: asyncio.Event) -> None:
        """Wait for it; a first signal restores, a second does not wait for that."""
        if await self._stops.before(work, cancel=False):
            return
        self._screen.say("stopping: restoring servers (ctrl+c again leaves them as they are)")
        stop.set()
        abandoned = asyncio.ensure_future(self._stops.second.wait())
        both: set[asyncio.Future[Any]] = {work, abandoned}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        abandoned.cancel()
        if not work.done():
            for view in self._services.store.view.servers:
                self._screen.say(f"left: {_standing(view)}")
            work.cancel()
            await asyncio.wait({work})


def _code(end: BenchEnd, *, is_stopped: bool) -> int:
    if is_stopped:
        return INTERRUPTED
    failed = any(one.word in _BAD for one in end.verdicts)
    return FAILED if failed or end.left or end.unjudged else DONE


def _standing(view: ServerView) -> str:
    """How a server is left."""
    level = f" at level {view.level}" if view.state is State.ASLEEP and view.level else ""
    operation = view.operation
    runs = f", a {operation.kind.value} runs" if operation is not None else ""
    return f"{one_line(view.name)} is {view.state.value}{level}{runs}"
