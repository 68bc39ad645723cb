"""A wake and its room: refused at the asking, asked again when its turn has come, forced."""

import pytest
from support.builders import GIB
from support.fakes import FakeEngine, oom, timed_out
from support.panel import opened

from sleeptui.core.errors import NoRoom
from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Outcome


def asleep(clock, name, **fields):
    return FakeEngine(clock, name=name, level=1, awake_tags=set(), is_paused=True, **fields)


async def until_asleep(panel, *names):
    await panel.until(lambda: all(panel.view(name).state is State.ASLEEP for name in names))


async def test_what_does_not_fit_is_refused_at_the_asking(clock):
    both = FakeEngine(clock, name="a", held_bytes=80 * GIB), asleep(clock, "b")
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel, "b")
        with pytest.raises(NoRoom) as refused:
            panel.services.operations.wake("b")
        # Half of the card, by its gpu_memory_utilization.
        assert refused.value.message == (
            "b needs up to 70.0 GiB on GPU 0, 58.0 GiB are free, 12.0 GiB are missing."
            " a could give 80.0 GiB by sleeping"
        )
        assert refused.value.hint.startswith("x makes room first")
        assert panel.engine("b").calls == []
        assert panel.story() == []


async def test_what_fits_says_how_that_is_known(clock):
    async with opened(asleep(clock, "b"), clock=clock) as panel:
        await until_asleep(panel, "b")
        record = await panel.ends(panel.services.operations.wake("b"))
        assert record.outcome is Outcome.DONE
        assert record.known[0] == (
            "room: needs up to 70.0 GiB on GPU 0, 138.0 GiB free"
            " (its gpu_memory_utilization is 0.5, it was not seen awake yet)"
        )
        assert not record.is_forced


async def test_what_is_not_known_is_sent_and_said(clock):
    async with opened(asleep(clock, "b"), clock=clock, problem="no NVML") as panel:
        await until_asleep(panel, "b")
        record = await panel.ends(panel.services.operations.wake("b"))
        assert record.outcome is Outcome.DONE
        assert record.known[0] == "room: not known, no GPU can be read"


async def test_forced_it_is_sent_and_its_record_says_so(clock):
    both = FakeEngine(clock, name="a", held_bytes=80 * GIB), asleep(clock, "b")
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel, "b")
        record = await panel.ends(panel.services.operations.wake("b", force=True))
        assert record.outcome is Outcome.DONE
        assert record.is_forced
        assert record.known[0].startswith("forced: b needs up to 70.0 GiB on GPU 0")


async def test_forced_where_there_is_room_nothing_is_overruled(clock):
    async with opened(asleep(clock, "b"), clock=clock) as panel:
        await until_asleep(panel, "b")
        record = await panel.ends(panel.services.operations.wake("b", force=True))
        assert not record.is_forced
        assert record.known[0].startswith("room: needs")


async def test_a_forced_wake_into_a_full_card_ends_wedged_with_the_advice(clock):
    both = (
        FakeEngine(clock, name="a", held_bytes=80 * GIB),
        asleep(clock, "b", version="0.25.1", faults={"wake": [oom("b")]}),
    )
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel, "b")
        record = await panel.ends(panel.services.operations.wake("b", force=True))
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.OUT_OF_MEMORY)
        assert record.is_forced
        assert panel.view("b").state is State.WEDGED
        assert panel.view("b").advice.startswith("restart it")


async def test_asked_again_when_its_turn_has_come(clock):
    engines = asleep(clock, "a", held_bytes=100 * GIB), asleep(clock, "b")
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel, "a", "b")
        operations = panel.services.operations
        first, second = operations.wake("a"), operations.wake("b")
        assert (await panel.ends(first)).outcome is Outcome.DONE
        record = await panel.ends(second)
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.NO_ROOM)
        assert record.message == (
            "no room: b needs up to 70.0 GiB on GPU 0, 38.0 GiB are free, 32.0 GiB are missing;"
            " nothing was sent"
        )
        assert record.known[0].startswith("room: needs up to 70.0 GiB on GPU 0, 38.0 GiB free")
        assert record.known[1] == "a could give 100.0 GiB by sleeping"
        assert record.hint.startswith("x makes room first")
        assert record.duration_s == 0
        assert panel.engine("b").calls == []
        assert panel.view("b").state is State.ASLEEP


async def test_not_refused_while_a_sleep_that_makes_room_runs(clock):
    both = FakeEngine(clock, name="a", held_bytes=80 * GIB), asleep(clock, "b")
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel, "b")
        operations = panel.services.operations
        sleep, wake = operations.sleep("a"), operations.wake("b")
        assert (await panel.ends(sleep)).outcome is Outcome.DONE
        assert (await panel.ends(wake)).outcome is Outcome.DONE


async def test_somebody_who_takes_the_room_before_the_first_byte_is_noticed(clock):
    async with opened(asleep(clock, "b"), clock=clock) as panel:
        await until_asleep(panel, "b")
        panel.gpus.other_bytes[0] = 100 * GIB
        record = await panel.ends(panel.services.operations.wake("b"))
        assert record.cause is Cause.NO_ROOM
        assert "100.0 GiB are held by no watched server" in record.known
        assert record.hint.startswith("free memory on GPU 0")
        assert panel.engine("b").calls == []


class TestHalfAwake:
    """A wake from level 2 that stopped after its first step: the weights are back, no KV cache."""

    def engine(self, clock):
        return FakeEngine(
            clock,
            name="b",
            held_bytes=60 * GIB,
            faults={"reload_weights": [timed_out("b")]},
            works_anyway={"reload_weights"},
        )

    async def half_awake(self, panel):
        operations = panel.services.operations
        await panel.clock.advance(2)
        await panel.ends(operations.sleep("b", level=2))
        record = await panel.ends(operations.wake("b"))
        assert record.outcome is Outcome.UNKNOWN
        await panel.until(lambda: panel.view("b").state is State.PARTIAL)

    async def test_it_takes_the_rest_only(self, clock):
        async with opened(self.engine(clock), clock=clock) as panel:
            await self.half_awake(panel)
            panel.gpus.other_bytes[0] = 75 * GIB  # 34 GiB are free, it holds 31 of 60
            record = await panel.ends(panel.services.operations.wake("b"))
            assert record.outcome is Outcome.DONE
            assert "room: needs 29.0 GiB on GPU 0, 34.0 GiB free" in record.known[0]

    async def test_without_room_it_stays_half_awake_and_is_not_touched(self, clock):
        async with opened(self.engine(clock), clock=clock) as panel:
            await self.half_awake(panel)
            calls = list(panel.engine("b").calls)
            panel.gpus.other_bytes[0] = 100 * GIB
            record = await panel.ends(panel.services.operations.wake("b"))
            assert record.cause is Cause.NO_ROOM
            assert panel.engine("b").calls == calls
            await panel.clock.advance(2)
            assert panel.view("b").state is State.PARTIAL
            with pytest.raises(NoRoom):
                panel.services.operations.wake("b")

    async def test_it_holds_its_lane_like_any_other(self, clock):
        engines = self.engine(clock), FakeEngine(clock, name="a", held_bytes=20 * GIB)
        async with opened(*engines, clock=clock) as panel:
            await self.half_awake(panel)
            operations = panel.services.operations
            wake, sleep = operations.wake("b"), operations.sleep("a")
            assert panel.view("a").operation.note == "waits for wake of b on GPU 0"
            assert (await panel.ends(wake)).outcome is Outcome.DONE
            assert (await panel.ends(sleep)).outcome is Outcome.DONE

    async def test_a_switch_to_it_makes_room_for_the_rest(self, clock):
        engines = self.engine(clock), FakeEngine(clock, name="a", held_bytes=40 * GIB)
        async with opened(*engines, clock=clock) as panel:
            await self.half_awake(panel)
            panel.gpus.other_bytes[0] = 50 * GIB
            await panel.clock.advance(1)
            record = await panel.ends(panel.services.operations.switch("b"))
            assert record.outcome is Outcome.DONE
            assert [part.name for part in record.parts] == ["sleep a", "wake b", "total"]
            assert panel.engine("b").has_weights
