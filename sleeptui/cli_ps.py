"""``sleeptui ps``: one table of all servers, once or again and again."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import click

from sleeptui.cli_complete import servers
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_output import Paper, passing, pour, put
from sleeptui.cli_screen import Screen
from sleeptui.cli_signals import signals
from sleeptui.config import Flags
from sleeptui.core.errors import OutputError
from sleeptui.core.events import Event, OperationEnded, OperationStarted, StateObserved
from sleeptui.core.model import ServerView, State
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.services import as_json, ps_json, shell_words
from sleeptui.services.doctor_finding import names as listed
from sleeptui.services.doctor_survey import Survey
from sleeptui.services.panel import Services
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present import Look
from sleeptui.tui.present_ps import table
from sleeptui.tui.spans import Line
from sleeptui.tui.tones import Tone
from sleeptui.wiring import open_services

SEEN, UNREACHABLE, TIMED_OUT = 0, 3, 4
EVERY_S = 2.0
EXAMPLES = """\b
Examples:
  sleeptui ps                          what runs on this machine
  sleeptui ps chat code                these two of the configuration
  sleeptui ps --watch                  again and again, every 2 s and at each change; ctrl+c ends it
  sleeptui ps --fleet fleet.toml --watch 10 >> fleet.log
  sleeptui ps --json | jq -r '.servers[] | select(.state == "asleep") | .name'
  sleeptui ps --watch --json | jq -c '.servers[] | [.name, .state, .memory.bytes]'
"""
_SILENT = frozenset({State.DOWN, State.STARTING, State.STALE, State.UNKNOWN})
_COLOURS: Mapping[str, str] = {
    Tone.GOOD: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "red",
    Tone.BUSY: "cyan",
    Tone.ASLEEP: "blue",
}
_BOLD = frozenset({Tone.TITLE, Tone.BAD})
_DIM = frozenset({Tone.MUTED, Tone.FAINT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for."""

    names: tuple[str, ...] = ()
    """Empty: all servers."""
    is_json: bool = False
    every_s: float | None = None
    """Again so often; None: once."""
    limit_s: float = 15.0


class _Watchable(click.Command):
    """A command whose ``--watch`` may stand without its seconds, before a name too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; ``--watch chat`` is ``--watch=2 chat``."""
        spelt = [
            f"--watch={EVERY_S:g}" if one == "--watch" and not _is_number(after) else one
            for one, after in zip(args, [*args[1:], ""], strict=False)
        ]
        return super().parse_args(ctx, spelt)


@click.command(cls=_Watchable, epilog=EXAMPLES, short_help="Show all servers as one table.")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=servers)
@fleet_options
@click.option("--json", "is_json", is_flag=True, help="JSON; with --watch one document a line.")
@click.option(
    "--watch",
    "every_s",
    type=click.FloatRange(0.1, 3600),
    metavar="[S]",
    help=f"Again every S seconds, {EVERY_S:g} where S is left out, and at each change of a state.",
)
@click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(0.1, 3600),
    default=15.0,
    show_default=True,
    metavar="S",
    help="Seconds after which it shows what it has seen.",
)
@click.pass_obj
def ps(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    is_json: bool,
    every_s: float | None,
    limit_s: float,
) -> int:
    """Show all servers, or those named: state, memory, requests, last operation.

    GPU: memory held now. RAM: host memory of its processes. RUN, WAIT: requests; 8* stood still
    when it fell asleep, 3p are parked until it wakes. IDLE: how long no request has run; >: at
    least. CYCLES: sleeps since it was started. LAST: the last operation of sleeptui. ~ marks an
    estimate, -- what is not known.

    Exit code: 0 seen, also when ctrl+c ends --watch; 2 usage or configuration; 3 a server that was
    named, or every server, does not answer; 4 not everything was seen in time.
    """
    wish = Wish(names=names, is_json=is_json, every_s=every_s, limit_s=limit_s)
    return run(settings_of(both(before, flags)), wish)


def run(settings: Settings, wish: Wish) -> int:
    """Look, print, and return the exit code.

    Raises:
        ConfigError: A name is that of no server.
    """
    if settings.servers:
        known = tuple(spec.name for spec in settings.servers)
        shell_words.named(known, wish.names)
        wanted = tuple(spec for spec in settings.servers if spec.name in (wish.names or known))
        settings = replace(settings, servers=wanted)
    return asyncio.run(_open(replace(settings, readonly=True), wish))


async def _open(settings: Settings, wish: Wish) -> int:
    refused: OutputError | None = None
    async with open_services(settings) as services:
        survey = Survey(services)
        await survey.take(wish.limit_s, lambda missing: passing(f"looking at {listed(missing)}"))
        passing()
        found = services.store.view
        if not found.servers and not survey.missing:
            return _nothing(found.notes)
        known = tuple(view.name for view in found.servers)
        if not known or set(known).issuperset(wish.names):
            try:
                return await _show(services, wish, survey.missing)
            except OutputError as error:  # told when all is closed, and not within a group
                refused = error
    if refused is not None:
        raise refused
    raise shell_words.not_known([name for name in wish.names if name not in known], known)


async def _show(services: Services, wish: Wish, missing: Sequence[str]) -> int:
    board = _Board(services, wish, missing)
    if wish.every_s is not None:
        await board.follow(wish.every_s)
        return SEEN
    put(board.text())
    return _told(board.views, missing, wish)


def _nothing(notes: Sequence[str]) -> int:
    """There is no server at all: say what was found in its place, and what to do."""
    for note in notes:
        _talk(one_line(note))
    _talk("no server is found. Start one, or name it: --server NAME=URL, or --fleet FILE")
    return UNREACHABLE


def _told(views: Sequence[ServerView], missing: Sequence[str], wish: Wish) -> int:
    """Say what is not well, and return the exit code."""
    if missing:
        words = f"not looked at within {wish.limit_s:g} s: {listed(missing)}"
        _talk(f"{words}. --timeout {wish.limit_s * 4:g} waits longer")
        return TIMED_OUT
    silent = [view for view in views if view.state in _SILENT]
    if not silent or (len(silent) < len(views) and not wish.names):
        return SEEN
    names = listed([one_line(view.name) for view in silent])
    verb = "does" if len(silent) == 1 else "do"
    _talk(f"{names} {verb} not answer. sleeptui doctor says why, and what to do")
    return UNREACHABLE


class _Board:
    """What is printed: the servers that were asked for, as they stand when it is asked for."""

    def __init__(self, services: Services, wish: Wish, missing: Sequence[str]) -> None:
        self._services = services
        self._wish = wish
        self._missing = missing
        self._due = asyncio.Event()
        self._states: dict[str, State] = {}
        settings = services.settings
        self._paper = Paper.of(sys.stdout, ascii_only=settings.ascii)

    @property
    def views(self) -> tuple[ServerView, ...]:
        """The servers, in the order of the fleet."""
        names = self._wish.names
        every = self._services.store.view.servers
        return tuple(view for view in every if not names or view.name in names)

    def text(self, *, is_line: bool = False) -> str:
        """The table, or the JSON document."""
        if not self._wish.is_json:
            return "\n".join(self._lines(self._paper.width))
        clock = self._services.clock
        shown = ps_json.document(
            self.views, self._missing, now_s=clock.now_s(), wall_s=clock.wall_s()
        )
        return as_json.text("ps", shown, is_line=is_line)

    async def follow(self, every_s: float) -> None:
        """Show it again and again, until a signal."""
        over = asyncio.Event()

        def stop() -> None:
            """A signal: that was the last time."""
            over.set()
            self._due.set()

        unsubscribe = self._services.bus.subscribe(self._heard)
        try:
            with signals(stop):
                if self._paper.width is None or self._wish.is_json:
                    await self._print(over, every_s)
                else:
                    await self._paint(over, every_s)
        finally:
            unsubscribe()

    async def _print(self, over: asyncio.Event, every_s: float) -> None:
        """One table below the other, or a JSON document a line, while somebody reads."""
        blank = "" if self._wish.is_json else "\n"
        while pour(f"{self.text(is_line=True)}\n{blank}") and not over.is_set():
            await self._next(every_s)
            if over.is_set():
                return

    async def _paint(self, over: asyncio.Event, every_s: float) -> None:
        """In place, on the whole terminal."""
        with Screen(self._due.set) as screen:
            while not over.is_set() and screen.is_there:
                screen.paint([*self._lines(screen.size[0]), "", self._foot(every_s)])
                await self._next(every_s)

    async def _next(self, every_s: float) -> None:
        """Wait for the next time, or for a change."""
        self._due.clear()
        try:
            async with asyncio.timeout(every_s):
                await self._due.wait()
        except TimeoutError:
            return

    def _heard(self, event: Event) -> None:
        """At a change of a state, and where an operation begins or ends, the next time is now."""
        match event:
            case StateObserved():
                view = self._services.store.server(event.server)
                state = view.state if view is not None else State.UNKNOWN
                if self._states.get(event.server) is not state:
                    self._states[event.server] = state
                    self._due.set()
            case OperationStarted() | OperationEnded():
                self._due.set()
            case _:
                pass

    def _lines(self, width: int | None) -> list[str]:
        clock = self._services.clock
        look = Look(
            now_s=clock.now_s(),
            epoch_s=clock.wall_s() - clock.now_s(),
            glyphs=ASCII if self._paper.is_ascii else UNICODE,
        )
        return [self._styled(one) for one in table(self.views, look, width)]

    def _foot(self, every_s: float) -> str:
        words = f"every {every_s:g} s, and at each change; ctrl+c ends it"
        return self._paper.style(words, dim=True)

    def _styled(self, said: Line) -> str:
        return "".join(
            self._paper.style(
                self._paper.spelt(span.text),
                _COLOURS.get(span.tone),
                bold=span.tone in _BOLD,
                dim=span.tone in _DIM,
            )
            for span in said
        ).rstrip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _talk(text: str) -> None:
    with suppress(OSError):  # nobody can be told
        click.echo(f"sleeptui: {text}", err=True)
