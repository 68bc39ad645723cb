"""Keys, states and words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from sleeptui.core.canary import Check
from sleeptui.core.commands import Command
from sleeptui.core.model import State
from sleeptui.tui import keymap
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.pages import leave
from sleeptui.tui.present import CHECK_TONES, STATE_TONES
from sleeptui.tui.theme import Palette
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.footer import KeysFooter

STATES: Final[tuple[tuple[State, str], ...]] = (
    (State.AWAKE, "serves requests"),
    (State.ASLEEP, "its GPU memory is freed; level 1 and 2; requests hang until it wakes"),
    (State.PAUSED, "level 0: nothing freed, requests wait"),
    (State.DRAINING, "requests in flight are finished before it sleeps"),
    (State.FALLING_ASLEEP, "/sleep is with the server"),
    (State.WAKING, "/wake_up is with the server"),
    (State.RELOADING, "level 2: the weights are read again"),
    (State.VERIFYING, "the canary is with the server: before a sleep, and after a wake"),
    (State.STARTING, "its engine is not up yet"),
    (State.STOPPING, "its process is told to end"),
    (State.PARTIAL, "half awake: some memory is back, it does not serve; wake it"),
    (State.SUSPECT, "what it says and what is measured disagree, or its answers have changed"),
    (State.WEDGED, "an operation failed and left it neither way; restart it"),
    (State.NO_CONTROL, "its sleep routes cannot be used; the detail says which switch is missing"),
    (State.DOWN, "nothing answers at its address"),
    (State.STALE, "no answer in time; the last values are shown dimmed"),
    (State.UNKNOWN, "not looked at yet"),
)
"""Every state that a server can be shown in, and its meaning."""
CHECKS: Final[tuple[tuple[Check, str], ...]] = (
    (Check.VERIFIED, "its answer to the canary is that from before the sleep"),
    (Check.UNVERIFIED, "not asked since it woke, or there is nothing to compare with; v asks"),
    (Check.CHANGED, "it answers otherwise than before, or not at all"),
)
"""The badge of a server that answers, and its meaning."""
WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("level 0", "pause: the scheduler stops, memory stays"),
    ("level 1", "offload: weights go to host memory, the KV cache is dropped"),
    ("level 2", "discard: weights and KV cache are dropped, the wake reads the weights again"),
    ("wait", "mode of a sleep: running requests finish first"),
    ("abort", "mode of a sleep: requests are cut off"),
    ("keep", "mode of a sleep: requests freeze and go on after the wake"),
    ("residual", "GPU memory that a sleeping server still holds"),
    ("parked", "requests sent to a sleeping server; they wait for the wake"),
    ("frozen", "queue figures of a sleeping server: those of its last step"),
    ("estimated", "marked ~: derived from the change around our own operations, not measured"),
    ("cycle", "a sleep and a wake"),
    ("canary", "a short fixed prompt; its tokens and their probabilities are compared"),
    ("reference", "the answers to the canary from before the sleep, or from the first v"),
    ("decodes", "the canary was answered to its end, with probabilities that are numbers"),
    ("matches", "the answer is the one of the reference"),
    ("identical", "the same tokens with the same probabilities"),
    ("within noise", "the same tokens; probabilities differ as they do from batch to batch"),
    ("late divergence", "the same at first; a match only where two tokens were as likely"),
    ("garbage", "another answer from the start, or an absurd one: weights are lost"),
    ("drift", "a residual or host memory that grows with the cycles: a leak; shown as 12!"),
    ("fit check", "what a wake takes, against what is free on its GPUs; too little: not sent"),
    ("forced", "sent against the fit check, because you said so"),
    ("queue", "one transition at a time on a GPU; c takes back what waits"),
    ("switch", "put others to sleep as far as needed, then wake this one"),
    ("external", "a change that somebody else made"),
    ("--", "not known; never shown as 0"),
)


class HelpScreen(Screen[None]):
    """One page, scrolled; made from the command table and the user's keys."""

    CSS_PATH = "help.tcss"
    BINDING_GROUP_TITLE = "Help"
    BINDINGS = [Binding("escape,question_mark", "leave", "Back", key_display="esc")]

    def __init__(
        self, keys: Mapping[str, str], glyphs: Glyphs, commands: Sequence[Command]
    ) -> None:
        """Make the page.

        Args:
            keys: The user's keys, command id to key.
            glyphs: The set in use, for the states.
            commands: What can be done here.
        """
        super().__init__(name="help")
        self._keys = keys
        self._glyphs = glyphs
        self._commands = commands

    def compose(self) -> ComposeResult:
        """The keys, the states, the badges and the words, each under a heading."""
        yield Static("Help", id="heading")
        with VerticalScroll(id="page"):
            for group, commands in keymap.rows(self._keys, self._commands):
                yield Static(group.value, classes="heading")
                yield Static(self._two_columns((keys, c.help) for keys, c in commands))
            yield Static("States", classes="heading")
            yield Static(self._states())
            yield Static("Behind AWAKE", classes="heading")
            yield Static(self._checks())
            yield Static("Words", classes="heading")
            yield Static(self._two_columns(WORDS))
        yield KeysFooter()

    def on_mount(self) -> None:
        """Scroll with the keys from the start."""
        self.query_one("#page").focus()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.call_later(self._anew))

    def on_unmount(self) -> None:
        """Be forgotten: what listens to a signal of Textual is kept for ever."""
        self.app.theme_changed_signal.unsubscribe(self)

    def action_leave(self) -> None:
        """Go back."""
        leave(self)

    async def _anew(self) -> None:
        """Make the page again, in the colours of another theme; the reader stays where he is."""
        before = self.query_one("#page").scroll_y
        await self.recompose()
        page = self.query_one("#page")
        page.focus(scroll_visible=False)
        page.scroll_to(y=before, animate=False)

    def _two_columns(self, rows: Iterable[tuple[str, str]]) -> Table:
        palette = Palette.of(self.app)
        table = _grid()
        for left, right in rows:
            table.add_row(Text(left, style=palette.style(Tone.STRONG)), Text(right))
        return table

    def _checks(self) -> Table:
        palette = Palette.of(self.app)
        table = _grid()
        for check, meaning in CHECKS:
            badge = f"{self._glyphs.checks[check]} {check.value}"
            table.add_row(Text(badge, style=palette.style(CHECK_TONES[check])), Text(meaning))
        return table

    def _states(self) -> Table:
        palette = Palette.of(self.app)
        table = _grid()
        for state, meaning in STATES:
            badge = f"{self._glyphs.states[state]} {state.value.upper()}"
            table.add_row(Text(badge, style=palette.style(STATE_TONES[state])), Text(meaning))
        return table


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=18, no_wrap=True)
    table.add_column(ratio=1)
    return table
