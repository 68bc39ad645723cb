import asyncio

import pytest
from support.builders import GIB, MIB, facts, metrics
from support.clock import settle
from support.fakes import FakeEngine, broken, timed_out
from support.panel import opened

from sleeptui.core.errors import BadReply, EngineError, NotAllowed, Refused, TimedOut
from sleeptui.core.model import Reach, SleepLevel, SleepMode, State
from sleeptui.core.operation import Cause, Outcome, Phase
from sleeptui.core.settings import ServerSpec, Thresholds, Timeouts
from sleeptui.services.settle import Weight, server_time
from sleeptui.services.sleep import judge


def parts(record):
    return [part.name for part in record.parts]


async def test_a_sleep_is_confirmed_by_state_and_memory(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.DONE
        assert record.duration_s == pytest.approx(0.3)
        assert record.freed_bytes == 38 * GIB
        assert record.residual_bytes == 2 * GIB
        assert record.server_s == pytest.approx(0.3)
        assert record.message == "asleep at level 1, freed 38.0 GiB"
        assert (record.level, record.mode, record.cause) == (1, "wait", None)
        assert parts(record) == ["reference", "call", "state", "memory"]
        assert panel.story() == [
            "queued sleep qwen",
            "started sleep qwen",
            "calling sleep qwen",
            "settling sleep qwen",
            "done sleep qwen",
        ]
        assert panel.engine("qwen").calls == ["sleep 1 wait"]
        view = panel.view("qwen")
        assert (view.state, view.level, view.cycles, view.operation) == (State.ASLEEP, 1, 1, None)


async def test_the_start_is_published_before_the_first_byte(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        engine, at_call = panel.engine("qwen"), []
        told = engine._control

        async def control(*args):
            at_call.extend(panel.story())
            return await told(*args)

        engine._control = control
        await panel.ends(panel.services.operations.sleep("qwen"))
        assert at_call == ["queued sleep qwen", "started sleep qwen", "calling sleep qwen"]


@pytest.mark.parametrize("mode", list(SleepMode))
async def test_level_and_mode_are_sent_as_chosen(clock, mode):
    async with opened(FakeEngine(clock, running=2), clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen", level=SleepLevel.DISCARD, mode=mode)
        record = await panel.ends(ticket)
        assert panel.engine("qwen").calls == [f"sleep 2 {mode.value}"]
        assert (record.level, record.mode, record.outcome) == (2, mode.value, Outcome.DONE)
        assert panel.view("qwen").level == 2


async def test_the_level_of_the_server_is_taken_when_none_is_chosen(clock):
    specs = [ServerSpec(name="qwen", url="http://127.0.0.1:8001", level=2)]
    async with opened(FakeEngine(clock), clock=clock, specs=specs) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.level == 2


async def test_level_0_frees_nothing_and_is_not_asked_to(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen", level=SleepLevel.PAUSE))
        assert (record.outcome, record.message) == (Outcome.DONE, "paused, its memory stays")
        assert record.freed_bytes is None
        assert panel.view("qwen").state is State.PAUSED


async def test_while_the_server_drains_the_state_is_draining_until_its_queue_is_empty(clock):
    engine = FakeEngine(clock, running=3, sleep_takes_s=6.0)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        await clock.advance(2.0)
        assert panel.view("qwen").state is State.DRAINING
        assert not ticket.cancel()
        engine.running = 0
        await clock.advance(1.0)
        assert panel.view("qwen").state is State.FALLING_ASLEEP
        record = await panel.ends(ticket)
        assert record.duration_s == pytest.approx(6.0)


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"running": 0, "waiting": 5}, id="what-waits-stays-in-its-queue"),
        pytest.param({"held_bytes": 30 * GIB}, id="its-figures-stand-still-and-its-memory-goes"),
    ],
)
async def test_the_drain_is_over_when_nothing_runs_or_memory_goes(clock, over):
    engine = FakeEngine(clock, running=3, waiting=5, sleep_takes_s=6.0)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        await clock.advance(2.0)
        assert panel.view("qwen").state is State.DRAINING
        for field, value in over.items():
            setattr(engine, field, value)
        await clock.advance(1.0)
        assert panel.view("qwen").state is State.FALLING_ASLEEP
        assert (await panel.ends(ticket)).outcome is Outcome.DONE


async def test_a_sleep_that_frees_nothing_is_suspect(clock):
    async with opened(FakeEngine(clock, frees=False), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.SUSPECT
        assert record.cause is Cause.NOTHING_FREED
        assert record.message == "said asleep, freed 0 MiB of 40.0 GiB"
        assert record.hint == "is --enable-sleep-mode set?"
        assert panel.view("qwen").state is State.SUSPECT


async def test_without_gpu_figures_it_is_done_and_says_that_nothing_was_measured(clock):
    async with opened(FakeEngine(clock), clock=clock, problem="no NVML") as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.DONE
        assert record.message == "asleep at level 1, its memory was not measured"
        assert record.freed_bytes is None
        assert record.hint == "3 says why its memory cannot be measured"
        assert parts(record) == ["reference", "call", "state"]


async def test_what_it_held_awake_is_no_residual(clock):
    spec = ServerSpec(name="qwen", url="http://127.0.0.1:8001", gpus=(7,))
    async with opened(FakeEngine(clock), clock=clock, specs=[spec]) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.message == "asleep at level 1, its memory was not measured"
        assert (record.freed_bytes, record.residual_bytes) == (None, None)


async def test_memory_that_comes_late_is_waited_for_and_memory_that_never_rests_is_bounded(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        noise = iter(range(10_000))
        panel.engine("qwen").on_observe = None
        taken = panel.gpus.sample

        async def restless():
            panel.gpus.other_bytes[0] = (next(noise) % 2) * GIB
            return await taken()

        panel.gpus.sample = restless
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        memory = next(part for part in record.parts if part.name == "memory")
        assert memory.duration_s == pytest.approx(10.0)
        assert record.outcome is Outcome.DONE


async def test_no_answer_in_time_is_not_failed_when_the_state_tells(clock):
    engine = FakeEngine(clock, works_anyway={"sleep"}, faults={"sleep": [timed_out()]})
    async with opened(engine, clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.DONE
        assert record.message == ("no answer in 120 s, but it is asleep at level 1, freed 38.0 GiB")
        assert engine.calls == ["sleep 1 wait"]


async def test_no_answer_in_time_is_unknown_when_the_state_does_not_tell(clock):
    engine = FakeEngine(clock, faults={"sleep": [timed_out()]})
    async with opened(engine, clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert (record.outcome, record.cause) == (Outcome.UNKNOWN, Cause.NO_ANSWER)
        assert record.message == "no answer in 120 s; its state will tell"
        assert record.duration_s >= 10.3
        assert engine.calls == ["sleep 1 wait"]


async def test_a_broken_connection_to_a_living_server_is_like_no_answer(clock):
    engine = FakeEngine(clock, works_anyway={"sleep"}, faults={"sleep": [broken()]})
    async with opened(engine, clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.DONE
        assert record.message.startswith("the connection broke, but it is asleep")


async def test_a_broken_connection_to_a_dead_server_is_an_engine_lost(clock):
    engine = FakeEngine(clock, faults={"sleep": [broken()]})
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        await settle()
        engine.reach = Reach.UNHEALTHY
        record = await panel.ends(ticket)
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.ENGINE_LOST)
        assert record.message == "engine lost: the connection broke"
        assert panel.view("qwen").state is State.DOWN


async def test_a_request_that_never_left_is_failed_and_says_so(clock):
    error = TimedOut("no connection in 1 s", server="qwen", hint="is it hung?")
    async with opened(FakeEngine(clock, faults={"sleep": [error]}), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.REJECTED)
        assert record.message == "no connection in 1 s; nothing was sent"
        assert panel.view("qwen").state is State.AWAKE


async def test_a_request_that_is_held_back_is_failed_at_once(clock):
    error = EngineError("this version would drop its weights, not sent", server="qwen")
    async with opened(FakeEngine(clock, faults={"sleep": [error]}), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.REJECTED)
        assert record.duration_s < 1.0
        assert panel.view("qwen").state is State.AWAKE


async def test_an_engine_that_dies_after_its_answer_is_lost(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        await panel.until(lambda: panel.view("qwen").operation.phase is Phase.CALLING)
        await settle()
        engine.reach = Reach.REFUSED
        record = await panel.ends(ticket)
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.ENGINE_LOST)


async def test_one_failed_look_after_the_answer_is_not_a_lost_engine(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        await settle()

        def once():
            engine.reach, engine.on_observe = Reach.REFUSED, back

        def back():
            engine.reach, engine.on_observe = Reach.ANSWERED, None

        await panel.until(lambda: len(engine.calls) == 1)
        clock_before = len(engine.looks)
        engine.on_observe = once
        record = await panel.ends(ticket)
        assert len(engine.looks) > clock_before
        assert record.outcome is Outcome.DONE


@pytest.mark.parametrize(
    ("status", "detail", "cause"),
    [
        (404, "Not Found", Cause.REJECTED),
        (400, "level", Cause.REJECTED),
        (503, "scaling", Cause.REJECTED),
        (500, "Memory usage increased after sleeping.", Cause.WEDGED),
    ],
)
async def test_a_refusal_is_failed_with_its_cause(clock, status, detail, cause):
    refused = Refused(
        f"it answered {status}: {detail}", server="qwen", status=status, detail=detail
    )
    async with opened(FakeEngine(clock, faults={"sleep": [refused]}), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert (record.outcome, record.cause) == (Outcome.FAILED, cause)
        assert record.message == f"it answered {status}: {detail}"


async def test_an_unreadable_answer_leaves_it_to_the_state(clock):
    error = BadReply("the answer is HTML", server="qwen")
    async with opened(FakeEngine(clock, faults={"sleep": [error]}), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.UNKNOWN


async def test_an_answer_that_the_state_denies_is_suspect(clock):
    engine = FakeEngine(clock)

    async with opened(engine, clock=clock) as panel:
        told = engine._control
        engine._control = lambda call, takes_s, effect: told(call, takes_s, lambda: None)
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.SUSPECT
        assert record.message == "said asleep, /is_sleeping says awake"


async def test_a_level_that_the_metric_denies_is_suspect(clock):
    engine = FakeEngine(clock)

    async with opened(engine, clock=clock) as panel:
        told = engine._control

        def wrong():
            engine.level, engine.awake_tags, engine.is_paused = 2, set(), True

        engine._control = lambda call, takes_s, effect: told(call, takes_s, wrong)
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert record.outcome is Outcome.SUSPECT
        assert record.message == "said asleep at level 1, its metric says discard_all"


class TestOldVersions:
    async def test_our_own_drain_waits_until_nothing_is_in_flight(self, clock):
        engine = FakeEngine(clock, version="0.12.0", running=2, waiting=1)
        async with opened(engine, clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.advance(3.0)
            assert engine.calls == []
            assert panel.view("qwen").state is State.DRAINING
            engine.running = engine.waiting = 0
            record = await panel.ends(ticket)
            assert engine.calls == ["sleep 1 None"]
            assert parts(record) == ["drain", "call", "state", "memory"]
            assert record.outcome is Outcome.DONE
            assert record.duration_s == pytest.approx(0.3)

    async def test_the_drain_is_bounded_and_nothing_is_sent(self, clock):
        spec = ServerSpec(name="qwen", url="http://127.0.0.1:8001", timeouts=Timeouts(drain_s=30.0))
        engine = FakeEngine(clock, version="0.12.0", running=3, waiting=1)
        async with opened(engine, clock=clock, specs=[spec]) as panel:
            record = await panel.ends(panel.services.operations.sleep("qwen"))
            assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.STILL_BUSY)
            assert record.message == (
                "still 3 running and 1 waiting after 30.0 s; nothing was sent"
            )
            assert engine.calls == []

    async def test_without_metrics_nothing_is_sent(self, clock):
        engine = FakeEngine(clock, version="0.12.0", shows_metrics=False)
        async with opened(engine, clock=clock) as panel:
            record = await panel.ends(panel.services.operations.sleep("qwen"))
            assert record.cause is Cause.STILL_BUSY
            assert record.message.startswith("whether requests are in flight cannot be read")
            assert engine.calls == []

    async def test_the_drain_can_be_stopped(self, clock):
        engine = FakeEngine(clock, version="0.12.0", running=2)
        async with opened(engine, clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.advance(3.0)
            assert ticket.cancel()
            record = await panel.ends(ticket)
            assert (record.outcome, record.message) == (
                Outcome.CANCELLED,
                "stopped; nothing was sent",
            )
            assert engine.calls == []
            assert panel.view("qwen").state is State.AWAKE
            assert not ticket.cancel()

    async def test_an_unknown_version_gets_the_careful_way(self, clock):
        engine = FakeEngine(clock, server_facts=facts(version=None))
        async with opened(engine, clock=clock) as panel:
            record = await panel.ends(panel.services.operations.sleep("qwen"))
            assert engine.calls == ["sleep 1 None"]
            assert record.outcome is Outcome.DONE

    async def test_what_the_version_cannot_do_is_refused(self, clock):
        async with opened(FakeEngine(clock, version="0.10.0"), clock=clock) as panel:
            operations = panel.services.operations
            with pytest.raises(NotAllowed, match="cannot abort"):
                operations.sleep("qwen", mode=SleepMode.ABORT)
            with pytest.raises(NotAllowed, match="cannot keep"):
                operations.sleep("qwen", mode=SleepMode.KEEP)
            with pytest.raises(NotAllowed, match="level 0"):
                operations.sleep("qwen", level=SleepLevel.PAUSE)
            with pytest.raises(NotAllowed, match="no way back"):
                operations.sleep("qwen", level=SleepLevel.DISCARD)
            assert panel.story() == []


class TestJudge:
    def weight(self, used, held=None):
        return Weight(gpus=frozenset({0}), used_bytes=used, held_bytes=held)

    def judged(self, before, after):
        return judge(before, after, SleepLevel.OFFLOAD, Thresholds())[0]

    def test_by_share_where_it_is_known_what_it_held(self):
        before = self.weight(60 * GIB, 40 * GIB)
        assert self.judged(before, self.weight(35 * GIB, 15 * GIB)) is Outcome.DONE
        assert self.judged(before, self.weight(45 * GIB, 25 * GIB)) is Outcome.SUSPECT

    def test_absolutely_where_it_is_not(self):
        before = self.weight(60 * GIB)
        assert self.judged(before, self.weight(60 * GIB - 300 * MIB)) is Outcome.DONE
        assert self.judged(before, self.weight(60 * GIB - 200 * MIB)) is Outcome.SUSPECT

    def test_what_somebody_else_took_at_once_is_not_held_against_it(self):
        before, after = self.weight(60 * GIB, 40 * GIB), self.weight(60 * GIB, 2 * GIB)
        assert self.judged(before, after) is Outcome.DONE

    def test_memory_that_grew_counts_as_nothing_freed(self):
        verdict = judge(
            self.weight(60 * GIB), self.weight(70 * GIB), SleepLevel.OFFLOAD, Thresholds()
        )
        assert verdict[0] is Outcome.SUSPECT
        assert verdict[2] == "said asleep, freed 0 MiB"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (metrics(), metrics(sleep_operations=1, sleep_operation_s=0.4), 0.4),
        (
            metrics(sleep_operations=3, sleep_operation_s=1.0),
            metrics(sleep_operations=4, sleep_operation_s=1.5),
            0.5,
        ),
        (
            metrics(sleep_operations=3, sleep_operation_s=1.0),
            metrics(sleep_operations=5, sleep_operation_s=1.5),
            None,
        ),
        (metrics(), metrics(), None),
        (None, metrics(sleep_operations=1, sleep_operation_s=0.4), None),
    ],
)
def test_the_servers_own_figure_needs_exactly_one_operation(before, after, expected):
    from sleeptui.core.operation import Kind

    assert server_time(before, after, Kind.SLEEP) == expected


async def test_waiting_for_the_end_can_be_given_up_without_ending_it(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        waiter = asyncio.ensure_future(ticket.ended())
        await settle()
        waiter.cancel()
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.DONE
