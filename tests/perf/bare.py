"""The least that Textual can be: the baseline of the first frame."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Bare(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static("bare Textual")


if __name__ == "__main__":
    Bare().run()
