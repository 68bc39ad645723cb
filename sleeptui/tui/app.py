"""The app: theme, screens, keys; what it shows comes over the bridge."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.filter import LineFilter

from sleeptui.core.commands import BY_ID, Group
from sleeptui.core.events import (
    Event,
    RecordingBegan,
    RecordingEnded,
    RecordingTroubled,
)
from sleeptui.core.model import FleetView
from sleeptui.tui import keymap, notices
from sleeptui.tui.bridge import Bridge
from sleeptui.tui.dispatch import Dispatch
from sleeptui.tui.glyphs import glyphs_for
from sleeptui.tui.messages import Shows
from sleeptui.tui.pages import Pages, is_left
from sleeptui.tui.palette import PanelCommands
from sleeptui.tui.plain import AsciiLines
from sleeptui.tui.screens.dashboard import DashboardScreen
from sleeptui.tui.suspension import Suspension
from sleeptui.tui.widgets.too_small import fit_all, follow

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.dom import DOMNode

    from sleeptui.services.stage import Stage

_IN_QUESTIONS: Final = {"ctrl+c": "quit", "ctrl+z": "command('app.suspend')"}
"""A question has all keys; these a terminal has promised for everywhere."""
_OF_THE_LIGHT: Final = (RecordingBegan, RecordingTroubled, RecordingEnded)


class SleeptuiApp(App[None]):
    """The panel over a set of services, which outlive it.

    Attributes:
        services: What it shows and commands; opened and closed by the caller.
        dashboard: The screen at the bottom of the stack.
        pages: The screens over it.
        dispatch: Carries commands out.
        notices: Chooses the events that get a notice.
        suspension: Stops it and brings it back.
    """

    TITLE = "sleeptui"
    # Textual does not read the sheet of a default screen by itself.
    CSS_PATH = ["app.tcss", "screens/dashboard.tcss"]
    ENABLE_COMMAND_PALETTE = False  # the command table has its key
    BINDINGS = [*keymap.bindings()]

    def __init__(self, services: "Stage") -> None:
        super().__init__()
        self.services = services
        self.glyphs = glyphs_for(ascii_only=services.settings.ascii, colour=not self.no_color)
        self.dashboard = DashboardScreen(
            services.settings,
            services.clock,
            glyphs=self.glyphs,
            interval_s=lambda: services.supervisor.interval_s,
            replay=services.replay,
            recording=lambda: services.store.recording,
            bench=lambda: services.bench.share() if services.bench is not None else None,
        )
        self.pages = Pages(self, self.dashboard)
        self.dispatch = Dispatch(self, services)
        self.notices = notices.Notices()
        self.suspension = Suspension(self)
        self._bridge = Bridge(
            pump=self,
            source=services.store,
            clock=services.replay.real if services.replay else services.clock,
            show=self.show,
            interval_s=lambda: services.supervisor.interval_s,
        )
        self._unsubscribe: Callable[[], None] | None = None
        self._offered: tuple[tuple[str, ...], tuple[bool, ...]] = ((), ())

    def get_default_screen(self) -> DashboardScreen:
        """The dashboard."""
        return self.dashboard

    def get_line_filters(self) -> Sequence[LineFilter]:
        """With --ascii, also what makes Textual's own drawings ASCII."""
        filters = super().get_line_filters()
        return [*filters, AsciiLines()] if self.services.settings.ascii else filters

    def on_mount(self) -> None:
        """Set theme and keys before anything is painted."""
        settings = self.services.settings
        if settings.theme in self.available_themes:
            self.theme = settings.theme
        self.set_keymap(settings.keymap)

    def on_ready(self) -> None:
        """The screen stands: follow the services, and let them begin after the first frame."""
        self.suspension.begin()
        follow(self)
        self._unsubscribe = self.services.bus.subscribe(self._heard)
        if self.services.replay is not None:
            self.services.replay.tell(lambda: self.show(self.services.store.view))
        if self.dispatch.replaying is not None:
            self.dispatch.replaying.welcome()
        self.show(self.services.store.view)
        self.call_later(self.services.begin)  # after a refresh: lost with a screen left by then

    def on_resize(self, event: events.Resize) -> None:
        """No screen is shown where it would be cut: some are not told of a size by Textual."""
        fit_all(self, event.size)

    def on_unmount(self) -> None:
        """Hear nothing more."""
        self.suspension.end()
        if self._unsubscribe is not None:
            self._unsubscribe()

    def show(self, view: FleetView) -> None:
        """Give a picture to all screens that can be seen, and to the footer."""
        for screen in self.pages.visible():
            if screen.is_mounted and isinstance(screen, Shows):
                screen.show(view)
        self.offer()

    def offer(self) -> None:
        """Grey the keys anew, if what is possible has changed: the footer is costly to make."""
        works = tuple(self.dispatch.why_not(command) is None for command in self.dispatch.table)
        offered = (self.dashboard.selected, works)
        if offered != self._offered:
            self._offered = offered
            self.dashboard.refresh_bindings()

    def action_command(self, command_id: str) -> None:
        """Every key of the command table ends here."""
        self.dispatch.run(command_id)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: "DOMNode | None" = None,
        namespaces: "Mapping[str, DOMNode] | None" = None,
    ) -> bool:
        """Run an action, unless its key was typed before its screen was left."""
        if default_namespace not in (None, self) and is_left(default_namespace):
            return False
        return await super().run_action(action, default_namespace, namespaces)

    async def action_quit(self) -> None:
        """Textual's own way out asks too, the second time it does not."""
        if self.screen.name == "quit":
            self.exit()
        else:
            self.dispatch.quit()

    def action_help_quit(self) -> None:
        """Textual only says which key leaves, where ctrl+c has no command of ours: it leaves."""
        self.dispatch.quit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide or grey the commands that do not work now."""
        if action == "command" and self.screen_stack:
            command_id = str(parameters[0])
            if BY_ID[command_id].group is Group.REPLAY and self.pages.has_keys:
                return False  # of these the app is asked before the widgets
            return self.dispatch.availability(command_id)
        return super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """Say why a greyed key does nothing; in a question, leave or stop all the same."""
        if self.screen.is_modal and event.key in _IN_QUESTIONS:
            self.call_next(self.run_action, _IN_QUESTIONS[event.key])
            return
        active = self.screen.active_bindings.get(event.key)
        if active is None or active.enabled:
            return
        command_id = keymap.command_of(active.binding.action)
        refused = self.dispatch.why_not(command_id) if command_id is not None else None
        if refused is not None:
            self.dispatch.say(notices.of_error(refused))

    def toggle_pause(self) -> None:
        """Hold the picture, or go on with the newest."""
        self.dashboard.toggle_pause()
        self._bridge.toggle_pause()

    def open_palette(self) -> None:
        """Open the command palette."""
        self.push_screen(CommandPalette(providers=[PanelCommands], placeholder="Command or theme"))

    def _heard(self, event: Event) -> None:
        self._bridge.heard(event)
        if self.services.replay is not None:
            return  # who watches a replay has asked for none of it
        if isinstance(event, _OF_THE_LIGHT):
            self.call_later(self.dashboard.show_header)  # also while the picture is held
        notice = self.notices.of(event)
        # The log in full says the same, line by line: notices would pile up over it.
        if notice is not None and self.pages.seen.name != "events":
            self.dispatch.say(notice)
