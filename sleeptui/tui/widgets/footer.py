"""The footer of a screen that stays: it does not keep the keys that it no longer shows."""

from textual.widgets import Footer


class LastingFooter(Footer):
    """Makes its keys anew whenever what is possible changes, thousands of times in a long run.

    Textual 8 lets each key follow the footer's ``compact``, and forgets those that have gone only
    when that changes; with their styles they are 40 kB each time.
    """

    async def recompose(self) -> None:
        """Make the keys anew, and forget the old ones."""
        await super().recompose()
        self.mutate_reactive(Footer.compact)
