"""The command palette: what can be done now, and the themes."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sleeptui.core.commands import commands_of
from sleeptui.tui import keymap

if TYPE_CHECKING:
    from sleeptui.tui.app import SleeptuiApp

_HIDDEN: Final = "app.palette"


class PanelCommands(Provider):
    """The commands that work now on the selected servers, and a theme each."""

    async def discover(self) -> Hits:
        """All commands, before anything is typed; the themes behind one line."""
        for title, text, run in self._commands():
            yield DiscoveryHit(title, run, help=text)
        yield DiscoveryHit(
            "Theme", self._panel.search_themes, help="Choose colours, dark or light."
        )

    async def search(self, query: str) -> Hits:
        """Commands and themes whose name matches."""
        matcher = self.matcher(query)
        for title, text, run in (*self._commands(), *self._themes()):
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, text=title, help=text)

    @property
    def _panel(self) -> "SleeptuiApp":
        from sleeptui.tui.app import SleeptuiApp  # noqa: PLC0415 - it imports this module

        app = self.app
        if not isinstance(app, SleeptuiApp):
            raise TypeError(app)
        return app

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        panel = self._panel
        replay = panel.services.replay is not None
        for command in commands_of(replay=replay):
            if command.id == _HIDDEN or not panel.dispatch.availability(command.id):
                continue
            keys = " ".join(keymap.keys_of(command, panel.services.settings.keymap))
            yield (
                f"{command.title.rstrip('…')} ({keys})",
                command.help,
                partial(panel.dispatch.run, command.id),
            )

    def _themes(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        panel = self._panel
        for name, theme in sorted(panel.available_themes.items()):
            words = "A dark theme." if theme.dark else "A light theme."
            yield f"Theme {name}", words, partial(setattr, panel, "theme", name)
