"""The panel on the real services, over stand-ins for engines, GPUs and homes."""

from contextlib import asynccontextmanager

from support.builders import answer as canary_answer
from support.clock import ManualClock
from support.fakes import FakeEngine, oom
from support.panel import opened
from support.pilot import shown_text, until

from sleeptui.core.model import State
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.confirm import ConfirmScreen
from sleeptui.tui.screens.no_room import NoRoomScreen
from sleeptui.tui.screens.prompt import PromptScreen
from sleeptui.tui.screens.sleep_options import SleepOptionsScreen

_STEPS = 600


class Driven:
    """A running panel, with the time in the hands of the test."""

    def __init__(self, app, pilot, panel):
        self.app, self.pilot, self.panel = app, pilot, panel

    async def until(self, condition):
        """Let time pass in small steps until the condition holds."""
        for _ in range(_STEPS):
            if condition():
                return
            await self.panel.clock.advance(0.05)
            await self.pilot.pause(0.005)
        raise AssertionError(shown_text(self.pilot))

    async def says(self, words):
        await self.until(lambda: words in shown_text(self.pilot))

    async def press(self, *keys):
        await self.pilot.press(*keys)

    def state(self, name):
        return self.panel.view(name).state


@asynccontextmanager
async def driven(*engines, clock, size=(120, 36)):
    async with opened(*engines, clock=clock, begin=False) as panel:
        app = SleeptuiApp(panel.services)
        async with app.run_test(size=size, notifications=True) as pilot:
            run = Driven(app, pilot, panel)
            count = len(engines)
            await run.until(
                lambda: (
                    [view.state for view in app.dashboard.view.servers].count(State.UNKNOWN) == 0
                    and len(app.dashboard.view.servers) == count
                )
            )
            await run.until(lambda: all(panel.view(each.name).facts.models for each in engines))
            yield run


async def test_sleep_and_wake_are_seen_and_told():
    clock = ManualClock()
    async with driven(FakeEngine(clock), clock=clock) as run:
        await run.press("s")
        await run.says("○ ASLEEP L1")
        await run.says("qwen asleep · 0.30 s")
        assert run.panel.engine("qwen").calls == ["sleep 1 wait"]
        await run.press("w")
        await run.says("● AWAKE")
        await run.says("qwen awake and verified · 0.50 s")
        await run.says("● AWAKE ✓")
        await run.says("matches ✓ identical")


async def test_a_transition_greys_the_keys_while_it_runs():
    clock = ManualClock()
    engine = FakeEngine(clock, sleep_takes_s=5.0)
    async with driven(engine, clock=clock) as run:
        await run.press("s")
        await run.until(lambda: run.state("qwen") is State.FALLING_ASLEEP)
        await run.until(lambda: not run.app.screen.active_bindings["w"].enabled)
        assert not run.app.screen.active_bindings["s"].enabled
        await run.press("s")
        await run.says("a sleep is already running")
        await run.until(lambda: run.state("qwen") is State.ASLEEP)
        assert engine.calls == ["sleep 1 wait"]


async def test_requests_in_flight_are_asked_about_and_cut_off_only_when_chosen():
    clock = ManualClock()
    engine = FakeEngine(clock, running=3)
    async with driven(engine, clock=clock) as run:
        await run.press("s")
        await run.until(lambda: isinstance(run.app.screen, SleepOptionsScreen))
        assert engine.calls == []
        await run.press("a", "s")
        await run.until(lambda: run.state("qwen") is State.ASLEEP)
        assert engine.calls == ["sleep 1 abort"]


async def test_a_switch_tells_once_what_it_did():
    clock = ManualClock()
    awake = FakeEngine(clock, name="awake", held_bytes=100 << 30)
    asleep = FakeEngine(clock, name="asleep", held_bytes=100 << 30, level=1, awake_tags=set())
    async with driven(awake, asleep, clock=clock) as run:
        await run.press("down", "x")
        await run.until(lambda: run.state("asleep") is State.AWAKE)
        await run.until(lambda: run.state("awake") is State.ASLEEP)
        await run.says("asleep awake ·")
        told = [each.title for each in run.app._notifications]
        assert told[0] == "Switch to asleep"
        assert len(told) == 2


async def test_a_failed_wake_is_told_as_an_error_with_what_helps():
    clock = ManualClock()
    engine = FakeEngine(clock, level=1, awake_tags=set(), faults={"wake": [oom()]})
    async with driven(engine, clock=clock) as run:
        await run.press("w")
        await run.until(lambda: any(each.severity == "error" for each in run.app._notifications))
        await run.says("wake of qwen failed")


async def test_a_prompt_streams_and_is_kept_in_the_history():
    clock = ManualClock()
    async with driven(FakeEngine(clock), clock=clock) as run:
        await run.press("t")
        await run.until(lambda: isinstance(run.app.screen, PromptScreen))
        await run.press("ctrl+s")
        await run.says("blue")
        await run.says("11 tokens · finish stop")
        await run.says("warm 100 ms (median of 1)")
        await run.press("escape")
        await run.until(lambda: run.app.screen is run.app.dashboard)


async def test_a_prompt_that_nobody_watches_ends():
    clock = ManualClock()
    engine = FakeEngine(clock)
    async with driven(engine, clock=clock) as run:
        await run.press("t")
        await run.until(lambda: isinstance(run.app.screen, PromptScreen))
        await run.press("ctrl+s")
        await run.until(lambda: engine.calls)
        assert run.panel.services.operations.busy
        await run.press("escape")
        await run.until(lambda: not run.panel.services.operations.busy)


async def test_sleep_all_puts_the_fleet_to_sleep_one_after_the_other():
    clock = ManualClock()
    engines = [FakeEngine(clock, name=name) for name in ("a", "b", "c")]
    async with driven(*engines, clock=clock) as run:
        await run.press("a")
        await run.until(lambda: isinstance(run.app.screen, ConfirmScreen))
        await run.press("y")
        await run.until(lambda: all(run.state(each.name) is State.ASLEEP for each in engines))


async def test_quitting_asks_while_a_sleep_runs():
    clock = ManualClock()
    async with driven(FakeEngine(clock, sleep_takes_s=5.0), clock=clock) as run:
        await run.press("s")
        await run.until(lambda: run.state("qwen") is State.FALLING_ASLEEP)
        await run.press("q")
        await run.says("qwen: sleep, sent")
        await run.press("n")
        assert run.app.is_running
        await run.until(lambda: run.state("qwen") is State.ASLEEP)
        await run.press("q")
        await until(run.pilot, lambda: not run.app.is_running)


def errors(run):
    return [each.title for each in run.app._notifications if each.severity == "error"]


async def test_garbage_after_a_wake_is_an_error_and_seen_everywhere():
    clock = ManualClock()
    engine = FakeEngine(clock)
    async with driven(engine, clock=clock) as run:
        await run.press("s")
        await run.until(lambda: run.state("qwen") is State.ASLEEP)
        engine.canary_tokens = canary_answer(77, 78, 79)
        await run.press("w")
        await run.until(lambda: errors(run) == ["qwen answers garbage"])
        await run.says("! SUSPECT ✗")
        await run.says("matches ✗ garbage")


async def test_v_verifies_now_and_keeps_a_first_reference():
    clock = ManualClock()
    async with driven(FakeEngine(clock), clock=clock) as run:
        await run.press("v")
        await run.says("nothing to compare with")
        await run.press("v")
        await run.says("qwen verified · identical")
        assert run.state("qwen") is State.AWAKE


async def test_no_room_is_asked_about_and_a_switch_makes_it():
    clock = ManualClock()
    awake = FakeEngine(clock, name="awake", held_bytes=100 << 30)
    tight = FakeEngine(clock, name="tight", held_bytes=100 << 30, level=1, awake_tags=set())
    async with driven(awake, tight, clock=clock) as run:
        await run.press("down", "w")
        await run.until(lambda: isinstance(run.app.screen, NoRoomScreen))
        await run.says("No room for tight")
        await run.says("awake could give")
        assert tight.calls == []
        await run.press("enter")
        await run.until(lambda: run.state("tight") is State.AWAKE)
        assert run.state("awake") is State.ASLEEP


async def test_what_waits_is_listed_and_c_takes_it_back():
    clock = ManualClock()
    slow = FakeEngine(clock, name="slow", sleep_takes_s=20.0)
    other = FakeEngine(clock, name="other")
    async with driven(slow, other, clock=clock) as run:
        await run.press("s", "down", "s")
        await run.says("queue: 1 sleep other")
        await run.says("1st in the queue of GPU 0: waits for sleep of slow")
        await run.press("c")
        await run.says("sleep of other cancelled")
        await run.until(lambda: "queue: 1" not in shown_text(run.pilot))
        await run.until(lambda: run.state("slow") is State.ASLEEP)
        assert other.calls == []
