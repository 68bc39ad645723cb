"""A radio button is read without colour."""

from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import RadioSet

from sleeptui.tui.widgets.choice import Choice


class Choices(App[None]):
    """Two choices."""

    def compose(self) -> ComposeResult:
        """The first is chosen."""
        with RadioSet():
            yield Choice(Content("one"), value=True, disabled=False, id="one")
            yield Choice(Content("two"), value=False, disabled=False, id="two")


async def test_the_chosen_one_is_seen_without_colour():
    app = Choices()
    async with app.run_test() as pilot:
        one, two = app.query_one("#one", Choice), app.query_one("#two", Choice)
        assert "●" in one.render().plain
        assert "○" in two.render().plain
        two.toggle()
        await pilot.pause()
        assert "○" in one.render().plain
        assert "●" in two.render().plain
