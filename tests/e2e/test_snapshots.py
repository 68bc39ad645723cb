"""The dashboard to the cell and the colour, on pictures of one frozen moment.

Few, and only of what no other test says: the picture as a whole. After a wanted change look at
``snapshot_report.html``, then accept it with ``pytest tests/e2e/test_snapshots.py
--snapshot-update``.
"""

import platform
import time

import pytest
from support import pictures
from support.clock import ManualClock
from support.paper import PaperServices
from support.pilot import until

from sleeptui.core.settings import Settings
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.widgets.plot import PlotPanel

FULL, COMPACT = (120, 36), (80, 24)


@pytest.fixture(autouse=True)
def _one_place_and_one_time(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def app_on(view, **settings):
    services = PaperServices(view, Settings(**settings))
    services.clock = ManualClock(pictures.NOW_S, pictures.WALL_S)
    return SleeptuiApp(services)


async def drawn(pilot):
    """Wait for the parts that are drawn after the first frame."""
    dashboard = pilot.app.dashboard
    await until(pilot, lambda: pilot.app.services.begun)
    if dashboard.query_one("#detail").display and dashboard.view.servers:
        plots = dashboard.query_one(PlotPanel)
        await until(pilot, lambda: plots.lines(plots.size.width, plots.size.height))
    await pilot.pause()


@pytest.mark.parametrize("size", [FULL, COMPACT], ids=["full", "compact"])
@pytest.mark.parametrize("picture", ["calm", "all_states", "empty"])
def test_dashboard(snap_compare, picture, size):
    app = app_on(getattr(pictures, picture)())
    assert snap_compare(app, terminal_size=size, run_before=drawn)


def test_light(snap_compare):
    app = app_on(pictures.busy(), theme="textual-light")
    assert snap_compare(app, terminal_size=FULL, run_before=drawn)


def test_ascii(snap_compare):
    app = app_on(pictures.busy(), ascii=True)
    assert snap_compare(app, terminal_size=FULL, run_before=drawn)
