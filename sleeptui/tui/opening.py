"""Opens the screens other than the dashboard.

Each is imported when it is first opened: the first frame of the panel must not wait for widgets
that it does not show.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sleeptui.core.commands import Group, commands_of
from sleeptui.core.model import ServerView
from sleeptui.tui.glyphs import Glyphs

if TYPE_CHECKING:
    from textual.screen import Screen

    from sleeptui.services.bench_watch import BenchWatch
    from sleeptui.services.replay import Replay
    from sleeptui.services.stage import Stage
    from sleeptui.tui.app import SleeptuiApp
    from sleeptui.tui.replaying import Replaying
    from sleeptui.tui.screens.confirm import ConfirmScreen
    from sleeptui.tui.screens.no_room import NoRoomScreen
    from sleeptui.tui.screens.sleep_options import SleepOptionsScreen


def prompt(services: "Stage", server: str, glyphs: Glyphs) -> "Screen[None]":
    """The test prompt of a server."""
    from sleeptui.tui.screens.prompt import PromptScreen  # noqa: PLC0415 - when opened

    return PromptScreen(services, server, glyphs)


def log(services: "Stage", server: str) -> "Screen[None]":
    """The log of a server."""
    from sleeptui.tui.screens.log import LogScreen  # noqa: PLC0415 - when opened

    return LogScreen(services, server)


def events(services: "Stage") -> "Screen[None]":
    """The event log in full."""
    from sleeptui.tui.screens.events import EventsScreen  # noqa: PLC0415 - when opened

    return EventsScreen(services)


def doctor(services: "Stage", glyphs: Glyphs) -> "Screen[None]":
    """The doctor."""
    from sleeptui.tui.screens.doctor import DoctorScreen  # noqa: PLC0415 - when opened

    return DoctorScreen(services, glyphs)


def keys_and_words(services: "Stage", glyphs: Glyphs) -> "Screen[None]":
    """The help."""
    from sleeptui.tui.screens.help import HelpScreen  # noqa: PLC0415 - when opened

    replay = services.replay is not None
    works = [
        command
        for command in commands_of(replay=replay)
        if not (replay and command.group is Group.MODEL)
    ]
    return HelpScreen(services.settings.keymap, glyphs, works)


def sessions(app: "SleeptuiApp", services: "Stage") -> "Screen[None]":
    """The sessions that were recorded."""
    from sleeptui.tui.screens.sessions import SessionsScreen  # noqa: PLC0415 - when opened

    return SessionsScreen(services, app.glyphs)


def benchmark(app: "SleeptuiApp", services: "Stage", bench: "BenchWatch") -> "Screen[None]":
    """Benchmarks: the plans, and the one that runs."""
    from sleeptui.tui.screens.benchmark import BenchmarkScreen  # noqa: PLC0415 - when opened

    return BenchmarkScreen(services, bench, app.glyphs)


def replaying(app: "SleeptuiApp", replay: "Replay | None") -> "Replaying | None":
    """What the keys of a replay do, if this is one."""
    if replay is None:
        return None
    from sleeptui.tui.replaying import Replaying  # noqa: PLC0415 - not for the panel

    return Replaying(app, replay)


def sleep_options(views: Sequence[ServerView]) -> "SleepOptionsScreen":
    """Level and mode of a sleep."""
    from sleeptui.tui.screens.sleep_options import SleepOptionsScreen  # noqa: PLC0415 - when opened

    return SleepOptionsScreen(views)


def question(
    text: str, lines: Sequence[str], *, yes: str, no: str = "Cancel", name: str | None = None
) -> "ConfirmScreen":
    """A question before something is lost."""
    from sleeptui.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415 - when opened

    return ConfirmScreen(text, lines, yes=yes, no=no, name=name)


def no_room(
    server: str, lines: Sequence[str], *, makes_room: bool, force: str = "Wake anyway"
) -> "NoRoomScreen":
    """What to do with a wake for which there is no room."""
    from sleeptui.tui.screens.no_room import NoRoomScreen  # noqa: PLC0415 - when opened

    return NoRoomScreen(server, lines, makes_room=makes_room, force=force)
