import asyncio

from support.clock import settle
from support.fakes import FakeEngines, FakeGpus

from sleeptui.core.events import GpuSampled
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import end
from sleeptui.services.gpus import GpuSampler


def sampler(clock, **fields):
    bus = Bus()
    probe = FakeGpus(clock, FakeEngines(), **fields)
    made = GpuSampler(probe=probe, bus=bus, clock=clock, interval_s=0.5, fast_interval_s=0.05)
    return made, probe, bus


async def test_reads_at_the_interval_and_publishes(clock):
    gpus, probe, bus = sampler(clock)
    heard = []
    bus.subscribe(heard.append)
    task = asyncio.ensure_future(gpus.run())
    await clock.advance(1.0)
    assert probe.samples == [100.0, 100.5, 101.0]
    assert all(isinstance(event, GpuSampled) for event in heard)
    await end(task)


async def test_an_operation_makes_it_fast_at_once_and_slow_again_after(clock):
    gpus, probe, _ = sampler(clock)
    task = asyncio.ensure_future(gpus.run())
    await clock.advance(0.1)
    with gpus.fast(), gpus.fast():
        await clock.advance(0.2)
    fast = len(probe.samples)
    assert probe.samples[1] == 100.1
    assert fast >= 5
    await clock.advance(1.0)
    assert len(probe.samples) - fast <= 3
    await end(task)


async def test_without_nvml_it_asks_rarely(clock):
    gpus, probe, _ = sampler(clock, problem="no driver")
    task = asyncio.ensure_future(gpus.run())
    await clock.advance(9.0)
    assert probe.samples == [100.0, 105.0]
    await end(task)


async def test_a_new_interval_works_at_once(clock):
    gpus, probe, _ = sampler(clock)
    task = asyncio.ensure_future(gpus.run())
    gpus.set_interval(10.0)
    await clock.advance(4.0)
    gpus.set_interval(1.0)
    await clock.advance(2.0)
    assert probe.samples == [100.0, 104.0, 105.0, 106.0]
    await end(task)


async def test_next_waits_for_the_next_reading_and_may_be_given_up(clock):
    gpus, _, _ = sampler(clock)
    task = asyncio.ensure_future(gpus.run())
    await settle()
    given_up, waiting = asyncio.ensure_future(gpus.next()), asyncio.ensure_future(gpus.next())
    await settle()
    await end(given_up)
    await clock.advance(0.5)
    assert (await waiting).at_s == 100.5
    await end(task)
