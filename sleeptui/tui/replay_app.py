"""The app of a replay: the same panel with other keys, over services that play a tape."""

from textual.app import App

from sleeptui.tui import keymap
from sleeptui.tui.app import SleeptuiApp


class ReplayApp(SleeptuiApp, inherit_bindings=False):
    """The panel over the services of a replay."""

    BINDINGS = [*App.BINDINGS, *keymap.bindings(replay=True)]
