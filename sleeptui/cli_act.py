"""``sleeptui sleep``, ``wake``, ``switch``, ``verify``: what keys of the panel do, headless."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

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
    worst,
    yes_option,
)
from sleeptui.config import Flags
from sleeptui.core.model import ServerView, SleepLevel, SleepMode, State
from sleeptui.core.operation import Kind
from sleeptui.services import shell_words
from sleeptui.services.acted_json import acted
from sleeptui.services.busy import counts, queue_of
from sleeptui.services.errand import WELL, End, Errand, Order
from sleeptui.services.json_shapes import ActedJson
from sleeptui.services.operations import Operations
from sleeptui.services.ticket import Ticket

Give = Callable[[Operations, str], Ticket]
"""Gives the order for the server of that name."""
CODES: Mapping[End, int] = {
    End.DONE: DONE,
    End.ALREADY: DONE,
    End.WRONG: UNVERIFIED,
    End.SUSPECT: FAILED,
    End.FAILED: FAILED,
    End.REFUSED: FAILED,
    End.UNKNOWN: TIMED_OUT,
    End.UNREACHABLE: UNREACHABLE,
    End.CANCELLED: FAILED,
}
"""The exit code of what came of an order at one server."""
_AWAKE = frozenset({State.AWAKE})
EXAMPLES_SLEEP = """\b
Examples:
  sleeptui sleep code                          at its own level, once its requests have ended
  sleeptui sleep code chat --level 2           two of them; those of a GPU take turns
  sleeptui sleep code --mode abort --yes       cut its requests off, and do not ask
  sleeptui sleep --all --timeout 60 --json     all that are not pinned, at most a minute
"""
EXAMPLES_WAKE = """\b
Examples:
  sleeptui wake code                           and compare its answers with those before the sleep
  sleeptui wake code || sleeptui switch code   put others to sleep if there is no room
  sleeptui wake code --no-verify               do not ask it anything
  sleeptui wake code --json | jq -r '.results[] | .server + ": " + .result'
"""
EXAMPLES_SWITCH = """\b
Examples:
  sleeptui switch code                         who is in the way sleeps, then code wakes
  sleeptui --record switch code                the same, recorded
  sleeptui switch code --json | jq '.operations[] | {kind, server, duration_s}'
"""
EXAMPLES_VERIFY = """\b
Examples:
  sleeptui verify code                         are its answers those from before its sleep?
  sleeptui verify code chat --timeout 30 || echo "do not send users there"
"""


class Act(Work):
    """One order for some servers."""

    def __init__(
        self,
        kind: Kind,
        names: Sequence[str],
        give: Give,
        *,
        is_so: Callable[[ServerView], bool] = lambda _: False,
        changes: bool = True,
    ) -> None:
        """Nothing is done yet.

        Args:
            kind: What the order does; its name is that of the command.
            names: The servers, as they were asked for.
            give: Gives the order.
            is_so: Whether a server is as it is wanted already.
            changes: It changes servers.
        """
        self.verb = kind.value
        self.changes = changes
        self.asked = tuple(names)
        self.chosen: tuple[str, ...] = ()
        self._kind = kind
        self._give = give
        self._is_so = is_so

    def needs(self) -> Collection[str] | None:
        """The servers that were named."""
        return self.asked

    def choose(self, servers: Sequence[ServerView]) -> None:
        """Those that are meant.

        Raises:
            ConfigError: There is none of that name.
        """
        self.chosen = self.meant(servers)
        give = partial(self._give, self.services.operations)
        order = Order(kind=self._kind, give=give, is_so=self._is_so)
        self.errand = Errand(self.services, order, self.progress.done)

    def meant(self, servers: Sequence[ServerView]) -> tuple[str, ...]:
        """The names of those that are meant: those that were named.

        Raises:
            ConfigError: There is none of that name.
        """
        return shell_words.named([view.name for view in servers], self.asked)

    @property
    def views(self) -> list[ServerView]:
        """The chosen servers as they stand, in the order of the asking."""
        found = (self.services.store.server(name) for name in self.chosen)
        return [view for view in found if view is not None]

    def asks(self) -> Sequence[ServerView]:
        """Those that were chosen."""
        return self.views

    async def carry(self) -> Ending:
        """Give the order, and wait for all ends."""
        await self.errand.carry(self.chosen)
        return Ending(code=self.code())

    def doing(self) -> str:
        """What runs and waits now, on the servers of a switch too."""
        now_s = self.services.clock.now_s()
        return shell_words.doing(self.services.store.view.servers, now_s)

    def leave(self) -> Sequence[str]:
        """Take back what can be; says of the rest that it goes on."""
        return [
            shell_words.left(self._kind, name, is_back=is_back)
            for name, is_back in self.errand.take_back().items()
        ]

    def code(self) -> int:
        """That of the worst end so far."""
        return worst({CODES[one.end] for one in self.errand.answers.values()})

    def document(self, ended: Ending) -> ActedJson:
        """What came of each, all operations, and the servers as they stand."""
        return acted(self.chosen, self.errand, self.views, problem=ended.problem, hint=ended.hint)

    def lines(self) -> Sequence[str]:
        """What is true now and how that is known, where all is well; then all as a table."""
        answers = self.errand.answers
        ended = [answers[name] for name in self.chosen if name in answers]
        blocks = [shell_words.block(one) for one in ended if one.end in WELL]
        return [
            *(line for block in blocks for line in (*block, "")),
            *shell_words.table(self.views, answers),
        ]

    def complaints(self) -> Sequence[Sequence[str]]:
        """What did not end well, with how that is known and what to do."""
        answers = self.errand.answers
        ended = [answers[name] for name in self.chosen if name in answers]
        return [shell_words.block(one) for one in ended if one.end not in WELL]


class Sleep(Act):
    """A sleep, of all servers too; asks before requests are cut off."""

    def __init__(
        self, names: Sequence[str], *, level: int | None, mode: SleepMode, is_all: bool
    ) -> None:
        """Nothing is done yet; a ``level`` of None is each one's own."""
        wanted = None if level is None else SleepLevel(level)
        sent = None if mode is SleepMode.WAIT else mode  # that is what it does if nothing is said
        super().__init__(
            Kind.SLEEP,
            names,
            lambda operations, name: operations.sleep(name, level=wanted, mode=sent),
            is_so=partial(_sleeps, level),
        )
        self._mode = mode
        self._is_all = is_all

    def needs(self) -> Collection[str] | None:
        """Those that were named, or all."""
        return None if self._is_all else super().needs()

    def meant(self, servers: Sequence[ServerView]) -> tuple[str, ...]:
        """Those that were named; of all those that are not pinned and run.

        Raises:
            ConfigError: There is none of that name.
        """
        if not self._is_all:
            return super().meant(servers)
        return tuple(
            view.name for view in servers if not view.spec.pinned and view.state is not State.DOWN
        )

    def question(self) -> str:
        """Where requests would be cut off: how many; of all: those that nobody has named."""
        those = [view for view in self.views if view.state in _AWAKE]
        reasons = [reason for reason in (self._lost(those), self._strange(those)) if reason]
        if not reasons:
            return ""
        return f"put {', '.join(view.name for view in those)} to sleep? {'; '.join(reasons)}"

    def _lost(self, those: Sequence[ServerView]) -> str:
        """What a sleep would cut off."""
        if self._mode is not SleepMode.ABORT:
            return ""
        queue = queue_of(those)
        if not queue.is_busy and not queue.unknown:
            return ""
        return f"{counts(queue)} cut off" if queue.is_busy else "whatever is in flight is cut off"

    def _strange(self, those: Sequence[ServerView]) -> str:
        """Servers that were found and may be anybody's."""
        settings = self.services.settings
        if not self._is_all or settings.demo is not None:
            return ""
        named = {spec.name for spec in settings.servers}
        found = [view.name for view in those if view.name not in named]
        return f"no configuration names {', '.join(found)}" if found else ""


def _sleeps(level: int | None, view: ServerView) -> bool:
    """Whether it sleeps as deep as it is wanted; without a level any sleep is deep enough."""
    if view.state is State.PAUSED:
        return level == SleepLevel.PAUSE
    return view.state is State.ASLEEP and level in (None, view.level)


def _is_awake(view: ServerView) -> bool:
    return view.state is State.AWAKE


@click.command(epilog=EXAMPLES_SLEEP, short_help="Put servers to sleep.")
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=servers)
@fleet_options
@click.option("--level", type=click.IntRange(0, 2), metavar="N", help="How deep; else its own.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in SleepMode]),
    default=SleepMode.WAIT.value,
    show_default=True,
    help="What becomes of requests in flight.",
)
@click.option(
    "--all",
    "is_all",
    is_flag=True,
    help="All that are not pinned; asks about those that were found and nobody has named.",
)
@yes_option
@limit_option
@json_option
@click.pass_obj
def sleep(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    level: int | None,
    mode: str,
    is_all: bool,
    is_agreed: bool,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Put servers to sleep, and measure what that frees.

    With --mode wait the requests in flight end first, with keep they go on after the wake, with
    abort they are lost: then it asks first. Level 1 moves the weights to host memory, 2 drops
    them, 0 only pauses.

    Exit code: 0 all sleep, 1 one does not, or has freed nothing, 2 usage or configuration, 3 a
    server does not answer, 4 too late or not known, 130 interrupted.
    """
    if is_all == bool(names):
        raise click.UsageError("name the servers, or say --all")
    work = Sleep(names, level=level, mode=SleepMode(mode), is_all=is_all)
    wish = Wish(limit_s=limit_s, as_document=as_document, is_agreed=is_agreed)
    return run(settings_of(both(before, flags)), work, wish)


@click.command(epilog=EXAMPLES_WAKE, short_help="Wake servers, and check their answers.")
@click.argument("names", nargs=-1, metavar="NAME...", required=True, shell_complete=servers)
@fleet_options
@click.option("--no-verify", is_flag=True, help="Do not ask the canary.")
@click.option("--force", is_flag=True, help="Send it even if it does not fit on its GPUs.")
@limit_option
@json_option
@click.pass_obj
def wake(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    no_verify: bool,
    force: bool,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Wake servers, and compare what they answer with what they answered before they slept.

    A wake that does not fit on its GPUs is not sent: sleeptui switch NAME makes room. With
    --force it is; a wake without room fails and can lose the server.

    Exit code: 0 all are awake, 1 one is not, 2 usage or configuration, 3 a server does not
    answer, 4 too late or not known, 5 the answers of one are wrong, 130 interrupted.
    """
    work = Act(
        Kind.WAKE,
        names,
        lambda operations, name: operations.wake(name, verify=not no_verify, force=force),
        is_so=_is_awake,
    )
    wish = Wish(limit_s=limit_s, as_document=as_document)
    return run(settings_of(both(before, flags)), work, wish)


@click.command(epilog=EXAMPLES_SWITCH, short_help="Make room for a server, and wake it.")
@click.argument("name", shell_complete=servers)
@fleet_options
@click.option("--force", is_flag=True, help="Wake it even if not enough room can be made.")
@limit_option
@json_option
@click.pass_obj
def switch(
    before: Flags | None,
    *,
    flags: Flags,
    name: str,
    force: bool,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Put to sleep who is in the way, wake this server, and check its answers.

    Requests in flight end first; who is pinned stays. If the wake fails, those that were put to
    sleep are woken again.

    Exit code: 0 it is awake, 1 it is not, 2 usage or configuration, 3 it does not answer, 4 too
    late or not known, 5 its answers are wrong, 130 interrupted.
    """
    work = Act(
        Kind.SWITCH,
        (name,),
        lambda operations, server: operations.switch(server, force=force),
        is_so=_is_awake,
    )
    wish = Wish(limit_s=limit_s, as_document=as_document)
    return run(settings_of(both(before, flags)), work, wish)


@click.command(epilog=EXAMPLES_VERIFY, short_help="Check the answers of servers.")
@click.argument("names", nargs=-1, metavar="NAME...", required=True, shell_complete=servers)
@fleet_options
@limit_option
@json_option
@click.pass_obj
def verify(
    before: Flags | None,
    *,
    flags: Flags,
    names: tuple[str, ...],
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Ask servers that are awake the canary, and judge its answer.

    Where there is nothing to compare with, the answer is kept as the reference.

    Exit code: 0 all answer as before, 1 one could not be asked, 2 usage or configuration, 3 a
    server does not answer, 4 too late or not known, 5 the answers of one are wrong, 130
    interrupted.
    """
    work = Act(Kind.VERIFY, names, lambda operations, name: operations.verify(name), changes=False)
    wish = Wish(limit_s=limit_s, as_document=as_document)
    return run(settings_of(both(before, flags)), work, wish)
