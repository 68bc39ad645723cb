import asyncio

import pytest
from support.clock import settle
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.errors import NotAllowed, SimError
from sleeptui.core.events import OperationQueued
from sleeptui.core.home import Home
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Cause, Outcome, Phase
from sleeptui.core.settings import ServerSpec, Settings


def two(clock, **fields):
    return FakeEngine(clock, name="a", **fields), FakeEngine(clock, name="b")


async def test_transitions_on_one_gpu_wait_for_each_other_and_say_for_whom(clock):
    async with opened(*two(clock), clock=clock) as panel:
        operations = panel.services.operations
        assert not operations.busy
        first, second = operations.sleep("a"), operations.sleep("b")
        assert operations.busy
        assert panel.view("b").operation.phase is Phase.QUEUED
        assert panel.view("b").operation.note == "waits for sleep of a on GPU 0"
        assert panel.view("b").state is State.AWAKE
        await panel.ends(second)
        assert (await first.ended()).outcome is Outcome.DONE
        story = panel.story()
        assert story.index("done sleep a") < story.index("started sleep b")
        assert panel.view("b").operation is None
        assert not operations.busy


async def test_transitions_on_different_gpus_run_at_once(clock):
    engines = FakeEngine(clock, name="a", gpus=(0,)), FakeEngine(clock, name="b", gpus=(1,))
    async with opened(*engines, clock=clock, count=2) as panel:
        operations = panel.services.operations
        first, second = operations.sleep("a"), operations.sleep("b")
        await clock.advance(0.25)
        assert panel.engine("a").calls == panel.engine("b").calls == ["sleep 1 wait"]
        await panel.ends(first)
        await panel.ends(second)


async def test_a_queued_operation_can_be_taken_out(clock):
    async with opened(*two(clock), clock=clock) as panel:
        operations = panel.services.operations
        first, second = operations.sleep("a"), operations.sleep("b")
        await clock.advance(0.25)
        assert second.cancel()
        record = await panel.ends(second)
        assert (record.outcome, record.message) == (
            Outcome.CANCELLED,
            "taken out of the queue; nothing was sent",
        )
        assert panel.engine("b").calls == []
        assert not first.cancel()
        assert (await panel.ends(first)).outcome is Outcome.DONE


async def test_an_operation_can_be_taken_back_in_the_same_breath(clock):
    async with opened(*two(clock), clock=clock) as panel:
        ticket = panel.services.operations.sleep("a")
        assert ticket.cancel()
        assert (await panel.ends(ticket)).outcome is Outcome.CANCELLED
        assert panel.engine("a").calls == []


async def test_a_second_order_while_one_runs_is_refused(clock):
    async with opened(*two(clock), clock=clock) as panel:
        operations = panel.services.operations
        ticket = operations.sleep("a")
        with pytest.raises(NotAllowed, match="already queued"):
            operations.sleep("a")
        await clock.advance(0.1)
        with pytest.raises(NotAllowed, match="already running"):
            operations.wake("a")
        await panel.ends(ticket)


async def test_what_has_become_pointless_while_it_waited_is_not_sent(clock):
    async with opened(*two(clock), clock=clock) as panel:
        operations = panel.services.operations
        operations.sleep("a")
        second = operations.sleep("b")
        engine = panel.engine("b")
        engine.level, engine.awake_tags, engine.is_paused = 1, set(), True
        record = await panel.ends(second)
        assert (record.outcome, record.message) == (
            Outcome.CANCELLED,
            "it was asleep when its turn came; nothing was sent",
        )
        assert engine.calls == []
        operations.sleep("a") if panel.view("a").state is State.AWAKE else operations.wake("a")
        third = operations.wake("b")
        engine.awake_tags, engine.is_paused = {"weights", "kv_cache"}, False
        record = await panel.ends(third)
        assert record.message == "it was awake when its turn came; nothing was sent"


async def test_nothing_begins_while_another_server_starts_on_the_gpu(clock):
    async with opened(*two(clock), clock=clock) as panel:
        starting = panel.engine("b")
        starting.reach = Reach.REFUSED
        await panel.until(lambda: panel.view("b").state is State.STARTING)
        ticket = panel.services.operations.sleep("a")
        assert panel.view("a").operation.note == "waits until b has started"
        await clock.advance(30.0)
        assert panel.engine("a").calls == []
        starting.reach = Reach.ANSWERED
        assert (await panel.ends(ticket)).outcome is Outcome.DONE
        queued = [e for e in panel.events if isinstance(e, OperationQueued)]
        assert len(queued) == 1


async def test_a_server_that_crashes_and_restarts_does_not_hold_up_the_queue(clock):
    async with opened(*two(clock), clock=clock) as panel:
        panel.homes.found["b"] = Home(
            pids=frozenset({1001}), container="b", container_state="running", restarts=4
        )
        panel.engine("b").reach = Reach.REFUSED
        await panel.until(lambda: panel.view("b").home.restarts == 4)
        await panel.until(lambda: panel.view("b").state is State.STARTING)
        assert (await panel.ends(panel.services.operations.sleep("a"))).outcome is Outcome.DONE


async def test_the_note_follows_what_it_waits_for(clock):
    engines = [FakeEngine(clock, name=name, gpus=(0,)) for name in "abc"]
    async with opened(*engines, clock=clock) as panel:
        operations = panel.services.operations
        operations.sleep("a")
        second, third = operations.sleep("b"), operations.sleep("c")
        assert panel.view("c").operation.note == "waits for sleep of a on GPU 0"
        await panel.until(lambda: panel.view("a").state is State.ASLEEP)
        await panel.until(lambda: panel.view("b").state is not State.AWAKE)
        assert panel.view("c").operation.note == "waits for sleep of b on GPU 0"
        await panel.ends(second)
        await panel.ends(third)


async def test_readonly_refuses_what_changes_and_allows_prompts(clock):
    async with opened(*two(clock), clock=clock, settings=Settings(readonly=True)) as panel:
        operations = panel.services.operations
        with pytest.raises(NotAllowed, match="readonly"):
            operations.sleep("a")
        ticket = operations.prompt("a", "why?", max_tokens=1, on_token=lambda _: None)
        assert (await panel.ends(ticket)).outcome is Outcome.DONE


async def test_a_server_that_is_not_there_is_refused(clock):
    async with opened(*two(clock), clock=clock) as panel:
        with pytest.raises(NotAllowed, match="no server is called nobody"):
            panel.services.operations.sleep("nobody")


async def test_gpus_are_read_fast_while_an_operation_runs(clock):
    async with opened(*two(clock, sleep_takes_s=1.0), clock=clock) as panel:
        await clock.advance(1.0)
        ticket = panel.services.operations.sleep("a")
        panel.gpus.samples.clear()
        await clock.advance(1.0)
        assert len(panel.gpus.samples) >= 19
        await panel.ends(ticket)
        await clock.advance(1.0)
        panel.gpus.samples.clear()
        await clock.advance(2.0)
        assert len(panel.gpus.samples) == 4


class TestDrain:
    async def test_nothing_more_is_taken_and_what_waits_is_stopped(self, clock):
        engines = [FakeEngine(clock, name=name, gpus=(0,)) for name in "abc"]
        async with opened(*engines, clock=clock) as panel:
            operations = panel.services.operations
            running, queued = operations.sleep("a"), operations.sleep("b")
            prompt = operations.prompt("c", "why?", max_tokens=1, on_token=lambda _: None)
            await panel.until(lambda: "sleep 1 wait" in panel.engine("a").calls)
            draining = asyncio.ensure_future(operations.drain(5.0))
            await settle()
            with pytest.raises(NotAllowed, match="closing"):
                operations.sleep("c")
            assert (await queued.ended()).outcome is Outcome.CANCELLED
            assert (await prompt.ended()).outcome is Outcome.CANCELLED
            await panel.until(draining.done)
            assert (await running.ended()).outcome is Outcome.DONE
            assert not operations.busy

    async def test_a_request_that_is_not_answered_in_time_is_recorded_as_unknown(self, clock):
        async with opened(FakeEngine(clock, hold=asyncio.Event()), clock=clock) as panel:
            operations = panel.services.operations
            ticket = operations.sleep("qwen")
            await panel.until(lambda: panel.engine("qwen").calls != [])
            draining = asyncio.ensure_future(operations.drain(2.0))
            await clock.advance(2.0)
            await draining
            record = await ticket.ended()
            assert (record.outcome, record.cause) == (Outcome.UNKNOWN, Cause.NO_ANSWER)
            assert record.message == ("sleeptui ended before the answer came; the server goes on")
            assert panel.story()[-1] == "unknown sleep qwen"

    @pytest.mark.parametrize(
        ("passed", "cause", "unsent"),
        [
            (0, Cause.NO_WEIGHTS, "reload, kv_cache, reset"),
            (1, Cause.STOPPED_MIDWAY, "kv_cache, reset"),
        ],
    )
    async def test_a_wake_in_steps_says_which_were_not_sent(self, clock, passed, cause, unsent):
        engine = FakeEngine(clock, level=2, awake_tags=set(), is_paused=True)
        async with opened(engine, clock=clock) as panel:
            await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
            engine.hold = None if passed else asyncio.Event()
            operations = panel.services.operations
            ticket = operations.wake("qwen")
            await panel.until(lambda: engine.calls)
            engine.hold = asyncio.Event()
            await panel.until(lambda: len(engine.calls) > passed)
            draining = asyncio.ensure_future(operations.drain(2.0))
            await clock.advance(2.0)
            await draining
            record = await ticket.ended()
            assert (record.outcome, record.cause) == (Outcome.UNKNOWN, cause)
            assert record.message == f"sleeptui ended midway: not sent were {unsent}"
            assert "wake it again" in record.hint

    async def test_the_end_of_the_services_does_the_same(self, clock):
        async with opened(FakeEngine(clock, hold=asyncio.Event()), clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await panel.until(lambda: panel.engine("qwen").calls != [])
        assert (await ticket.ended()).outcome is Outcome.UNKNOWN

    async def test_what_looks_whether_it_still_makes_sense_is_stopped_too(self, clock):
        async with opened(*two(clock), clock=clock) as panel:
            operations = panel.services.operations
            first = operations.sleep(panel.services.store.view.servers[0].name)
            name = panel.services.store.view.servers[1].name
            second = operations.sleep(name)
            engine = panel.engine(name)
            engine.look_takes_s = 10.0
            await panel.ends(first)
            await clock.advance(1.0)
            closing = asyncio.ensure_future(operations.drain(2.0))
            await clock.advance(30.0)
            await closing
            assert (await second.ended()).outcome is Outcome.CANCELLED
            assert engine.calls == []

    async def test_with_nothing_to_do_it_ends_at_once(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            await panel.services.operations.drain(5.0)


class TestPanel:
    async def test_nothing_is_asked_before_the_begin(self, clock):
        async with opened(FakeEngine(clock), clock=clock, begin=False) as panel:
            await clock.advance(10.0)
            assert panel.engine("qwen").looks == []
            assert panel.gpus.samples == []
            assert panel.services.store.view.servers == ()

    async def test_it_begins_once(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            with pytest.raises(RuntimeError):
                panel.services.begin()

    async def test_an_order_before_the_begin_is_refused(self, clock):
        async with opened(FakeEngine(clock), clock=clock, begin=False) as panel:
            with pytest.raises(NotAllowed):
                panel.services.operations.sleep("qwen")

    async def test_a_bug_in_a_loop_ends_the_program_and_closes_everything(self, clock):
        seen = []

        async def run():
            async with opened(FakeEngine(clock), clock=clock) as panel:
                seen.append(panel)
                panel.engine("qwen").on_observe = lambda: {}["bug"]
                await clock.advance(5.0)

        with pytest.raises(ExceptionGroup) as caught:
            await run()
        assert caught.group_contains(KeyError)
        assert seen[0].engine("qwen").closed
        assert seen[0].homes.closed

    async def test_what_is_prepared_after_the_first_frame_is_watched(self, clock):
        async with opened(FakeEngine(clock), clock=clock, specs=(), begin=False) as panel:

            async def prepare():
                await clock.sleep(1.0)
                return (ServerSpec(name="qwen", url="http://127.0.0.1:8001"),)

            panel.services._prepare = prepare
            panel.services.begin()
            await clock.advance(0.5)
            assert panel.engine("qwen").looks == []
            await panel.until(lambda: panel.services.store.view.servers != ())
            assert panel.view("qwen").spec.url == "http://127.0.0.1:8001"

    async def test_a_fleet_that_does_not_come_up_is_told(self, clock):
        async with opened(clock=clock, specs=(), begin=False) as panel:

            async def prepare():
                raise SimError("the simulated fleet did not start", hint="is a port taken?")

            panel.services._prepare = prepare
            panel.services.begin()
            await panel.until(lambda: not panel.services.store.view.looking)
            assert panel.services.store.view.notes == (
                "the simulated fleet did not start. Is a port taken?",
            )
