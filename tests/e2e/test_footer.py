"""The footer of the dashboard, which stays for the whole run, keeps no keys that it has shown."""

import gc

from support import builders as build
from support.paper import PaperServices
from support.pilot import until
from textual.widgets._footer import FooterKey

from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.widgets.footer import LastingFooter


def _keys():
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, FooterKey)]


async def test_keys_that_are_no_longer_shown_are_forgotten():
    services = PaperServices(build.fleet([build.server()]))
    app = SleeptuiApp(services)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: services.begun)
        await pilot.pause()
        footer = app.screen.query_one(LastingFooter)
        shown = [key.key for key in footer.query(FooterKey)]
        assert shown
        for _ in range(3):
            await pilot.press("2")
            await until(pilot, lambda: app.screen.name == "events")
            await pilot.press("escape")
            await until(pilot, lambda: app.screen.name != "events")
        await until(pilot, lambda: len(_keys()) <= len(shown))
        assert [key.key for key in footer.query(FooterKey)] == shown
        assert all(key.compact for key in footer.query(FooterKey))
