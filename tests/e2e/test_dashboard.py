"""The dashboard with pictures that are made up, driven by keys and mouse."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support import pictures
from support.builders import fleet, operation, server
from support.clock import ManualClock
from support.pilot import shown_text, until
from textual.app import App
from textual.geometry import Region
from textual.pilot import Pilot

import sleeptui.tui.screens
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Phase
from sleeptui.core.settings import Settings
from sleeptui.core.units import GIB
from sleeptui.tui.glyphs import glyphs_for
from sleeptui.tui.screens.dashboard import DashboardScreen
from sleeptui.tui.widgets.detail import Detail
from sleeptui.tui.widgets.fleet_table import FleetTable
from sleeptui.tui.widgets.gpu_panel import GpuPanel
from sleeptui.tui.widgets.plot import PlotPanel

FULL, COMPACT = (120, 36), (80, 24)


class Bare(App[None]):
    """An app that has nothing but the dashboard."""

    CSS_PATH = Path(sleeptui.tui.screens.__file__).with_name("dashboard.tcss")
    BINDINGS = [
        ("space", "press('toggle_select')"),
        ("slash", "press('open_filter')"),
        ("o", "press('next_sort')"),
        ("p", "press('toggle_pause')"),
        ("d", "press('toggle_detail')"),
    ]

    def __init__(self, settings: Settings, clock: ManualClock) -> None:
        super().__init__()
        glyphs = glyphs_for(ascii_only=settings.ascii, colour=True)
        self.dashboard = DashboardScreen(settings, clock, glyphs=glyphs, host="gpu-box-1")

    def get_default_screen(self):
        return self.dashboard

    def action_press(self, name: str) -> None:
        getattr(self.dashboard, name)()


class Driven:
    """The app, its pilot and its clock."""

    def __init__(self, app: Bare, pilot: Pilot[None], clock: ManualClock) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock
        self.screen = app.dashboard
        self.table = self.screen.query_one(FleetTable)

    async def show(self, view) -> None:
        self.screen.show(view)
        await self.pilot.pause()

    async def until(self, condition) -> None:
        await until(self.pilot, condition)

    async def sees(self, *texts: str) -> None:
        await until(self.pilot, lambda: all(text in self.text for text in texts))

    @property
    def text(self) -> str:
        return shown_text(self.pilot)

    def rows(self) -> list[str]:
        """The names in the table, from the top."""
        return [row.name for row in self.table._rows]


@asynccontextmanager
async def driven(view, size=FULL, **settings) -> AsyncIterator[Driven]:
    clock = ManualClock(pictures.NOW_S, pictures.WALL_S)
    app = Bare(Settings(**settings), clock)
    async with app.run_test(size=size) as pilot:
        one = Driven(app, pilot, clock)
        await one.show(view)
        yield one


async def test_the_full_screen_shows_all_parts():
    async with driven(pictures.calm()) as one:
        await one.sees("gpu-box-1", "GPU memory", "Fleet", "Events", "known by")
        await one.sees("● AWAKE ✓", "○ ASLEEP L1", "51.6 free", "first token after 41 ms", "⣿")
        assert one.screen.current == "qwen"


async def test_the_compact_screen_keeps_what_matters():
    async with driven(pictures.calm(), COMPACT) as one:
        await one.sees("● AWAKE ✓", "○ ASLEEP L1", "~0.9", "8*", "3p", "sleep 0.31 s")
        assert "CYC" not in one.text
        assert not one.screen.query_one(Detail).display


@pytest.mark.parametrize("size", [(20, 5), (59, 36), (120, 15), (1, 1)])
async def test_a_screen_that_was_too_small_has_its_picture_when_it_has_grown(size):
    async with driven(pictures.busy(), size) as one:
        await one.show(pictures.calm())
        await one.pilot.resize_terminal(120, 36)
        await one.sees("● AWAKE ✓")
        await one.pilot.resize_terminal(*size)
        await one.pilot.resize_terminal(80, 24)
        await one.sees("● AWAKE ✓")


@pytest.mark.parametrize("size", [(60, 16), COMPACT, (100, 30), FULL, (200, 60)])
async def test_no_picture_breaks_any_size(size):
    async with driven(pictures.calm(), size) as one:
        for picture in ("busy", "all_states", "many", "hostile", "empty", "proof", "waiting"):
            await one.show(getattr(pictures, picture)())
            one.screen.toggle_detail()
            await one.pilot.press("down", "end", "pageup", "home")
            one.screen.toggle_detail()
            await one.pilot.pause()
            assert one.app.is_running


async def test_a_hostile_name_is_shown_as_text():
    async with driven(pictures.hostile()) as one:
        await one.sees("[bold]not bold[/bol…", "because [red]", "tab and line")
        assert "\x1b" not in one.text


async def test_ascii_draws_only_ascii():
    async with driven(pictures.busy(), ascii=True) as one:
        await one.sees("* AWAKE ?", "~ FALLING ASLEEP 0.4 s", "> sleep ~0.33 s", "qwen####", "##")
        own = one.text.rsplit("\n", 1)[0]
        strange = {character for character in own if not character.isascii()}
        assert strange == set()


async def test_keys_move_the_cursor_and_the_detail_follows():
    async with driven(pictures.calm()) as one:
        await one.pilot.press("down")
        assert one.screen.current == "llama"
        await one.sees("3 requests parked until the wake")
        await one.pilot.press("end")
        assert one.screen.current == "coder"
        await one.pilot.press("down")
        assert one.screen.current == "coder"
        await one.pilot.press("home", "up")
        assert one.screen.current == "qwen"


async def test_the_mouse_chooses_rows_and_sorts_at_the_headings():
    async with driven(pictures.calm()) as one:
        await one.pilot.click(FleetTable, offset=(10, 3))
        assert one.screen.current == "llama"
        await one.pilot.click(FleetTable, offset=(10, 1))
        await one.sees("by name")
        await one.pilot.click(FleetTable, offset=(10, 30))
        assert one.screen.current == "llama"


async def test_several_are_selected_in_fleet_order():
    async with driven(pictures.calm()) as one:
        assert one.screen.selected == ("qwen",)
        await one.pilot.press("end", "space", "home", "space")
        assert one.screen.selected == ("qwen", "coder")
        await one.sees("2 selected", "◆")
        assert one.screen.current == "llama"
        await one.pilot.press("escape")
        assert one.screen.selected == ("llama",)


async def test_the_selection_forgets_what_is_gone():
    async with driven(pictures.calm()) as one:
        await one.pilot.press("space")
        await one.show(fleet(pictures.calm().servers[1:]))
        assert one.screen.selected == ("llama",)


async def test_the_cursor_stays_with_its_server():
    view = pictures.calm()
    async with driven(view) as one:
        await one.pilot.press("down")
        await one.show(replace(view, servers=(server("new"), *view.servers)))
        assert one.screen.current == "llama"
        await one.pilot.press("o", "o", "o")
        assert one.screen.current == "llama"
        await one.show(replace(view, servers=view.servers[:1]))
        assert one.screen.current == "qwen"


async def test_sorting_goes_through_the_orders():
    async with driven(pictures.busy()) as one:
        before = one.rows()
        await one.pilot.press("o")
        assert one.rows() == sorted(before)
        await one.sees("by name")
        await one.pilot.press("o", "o", "o", "o")
        assert one.rows() == before
        assert "by name" not in one.text


async def test_the_filter_narrows_while_typed_and_escape_ends_it():
    async with driven(pictures.calm()) as one:
        await one.pilot.press("slash", *"asleep")
        await one.until(lambda: one.rows() == ["llama", "coder"])
        await one.sees("filter asleep", "2 of 3")
        await one.pilot.press("escape")
        await one.until(lambda: len(one.rows()) == 3)
        assert one.screen.focused is one.table
        assert "filter" not in one.text


async def test_enter_keeps_the_filter_and_escape_takes_it_back_later():
    async with driven(pictures.calm()) as one:
        await one.pilot.press("slash", *"lla", "enter")
        await one.until(lambda: one.screen.focused is one.table)
        assert one.rows() == ["llama"]
        await one.pilot.press("slash", *"zzz", "enter")
        await one.until(lambda: one.rows() == [])
        assert one.screen.current is None
        assert one.screen.selected == ()
        await one.pilot.press("escape")
        assert len(one.rows()) == 3
        assert one.screen.current == "qwen"


async def test_the_detail_is_toggled_and_stays_as_chosen():
    async with driven(pictures.calm(), COMPACT) as one:
        detail = one.screen.query_one(Detail)
        await one.pilot.press("d")
        await one.until(lambda: detail.display)
        await one.sees("matches ✓ identical", "⣿")
        await one.pilot.press("d")
        await one.until(lambda: not detail.display)
        await one.pilot.resize_terminal(*FULL)
        await one.pilot.pause()
        assert not detail.display


async def test_the_detail_stands_beside_on_a_wide_screen():
    async with driven(pictures.calm(), (170, 40)) as one:
        detail = one.screen.query_one(Detail)
        await one.until(lambda: detail.region.x > 80)
        await one.sees("⣿", "known by")


async def test_a_held_picture_follows_the_size_of_the_terminal():
    async with driven(pictures.calm()) as one:
        await one.sees("⣿")
        for width in (100, 150, 120):
            await one.pilot.resize_terminal(width, 36)
            await one.until(lambda width=width: one.screen.size.width == width)
            await one.sees("⣿", "known by")


async def test_the_library_for_plots_comes_with_the_first_plot():
    loaded = sys.modules.pop("plotext", None)
    try:
        async with driven(pictures.calm(), COMPACT) as one:
            assert "plotext" not in sys.modules
            await one.pilot.press("d")
            await one.sees("⣿")
            assert "plotext" in sys.modules
    finally:
        if loaded is not None:
            sys.modules["plotext"] = loaded


async def test_curves_keep_their_scale_when_the_gpu_is_not_seen_any_more():
    calm = pictures.calm()
    async with driven(calm) as one:
        await one.sees("GPU memory 85.3 GiB", "140.0 ", "⣿")
        gone = tuple(replace(view, memory=None, on_gpus=(0,)) for view in calm.servers)
        await one.show(replace(calm, at_s=pictures.NOW_S + 2, servers=gone, gpus=()))
        await one.sees("GPU memory --", "140.0 ", "⣿")


async def test_plots_are_redrawn_at_most_once_a_second():
    async with driven(pictures.calm()) as one:
        plots = one.screen.query_one(PlotPanel)
        await one.sees("⣿")
        drawn = plots._plots
        busy = pictures.series((300, 100 * GIB))
        changed = replace(pictures.qwen(), memory_series=busy)
        view = replace(pictures.calm(), servers=(changed,))
        await one.show(replace(view, at_s=pictures.NOW_S + 0.5))
        assert plots._plots is drawn
        await one.show(replace(view, at_s=pictures.NOW_S + 1.1))
        assert plots._plots is not drawn


async def test_only_cells_that_changed_are_painted(monkeypatch):
    async with driven(pictures.calm()) as one:
        painted: list[Region] = []
        monkeypatch.setattr(one.table, "refresh", lambda *regions, **_: painted.extend(regions))
        await one.show(replace(pictures.calm()))
        assert painted == []
        qwen = replace(pictures.qwen(), tokens_per_s=9.5)
        await one.show(replace(pictures.calm(), servers=(qwen, *pictures.calm().servers[1:])))
        (region,) = painted
        assert (region.y, region.height, region.width) == (1, 1, 5)


async def test_a_picture_without_changes_paints_nothing(monkeypatch):
    async with driven(pictures.many()) as one:
        await one.pilot.pause()
        painted = []
        for part in (one.table, one.screen.query_one(GpuPanel)):
            monkeypatch.setattr(part, "refresh", lambda *regions, **_: painted.append(regions))
        await one.show(replace(pictures.many(), servers=one.screen.view.servers))
        assert painted == []


async def test_elapsed_times_count_between_two_pictures_only_in_a_transition():
    waking = server(
        "qwen",
        State.WAKING,
        operation=operation(Kind.WAKE, began_s=pictures.NOW_S - 0.4),
    )
    async with driven(fleet([waking], at_s=pictures.NOW_S)) as one:
        await one.sees("◐ WAKING 0.4 s")
        one.clock.move(3.0)
        await one.sees("◐ WAKING 3.4 s", "▶ wake sent 3.4 s")
        assert one.screen._ticker is not None
        await one.show(fleet([server("qwen")], at_s=pictures.NOW_S))
        assert not one.screen._ticker._active.is_set()


async def test_a_pause_is_said():
    async with driven(pictures.calm()) as one:
        await one.pilot.press("p")
        await one.sees("PICTURE PAUSED")
        await one.pilot.press("p")
        await one.until(lambda: "PICTURE PAUSED" not in one.text)


async def test_readonly_demo_and_interval_are_in_the_header():
    async with driven(pictures.calm(), readonly=True, demo="two") as one:
        await one.sees("demo two", "READ-ONLY", "every 0.5 s")


async def test_an_empty_panel_helps_and_gives_way_to_the_fleet():
    async with driven(pictures.empty(looking=True), COMPACT) as one:
        await one.sees("Looking around", "No NVML")
        await one.show(pictures.empty())
        await one.sees("No vLLM server is watched yet.", "sleeptui --demo")
        assert one.screen.selected == ()
        for press in ("toggle_select", "toggle_detail", "next_sort", "toggle_pause"):
            getattr(one.screen, press)()
        await one.show(pictures.calm())
        await one.sees("● AWAKE ✓")
        assert one.screen.focused is one.table


async def test_a_long_fleet_scrolls_with_the_cursor_in_sight():
    async with driven(pictures.many(), COMPACT) as one:
        await one.pilot.press("end")
        await one.until(lambda: "model-63" in one.text)
        await one.pilot.press("pageup", "pageup", "pageup")
        await one.until(lambda: one.screen.current in one.text)
        await one.pilot.press("home")
        await one.until(lambda: "model-00" in one.text)
        assert "MODEL" in one.text


async def test_the_selection_can_be_asked_for_before_anything_is_shown():
    screen = DashboardScreen(Settings(), ManualClock())
    assert screen.current is None
    assert screen.selected == ()


@pytest.mark.parametrize("theme", ["textual-light", "nord", "ansi-dark"])
async def test_colours_follow_the_theme(theme):
    async with driven(pictures.calm()) as one:
        before = one.table.render_line(1)
        one.app.theme = theme
        await one.until(lambda: one.table.render_line(1) != before)
        assert one.table.render_line(1).text == before.text


async def test_the_queue_is_listed_above_the_gpus_and_moves_no_row():
    async with driven(pictures.calm()) as one:
        assert "queue:" not in one.text
        height = one.screen.query_one(GpuPanel).size.height
        await one.show(pictures.waiting())
        await one.sees("queue: 1 wake llama, 2 wake coder, 3 sleep phi", "▶ wake queued")
        assert one.screen.query_one(GpuPanel).size.height == height
        await one.pilot.press("down", "down")
        await one.sees("2nd in the queue of GPU 0: waits for wake of llama")
        await one.show(pictures.calm())
        await one.until(lambda: "queue:" not in one.text)


@pytest.mark.parametrize("picture", ["proof", "waiting"])
async def test_proof_and_queue_in_ascii(picture):
    async with driven(getattr(pictures, picture)(), ascii=True) as one:
        for _ in range(4):
            own = one.text.rsplit("\n", 1)[0]
            assert not {character for character in own if not character.isascii()}
            await one.pilot.press("down")


async def test_hostile_names_in_the_queue_are_text():
    waits = operation(Kind.WAKE, "[red]x[/red]", phase=Phase.QUEUED)
    async with driven(fleet([server("[red]x[/red]", State.ASLEEP, operation=waits)])) as one:
        await one.sees("queue: 1 wake [red]x[/red]")


@pytest.mark.parametrize("size", [COMPACT, FULL])
async def test_proof_is_seen_in_table_and_detail(size):
    async with driven(pictures.proof(), size) as one:
        if size == COMPACT:
            await one.pilot.press("d")
        await one.sees("! SUSPECT ✗", "● AWAKE ?", "matches ✗ garbage", "→ w reads its weights")
        await one.pilot.press("down")
        await one.sees("decodes ? matches ?", "→ v verifies it")
        await one.pilot.press("down")
        await one.sees("residual ▁▂▂▃▄▄▅▅▆▇▇█", "residual grew 2.0 GiB")
