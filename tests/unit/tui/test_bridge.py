"""The bridge: how often it paints, and when."""

from contextlib import asynccontextmanager

import pytest
from support import builders as build
from support.clock import ManualClock
from support.pilot import until
from textual.app import App

from sleeptui.core.events import GpuSampled, OperationAdvanced, StateObserved
from sleeptui.core.operation import Phase
from sleeptui.tui.bridge import Bridge

DATA = GpuSampled(at_s=0.0, reading=build.reading())
LOOK = StateObserved(at_s=0.0, server="qwen", observation=build.seen())
STEP = OperationAdvanced(at_s=0.0, id=1, server="qwen", phase=Phase.SETTLING)


class Source:
    def __init__(self):
        self.view = build.fleet()


class PaperPump:
    """Stands for Textual's message pump and the loop: calls are kept, alarms are written down."""

    def __init__(self):
        self.later = []
        self.alarms = []

    def call_later(self, callback):
        self.later.append(callback)

    call_next = call_later

    def alarm(self, delay_s, callback):
        alarm = PaperAlarm(delay_s, callback)
        self.alarms.append(alarm)
        return alarm

    def turn(self):
        waiting, self.later = self.later, []
        for callback in waiting:
            callback()

    def running(self):
        return [alarm for alarm in self.alarms if not alarm.is_over]


class PaperAlarm:
    def __init__(self, delay_s, callback):
        self.delay_s = delay_s
        self.callback = callback
        self.is_over = False

    def cancel(self):
        self.is_over = True

    def fire(self):
        self.is_over = True
        self.callback()


class Bench:
    def __init__(self, interval_s=0.5):
        self.pump, self.source, self.clock, self.shown = PaperPump(), Source(), ManualClock(), []
        self.interval_s = interval_s
        self.bridge = Bridge(
            pump=self.pump,
            source=self.source,
            clock=self.clock,
            show=self.shown.append,
            interval_s=lambda: self.interval_s,
            later=self.pump.alarm,
        )

    def hear(self, *events):
        for event in events:
            self.bridge.heard(event)


@pytest.fixture
def bench():
    bench = Bench()
    bench.hear(DATA)
    bench.pump.turn()  # the first picture has nothing to wait for
    assert len(bench.shown) == 1
    return bench


def test_nothing_is_painted_inside_the_publishing_call(bench):
    bench.clock.move(10)
    bench.hear(DATA)
    assert len(bench.shown) == 1
    bench.pump.turn()
    assert len(bench.shown) == 2


def test_data_waits_for_the_next_half_second(bench):
    bench.hear(LOOK)
    bench.pump.turn()
    (alarm,) = bench.pump.running()
    assert alarm.delay_s == pytest.approx(0.5)
    alarm.fire()
    bench.pump.turn()
    assert len(bench.shown) == 2


@pytest.mark.parametrize(("interval_s", "gap_s"), [(0.1, 0.25), (0.3, 0.3), (10.0, 0.5)])
def test_faster_sampling_paints_at_most_four_times_a_second(interval_s, gap_s):
    bench = Bench(interval_s)
    bench.hear(DATA)
    bench.pump.turn()
    bench.hear(DATA)
    bench.pump.turn()
    assert bench.pump.running()[0].delay_s == pytest.approx(gap_s)


def test_an_operation_is_shown_at_once_and_overtakes_waiting_data(bench):
    bench.hear(DATA)
    bench.pump.turn()
    (calm,) = bench.pump.running()
    bench.clock.move(0.1)
    bench.hear(STEP)
    bench.pump.turn()
    assert calm.is_over
    assert len(bench.shown) == 2
    assert not bench.pump.running()


def test_operations_close_together_share_a_paint(bench):
    bench.clock.move(1)
    bench.hear(STEP)
    bench.pump.turn()
    bench.clock.move(0.01)
    bench.hear(STEP, STEP)
    bench.pump.turn()
    assert len(bench.shown) == 2
    assert bench.pump.running()[0].delay_s == pytest.approx(0.04)


def test_a_burst_asks_the_pump_once_and_shows_the_newest(bench):
    bench.clock.move(1)
    bench.hear(*[DATA] * 5000)
    assert len(bench.pump.later) == 1
    bench.source.view = newest = build.fleet([build.server()])
    bench.pump.turn()
    assert bench.shown[1:] == [newest]


def test_a_held_picture_is_not_painted_and_ends_with_the_newest(bench):
    bench.hear(DATA)
    bench.pump.turn()
    bench.bridge.toggle_pause()
    assert not bench.pump.running()
    bench.clock.move(5)
    bench.hear(DATA, STEP)
    bench.pump.turn()
    assert len(bench.shown) == 1
    assert not bench.pump.later
    bench.source.view = newest = build.fleet([build.server()])
    bench.bridge.toggle_pause()
    assert bench.shown[1:] == [newest]
    bench.hear(DATA)
    bench.pump.turn()
    assert len(bench.pump.running()) == 1


@asynccontextmanager
async def in_a_real_app():
    """A bridge over Textual's own pump: the pilot, the bridge, its clock and what it has shown."""
    app, shown, clock = App(), [], ManualClock()
    async with app.run_test() as pilot:
        bridge = Bridge(
            pump=app, source=Source(), clock=clock, show=shown.append, interval_s=lambda: 0.5
        )
        yield pilot, bridge, clock, shown


async def test_in_a_real_app_a_burst_from_outside_costs_a_few_paints():
    async with in_a_real_app() as (pilot, bridge, _, shown):
        for _ in range(3000):
            bridge.heard(DATA)
        bridge.heard(STEP)
        await until(pilot, lambda: shown)
        for _ in range(3000):
            bridge.heard(DATA)
        await until(pilot, lambda: len(shown) == 2)


async def test_in_a_real_app_a_paint_that_is_due_in_a_moment_is_not_lost():
    async with in_a_real_app() as (pilot, bridge, clock, shown):
        for number in range(50):
            clock.move(0.05 - 1e-9)
            bridge.heard(STEP)
            await until(pilot, lambda: len(shown) > number)  # noqa: B023 - awaited at once
