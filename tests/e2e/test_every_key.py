"""Each key of the key table is pressed once in the real panel, and does what its line says.

A command without a case fails: a key cannot be shown that nobody has pressed.
"""

import pytest
from support import journals
from support.archive import FakeArchive
from support.bench_children import FakeBenches
from support.driving import driven
from support.pilot import until
from support.replaying import replaying
from textual.command import CommandPalette

from sleeptui.core.commands import COMMANDS, REPLAY_COMMANDS
from sleeptui.core.home import Home
from sleeptui.recorder.fold import fold
from sleeptui.tui.screens.confirm import ConfirmScreen
from sleeptui.tui.screens.doctor import DoctorScreen
from sleeptui.tui.screens.events import EventsScreen
from sleeptui.tui.screens.help import HelpScreen
from sleeptui.tui.screens.prompt import PromptScreen
from sleeptui.tui.screens.sleep_options import SleepOptionsScreen
from sleeptui.tui.widgets.detail import Detail

ASLEEP = {"name": "code", "level": 1, "is_paused": True, "awake_tags": set()}


async def to_code(run):
    """The cursor on the server that sleeps."""
    await run.press("end")
    await run.until(lambda: run.app.dashboard.current == "code")


async def sleep(run, key):
    await run.press(key)
    await run.says("FALLING ASLEEP")
    await run.until(lambda: run.panel.view("qwen").state.value == "asleep")
    await run.says("asleep at level 1, freed")


async def sleep_options(run, key):
    await run.press(key)
    await run.says("Put qwen to sleep", "abort", "keep")
    assert isinstance(run.app.screen, SleepOptionsScreen)


async def wake(run, key):
    await to_code(run)
    await run.press(key)
    await run.says("WAKING")
    await run.until(lambda: run.panel.engine("code").wakes == 1)


async def switch(run, key):
    run.panel.gpus.total_bytes = run.panel.engine("qwen").held_bytes + 5 * 2**30
    await to_code(run)
    await run.press(key)
    await run.until(lambda: run.panel.engine("code").wakes == 1)
    assert run.panel.engine("qwen").sleeps == 1


async def prompt(run, key):
    await run.press(key)
    await run.says("Send")
    assert isinstance(run.app.screen, PromptScreen)


async def sleep_all(run, key):
    await run.press(key)
    await run.says("to sleep?", "qwen")
    assert isinstance(run.app.screen, ConfirmScreen)


async def verify(run, key):
    await run.press(key)
    await run.until(lambda: any("canary" in call for call in run.panel.engine("qwen").log))
    await run.says("verify")


async def take_back(run, key):
    """Of a wake that waits for its turn on the GPU."""
    run.panel.engine("qwen").sleep_takes_s = 60.0
    await run.press("s")
    await run.says("FALLING ASLEEP")
    await to_code(run)
    await run.press("w")
    await run.says("queue: 1")
    await run.press(key)
    await run.until(lambda: "queue: 1" not in run.text)
    assert run.panel.engine("code").wakes == 0


async def log(run, key):
    run.panel.homes.found["qwen"] = Home(container="vllm-qwen")
    await run.until(lambda: run.panel.view("qwen").home.container)
    await run.press(key)
    await run.says("Log · qwen", "line 999 of vllm-qwen")


async def select(run, key):
    await run.press(key)
    await run.says("1 selected")
    await run.press("home", key)
    await run.until(lambda: "selected" not in run.header)


async def detail(run, key):
    shown = run.app.dashboard.query_one(Detail)
    before = shown.display
    await run.press(key)
    await run.until(lambda: shown.display is not before)


async def filter_(run, key):
    await run.press(key)
    await run.press(*"cod")
    await run.says("filter cod", "1 of 2")


async def sort(run, key):
    await run.press(key)
    await run.says("by name")
    await run.until(lambda: _is_before(run.text.partition("Fleet")[2], " code ", " qwen "))


def _is_before(text, one, other):
    """Whether both are there, in that order."""
    return 0 <= text.find(one) < text.find(other)


async def pause(run, key):
    await run.press(key)
    await run.says("PAUSED")
    run.panel.engine("qwen").running = 7
    await run.until(lambda: run.panel.view("qwen").metrics.running == 7)
    assert run.app.dashboard.view.server("qwen").metrics.running == 0


async def faster(run, key):
    await run.press(key)
    await run.says("every 0.25 s")


async def slower(run, key):
    await run.press(key)
    await run.says("every 1 s")


async def record(run, key):
    await run.press(key)
    await run.says("● REC")
    await run.press(key)
    await run.until(lambda: "REC" not in run.header)


async def mark(run, key):
    await run.press("r")
    await run.says("● REC")
    await run.press(key)
    await run.says("Marked", "mark 1")


async def fleet(run, key):
    await run.press("2")
    await run.until(lambda: run.app.screen is not run.app.dashboard)
    await run.press(key)
    await run.until(lambda: run.app.screen is run.app.dashboard)


def page(screen, *words):
    """A key that opens a page."""

    async def case(run, key):
        await run.press(key)
        await run.until(lambda: isinstance(run.app.screen, screen))
        await run.says(*words)

    return case


async def sessions(run, key):
    run.panel.services.archive = FakeArchive(fold(journals.lines()))
    await run.press(key)
    await run.says("Sessions", "1 session", "62 operations")


async def benchmark(run, key):
    run.panel.services._benches = FakeBenches()
    await run.press(key)
    await run.says("Benchmark", "quick", "standard")


async def suspend(run, key):
    """This stand-in of a terminal cannot be left, and it is said; a real one: test_endings."""
    asked = []
    run.app.suspension.suspend = lambda: asked.append(key)
    await run.press(key)
    await run.until(lambda: asked)
    await run.until(lambda: run.app._notifications)


async def leave(run, key):
    await run.press(key)
    await until(run.pilot, lambda: not run.app.is_running)


CASES = {
    "server.sleep": sleep,
    "server.sleep_options": sleep_options,
    "server.wake": wake,
    "server.switch": switch,
    "server.prompt": prompt,
    "fleet.sleep_all": sleep_all,
    "server.verify": verify,
    "server.cancel": take_back,
    "server.log": log,
    "select.toggle": select,
    "view.detail": detail,
    "view.filter": filter_,
    "view.sort": sort,
    "view.pause": pause,
    "sampling.faster": faster,
    "sampling.slower": slower,
    "recording.toggle": record,
    "recording.mark": mark,
    "screen.fleet": fleet,
    "screen.events": page(EventsScreen, "Events"),
    "screen.doctor": page(DoctorScreen, "Doctor", "qwen"),
    "screen.sessions": sessions,
    "screen.benchmark": benchmark,
    "app.palette": page(CommandPalette),
    "app.help": page(HelpScreen, "Put the selected models to sleep"),
    "app.suspend": suspend,
    "app.quit": leave,
}
"""What is seen after the key of a command, by its id."""


async def hold(run, key):
    await run.press(key)
    await run.says("HELD")
    await run.press(key)
    await run.until(lambda: "HELD" not in run.text)


def speed(word):
    """A key that changes the speed to this."""

    async def case(run, key):
        await run.press(key)
        await run.says(f"REPLAY \N{MULTIPLICATION SIGN}{word}")

    return case


async def next_operation(run, key):
    await run.held()
    before = run.replay.passed_s
    await run.press(key)
    await run.says("◐")
    assert run.replay.passed_s > before


async def previous_operation(run, key):
    await run.held()
    await run.press("right")
    first = run.replay.passed_s
    await run.press("right", key)
    assert run.replay.passed_s == first


async def next_mark(run, key):
    await run.held()
    await run.press(key)
    await run.says("mark: before the level 2 cycles")


async def previous_mark(run, key):
    await run.held()
    await run.press("end", key)
    await run.until(lambda: "mark: the end" not in run.text)


async def begin(run, key):
    await run.held()
    await run.press("end")
    await run.says("REPLAY END")
    await run.press(key)
    await run.says("00:00:0")


async def end(run, key):
    await run.press(key)
    await run.says("REPLAY END", "00:04:25 / 00:04:25")


REPLAY_CASES = {
    "replay.pause": hold,
    "replay.faster": speed("2"),
    "replay.slower": speed("0.5"),
    "replay.previous_operation": previous_operation,
    "replay.next_operation": next_operation,
    "replay.previous_mark": previous_mark,
    "replay.next_mark": next_mark,
    "replay.begin": begin,
    "replay.end": end,
}


def presses(commands):
    """Each command with each of its keys."""
    return [(command.id, key) for command in commands for key in command.key.split(",")]


@pytest.mark.parametrize(("command", "key"), presses(COMMANDS))
async def test_a_key_of_the_panel(command, key):
    async with driven(beside=[ASLEEP]) as run:
        await run.until(lambda: run.app.dashboard.current == "qwen")
        await run.says("ASLEEP L1")
        await CASES[command](run, key)


@pytest.mark.parametrize(("command", "key"), presses(REPLAY_COMMANDS))
async def test_a_key_of_a_replay(command, key):
    async with replaying() as run:
        await REPLAY_CASES[command](run, key)


def test_there_is_no_other_case():
    assert CASES.keys() == {command.id for command in COMMANDS}
    assert REPLAY_CASES.keys() == {command.id for command in REPLAY_COMMANDS}
