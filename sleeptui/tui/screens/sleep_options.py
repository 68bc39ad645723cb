"""Level and mode of a sleep, with what they will do to the requests in flight."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, RadioSet, Static

from sleeptui.core.lifecycle import refusal
from sleeptui.core.model import FleetView, ServerView, SleepLevel, SleepMode
from sleeptui.core.text import one_line
from sleeptui.services.busy import queue_of
from sleeptui.tui import sleeping, toasts
from sleeptui.tui.pages import leave
from sleeptui.tui.sleeping import SleepChoice
from sleeptui.tui.widgets.choice import Choice


class SleepOptionsScreen(ModalScreen[SleepChoice | None]):
    """Asks for level and mode; None when it was left.

    What cannot be used on all the chosen servers is off, with the reason. The counts follow
    the servers while the question stands.
    """

    AUTO_FOCUS = "#sleep"  # enter does what is written
    CSS_PATH = "sleep_options.tcss"
    BINDING_GROUP_TITLE = "Sleep options"
    HELP = "`0` `1` `2` choose the level, `a` `w` `k` the mode, `s` or enter sleeps."
    BINDINGS = [
        Binding("s", "sleep", "Sleep"),
        Binding("escape", "leave", "Cancel"),
        *(
            Binding(str(level.value), f"level({level.value})", f"Level {level.value}", show=False)
            for level in SleepLevel
        ),
        *(
            Binding(mode.value[0], f"mode('{mode.value}')", mode.value.title(), show=False)
            for mode in SleepMode
        ),
    ]

    def __init__(self, views: Sequence[ServerView]) -> None:
        super().__init__()
        self._views = tuple(views)
        self._level = self._first_level()
        self._mode = SleepMode.WAIT

    def compose(self) -> ComposeResult:
        """Names, levels, modes, the sentence, buttons; enter is Sleep."""
        with VerticalScroll(id="box", can_focus=False):
            yield Static(id="title", markup=False)
            yield Static("Level: keys 0 1 2", classes="heading")
            with RadioSet(id="levels"):
                for level in SleepLevel:
                    yield Choice(
                        self._level_label(level),
                        value=level is self._level,
                        disabled=bool(sleeping.level_refusal(self._views, level)),
                        id=f"level-{level.value}",
                    )
            yield Static("Requests in flight: keys a w k", classes="heading")
            with RadioSet(id="modes"):
                for mode in SleepMode:
                    yield Choice(
                        self._mode_label(mode),
                        value=mode is self._mode,
                        disabled=bool(sleeping.mode_refusal(self._views, mode)),
                        id=f"mode-{mode.value}",
                    )
            yield Static(id="fate", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Sleep (s)", id="sleep", variant="primary")

    def on_mount(self) -> None:
        """Clear the notices and say what will happen."""
        toasts.clear(self.app)  # they would cover the buttons
        self._say()

    def show(self, view: FleetView) -> None:
        """A new picture: the counts and what is possible may have changed."""
        found = (view.server(old.name) for old in self._views)
        self._views = tuple(server for server in found if server is not None)
        self._say()

    @on(RadioSet.Changed)
    def choose(self, event: RadioSet.Changed) -> None:
        """Take over what was chosen with the mouse or the arrow keys."""
        _, _, value = (event.pressed.id or "").partition("-")
        if event.radio_set.id == "levels":
            self._level = SleepLevel(int(value))
        else:
            self._mode = SleepMode(value)
        self._say()

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Sleep or leave."""
        event.stop()
        if event.button.id == "sleep":
            self.action_sleep()
        else:
            leave(self)

    def action_level(self, level: int) -> None:
        """Choose a level by its number; ``s`` may be typed behind it before the button tells."""
        if self._press(f"#level-{level}"):
            self._level = SleepLevel(level)

    def action_mode(self, mode: str) -> None:
        """Choose a mode by its first letter; as for the level."""
        if self._press(f"#mode-{mode}"):
            self._mode = SleepMode(mode)

    def action_sleep(self) -> None:
        """Answer with what is chosen, if it can be done now."""
        if not self._problem():
            leave(self, SleepChoice(level=self._level, mode=self._mode))

    def action_leave(self) -> None:
        """Leave without an answer."""
        leave(self)

    def _press(self, selector: str) -> bool:
        """Press a button; whether it can be pressed."""
        button = self.query_one(selector, Choice)
        if button.disabled:
            self.app.bell()
        else:
            button.value = True
        return not button.disabled

    def _say(self) -> None:
        servers = sleeping.names([one_line(view.name, limit=40) for view in self._views])
        self.query_one("#title", Static).update(f"Put {servers} to sleep")
        problem = self._problem()
        fate = self.query_one("#fate", Static)
        told = (
            sleeping.fate(self._views, self._mode),
            sleeping.last_time(self._views, self._level, self._mode),
        )
        fate.update(problem or "\n".join(part for part in told if part))
        fate.set_class(bool(problem) or self._is_harsh(), "-harsh")
        self.query_one("#sleep", Button).disabled = bool(problem)

    def _is_harsh(self) -> bool:
        return self._mode is SleepMode.ABORT and queue_of(self._views).is_busy

    def _problem(self) -> str:
        """Why nothing can be done now; empty: it can."""
        if not self._views:
            return "It is no longer watched."
        for view in self._views:
            refused = refusal("server.sleep_options", view)
            if refused is not None:
                return str(refused)
        return sleeping.level_refusal(self._views, self._level)

    def _first_level(self) -> SleepLevel:
        usual = sleeping.usual_level(self._views[0]) if self._views else SleepLevel.OFFLOAD
        for level in (usual, SleepLevel.OFFLOAD, SleepLevel.PAUSE):
            if not sleeping.level_refusal(self._views, level):
                return level
        return usual

    def _level_label(self, level: SleepLevel) -> Content:
        refused = sleeping.level_refusal(self._views, level)
        word, meaning = sleeping.LEVEL_WORDS[level]
        return _label(f"{level.value} {word}", refused or meaning)

    def _mode_label(self, mode: SleepMode) -> Content:
        refused = sleeping.mode_refusal(self._views, mode)
        word, meaning = sleeping.MODE_WORDS[mode]
        return _label(word, refused or meaning)


def _label(word: str, meaning: str) -> Content:
    """A word in bold and its meaning, as plain content: never markup."""
    return Content.assemble((f"{word:<10}", "bold"), (one_line(meaning), "dim"))
