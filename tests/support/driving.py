"""The real panel over real services on stand-ins: keys in, text out."""

import re
from contextlib import asynccontextmanager

from support.clock import ManualClock
from support.fakes import FakeEngine
from support.panel import opened
from support.pilot import shown_text
from support.recording import FakeJournals

from sleeptui.tui.app import SleeptuiApp


class Driven:
    """The panel on a screen, over services on stand-ins, with the time in the hands of the test."""

    def __init__(self, app, pilot, panel, journals):
        self.app, self.pilot, self.panel, self.journals = app, pilot, panel, journals

    @property
    def text(self):
        return shown_text(self.pilot)

    async def press(self, *keys):
        await self.pilot.press(*keys)

    async def says(self, *words):
        await self.until(lambda: all(word in shown_text(self.pilot) for word in words))

    async def until(self, condition):
        for _ in range(600):
            if condition():
                return
            await self.panel.clock.advance(0.05)
            await self.pilot.pause(0.005)
        raise AssertionError(shown_text(self.pilot))

    @property
    def header(self):
        return shown_text(self.pilot).splitlines()[0]

    @property
    def elapsed_s(self):
        """What the light says."""
        found = re.search(r"REC (?:(\d+):)?(\d\d):(\d\d)", self.header)
        return (
            -1
            if found is None
            else sum(
                int(part or 0) * unit
                for part, unit in zip(found.groups(), (3600, 60, 1), strict=True)
            )
        )


@asynccontextmanager
async def driven(*, size=(120, 36), beside=(), **engine):
    """The panel over a server of these fields, and others beside it."""
    clock, journals = ManualClock(), FakeJournals()
    engines = [FakeEngine(clock, **fields) for fields in (engine, *beside)]
    async with opened(*engines, clock=clock, begin=False, journals=journals) as panel:
        app = SleeptuiApp(panel.services)
        async with app.run_test(size=size, notifications=True) as pilot:
            run = Driven(app, pilot, panel, journals)
            await run.says("● AWAKE")
            yield run
