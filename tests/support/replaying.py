"""The real panel of a replay, with the time in the hands of the test."""

from contextlib import asynccontextmanager

from support import tapes
from support.clock import ManualClock
from support.pilot import shown_text

from sleeptui.core.settings import Settings
from sleeptui.services.replay import TICK_S
from sleeptui.services.replay_panel import ReplayServices
from sleeptui.tui.replay_app import ReplayApp

_STEPS = 600


class Run:
    """A replay on the screen, with the time in the hands of the test."""

    def __init__(self, app, pilot, clock):
        self.app, self.pilot, self.clock = app, pilot, clock
        self.replay = app.services.replay

    @property
    def text(self):
        return shown_text(self.pilot)

    async def until(self, condition):
        for _ in range(_STEPS):
            if condition():
                return
            await self.clock.advance(TICK_S)
            await self.pilot.pause(0.005)
        raise AssertionError(self.text)

    async def says(self, *words):
        await self.until(lambda: all(word in self.text for word in words))

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.until(lambda: not self.replay.is_seeking)

    async def held(self):
        """Hold it, and wait until the header says so."""
        await self.press("p")
        await self.says("HELD")


@asynccontextmanager
async def replaying(tape=None, *, size=(120, 36), speed=1.0, **settings):
    """The panel of a replay that has begun."""
    clock = ManualClock()
    services = ReplayServices(
        tape=tape or tapes.sample(), clock=clock, viewer=Settings(**settings), speed=speed
    )
    async with services:
        app = ReplayApp(services)
        async with app.run_test(size=size, notifications=True) as pilot:
            run = Run(app, pilot, clock)
            await run.until(lambda: not run.replay.is_seeking)
            await run.says("summarize")
            yield run
