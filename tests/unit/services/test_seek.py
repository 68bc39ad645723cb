"""A jump shows what playing up to there would have shown."""

import random

import pytest
from support import journals
from support.clock import ManualClock
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.events import GpuSampled, LagMeasured, Noted, StateObserved
from sleeptui.core.fleet import FleetStore
from sleeptui.core.tape import Tape
from sleeptui.recorder.playback import Playback
from sleeptui.services import seek
from sleeptui.services.seek import STEP_S, Reel, Thinning
from sleeptui.tui.present_plot import SPANS_S
from sleeptui.tui.spark import HOLD_S, SPAN_S


def tape_of(events, settings):
    return Tape(
        name="t",
        began_s=events[0].at_s,
        ended_s=events[-1].at_s,
        wall_s=0.0,
        events=events,
        settings=settings,
    )


def sample():
    playback = Playback(journals.lines())
    events = list(playback.events())
    return tape_of(events, playback.settings)


async def lively():
    """What real services publish through sleeps, wakes and a switch."""
    clock = ManualClock()
    engines = FakeEngine(clock, name="a"), FakeEngine(clock, name="b")
    async with opened(*engines, clock=clock) as panel:
        operations = panel.services.operations
        for _ in range(2):
            await panel.ends(operations.sleep("a"))
            await clock.advance(30)
            await panel.ends(operations.wake("a"))
            await clock.advance(200)
        await panel.ends(operations.sleep("b", level=2))
        await clock.advance(300)
        await panel.ends(operations.switch("b"))
        await clock.advance(20)
    return tape_of(list(panel.events), panel.services.settings)


def told(store):
    """All that a picture says, but its curves."""
    view = store.view
    skipped = {"memory_series", "running_series", "waiting_series", "seen_at_s", "tokens_per_s",
               "idle_since_s", "was_busy", "last_ttft_s", "metrics"}  # fmt: skip
    servers = [
        {name: getattr(each, name) for name in each.__slots__ if name not in skipped}
        for each in view.servers
    ]
    return servers, [(entry.at_s, entry.text) for entry in view.log]


@pytest.mark.parametrize("name", ["sample", "lively"])
async def test_a_jump_shows_what_playing_would_have_shown(name):
    tape = sample() if name == "sample" else await lively()
    reel = Reel(tape)
    played, done = FleetStore(tape.settings), 0
    chance = random.Random(4)
    at_s = tape.began_s
    while at_s < tape.ended_s:
        at_s += chance.random() * 45
        until = reel.index_at(at_s)
        for index in range(done, until):
            played.apply(tape.events[index])
        done = until
        assert told(reel.store_at(at_s)) == told(played)


async def test_a_jump_folds_few_of_the_samples():
    tape = await lively()
    reel = Reel(tape)
    needed = list(reel.needed(tape.ended_s))
    assert len(needed) < len(tape.events) / 2


def test_the_curves_of_a_jump_reach_as_far_as_plots_do():
    assert max(*SPANS_S, SPAN_S) + HOLD_S <= seek.WINDOW_S
    tape = sample()
    store = Reel(tape).store_at(tape.ended_s)
    (first, *_) = store.view.servers
    assert first.memory_series.oldest_s < tape.ended_s - 200


def test_samples_of_one_source_are_thinned_and_nothing_else():
    thin = Thinning()
    seen = [
        StateObserved(at_s=at_s, server=server, observation=None)
        for at_s, server in ((0, "a"), (0.1, "b"), (STEP_S / 2, "a"), (STEP_S, "a"))
    ]
    assert [thin.keeps(each) for each in seen] == [True, True, False, True]
    assert thin.keeps(GpuSampled(at_s=0.2, reading=None))
    assert not thin.keeps(GpuSampled(at_s=0.3, reading=None))
    note = Noted(at_s=0.3, server=None, severity="info", text="")
    assert thin.keeps(note)
    assert thin.keeps(note)
    assert not thin.keeps(LagMeasured(at_s=0.3, worst_s=0.0))


def test_times_that_go_back_are_played_where_they_stand():
    events = [
        Noted(at_s=at_s, server=None, severity="info", text=str(at_s)) for at_s in (1.0, 3.0, 2.0)
    ]
    reel = Reel(tape_of(events, sample().settings))
    assert reel.times == [1.0, 3.0, 3.0]
    assert [reel.index_at(at_s) for at_s in (0.5, 1.0, 2.5, 3.0)] == [0, 1, 1, 3]


def test_thinned_playing_leaves_out_no_event_that_counts():
    tape = sample()
    reel = Reel(tape)
    every = list(reel.played(0, len(reel), None))
    thinned = list(reel.played(0, len(reel), Thinning()))
    assert every == list(tape.events)
    assert len(thinned) < len(every)
    samples = (StateObserved, GpuSampled)
    counted = [event for event in every if Thinning().keeps(event)]
    assert [event for event in thinned if not isinstance(event, samples)] == [
        event for event in counted if not isinstance(event, samples)
    ]
