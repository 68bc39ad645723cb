"""Opens the screens other than the dashboard.

Each is imported when it is first opened: the first frame of the panel must not wait for widgets
that it does not show.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sleeptui.core.model import ServerView
from sleeptui.tui.glyphs import Glyphs

if TYPE_CHECKING:
    from textual.screen import Screen

    from sleeptui.services.panel import Services
    from sleeptui.tui.screens.confirm import ConfirmScreen
    from sleeptui.tui.screens.no_room import NoRoomScreen
    from sleeptui.tui.screens.sleep_options import SleepOptionsScreen


def prompt(services: "Services", server: str, glyphs: Glyphs) -> "Screen[None]":
    """The test prompt of a server."""
    from sleeptui.tui.screens.prompt import PromptScreen  # noqa: PLC0415 - when opened

    return PromptScreen(services, server, glyphs)


def log(services: "Services", server: str) -> "Screen[None]":
    """The log of a server."""
    from sleeptui.tui.screens.log import LogScreen  # noqa: PLC0415 - when opened

    return LogScreen(services, server)


def events(services: "Services") -> "Screen[None]":
    """The event log in full."""
    from sleeptui.tui.screens.events import EventsScreen  # noqa: PLC0415 - when opened

    return EventsScreen(services)


def doctor(services: "Services", glyphs: Glyphs) -> "Screen[None]":
    """The doctor."""
    from sleeptui.tui.screens.doctor import DoctorScreen  # noqa: PLC0415 - when opened

    return DoctorScreen(services, glyphs)


def keys_and_words(services: "Services", glyphs: Glyphs) -> "Screen[None]":
    """The help."""
    from sleeptui.tui.screens.help import HelpScreen  # noqa: PLC0415 - when opened

    return HelpScreen(services.settings.keymap, glyphs)


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
