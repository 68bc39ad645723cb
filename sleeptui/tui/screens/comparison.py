"""Two sessions side by side, in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from sleeptui.services import compare_words
from sleeptui.services.compare_words import Said
from sleeptui.tui.pages import leave
from sleeptui.tui.spans import Line, line
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.footer import KeysFooter
from sleeptui.tui.widgets.painted import Painted

_TONES: Final[Mapping[str, str]] = {
    compare_words.TITLE: Tone.TITLE,
    compare_words.WARNING: Tone.WARN,
    compare_words.BETTER: Tone.GOOD,
    compare_words.WORSE: Tone.BAD,
}


class ComparisonText(Painted, can_focus=True):
    """The lines; scrolls."""

    HELP = "What differs around the sessions, then each figure that both have."

    def __init__(self, said: Iterable[Said], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """The lines of a comparison."""
        super().__init__(id=id)
        self._said = [line(each.text, _TONES.get(each.tone, Tone.TEXT)) for each in said]

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """All of them."""
        del width, height
        return self._said


class ComparisonScreen(Screen[None]):
    """A page of text over the sessions."""

    CSS_PATH = "comparison.tcss"
    BINDING_GROUP_TITLE = "Comparison"
    HELP = "The second session beside the first: ratios of medians, with their intervals."
    BINDINGS = [Binding("escape,c", "leave", "Back", key_display="esc")]

    def __init__(self, said: Iterable[Said], *, ascii_only: bool) -> None:
        """A page.

        Args:
            said: Its lines.
            ascii_only: Draw with ASCII characters alone.
        """
        super().__init__(name="comparison")
        self._text = ComparisonText(said, id="text")
        self._ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        """A heading and the text."""
        yield Static("Comparison", id="heading")
        yield self._text
        yield KeysFooter()

    def on_mount(self) -> None:
        """Scroll with the keys from the start."""
        self._text.focus()
        if self._ascii_only:
            self._text.use_plain_scrollbar()

    def action_leave(self) -> None:
        """Go back."""
        leave(self)
