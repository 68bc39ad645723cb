"""The frame of all commands that act: look, ask, carry out, tell how it ended.

One way for signals and for the limit of ``--timeout``, one line that shows what is done now, one
table of exit codes. What a command does is its ``Work``.
"""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import click

from sleeptui.adapters.bench_lock import check_free, lock_folder
from sleeptui.cli_output import ANEW, Paper, put
from sleeptui.cli_signals import Stops, agreed, signals
from sleeptui.core import units
from sleeptui.core.errors import ConfigError, SleeptuiError
from sleeptui.core.events import Event, RecordingBegan, RecordingRefused
from sleeptui.core.model import ServerView
from sleeptui.core.sentences import sentences
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.services import as_json, shell_words
from sleeptui.services.deadline import end
from sleeptui.services.doctor_finding import names as listed
from sleeptui.services.doctor_survey import Survey
from sleeptui.services.panel import CLOSE_LIMIT_S, Services
from sleeptui.wiring import check_recording, open_services

DONE, FAILED, USAGE, UNREACHABLE, TIMED_OUT, UNVERIFIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
_WORST_FIRST = (INTERRUPTED, UNVERIFIED, FAILED, TIMED_OUT, UNREACHABLE, DONE)
LOOK_LIMIT_S = 15.0
"""How long it waits until the fleet was looked at; what is not known by then stays so."""
_LAST_WORDS_S = 0.5
"""What the work may take to notice that its operations have been ended."""
_TICK_S = 1.0

limit_option = click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Give up after S seconds; what was sent goes on.",
)
json_option = click.option("--json", "as_document", is_flag=True, help="One JSON document.")
yes_option = click.option("--yes", "is_agreed", is_flag=True, help="Do not ask.")


def worst(codes: Collection[int]) -> int:
    """The exit code of several ends: 130, else 5, 1, 4, 3, and 0 only where all are well."""
    return next((code for code in _WORST_FIRST if code in codes), DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for, as all commands that act have it."""

    limit_s: float | None = None
    """In all; None: as long as it takes."""
    as_document: bool = False
    """JSON in the place of words."""
    is_agreed: bool = False
    """Nobody is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended."""

    code: int = DONE
    problem: str = ""
    hint: str = ""


class Progress:
    """Lines on standard error: each step when it is over, and on a terminal what is done now."""

    def __init__(self, paper: Paper, services: Services) -> None:
        self._paper = paper
        self._clock = services.clock
        self._began_s = self._clock.now_s()
        self._has_line = paper.width is not None

    def heard(self, event: Event) -> None:
        """Say where it is recorded, if it is."""
        match event:
            case RecordingBegan():
                self.say(f"recording to {event.path}")
            case RecordingRefused():
                self.say(f"no recording: {sentences(event.problem, event.hint)}")
            case _:
                pass

    def looking(self, missing: tuple[str, ...]) -> None:
        """What is still waited for before anything is begun."""
        self._paint(f"looking at {listed([one_line(one) for one in missing])}")

    def done(self, server: str, words: str) -> None:
        """A step is over."""
        self.say(f"{self._time()} {one_line(server)}: {one_line(words)}")

    def say(self, text: str) -> None:
        """A line that stays."""
        self.tell((text,))

    def tell(self, lines: Sequence[str]) -> None:
        """Lines that belong together and stay."""
        first, *others = lines
        every = [f"sleeptui: {first}", *others]
        self._keep([part for line in every for part in self._paper.folded(line)])

    def over(self, ended: Ending) -> None:
        """Why it does not go on; nothing where all is done."""
        if ended.problem:
            self.say(sentences(ended.problem, ended.hint))
        else:
            self.clear()

    def clear(self) -> None:
        """Nothing is done now."""
        if self._has_line:
            self._write(ANEW)

    async def tick(self, doing: Callable[[], str]) -> None:
        """Show what is done now, until cancelled."""
        while self._has_line:
            if now := doing():
                self._paint(f"{self._time()} {now}")
            await asyncio.sleep(_TICK_S)

    def _keep(self, lines: Sequence[str]) -> None:
        clear = ANEW if self._has_line else ""
        self._write("".join((clear, *(f"{line}\n" for line in lines))))

    def _paint(self, line: str) -> None:
        if self._has_line:
            self._write(f"{ANEW}{self._paper.spelt(line)[: self._paper.width]}")

    def _time(self) -> str:
        return units.clock(self._clock.now_s() - self._began_s)

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            click.echo(text, err=True, nl=False)


class Work(ABC):
    """What a command does. Made for one run.

    Attributes:
        verb: The name of the command, and of its JSON document.
        changes: It changes servers, so that ``--readonly`` refuses it.
        folds: Its lines are folded to the width of a terminal.
        services: Of this run, from ``begin`` on.
        progress: Told what is over, from ``begin`` on.
    """

    verb: str
    changes = True
    folds = True
    services: Services
    progress: Progress

    def needs(self) -> Collection[str] | None:
        """The servers that must be known before it begins; None: all."""
        return None

    def begin(self, services: Services, progress: Progress) -> None:
        """Choose the servers, once the fleet was looked at.

        Raises:
            ConfigError: It makes no sense; nothing was begun.
        """
        self.services, self.progress = services, progress
        fleet = services.store.view
        if not fleet.servers:
            raise shell_words.nobody(fleet.notes)
        self.choose(fleet.servers)

    @abstractmethod
    def choose(self, servers: Sequence[ServerView]) -> None:
        """Choose among those that there are.

        Raises:
            ConfigError: There is none of that name, or it makes no sense for them.
        """

    def asks(self) -> Sequence[ServerView]:
        """The servers that something will be asked of; none of them may be under a benchmark."""
        return ()

    def question(self) -> str:
        """What the user is asked before; empty: nothing is lost."""
        return ""

    @abstractmethod
    async def carry(self) -> Ending:
        """Do it, to its end."""

    @abstractmethod
    def doing(self) -> str:
        """What is done now; empty: nothing to tell."""

    @abstractmethod
    def leave(self) -> Sequence[str]:
        """Take back what can be; says of the rest that it goes on."""

    def code(self) -> int:
        """The exit code of what has ended so far, where it was left early."""
        return DONE

    @abstractmethod
    def document(self, ended: Ending) -> Mapping[str, object]:
        """The result for a program."""

    @abstractmethod
    def lines(self) -> Sequence[str]:
        """The result for a reader."""

    def complaints(self) -> Sequence[Sequence[str]]:
        """What did not end well, for standard error: lines that belong together."""
        return ()


def run(settings: Settings, work: Work, wish: Wish) -> int:
    """Do it, print what came of it, and return the exit code.

    Raises:
        ConfigError: Nothing was begun, and why.
    """
    if settings.readonly and work.changes:
        raise ConfigError(f"{work.verb} changes servers, and readonly is on", hint="leave it out")
    if settings.recording.at_start:
        check_recording(settings, "--record")
    return asyncio.run(_open(settings, work, wish))


async def _open(settings: Settings, work: Work, wish: Wish) -> int:
    services, stops = open_services(settings), Stops()
    services.hands_off = True  # nothing is asked of a server that was not ordered here
    refused: SleeptuiError | None = None
    code = DONE
    with signals(stops.order):
        async with services:
            try:
                code = await _Frame(services, work, wish, stops).run()
            except SleeptuiError as error:  # told when all is closed, and not within a group
                refused = error
    if refused is not None:
        raise refused
    return code


class _Frame:
    """One run of a command, over services that are open."""

    def __init__(self, services: Services, work: Work, wish: Wish, stops: Stops) -> None:
        self._services = services
        self._work = work
        self._wish = wish
        self._stops = stops
        self._began_s = services.clock.now_s()
        self._is_ascii = services.settings.ascii
        self._progress = Progress(Paper.of(sys.stderr, ascii_only=self._is_ascii), services)
        services.bus.subscribe(self._progress.heard)

    async def run(self) -> int:
        """All of it. Returns the exit code.

        Raises:
            ConfigError: It makes no sense; nothing was begun.
            NotAllowed: A benchmark moves the servers.
        """
        ended = await self._looked()
        if ended is None:
            self._work.begin(self._services, self._progress)
            check_free([view.spec for view in self._work.asks()], folder=lock_folder())
            ended = await self._asked()
        if ended is not None:  # nothing was begun
            self._progress.over(ended)
            return ended.code
        ended = await self._carried()
        self._tell(ended)
        return ended.code

    async def _looked(self) -> Ending | None:
        """Wait until the fleet is known; its end where that is all."""
        survey, left_s = Survey(self._services, self._work.needs()), self._left_s()
        limit_s = LOOK_LIMIT_S if left_s is None else min(left_s, LOOK_LIMIT_S)
        looking = asyncio.ensure_future(survey.take(limit_s, self._progress.looking))
        if not await self._stops.before(looking):
            return Ending(code=INTERRUPTED, problem="interrupted; nothing was begun")
        self._progress.clear()
        if not survey.missing:
            return None
        missing = listed([one_line(one) for one in survey.missing])
        told = f"not looked at within {units.duration(limit_s)}: {missing}"
        if limit_s < LOOK_LIMIT_S:
            return Ending(code=TIMED_OUT, problem=f"{told}; nothing was begun")
        self._progress.say(told)
        return None

    async def _asked(self) -> Ending | None:
        """Ask before anything is lost; its end where the answer is no."""
        question = self._work.question()
        if not question or self._wish.is_agreed:
            return None
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            what = question.rstrip("?")
            raise ConfigError(f"nobody can be asked: {what}", hint="say so with --yes")
        if await agreed(question, self._stops):
            return None
        is_stopped = self._stops.first.is_set()
        return Ending(
            code=INTERRUPTED if is_stopped else FAILED, problem="nothing was asked of any server"
        )

    async def _carried(self) -> Ending:
        """Do it, to its end, to a signal, or until its time is over."""
        work = asyncio.ensure_future(self._work.carry())
        stop = asyncio.ensure_future(self._stops.first.wait())
        ticking = asyncio.ensure_future(self._progress.tick(self._work.doing))
        both: set[asyncio.Future[Any]] = {work, stop}
        try:
            await asyncio.wait(both, timeout=self._left_s(), return_when=asyncio.FIRST_COMPLETED)
            await end(ticking)
            if work.done():
                self._progress.over(work.result())
                return work.result()
            ended = self._left()
            self._progress.over(ended)
            await self._drained(work)
        finally:
            for task in (ticking, stop, work):
                await end(task)
        return replace(ended, code=worst({ended.code, self._work.code()}))

    def _left(self) -> Ending:
        """Take back what can be, and say what goes on."""
        is_stopped = self._stops.first.is_set()
        limit = units.duration(self._wish.limit_s)
        why = "interrupted" if is_stopped else f"not done within {limit}"
        rest = "; ".join(self._work.leave())
        return Ending(
            code=INTERRUPTED if is_stopped else TIMED_OUT,
            problem=": ".join(part for part in (why, rest) if part),
        )

    async def _drained(self, work: "asyncio.Future[Ending]") -> None:
        """End what runs.

        After a signal answers that are under way get a moment, unless a second one comes. What was
        sent and has not ended by then is recorded as unknown: the server goes on.
        """
        operations = self._services.operations
        limit_s = CLOSE_LIMIT_S if self._stops.first.is_set() else _LAST_WORDS_S
        draining = asyncio.ensure_future(operations.drain(limit_s))
        hurry = asyncio.ensure_future(self._stops.second.wait())
        both: set[asyncio.Future[Any]] = {draining, hurry}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            await end(task)
        await operations.drain(0.0)
        await asyncio.wait({work}, timeout=_LAST_WORDS_S)

    def _tell(self, ended: Ending) -> None:
        """Print how all stands."""
        for lines in self._work.complaints():
            self._progress.tell(lines)
        if self._wish.as_document:
            put(as_json.text(self._work.verb, self._work.document(ended)))
            return
        paper = Paper.of(sys.stdout, ascii_only=self._is_ascii)
        shown = paper.folded if self._work.folds else paper.whole
        lines = [line for long in self._work.lines() for line in shown(long)]
        if lines:
            put("\n".join(lines))

    def _left_s(self) -> float | None:
        """What is left of its time; None: it has no limit."""
        limit_s = self._wish.limit_s
        if limit_s is None:
            return None
        return max(self._began_s + limit_s - self._services.clock.now_s(), 0.0)
