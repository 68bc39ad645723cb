"""The panel on the real services, over stand-ins for engines, GPUs and homes."""

from contextlib import asynccontextmanager

from support.clock import ManualClock
from support.fakes import FakeEngine, oom
from support.panel import opened
from support.pilot import shown_text

from sleeptui.core.model import State
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.screens.confirm import ConfirmScreen
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
        await run.says("qwen awake · 0.50 s")


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
        await run.says("qwen: sleep, calling")
        await run.press("n")
        assert run.app.is_running
        await run.until(lambda: run.state("qwen") is State.ASLEEP)
        await run.press("q")
        assert not run.app.is_running
