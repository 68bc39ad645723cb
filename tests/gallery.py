"""Pictures of every screen, in both sizes, dark and light: ``python -m tests.gallery FOLDER``.

The real panel on frozen moments, driven by keys: for somebody who looks whether all of it is
clear, whole and legible. Names of screens behind the folder choose some. The pictures of README
are of running fleets: ``tests/screenshots.py``.
"""

import argparse
import asyncio
import platform
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import resvg_py
from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does: ``support`` is importable

from support import bench_children, bench_story, journals, pictures, tapes
from support.archive import FakeArchive
from support.clock import ManualClock
from support.paper import PaperServices
from support.pilot import shown_text, until

from sleeptui.core.model import FleetView
from sleeptui.core.settings import Settings
from sleeptui.recorder.fold import fold
from sleeptui.services.bench_watch import BenchState, BenchWatch
from sleeptui.services.replay_panel import ReplayServices
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.arrange import too_small
from sleeptui.tui.replay_app import ReplayApp

VARIANTS = {
    "full-dark": ((120, 36), "textual-dark"),
    "full-light": ((120, 36), "textual-light"),
    "compact-dark": ((80, 24), "textual-dark"),
    "compact-light": ((80, 24), "textual-light"),
}
ZOOM = 1.0
Prepare = Callable[[PaperServices], object]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A screen, and how one comes to it."""

    keys: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    """Shown after the first key, before the next."""
    words: tuple[str, ...] = ()
    """Shown when it stands."""
    view: Callable[[], FleetView] = pictures.busy
    prepare: Prepare = lambda _services: None
    ascii: bool = False
    size: tuple[int, int] | None = None
    """Another size than those of the variants."""


def _sessions(services: PaperServices) -> None:
    whole = fold(journals.lines())
    slower = replace(
        fold(journals.lines(journals.Sample(wakes=1.4, seed=3))), run_id="20261121-slower"
    )
    torn = replace(whole, run_id="20261122T101500Z-demo-11aa", demo="default", partial="no end")
    services.archive = FakeArchive(whole, slower, torn)


def _bench(events: Callable[[], object], state: BenchState) -> Prepare:
    def prepare(services: PaperServices) -> None:
        services.clock = ManualClock(bench_story.BEGAN_S + 150, pictures.WALL_S)
        services.bench = bench_children.Shown(events(), state)

    return prepare


def _plans(services: PaperServices) -> None:
    services.bench = BenchWatch(
        benches=bench_children.FakeBenches(),
        bus=services.bus,
        clock=services.clock,
        group=asyncio.TaskGroup(),  # nothing is started in it
        ahead=bench_children.ahead,
        hands_off=lambda _off: None,
    )


def _log(services: PaperServices) -> None:
    line = "(APIServer pid=1) INFO 11-24 00:15:40 [api_server.py:1273] It took 0.375 seconds"
    services.finder.logs["vllm-qwen"] = [f"{line} to wake up tags {number}" for number in range(60)]


def _crowded(services: PaperServices) -> None:
    services.operations.without_room.add(("wake", "coder"))


SCENES = {
    "dashboard": Scene(words=("AWAKE",)),
    "all-states": Scene(view=pictures.all_states),
    "proof": Scene(view=pictures.proof),
    "queue": Scene(view=pictures.waiting),
    "many": Scene(view=pictures.many),
    "hostile": Scene(view=pictures.hostile),
    "empty": Scene(view=pictures.empty),
    "too-small": Scene(size=(50, 12)),
    "least": Scene(size=(60, 16)),
    "ascii": Scene(ascii=True),
    "filter": Scene(keys=("slash", "q", "w"), words=("filter qw",)),
    "selected": Scene(keys=("space", "down", "space"), words=("selected",)),
    "events": Scene(keys=("2",), words=("Events",)),
    "doctor": Scene(keys=("3",), words=("Doctor",)),
    "doctor-states": Scene(keys=("3", "enter"), words=("Doctor",), view=pictures.all_states),
    "help": Scene(keys=("question_mark",), words=("Help",)),
    "palette": Scene(keys=("colon",), words=("Command or theme",)),
    "palette-theme": Scene(keys=("colon", *"theme"), words=("theme",)),
    "prompt": Scene(keys=("t",), words=("Send",), view=pictures.calm),
    "log": Scene(keys=("l",), words=("Log",), prepare=_log),
    "sleep-options": Scene(keys=("S",), words=("abort",), view=pictures.calm),
    "sleep-all": Scene(keys=("a",), words=("to sleep?",)),
    "no-room": Scene(keys=("down", "down", "w"), view=pictures.calm, prepare=_crowded),
    "sessions": Scene(keys=("4",), words=("Sessions", "whole"), prepare=_sessions),
    "comparison": Scene(
        keys=("4", "space", "down", "c"),
        first=("whole",),
        words=("interval", "B/A"),
        prepare=_sessions,
    ),
    "benchmark-plans": Scene(keys=("b",), words=("about 12 min",), prepare=_plans),
    "benchmark": Scene(
        keys=("b",), words=("MODEL",), prepare=_bench(bench_story.running, BenchState.RUNNING)
    ),
    "benchmark-ended": Scene(
        keys=("b",), words=("MODEL",), prepare=_bench(bench_story.whole, BenchState.ENDED)
    ),
}


@asynccontextmanager
async def opened(scene: Scene, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Pilot[None]]:
    """The panel with that screen on it; the words of the scene are not waited for if it is small.

    Args:
        scene: What is shown.
        size: Of the terminal, in cells.
    """
    services = PaperServices(scene.view(), Settings(ascii=scene.ascii))
    services.clock = ManualClock(pictures.NOW_S, pictures.WALL_S)
    scene.prepare(services)
    app = SleeptuiApp(services)  # type: ignore[arg-type]
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: services.begun)
        await pilot.pause(0.3)
        is_seen = scene.size is None and not too_small(*size)

        async def shows(words: tuple[str, ...]) -> None:
            if is_seen:
                await until(pilot, lambda: all(word in shown_text(pilot) for word in words))

        for number, key in enumerate(scene.keys):
            await pilot.press(key)
            await pilot.pause(0.3)
            if not number:
                await shows(scene.first)
        await shows(scene.words)
        yield pilot


@asynccontextmanager
async def _replay() -> AsyncIterator[Pilot[None]]:
    tape = tapes.simulated(partial="its last line is torn")
    services = ReplayServices(tape=tape, clock=ManualClock(), viewer=Settings())
    services.replay.is_held = True
    services.replay.seek(tape.began_s + 66.7)
    app = ReplayApp(services)
    async with services, app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: not services.replay.is_seeking)
        await until(pilot, lambda: app.dashboard.view.servers)
        app.clear_notifications()
        yield pilot


async def _take(pilot: Pilot[None], name: str, folder: Path, only: tuple[int, int] | None) -> None:
    """Each variant of what is shown."""
    for variant, (size, theme) in VARIANTS.items():
        pilot.app.theme = theme
        await pilot.resize_terminal(*(only or size))
        await pilot.pause(1.0)  # plots are drawn beside
        svg = pilot.app.export_screenshot(title=f"{name}, {variant}")
        png = resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM)
        (folder / f"{name}-{variant}.png").write_bytes(png)
        (folder / f"{name}-{variant}.txt").write_text(shown_text(pilot))


async def _play(names: list[str], folder: Path) -> None:
    for name in names:
        scene = SCENES.get(name)
        stage = _replay() if scene is None else opened(scene)
        async with stage as pilot:
            await _take(pilot, name, folder, scene.size if scene else None)
        print(folder / name, flush=True)


def main() -> None:
    """Take the pictures."""
    every = [*SCENES, "replay"]
    parser = argparse.ArgumentParser(description="Pictures of every screen, to be looked at.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("screens", nargs="*", metavar="SCREEN", help=", ".join(every))
    given = parser.parse_args()
    if unknown := set(given.screens) - set(every):
        parser.error(f"there is no screen {', '.join(sorted(unknown))}")
    given.folder.mkdir(parents=True, exist_ok=True)
    with patch.object(platform, "node", return_value="gpu-box"):
        asyncio.run(_play(given.screens or every, given.folder))


if __name__ == "__main__":
    main()
