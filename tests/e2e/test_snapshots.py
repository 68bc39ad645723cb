"""The panel to the cell and the colour, on pictures of one frozen moment.

Few, and only of what no other test says: the picture as a whole. After a wanted change look at
``snapshot_report.html``, then accept it with ``pytest tests/e2e/test_snapshots.py
--snapshot-update``.
"""

import asyncio
import platform
import time
from dataclasses import replace

import pytest
from support import bench_children, bench_story, journals, pictures, tapes
from support.archive import FakeArchive
from support.clock import ManualClock
from support.paper import PaperServices
from support.pilot import shown_text, until

from sleeptui.core.settings import Settings
from sleeptui.recorder.fold import fold
from sleeptui.services.bench_watch import BenchState
from sleeptui.services.replay_panel import ReplayServices
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.replay_app import ReplayApp
from sleeptui.tui.screens.benchmark import BenchmarkScreen
from sleeptui.tui.screens.sessions import SessionsScreen
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


def sessions_app(**settings):
    app = app_on(pictures.calm(), **settings)
    whole = fold(journals.lines())
    torn = replace(whole, run_id="20261122T101500Z-demo-11aa", demo="default", partial="no end")
    app.services.archive = FakeArchive(whole, torn)
    return app


async def chosen(pilot):
    """Open the sessions, and wait for the picture of the first."""
    await until(pilot, lambda: pilot.app.services.begun)
    await pilot.press("4")
    await until(pilot, lambda: isinstance(pilot.app.screen, SessionsScreen))
    plots = pilot.app.screen.query_one(PlotPanel)
    await until(pilot, lambda: plots.lines(plots.size.width, plots.size.height))
    await pilot.pause()


@pytest.mark.parametrize("size", [FULL, COMPACT], ids=["full", "compact"])
def test_sessions(snap_compare, size):
    assert snap_compare(sessions_app(), terminal_size=size, run_before=chosen)


def test_sessions_light(snap_compare):
    app = sessions_app(theme="textual-light")
    assert snap_compare(app, terminal_size=FULL, run_before=chosen)


def test_sessions_ascii(snap_compare):
    assert snap_compare(sessions_app(ascii=True), terminal_size=COMPACT, run_before=chosen)


def benchmark_app(events, state, **settings):
    app = app_on(pictures.calm(), **settings)
    app.services.clock = ManualClock(bench_story.BEGAN_S + 150, pictures.WALL_S)
    app.services.bench = bench_children.Shown(events, state)
    return app


async def watched(pilot):
    """Open the benchmark page."""
    await until(pilot, lambda: pilot.app.services.begun)
    await pilot.press("b")
    await until(pilot, lambda: isinstance(pilot.app.screen, BenchmarkScreen))
    await until(pilot, lambda: "MODEL" in shown_text(pilot))
    await pilot.pause()


@pytest.mark.parametrize("size", [FULL, COMPACT], ids=["full", "compact"])
def test_benchmark(snap_compare, size):
    app = benchmark_app(bench_story.running(), BenchState.RUNNING)
    assert snap_compare(app, terminal_size=size, run_before=watched)


def test_benchmark_light(snap_compare):
    app = benchmark_app(bench_story.whole(), BenchState.ENDED, theme="textual-light")
    assert snap_compare(app, terminal_size=FULL, run_before=watched)


def test_benchmark_ascii(snap_compare):
    app = benchmark_app(bench_story.running(), BenchState.RUNNING, ascii=True)
    assert snap_compare(app, terminal_size=COMPACT, run_before=watched)


@pytest.mark.parametrize("passed_s", [66.7, 250.0], ids=["level-2", "late"])
@pytest.mark.parametrize("size", [FULL, COMPACT], ids=["full", "compact"])
def test_replay(snap_compare, passed_s, size):
    tape = tapes.simulated(partial="its last line is torn")
    services = ReplayServices(tape=tape, clock=ManualClock(), viewer=Settings())
    services.replay.is_held = True
    services.replay.seek(tape.began_s + passed_s)
    app = ReplayApp(services)

    async def landed(pilot):
        """Play what a replay plays, without its end: that of the app is waited for."""
        playing = asyncio.ensure_future(services.replay.run())
        await until(pilot, lambda: not services.replay.is_seeking)
        await until(pilot, lambda: app.dashboard.view.servers)
        app.clear_notifications()
        if app.dashboard.query_one("#detail").display:
            plots = app.dashboard.query_one(PlotPanel)
            await until(pilot, lambda: plots.lines(plots.size.width, plots.size.height))
        app.dashboard.show_header()
        await pilot.pause()
        playing.cancel()

    services.begin = lambda: None
    assert snap_compare(app, terminal_size=size, run_before=landed)
