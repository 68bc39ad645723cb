"""A tape is played by a clock that tests turn by hand."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support import tapes
from support.clock import ManualClock, settle

from sleeptui.core.errors import NotAllowed, SleeptuiError
from sleeptui.core.events import Marked, OperationStarted
from sleeptui.core.home import Home
from sleeptui.core.settings import Settings
from sleeptui.services import replay as module
from sleeptui.services.replay import FASTEST, OPENING_S, SLOWEST, SPEEDS, TICK_S
from sleeptui.services.replay_panel import ReplayServices


@asynccontextmanager
async def playing(tape=None, *, speed=1.0, viewer=None):
    clock = ManualClock()
    services = ReplayServices(
        tape=tape or tapes.sample(), clock=clock, viewer=viewer or Settings(), speed=speed
    )
    async with services:
        services.begin()
        run = Run(services, clock)
        await run.lands()
        yield run


class Run:
    """A replay, and the time in the hands of the test."""

    def __init__(self, services, clock):
        self.services, self.clock, self.replay = services, clock, services.replay
        self.jumps = 0
        self.heard = []
        services.replay.tell(self._jumped)
        services.bus.subscribe(self.heard.append)

    def _jumped(self):
        self.jumps += 1

    @property
    def passed(self):
        return self.replay.passed_s

    async def lands(self):
        """Wait for the end of a jump: it is folded in a thread."""
        for _ in range(20_000):
            if not self.replay.is_seeking:
                return await settle()
            if self.clock.is_waited_on:  # in a tick; while it folds nobody waits for the clock
                await self.clock.advance(TICK_S)
            await asyncio.sleep(0.0005)
        raise TimeoutError("the jump does not end")

    async def goes(self, seconds):
        for _ in range(round(seconds / TICK_S)):
            await self.clock.advance(TICK_S)

    def states(self):
        return {view.name: view.state.value for view in self.services.store.view.servers}


async def test_it_begins_with_the_first_picture_and_goes_on_as_it_was():
    async with playing() as run:
        assert run.passed == pytest.approx(OPENING_S)
        assert run.states() == {"summarize": "awake", "code": "awake"}
        await run.goes(3.0)
        assert run.passed == pytest.approx(3.5, abs=2 * TICK_S)
        clock = run.services.clock
        assert clock.now_s() - run.replay.tape.began_s == pytest.approx(run.passed)
        assert clock.wall_s() - run.replay.tape.wall_s == pytest.approx(run.passed)
        assert run.services.store.view.at_s <= clock.now_s()


@pytest.mark.parametrize("speed", [0.25, 4, 100])
async def test_it_goes_as_fast_as_asked(speed):
    async with playing(speed=speed) as run:
        await run.goes(1.0)
        assert run.passed - OPENING_S == pytest.approx(speed, rel=0.12)


async def test_speeds_go_up_and_down_in_steps_to_their_ends():
    async with playing(speed=3.0) as run:
        run.replay.faster()
        assert run.replay.speed == 4
        run.replay.slower()
        assert run.replay.speed == 2
        for _ in SPEEDS:
            run.replay.faster()
        assert run.replay.speed == FASTEST
        for _ in SPEEDS:
            run.replay.slower()
        assert run.replay.speed == SLOWEST


async def test_a_speed_beyond_the_ends_is_the_end():
    async with playing(speed=1e6) as run:
        assert run.replay.speed == FASTEST


async def test_held_it_stands_still_and_goes_on_where_it_was():
    async with playing() as run:
        run.replay.hold_or_go()
        await run.goes(TICK_S)
        before = run.passed
        await run.goes(2.0)
        assert run.passed == before
        run.replay.hold_or_go()
        await run.goes(1.0)
        assert run.passed == pytest.approx(before + 1.0, abs=3 * TICK_S)


async def test_it_stays_on_the_last_picture_and_p_begins_again():
    async with playing() as run:
        run.replay.seek(run.replay.tape.ended_s - 0.2)
        await run.lands()
        await run.goes(1.0)
        assert run.replay.is_at_end
        last = run.services.store.view
        await run.goes(1.0)
        assert run.services.store.view is last
        run.replay.hold_or_go()
        await run.lands()
        assert run.passed < 1.0
        assert not run.replay.is_held


async def test_what_is_played_is_published_and_a_jump_is_told():
    async with playing(speed=8) as run:
        before = run.jumps
        await run.goes(2.0)
        started = [event for event in run.heard if isinstance(event, OperationStarted)]
        assert started
        assert run.jumps == before
        run.replay.is_held = True
        run.replay.seek(run.replay.tape.began_s + 100)
        await run.lands()
        assert run.jumps == before + 1
        assert run.passed == pytest.approx(100)


async def test_jumps_lead_where_asked_also_behind_the_ends():
    async with playing() as run:
        tape = run.replay.tape
        run.replay.seek(tape.ended_s + 1e6)
        await run.lands()
        assert run.passed == pytest.approx(run.replay.length_s)
        run.replay.seek(0.0)
        await run.lands()
        assert run.passed == pytest.approx(OPENING_S, abs=3 * TICK_S)


async def test_the_last_of_several_jumps_counts():
    async with playing() as run:
        run.replay.is_held = True
        before = run.jumps
        for passed in (50, 100, 150):
            run.replay.seek(run.replay.tape.began_s + passed)
        assert run.passed == pytest.approx(150)
        await run.lands()
        assert run.passed == pytest.approx(150)
        assert run.jumps == before + 1


async def test_a_jump_that_is_overtaken_shows_nothing(monkeypatch):
    async with playing() as run:
        run.replay.is_held = True
        folded = []
        reel = run.replay._reel
        original = reel.store_at

        def store_at(at_s):
            folded.append(at_s)
            if len(folded) == 1:  # while it is folded, somebody wants to be elsewhere
                run.replay.seek(run.replay.tape.began_s + 20)
            return original(at_s)

        monkeypatch.setattr(reel, "store_at", store_at)
        before = run.jumps
        run.replay.seek(run.replay.tape.began_s + 200)
        await run.lands()
        assert len(folded) == 2
        assert run.jumps == before + 1
        assert run.passed == pytest.approx(20)


async def test_from_operation_to_operation():
    async with playing() as run:
        run.replay.is_held = True
        begins = sorted(
            event.at_s
            for event in run.replay.tape.events
            if isinstance(event, OperationStarted) and event.operation.parent is None
        )
        assert not run.replay.step_operation(-1)
        for at_s in begins[:3]:
            assert run.replay.step_operation(1)
            await run.lands()
            assert run.replay.clock.at_s == at_s
            assert any(view.operation for view in run.services.store.view.servers)
        assert run.replay.step_operation(-1)
        await run.lands()
        assert run.replay.clock.at_s == begins[1]
        run.replay.seek(run.replay.tape.ended_s)
        await run.lands()
        assert not run.replay.step_operation(1)


async def test_back_while_it_plays_is_the_stop_before_the_one_just_passed():
    async with playing() as run:
        begins = run.replay._operations
        run.replay.seek(begins[2])
        await run.lands()
        await run.goes(0.3)
        assert run.replay.step_operation(-1)
        await run.lands()
        assert run.replay.clock.at_s == begins[1]


async def test_from_mark_to_mark():
    async with playing() as run:
        run.replay.hold_or_go()
        marks = [event.at_s for event in run.replay.tape.events if isinstance(event, Marked)]
        assert len(marks) == 2
        for at_s in marks:
            assert run.replay.step_mark(1)
            await run.lands()
            assert run.replay.clock.at_s == at_s
        assert not run.replay.step_mark(1)
        assert run.replay.step_mark(-1)


async def test_a_tape_that_is_too_dense_is_played_slower_and_whole(monkeypatch):
    monkeypatch.setattr(module, "BUDGET_S", -1.0)
    monkeypatch.setattr(module, "_CHECKED_EACH", 4)
    async with playing(speed=100) as run:
        await run.goes(1.0)
        assert 0 < run.passed < 50
        last = run.replay._next
        assert run.replay._reel.times[last - 1] <= run.replay.clock.at_s


async def test_a_stopped_program_goes_on_where_it_was():
    async with playing() as run:
        before = run.passed
        run.clock.move(3600)
        await run.goes(TICK_S)
        assert run.passed - before < 1.0


async def test_an_empty_tape_is_at_its_end():
    async with playing(tapes.empty()) as run:
        assert run.replay.is_at_end
        await run.goes(0.5)
        assert run.services.store.view.servers == ()
        assert run.services.store.server("a") is None
        assert run.services.store.recording is None


async def test_whoever_watches_has_the_looks_and_the_tape_the_thresholds():
    viewer = Settings(theme="textual-light", ascii=True, keymap={"replay.pause": "f5"})
    async with playing(tapes.simulated(), viewer=viewer) as run:
        settings = run.services.settings
        assert (settings.theme, settings.ascii) == ("textual-light", True)
        assert settings.keymap == {"replay.pause": "f5"}
        assert settings.demo == "default"
        assert not settings.readonly
        assert settings.thresholds == run.replay.tape.settings.thresholds


async def test_no_server_can_be_asked():
    async with playing() as run:
        orders = run.services.operations
        assert not orders.busy
        for ask in (orders.sleep, orders.wake, orders.switch, orders.verify, orders.cancel):
            with pytest.raises(NotAllowed, match="replay"):
                ask("code")
        with pytest.raises(NotAllowed, match="replay"):
            orders.prompt("code", "hello", max_tokens=1, on_token=print)
        with pytest.raises(SleeptuiError, match="no logs"):
            await run.services.finder.log_tail(Home(), 10)
        assert run.services.finder.notes() == ()
        run.services.supervisor.set_interval(5.0)
        assert run.services.supervisor.interval_s < 1.0


async def test_it_begins_once():
    async with playing() as run:
        with pytest.raises(RuntimeError):
            run.services.begin()


async def test_services_that_never_began_end():
    async with ReplayServices(tape=tapes.sample(), clock=ManualClock(), viewer=Settings()):
        pass


async def test_others_wait_in_the_time_of_whoever_watches():
    async with playing() as run:
        waiting = asyncio.ensure_future(run.services.clock.sleep(1.0))
        await run.goes(0.9)
        assert not waiting.done()
        await run.goes(0.2)
        assert waiting.done()
