"""``sleeptui up`` and ``down``: brings a fleet up in the guided order, and ends it."""

from collections.abc import Sequence

import click

from sleeptui.cli_complete import servers
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_work import (
    DONE,
    FAILED,
    TIMED_OUT,
    UNREACHABLE,
    UNVERIFIED,
    Ending,
    Wish,
    Work,
    json_option,
    limit_option,
    run,
    yes_option,
)
from sleeptui.config import Flags
from sleeptui.core.errors import ConfigError
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import Outcome
from sleeptui.core.text import one_line
from sleeptui.services import as_json, shell_words
from sleeptui.services.bring_up import Guide, Stuck
from sleeptui.services.bring_up_words import table
from sleeptui.services.doctor_finding import names as listed
from sleeptui.services.errand import WRONG
from sleeptui.services.json_shapes import BroughtJson

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
_SILENT = frozenset({State.UNKNOWN, State.STALE})


class Bringing(Work):
    """Up or down, of some servers or of all."""

    def __init__(self, verb: str, names: Sequence[str]) -> None:
        """Nothing is done yet; no names: all."""
        self.verb = verb
        self._names = tuple(names)
        self._chosen: tuple[str, ...] = ()

    def choose(self, servers: Sequence[ServerView]) -> None:
        """The servers, in the order of the fleet.

        Raises:
            ConfigError: There is none of that name, or nothing is known that could start it.
        """
        self._guide = Guide(self.services, self.progress.done)
        known = tuple(view.name for view in servers)
        shell_words.named(known, self._names)
        chosen = tuple(name for name in known if name in self._names or not self._names)
        self._chosen = self.meant(chosen, self._guide.startable(chosen))

    def meant(self, chosen: tuple[str, ...], able: tuple[str, ...]) -> tuple[str, ...]:
        """Those that are meant; ``able``: something is known of them that starts and ends them.

        Raises:
            ConfigError: They cannot be started.
        """
        needed = [view.name for view in self._views(chosen) if view.state is State.DOWN]
        _must_be_able(chosen, [name for name in needed if name not in able])
        return chosen

    def asks(self) -> Sequence[ServerView]:
        """Those that were chosen."""
        return self._views(self._chosen)

    def doing(self) -> str:
        """What is done now."""
        if not self._guide.current:
            return ""
        now_s = self.services.clock.now_s()
        running = [view for view in self.services.store.view.servers if view.operation]
        told = shell_words.taking(running[0], now_s) if running else ""
        return f"{one_line(self._guide.current)}{told}"

    def leave(self) -> Sequence[str]:
        """What runs goes on."""
        return [f"{one_line(self._guide.current)}; it goes on"] if self._guide.current else []

    def document(self, ended: Ending) -> BroughtJson:
        """The operations, and the servers as they stand."""
        records = [shell_words.record_for_shell(one) for one in self._guide.records]
        views = [shell_words.view_for_shell(view) for view in self._views(self._chosen)]
        return as_json.brought(views, records, problem=ended.problem, hint=ended.hint)

    def lines(self) -> Sequence[str]:
        """A row a server."""
        return table(self._views(self._chosen), self._guide.records)

    def _views(self, names: Sequence[str]) -> list[ServerView]:
        return [view for view in self.services.store.view.servers if view.name in names]


class Up(Bringing):
    """Start one server, wait, verify it, put it to sleep, start the next."""

    def __init__(self, names: Sequence[str], *, level: int | None, all_asleep: bool) -> None:
        """Nothing is done yet."""
        super().__init__("up", names)
        self._level = level
        self._all_asleep = all_asleep

    async def carry(self) -> Ending:
        """Bring them up; the first that does not come up is the last."""
        try:
            await self._guide.up(self._chosen, level=self._level, all_asleep=self._all_asleep)
        except Stuck as stuck:
            problem = f"{one_line(stuck.server)}: {one_line(stuck.message)}"
            hint = shell_words.for_shell(one_line(stuck.hint), stuck.server)
            return Ending(code=_code(stuck), problem=problem, hint=hint)
        return Ending(code=DONE)


class Down(Bringing):
    """End them; asks before."""

    def __init__(self, names: Sequence[str]) -> None:
        """Nothing is done yet."""
        super().__init__("down", names)

    def meant(self, chosen: tuple[str, ...], able: tuple[str, ...]) -> tuple[str, ...]:
        """Those that are meant; of all those that can be ended.

        Raises:
            ConfigError: They cannot be ended.
        """
        meant = chosen if self._names else able
        _must_be_able(meant, [name for name in meant if name not in able])
        return meant

    def question(self) -> str:
        """What is lost."""
        running = sum(
            (view.metrics.running or 0) for view in self._views(self._chosen) if view.metrics
        )
        lost = f", with {running} request{'s' if running != 1 else ''} in flight" if running else ""
        return f"end {listed([one_line(name) for name in self._chosen])}{lost}?"

    async def carry(self) -> Ending:
        """End them; one that does not end keeps none of the others from it."""
        if await self._guide.down(self._chosen):
            return Ending(code=DONE)
        return Ending(code=FAILED, problem="not all servers have ended")


def _must_be_able(meant: Sequence[str], alien: Sequence[str]) -> None:
    if meant and not alien:
        return
    words = listed([one_line(name) for name in alien]) or "every server"
    raise ConfigError(
        f"{words}: started by others, nothing is known that could",
        hint="give it a runtime: docker, compose or command",
    )


def _code(stuck: Stuck) -> int:
    if stuck.record is None:
        return UNREACHABLE if stuck.state in _SILENT else FAILED
    if stuck.record.cause in WRONG:
        return UNVERIFIED
    return TIMED_OUT if stuck.record.outcome is Outcome.UNKNOWN else FAILED


@click.command(epilog=EXAMPLES_UP, short_help="Start the servers, one after the other.")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=servers)
@fleet_options
@click.option(
    "--level",
    type=click.IntRange(0, 2),
    metavar="N",
    help="Sleep level of those that make room; else each has its own.",
)
@click.option("--all-asleep", is_flag=True, help="Put the last one to sleep too.")
@limit_option
@json_option
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
    work = Up(names, level=level, all_asleep=all_asleep)
    wish = Wish(limit_s=limit_s, as_document=as_document)
    return run(settings_of(both(before, flags)), work, wish)


@click.command(epilog=EXAMPLES_DOWN, short_help="End the servers that have a runtime.")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=servers)
@fleet_options
@yes_option
@limit_option
@json_option
@click.pass_obj
def down(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    is_agreed: bool,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """End the servers: their processes or containers, until their GPU memory is free.

    Requests in flight are lost. Those that the configuration has no runtime for are left alone.

    Exit code: 0 all have ended, 1 one has not, 2 the configuration is wrong, 4 it took too long,
    130 interrupted.
    """
    wish = Wish(limit_s=limit_s, as_document=as_document, is_agreed=is_agreed)
    return run(settings_of(both(before, flags)), Down(names), wish)
