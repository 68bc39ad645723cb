"""What lies over a page: notices, of which only the newest covers it, and the palette."""

import gallery
from support.pilot import shown_text, until

from sleeptui.tui.notices import Notice


def told(pilot):
    return [each.title for each in pilot.app._notifications]


async def test_notices_do_not_pile_up_over_a_page():
    async with gallery.opened(gallery.SCENES["doctor"]) as pilot:
        for name in ("one", "two", "three"):
            pilot.app.dispatch.say(Notice(title=name, text="happened"))
            await pilot.pause()
        assert told(pilot) == ["three"]
        await until(pilot, lambda: "three" in shown_text(pilot))
        assert "two" not in shown_text(pilot)


async def test_a_large_dashboard_has_room_for_several():
    async with gallery.opened(gallery.SCENES["dashboard"]) as pilot:
        for name in ("one", "two"):
            pilot.app.dispatch.say(Notice(title=name, text="happened"))
            await pilot.pause()
        assert told(pilot) == ["one", "two"]


async def test_the_palette_follows_the_theme_under_it():
    async with gallery.opened(gallery.SCENES["palette-theme"]) as pilot:
        container = pilot.app.screen.query_one("#--container")
        for theme, dark in (("textual-light", False), ("textual-dark", True)):
            pilot.app.theme = theme
            await until(
                pilot,
                lambda dark=dark: (container.styles.background.brightness < 0.5) is dark,
            )
