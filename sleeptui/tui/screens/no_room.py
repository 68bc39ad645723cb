"""What to do with a wake for which there is no room."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from sleeptui.tui import toasts
from sleeptui.tui.no_room import RISK, RoomChoice
from sleeptui.tui.pages import leave


class NoRoomScreen(ModalScreen[RoomChoice]):
    """Says what is missing and who could give it; escape sends nothing.

    Making room has the focus where somebody can make it. Nothing in it is markup: names come
    from servers.
    """

    CSS_PATH = "no_room.tcss"
    BINDING_GROUP_TITLE = "No room"
    HELP = "`x` makes room first, `f` sends it all the same, `n` and escape send nothing."
    BINDINGS = [
        Binding("x", "choose('make-room')", "Make room"),
        Binding("f", "choose('force')", "Force"),
        Binding("n,escape", "choose('cancel')", "Cancel"),
        Binding("right", "app.focus_next", "Next button", show=False),
        Binding("left", "app.focus_previous", "Button before", show=False),
    ]

    def __init__(
        self, server: str, lines: Sequence[str], *, makes_room: bool, force: str = "Wake anyway"
    ) -> None:
        """Ask.

        Args:
            server: The name of the server, for the headline.
            lines: What is missing, who could give it.
            makes_room: Somebody can make room: offer it.
            force: What the button says that sends it all the same.
        """
        super().__init__(name="no-room")
        self._server = server
        self._lines = [*lines, RISK]
        self._makes_room = makes_room
        self._force = force

    def on_mount(self) -> None:
        """Clear the notices, which would cover the buttons; the harmless answer has the focus."""
        toasts.clear(self.app)
        first = RoomChoice.MAKE_ROOM if self._makes_room else RoomChoice.CANCEL
        self.query_one(f"#{first}", Button).focus()

    def compose(self) -> ComposeResult:
        """The headline, the words, a button for each answer."""
        with Vertical(id="box"):
            yield Static(f"No room for {self._server}", id="question", markup=False)
            yield Static("\n\n".join(self._lines), id="lines", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel (n)", id=RoomChoice.CANCEL)
                yield Button(f"{self._force} (f)", id=RoomChoice.FORCE, variant="warning")
                if self._makes_room:
                    yield Button("Make room (x)", id=RoomChoice.MAKE_ROOM, variant="primary")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer with the button."""
        event.stop()
        leave(self, RoomChoice(event.button.id or RoomChoice.CANCEL))

    def action_choose(self, choice: str) -> None:
        """Answer with a key, if it is offered."""
        if choice == RoomChoice.MAKE_ROOM and not self._makes_room:
            self.app.bell()
            return
        leave(self, RoomChoice(choice))
