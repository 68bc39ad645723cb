"""Rebuild the pictures of the demo: ``python -m tests.screenshots [--all] [SCENE ...]``.

The real panel on the real simulated fleet, driven by keys; Textual draws what the terminal would
show, resvg makes a PNG of it, with the fonts of the Debian packages fonts-firacode and
fonts-dejavu-core. Takes ten minutes: plots need a past, and cold starts their time.
"""

import argparse
import asyncio
import platform
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import httpx
import resvg_py
from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does: ``support`` is importable

from support.pilot import shown_text

from sleeptui.core.model import State
from sleeptui.core.settings import RecordingDefaults, Settings
from sleeptui.tui.app import SleeptuiApp
from sleeptui.wiring import open_services

FOLDER = Path(__file__).parents[1] / "screenshots"
KEPT = frozenset(
    {
        "dashboard",
        "switch",
        "compact",
        "sixty-four",
        "faults",
        "garbage",
        "no-room",
        "doctor",
        "benchmark",
    }
)
"""Pictures that the repository holds; the others are only made with ``--all``."""
FULL, COMPACT = (120, 36), (80, 24)
DARK, LIGHT = "textual-dark", "textual-light"
ZOOM = 1.6
LIMIT_S = 60.0
BENCH_LIMIT_S = 900.0
"""Cold starts take their time."""
CYCLES = 8
"""So many, and a leak is more than noise."""
HISTORY_S = 30.0
"""How long a fleet runs before its picture is taken: an empty plot shows nothing."""


@dataclass
class Stage:
    """A running panel, and where its pictures go."""

    app: SleeptuiApp
    pilot: Pilot[None]
    folder: Path
    every: bool
    """Also the pictures that are not kept."""

    def state(self, name: str) -> State:
        server = self.app.services.store.view.server(name)
        return State.UNKNOWN if server is None else server.state

    def ended(self, name: str) -> int:
        """How many operations on the server are over."""
        server = self.app.services.store.view.server(name)
        return 0 if server is None else len(server.history)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        until = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError(shown_text(self.pilot))
            await self.pilot.pause(0.02)

    async def says(self, *words: str) -> None:
        await self.until(lambda: all(word in shown_text(self.pilot) for word in words))

    async def go_on(self, seconds: float = HISTORY_S) -> None:
        """Let the fleet run: the picture is of what happens in time."""
        await asyncio.sleep(seconds)

    async def cursor_to(self, name: str) -> None:
        await self.press("home")
        for _ in self.app.dashboard.view.servers:
            if self.app.dashboard.current == name:
                return
            await self.press("down")
        raise LookupError(name)

    async def take(self, name: str) -> None:
        """Write a picture of what is shown now."""
        if not self.every and name not in KEPT:
            return
        svg = self.app.export_screenshot(title="sleeptui")
        # Large and with sharp edges: scaled down by whoever shows it, it looks as if smoothed,
        # and takes half of what a smoothed picture takes.
        png = resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, text_rendering="optimize_speed")
        path = self.folder / f"{name}.png"
        path.write_bytes(png)
        print(f"{path}  {len(png) / 1000:.0f} kB", flush=True)


async def default(stage: Stage) -> None:
    """The fleet of ``--demo``, through a switch, a prompt and every page."""
    await stage.says("AWAKE", "ASLEEP L1", "ASLEEP L2")
    await stage.go_on()
    await stage.cursor_to("code")
    await stage.press("x")
    await stage.until(lambda: stage.state("code") is State.AWAKE)
    await stage.go_on(15)
    await stage.cursor_to("summarize")
    await stage.press("x")
    await stage.says("FALLING")
    await stage.take("switch")
    await stage.until(lambda: stage.state("summarize") is State.AWAKE)
    await stage.go_on(12)
    await stage.take("dashboard")
    await _pages(stage)
    stage.app.theme = LIGHT
    await stage.pilot.pause(1.0)
    await stage.take("light")
    await stage.pilot.resize_terminal(*COMPACT)
    await stage.pilot.pause(1.0)
    await stage.take("compact")
    stage.app.theme = DARK
    await stage.pilot.pause(1.0)
    await stage.take("compact-dark")


async def _pages(stage: Stage) -> None:
    await stage.press("S")
    await stage.says("abort", "keep")
    await stage.take("sleep-options")
    await stage.press("escape")
    await stage.press("t")
    await stage.says("Send")
    for _ in range(2):
        before = stage.ended("summarize")
        await stage.press("ctrl+j")
        await stage.until(lambda before=before: stage.ended("summarize") > before)
        await stage.pilot.pause(0.5)
    await stage.take("prompt")
    await stage.press("escape")
    for key, name in (("question_mark", "help"), ("l", "log"), ("2", "events")):
        await stage.press(key)
        await stage.pilot.pause(1.0)
        await stage.take(name)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.app.dashboard)


async def two_gpus(stage: Stage) -> None:
    """Eight models on two GPUs, some moments after a switch."""
    await stage.says("AWAKE", "ASLEEP L1")
    await stage.go_on(30)
    await stage.cursor_to("extract")
    await stage.press("x")
    await stage.until(lambda: stage.state("extract") is State.AWAKE)
    await stage.go_on(10)
    await stage.take("two-gpus")


async def sixty_four(stage: Stage) -> None:
    """Sixty-four models on eight GPUs."""
    await stage.until(lambda: len(stage.app.dashboard.view.servers) == 64)
    await stage.says("AWAKE", "ASLEEP L1")
    await stage.go_on(30)
    await stage.take("sixty-four")


async def faults(stage: Stage) -> None:
    """One server for each thing that goes wrong, after some sleeps and wakes."""
    await stage.says("AWAKE", "ASLEEP L1")
    for name, keys in (("keeps-memory", "s"), ("garbage", "sw"), ("oom", "w"), ("wedged", "w")):
        await stage.until(lambda name=name: stage.state(name) is not State.UNKNOWN)
        await stage.cursor_to(name)
        for number, key in enumerate(keys, start=1):
            await stage.press(key)
            await stage.until(lambda name=name, number=number: stage.ended(name) == number)
    await stage.go_on(10)
    await stage.take("faults")


async def proof(stage: Stage) -> None:
    """A leak that eight cycles show."""
    await stage.says("AWAKE", "ASLEEP L1")
    await stage.cursor_to("leaks")
    for number in range(2 * CYCLES):
        await stage.press("w" if stage.state("leaks") is not State.AWAKE else "s")
        await stage.until(lambda number=number: stage.ended("leaks") > number)
    await stage.go_on(8)
    await stage.take("drift")


async def outside(stage: Stage) -> None:
    """Somebody else drops the weights and wakes the server plainly: 200, and garbage."""
    await stage.says("AWAKE", "ASLEEP L1")
    await stage.go_on(10)
    await stage.cursor_to("summarize")
    await stage.press("v")
    await stage.until(lambda: stage.ended("summarize"))
    view = stage.app.services.store.view.server("summarize")
    assert view is not None
    async with httpx.AsyncClient(base_url=view.spec.url, timeout=LIMIT_S) as somebody:
        (await somebody.post("/sleep?level=2&mode=abort")).raise_for_status()
        await stage.until(lambda: stage.state("summarize") is State.ASLEEP)
        (await somebody.post("/wake_up")).raise_for_status()
    await stage.until(lambda: stage.state("summarize") is State.SUSPECT)
    await stage.go_on(2)
    await stage.take("garbage")
    await stage.go_on(8)
    await stage.press("3")
    await stage.says("Doctor", "its answers are garbage")
    await stage.take("doctor")
    await stage.pilot.resize_terminal(*COMPACT)
    await stage.pilot.pause(1.0)
    await stage.take("doctor-compact")
    stage.app.theme = LIGHT
    await stage.pilot.pause(1.0)
    await stage.take("doctor-light")
    await stage.press("escape", "d")
    await stage.go_on(3)
    await stage.take("garbage-compact-light")
    stage.app.theme = DARK
    await stage.pilot.pause(1.0)
    await stage.take("garbage-compact")


async def room(stage: Stage) -> None:
    """What the panel asks before a wake into a full card, and the queue of a GPU."""
    await stage.says("AWAKE", "ASLEEP L1", "ASLEEP L2")
    await stage.go_on(10)
    await stage.cursor_to("code")
    await stage.press("w")
    await stage.pilot.pause(1.0)
    await stage.take("no-room")
    if not stage.every:
        return
    await stage.pilot.resize_terminal(*COMPACT)
    await stage.pilot.pause(1.0)
    await stage.take("no-room-compact")
    await stage.pilot.resize_terminal(*FULL)
    await stage.press("escape")
    await stage.press("x")
    await stage.cursor_to("chat")
    await stage.press("x")
    await stage.says("queue: 1")
    await stage.take("queue")


async def versions(stage: Stage) -> None:
    """Old and new vLLM, and servers without the switches."""
    await stage.says("AWAKE", "NO CONTROL")
    await stage.go_on(20)
    await stage.cursor_to("no-sleep-mode")
    await stage.take("versions")


async def benchmark(stage: Stage) -> None:
    """A benchmark that has restarted both models."""
    await stage.until(lambda: stage.app.services.store.view.gpus)
    await stage.go_on(5)
    await stage.press("b")
    await stage.says("about", "Every server ends as it was found")
    await stage.take("benchmark-plans")
    await stage.press("enter", "y")
    await stage.until(lambda: shown_text(stage.pilot).count("wake L1") == 2, BENCH_LIMIT_S)
    await stage.take("benchmark")
    await stage.pilot.resize_terminal(*COMPACT)
    await stage.pilot.pause(1.0)
    await stage.take("benchmark-compact")
    await stage.press("c", "y")
    await stage.until(lambda: "sleeptui report" in shown_text(stage.pilot), BENCH_LIMIT_S)


SCENES = {
    "default": default,
    "two-gpus": two_gpus,
    "sixty-four": sixty_four,
    "faults": faults,
    "versions": versions,
    "proof": proof,
    "room": room,
    "outside": outside,
    "benchmark": benchmark,
}


SCENARIOS = {"proof": "faults", "room": "default", "outside": "default", "benchmark": "exp1"}
"""Scenes that are played on the fleet of another."""


@asynccontextmanager
async def staged(scene: str, folder: Path, *, every: bool) -> AsyncIterator[Stage]:
    """The panel on a simulated fleet."""
    with TemporaryDirectory() as sessions:
        recording = RecordingDefaults(folder=sessions)
        settings = Settings(demo=SCENARIOS.get(scene, scene), recording=recording)
        async with open_services(settings) as services:
            app = SleeptuiApp(services)
            async with app.run_test(size=FULL, notifications=True) as pilot:
                yield Stage(app, pilot, folder, every)


async def _play(scenes: list[str], folder: Path, *, every: bool) -> None:
    for scene in scenes:
        async with staged(scene, folder, every=every) as stage:
            await SCENES[scene](stage)


def main() -> None:
    """Play the scenes and write their pictures."""
    parser = argparse.ArgumentParser(description="Rebuild the pictures of the demo.")
    parser.add_argument("scenes", nargs="*", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder; else screenshots/")
    parser.add_argument("--all", action="store_true", help="also pictures that are not kept")
    given = parser.parse_args()
    if unknown := set(given.scenes) - set(SCENES):
        parser.error(f"there is no scene {', '.join(sorted(unknown))}")
    scenes = given.scenes or [name for name in SCENES if given.all or name != "versions"]
    given.to.mkdir(parents=True, exist_ok=True)
    with patch.object(platform, "node", return_value="gpu-box"):
        asyncio.run(_play(scenes, given.to, every=given.all))


if __name__ == "__main__":
    main()
