"""A question before something is lost."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from sleeptui.tui import toasts
from sleeptui.tui.pages import leave


class ConfirmScreen(ModalScreen[bool]):
    """Says what will happen and asks; escape is no.

    Nothing in it is markup: names come from servers.
    """

    CSS_PATH = "confirm.tcss"
    BINDING_GROUP_TITLE = "Question"
    HELP = "Enter on a button answers; `y` is yes, `n` and escape are no."
    BINDINGS = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", "Other button", show=False),
    ]

    def __init__(
        self,
        question: str,
        lines: Sequence[str],
        *,
        yes: str,
        no: str = "Cancel",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self._question = question
        self._lines = lines
        self._yes = yes
        self._no = no

    def on_mount(self) -> None:
        """Clear the notices: they would cover the buttons."""
        toasts.clear(self.app)

    def compose(self) -> ComposeResult:
        """A question, what is lost, two buttons; the harmless one has the focus."""
        with Vertical(id="box"):
            yield Static(self._question, id="question", markup=False)
            yield Static("\n".join(self._lines), id="lines", markup=False)
            with Horizontal(id="buttons"):
                yield Button(f"{self._no} (n)", id="no")
                yield Button(f"{self._yes} (y)", id="yes", variant="warning")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer with the button."""
        event.stop()
        leave(self, event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Answer with a key."""
        leave(self, answer)
