"""``sleeptui up`` and ``down``: brings a fleet up in the guided order, and ends it."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import click

from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_output import Paper, put
from sleeptui.config import Flags
from sleeptui.core import units
from sleeptui.core.errors import ConfigError
from sleeptui.core.events import Event, RecordingBegan, RecordingRefused
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import Cause, Outcome
from sleeptui.core.ports import Clock
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.services import as_json
from sleeptui.services.bring_up import Guide, Stuck
from sleeptui.services.bring_up_words import table
from sleeptui.services.deadline import end
from sleeptui.services.doctor_finding import names as listed
from sleeptui.services.doctor_survey import Survey
from sleeptui.services.panel import Services
from sleeptui.wiring import check_recording, open_services

DONE, FAILED, USAGE, UNREACHABLE, TIMED_OUT, UNVERIFIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
EXAMPLES_UP = """\b
Examples:
  sleeptui up                                   all servers of the configuration, one by one
  sleeptui up --fleet fleet.toml --all-asleep   and the last one is put to sleep as well
  sleeptui up code --timeout 600 --json         this one, at most ten minutes
"""
EXAMPLES_DOWN = """\b
Examples:
  sleeptui down                                 all that the configuration can end; asks before
  sleeptui down code --yes                      this one, without asking
"""
_SURVEY_S = 15.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WRONG = frozenset({Cause.GARBAGE, Cause.NO_TOKENS})
_SILENT = frozenset({State.UNKNOWN, State.STALE})
_ANEW = "\r\x1b[K"
"""To the begin of the line, and clear it."""
_LIMIT = click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Give up after S seconds; what runs goes on.",
)
_JSON = click.option("--json", "as_document", is_flag=True, help="One JSON document, no table.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What was asked for."""

    verb: str
    """up, down"""
    names: tuple[str, ...]
    """Empty: all."""
    level: int | None = None
    all_asleep: bool = False
    limit_s: float | None = None
    as_document: bool = False
    asks: bool = False
    """The user is asked before anything is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """How it ended."""

    code: int
    problem: str = ""
    hint: str = ""


@click.command(epilog=EXAMPLES_UP, short_help="Start the servers, one after the other.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@fleet_options
@click.option(
    "--level",
    type=click.IntRange(0, 2),
    metavar="N",
    help="Sleep level of those that make room; else each has its own.",
)
@click.option("--all-asleep", is_flag=True, help="Put the last one to sleep too.")
@_LIMIT
@_JSON
@click.pass_obj
def up(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    level: int | None,
    all_asleep: bool,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Bring the fleet up: start one server, wait, verify it, put it to sleep, start the next.

    Servers that are up already are left as they are; one that is awake is put to sleep where the
    next one needs its GPU. The last one stays awake. ctrl+c leaves what runs.

    Exit code: 0 all are up, 1 one is not, 2 the configuration is wrong, 3 a server does not
    answer, 4 it took too long, 5 the answers of one are wrong, 130 interrupted.
    """
    wish = _Wish(
        verb="up",
        names=names,
        level=level,
        all_asleep=all_asleep,
        limit_s=limit_s,
        as_document=as_document,
    )
    return run(settings_of(both(before, flags)), wish)


@click.command(epilog=EXAMPLES_DOWN, short_help="End the servers that have a runtime.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@fleet_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@_LIMIT
@_JSON
@click.pass_obj
def down(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    yes: bool,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """End the servers: their processes or containers, until their GPU memory is free.

    Requests in flight are lost. Those that the configuration has no runtime for are left alone.

    Exit code: 0 all have ended, 1 one has not, 2 the configuration is wrong, 4 it took too long,
    130 interrupted.
    """
    settings = settings_of(both(before, flags))
    if not yes and not (sys.stdin and sys.stdin.isatty()):
        raise ConfigError("down ends servers, and nobody can be asked", hint="say so with --yes")
    wish = _Wish(verb="down", names=names, limit_s=limit_s, as_document=as_document, asks=not yes)
    return run(settings, wish)


def run(settings: Settings, wish: _Wish) -> int:
    """Do it, print how all stands, and return the exit code.

    Raises:
        ConfigError: Nothing was begun, and why.
    """
    if settings.readonly:
        raise ConfigError(f"{wish.verb} changes servers, and readonly is on", hint="leave it out")
    if settings.recording.at_start:
        check_recording(settings, "--record")
    ended = asyncio.run(_open(settings, wish))
    if ended.code == USAGE:
        raise ConfigError(ended.problem, hint=ended.hint)
    return ended.code


async def _open(settings: Settings, wish: _Wish) -> _Ending:
    """Look at the fleet, do it, and print how it stands."""
    services = open_services(settings)
    progress = _Progress(Paper.of(sys.stderr, ascii_only=settings.ascii), services)
    services.bus.subscribe(progress.heard)
    async with services:
        survey = Survey(services)
        await survey.take(_SURVEY_S, progress.looking)
        progress.clear()
        chosen, problem = _chosen(services, wish)
        if problem is not None:
            return problem
        if wish.asks and not await _is_agreed(services, chosen):
            return _Ending(code=FAILED)
        guide = Guide(services, progress.done)
        ended = await _carried(guide, wish, chosen, progress)
        progress.over(ended)
        views = [view for view in services.store.view.servers if view.name in chosen]
        if wish.as_document:
            document = as_json.brought(views, guide.records, problem=ended.problem, hint=ended.hint)
            put(as_json.text(wish.verb, document))
        else:
            paper = Paper.of(sys.stdout, ascii_only=settings.ascii)
            put("\n".join(paper.spelt(line) for line in table(views, guide.records)))
    return ended


def _chosen(services: Services, wish: _Wish) -> tuple[tuple[str, ...], _Ending | None]:
    """The servers that are meant, in the order of the fleet; or why nothing can be begun."""
    fleet = services.store.view
    known = tuple(view.name for view in fleet.servers)
    if not known:
        notes = fleet.notes or ("there is no server to bring up",)
        return (), _usage(one_line(notes[0]), "name the servers in a file: --fleet FILE")
    unknown = [one_line(name) for name in wish.names if name not in known]
    if unknown:
        there_are = f"there are {listed([one_line(name) for name in known])}"
        return (), _usage(f"no server is called {listed(unknown)}", there_are)
    chosen = tuple(name for name in known if name in wish.names or not wish.names)
    able = Guide(services, _nobody).startable(chosen)
    if wish.verb == "down" and not wish.names:
        chosen = able
    needed = [
        view.name
        for view in fleet.servers
        if view.name in chosen and (wish.verb == "down" or view.state is State.DOWN)
    ]
    alien = [one_line(name) for name in needed if name not in able]
    if alien or not chosen:
        words = listed(alien) or "every server"
        what = "docker, compose or command"
        return (), _usage(
            f"{words}: started by others, nothing is known that could", f"give it a runtime: {what}"
        )
    return chosen, None


async def _is_agreed(services: Services, chosen: Sequence[str]) -> bool:
    """Ask before anything is lost."""
    views = [view for view in services.store.view.servers if view.name in chosen]
    running = sum((view.metrics.running or 0) for view in views if view.metrics)
    lost = f", with {running} request{'s' if running != 1 else ''} in flight" if running else ""
    question = f"sleeptui: end {listed([one_line(name) for name in chosen])}{lost}?"
    with suppress(click.Abort):
        return await asyncio.to_thread(click.confirm, question, err=True)
    return False


async def _carried(
    guide: Guide, wish: _Wish, chosen: Sequence[str], progress: "_Progress"
) -> _Ending:
    """Do it, to its end, to a signal, or until its time is over."""
    ending = asyncio.Event()
    work = asyncio.ensure_future(_work(guide, wish, chosen))
    stop = asyncio.ensure_future(ending.wait())
    ticking = asyncio.ensure_future(progress.tick(guide))
    with _signals(ending.set):
        try:
            await asyncio.wait(
                {work, stop}, timeout=wish.limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            going_on = f"{guide.current}; it goes on" if guide.current else ""
        finally:
            for task in (ticking, stop, work):
                await end(task)
    if not work.cancelled():
        return work.result()
    if ending.is_set():
        return _Ending(code=INTERRUPTED, problem=_joined("interrupted", going_on))
    limit = units.duration(wish.limit_s or 0.0)
    return _Ending(code=TIMED_OUT, problem=_joined(f"not done within {limit}", going_on))


async def _work(guide: Guide, wish: _Wish, chosen: Sequence[str]) -> _Ending:
    try:
        if wish.verb == "up":
            await guide.up(chosen, level=wish.level, all_asleep=wish.all_asleep)
        elif not await guide.down(chosen):
            return _Ending(code=FAILED, problem="not all servers have ended")
    except Stuck as stuck:
        problem = f"{one_line(stuck.server)}: {one_line(stuck.message)}"
        return _Ending(code=_code(stuck), problem=problem, hint=one_line(stuck.hint))
    return _Ending(code=DONE)


def _code(stuck: Stuck) -> int:
    if stuck.record is None:
        return UNREACHABLE if stuck.state in _SILENT else FAILED
    if stuck.record.cause in _WRONG:
        return UNVERIFIED
    return TIMED_OUT if stuck.record.outcome is Outcome.UNKNOWN else FAILED


def _usage(problem: str, hint: str) -> _Ending:
    return _Ending(code=USAGE, problem=problem, hint=hint)


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _nobody(_server: str, _words: str) -> None:
    """Nobody listens."""


class _Progress:
    """Lines on standard error: each step when it is over, and on a terminal what is done now."""

    def __init__(self, paper: Paper, services: Services) -> None:
        self._paper = paper
        self._services = services
        self._clock: Clock = services.clock
        self._began_s = self._clock.now_s()
        self._has_line = paper.width is not None

    def heard(self, event: Event) -> None:
        """Say where it is recorded, if it is."""
        match event:
            case RecordingBegan():
                self._say(f"recording to {event.path}")
            case RecordingRefused():
                self._say(f"no recording: {event.problem}. {event.hint}")
            case _:
                pass

    def looking(self, missing: tuple[str, ...]) -> None:
        """What is still waited for before anything is begun."""
        if self._has_line:
            self._write(f"{_ANEW}{self._paper.spelt(f'looking at {listed(missing)}')}")

    def done(self, server: str, words: str) -> None:
        """A step is over."""
        self._say(f"{self._time()} {one_line(server)}: {one_line(words)}")

    def over(self, ended: _Ending) -> None:
        """Why it does not go on; nothing where all is done."""
        if ended.problem:
            self._say(". ".join(part for part in (ended.problem, ended.hint) if part))
        else:
            self.clear()

    def clear(self) -> None:
        """Nothing is done now."""
        if self._has_line:
            self._write(_ANEW)

    async def tick(self, guide: Guide) -> None:
        """Show what is done now, until cancelled."""
        while self._has_line:
            if guide.current:
                line = f"{self._time()} {one_line(guide.current)}{self._expected()}"
                self._write(f"{_ANEW}{self._paper.spelt(line)[: self._paper.width]}")
            await asyncio.sleep(1.0)

    def _expected(self) -> str:
        """How long what runs now takes, and took the last times."""
        running = [view for view in self._services.store.view.servers if view.operation]
        return _elapsed(running[0], self._clock.now_s()) if running else ""

    def _time(self) -> str:
        return units.clock(self._clock.now_s() - self._began_s)

    def _say(self, text: str) -> None:
        clear = _ANEW if self._has_line else ""
        self._write(f"{clear}sleeptui: {self._paper.spelt(text)}\n")

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            click.echo(text, err=True, nl=False)


def _elapsed(view: ServerView, now_s: float) -> str:
    if view.operation is None:
        return ""
    last = f", the last times {units.duration(view.expected_s)}" if view.expected_s else ""
    return f", for {units.elapsed(now_s - view.operation.began_s)}{last}"


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Signals end the wait; those that are ignored (nohup) stay so."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, stop)
                stack.callback(loop.remove_signal_handler, number)
        yield
