import asyncio

import pytest
from support.builders import GIB, answer, reference, token
from support.clock import settle
from support.fakes import FakeEngine, broken
from support.panel import opened

from sleeptui.core.canary import Check
from sleeptui.core.errors import NotAllowed, Refused
from sleeptui.core.events import OperationAdvanced, ReferenceTaken, Verified
from sleeptui.core.model import Reach, SleepLevel, State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.settings import Canary, ServerSpec, Settings


def awake_with_reference(panel, **fields):
    panel.services.bus.publish(
        ReferenceTaken(
            at_s=panel.clock.now_s(),
            server="qwen",
            reference=reference(prompt=Canary().prompt, **fields),
        )
    )


async def verified(panel):
    return await panel.ends(panel.services.operations.verify("qwen"))


def references(panel):
    return [event.reference for event in panel.events if isinstance(event, ReferenceTaken)]


async def test_the_first_answers_are_kept(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await verified(panel)
        assert (record.kind, record.outcome) == (Kind.VERIFY, Outcome.DONE)
        assert record.message == ("answers; kept as the reference, nothing to compare with yet")
        assert record.hint == ""
        assert panel.engine("qwen").log == ["canary"] * 3
        assert record.known == (
            "canary: decodes; nothing to compare with, in 80 ms",
            "reference: none from before",
            "reference: taken now, 3 answers",
        )
        (taken,) = references(panel)
        assert (taken.model, taken.max_tokens, len(taken.answers)) == ("qwen", 16, 3)
        assert taken.taken_wall_s == pytest.approx(clock.wall_s(), abs=1.0)
        assert panel.view("qwen").learned.reference == taken
        assert panel.view("qwen").check is Check.UNVERIFIED


async def test_later_answers_are_compared_with_them(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await verified(panel)
        record = await verified(panel)
        assert record.outcome is Outcome.DONE
        assert record.message == "the same 16 tokens as before"
        assert record.hint == ""
        assert record.duration_s == pytest.approx(0.08)
        assert record.first_token_s == pytest.approx(0.04)
        assert record.known[0] == (
            "canary: decodes; identical, the same 16 tokens as before, in 80 ms"
        )
        assert record.known[1].startswith("reference: 3 answers, ")
        assert len(references(panel)) == 1
        view = panel.view("qwen")
        assert (view.state, view.check) == (State.AWAKE, Check.VERIFIED)


async def test_the_state_stays_as_it_is(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        ticket = panel.services.operations.verify("qwen")
        await clock.advance(0.04)
        assert panel.view("qwen").state is State.AWAKE
        assert panel.view("qwen").operation.kind is Kind.VERIFY
        await panel.ends(ticket)
        assert not [event for event in panel.events if isinstance(event, OperationAdvanced)]


async def test_another_answer_is_asked_once_more_and_makes_it_suspect(clock):
    engine = FakeEngine(clock, has_weights=False)
    async with opened(engine, clock=clock) as panel:
        awake_with_reference(panel)
        record = await verified(panel)
        assert engine.log == ["canary"] * 2
        assert (record.outcome, record.cause) == (Outcome.SUSPECT, Cause.GARBAGE)
        assert record.message.startswith("its answers are garbage")
        assert record.hint.startswith("w reads its weights again")
        assert panel.view("qwen").state is State.SUSPECT
        engine.has_weights = True
        assert (await verified(panel)).outcome is Outcome.DONE
        assert panel.view("qwen").state is State.AWAKE


async def test_void_answers_never_become_the_reference(clock):
    void = tuple(token(0, -9.0, runner_up=-9.0) for _ in range(16))
    async with opened(FakeEngine(clock, canary_tokens=void), clock=clock) as panel:
        record = await verified(panel)
        assert record.cause is Cause.GARBAGE
        assert references(panel) == []


async def test_a_server_that_refuses_the_question_cannot_be_verified(clock):
    error = Refused("it answered 404: no", server="qwen", status=404, detail="no")
    async with opened(FakeEngine(clock, faults={"canary": [error]}), clock=clock) as panel:
        record = await verified(panel)
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.REJECTED)
        assert record.hint == "if it does not generate text, switch its canary off"
        assert panel.view("qwen").state is State.AWAKE


async def test_a_busy_server_is_not_known(clock):
    engine = FakeEngine(clock, generated=1.0, canary_hold=asyncio.Event())
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.verify("qwen")
        await clock.advance(5.0)
        engine.generated = 700.0
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.UNKNOWN
        assert record.hint == "v asks again when it is less busy"
        assert panel.view("qwen").state is State.AWAKE


async def test_a_dead_server_is_lost(clock):
    engine = FakeEngine(clock, faults={"canary end": [broken()]}, canary_takes_s=1.0)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.verify("qwen")
        await clock.advance(0.5)
        engine.reach = Reach.REFUSED
        assert (await panel.ends(ticket)).cause is Cause.ENGINE_LOST


class TestSomebodyElse:
    async def test_a_server_that_is_found_asleep_is_not_asked(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            engine.level, engine.awake_tags, engine.is_paused = 1, set(), True
            record = await verified(panel)
            assert (record.outcome, record.message) == (
                Outcome.CANCELLED,
                "it was found asleep; nothing was sent",
            )
            assert engine.log == []

    async def test_what_they_do_meanwhile_makes_the_answer_worthless(self, clock):
        engine = FakeEngine(clock, canary_takes_s=3.0, sleeps=1)
        async with opened(engine, clock=clock) as panel:
            awake_with_reference(panel)
            ticket = panel.services.operations.verify("qwen")
            await clock.advance(1.0)
            engine.sleeps, engine.wakes = 2, 1
            record = await panel.ends(ticket)
            assert record.outcome is Outcome.UNKNOWN
            assert record.message.startswith("somebody else has moved it meanwhile")
            assert panel.view("qwen").check is Check.UNVERIFIED

    async def test_a_server_woken_by_them_gives_no_reference(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await asleep_and_awake(panel, engine, 2)
            record = await verified(panel)
            assert record.outcome is Outcome.DONE
            assert record.message == "answers, nothing to compare with"
            assert record.hint.startswith("to be sure, put it to sleep at level 2")
            assert references(panel) == []
            again = await verified(panel)
            assert references(panel) == []
            assert "reference: not taken" in "\n".join(again.known)
            slept = await panel.ends(panel.services.operations.sleep("qwen"))
            assert references(panel) == []
            assert "reference: not taken, somebody else woke it" in "\n".join(slept.known)

    async def test_until_our_own_wake_has_read_its_weights(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await asleep_and_awake(panel, engine, 2)
            operations = panel.services.operations
            await panel.ends(operations.sleep("qwen", level=SleepLevel.DISCARD))
            await panel.ends(operations.wake("qwen"))
            assert (await verified(panel)).message.startswith("answers; kept")


async def asleep_and_awake(panel, engine, level):
    """Somebody else has it asleep and awake again."""
    engine.level, engine.awake_tags, engine.is_paused = level, set(), True
    await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
    engine.awake_tags, engine.is_paused = {"weights", "kv_cache"}, False
    await panel.until(lambda: panel.view("qwen").state is State.AWAKE)


class TestStopped:
    @pytest.mark.parametrize("kind", ["sleep", "switch"])
    async def test_a_transition_of_ours_stops_it_first(self, clock, kind):
        engine = FakeEngine(clock, canary_takes_s=3.0)
        other = FakeEngine(clock, name="phi", level=1, awake_tags=set(), is_paused=True)
        engine.held_bytes = 80 * GIB
        async with opened(engine, other, clock=clock) as panel:
            await panel.until(lambda: panel.view("phi").state is State.ASLEEP)
            ticket = panel.services.operations.verify("qwen")
            await clock.advance(1.0)
            operations = panel.services.operations
            ours = operations.sleep("qwen") if kind == "sleep" else operations.switch("phi")
            record = await panel.ends(ticket)
            assert (record.outcome, record.message) == (
                Outcome.CANCELLED,
                "stopped before it was judged",
            )
            assert record.known
            assert not [event for event in panel.events if isinstance(event, Verified)]
            assert (await panel.ends(ours)).outcome is Outcome.DONE

    async def test_one_at_a_time(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            ticket = panel.services.operations.verify("qwen")
            with pytest.raises(NotAllowed, match="being verified already"):
                panel.services.operations.verify("qwen")
            await panel.ends(ticket)

    async def test_a_sleeping_server_is_refused(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            await panel.ends(panel.services.operations.sleep("qwen"))
            with pytest.raises(NotAllowed, match="would hang"):
                panel.services.operations.verify("qwen")

    async def test_it_waits_for_no_transition_on_its_gpu(self, clock):
        engines = FakeEngine(clock), FakeEngine(clock, name="phi", sleep_takes_s=60.0)
        async with opened(*engines, clock=clock) as panel:
            sleeping = panel.services.operations.sleep("phi")
            await clock.advance(5.0)
            assert (await verified(panel)).outcome is Outcome.DONE
            assert not sleeping.cancel()

    async def test_it_does_not_hide_a_queued_sleep(self, clock):
        engines = FakeEngine(clock, canary_takes_s=30.0), FakeEngine(clock, name="phi")
        async with opened(*engines, clock=clock) as panel:
            operations = panel.services.operations
            operations.sleep("phi")
            queued, ticket = operations.sleep("qwen"), operations.verify("qwen")
            with pytest.raises(NotAllowed, match="already queued"):
                operations.sleep("qwen")
            assert panel.view("qwen").operation.kind is Kind.SLEEP
            await panel.ends(ticket)
            await panel.ends(queued)


class TestCancel:
    async def test_what_waits_is_taken_out_of_the_queue(self, clock):
        engines = FakeEngine(clock, sleep_takes_s=9.0), FakeEngine(clock, name="phi")
        async with opened(*engines, clock=clock) as panel:
            operations = panel.services.operations
            operations.sleep("qwen")
            second = operations.sleep("phi")
            await settle()
            assert operations.cancel("phi")
            assert (await panel.ends(second)).outcome is Outcome.CANCELLED

    async def test_a_verify_is_stopped(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            ticket = panel.services.operations.verify("qwen")
            await settle()
            assert panel.services.operations.cancel("qwen")
            assert (await panel.ends(ticket)).outcome is Outcome.CANCELLED

    async def test_a_drain_in_a_switch_stops_the_switch(self, clock):
        engine = FakeEngine(clock, version="0.12.0", running=1)
        other = FakeEngine(clock, name="phi", level=1, awake_tags=set(), is_paused=True)
        engine.held_bytes = 80 * GIB
        async with opened(engine, other, clock=clock) as panel:
            await panel.until(lambda: panel.view("phi").state is State.ASLEEP)
            ticket = panel.services.operations.switch("phi")
            await panel.until(lambda: panel.view("qwen").state is State.DRAINING)
            assert panel.services.operations.cancel("qwen")
            record = await panel.ends(ticket)
            assert record.outcome is Outcome.CANCELLED
            assert engine.calls == []

    async def test_nothing_and_too_late_are_said(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            operations = panel.services.operations
            with pytest.raises(NotAllowed, match="nothing waits or drains"):
                operations.cancel("qwen")
            ticket = operations.sleep("qwen")
            await panel.until(lambda: panel.engine("qwen").calls != [])
            with pytest.raises(NotAllowed, match="its sleep is with the server"):
                operations.cancel("qwen")
            assert (await panel.ends(ticket)).outcome is Outcome.DONE

    async def test_a_prompt_is_not_meant(self, clock):
        async with opened(FakeEngine(clock, hold=asyncio.Event()), clock=clock) as panel:
            operations = panel.services.operations
            operations.prompt("qwen", "why?", max_tokens=1, on_token=lambda _: None)
            await settle()
            with pytest.raises(NotAllowed, match="nothing waits or drains"):
                operations.cancel("qwen")


async def test_it_is_allowed_readonly(clock):
    async with opened(FakeEngine(clock), clock=clock, settings=Settings(readonly=True)) as panel:
        assert (await verified(panel)).outcome is Outcome.DONE


async def test_it_asks_also_where_the_canary_is_off(clock):
    spec = ServerSpec(name="qwen", url="http://127.0.0.1:8001", canary=Canary(enabled=False))
    async with opened(FakeEngine(clock), clock=clock, specs=[spec]) as panel:
        assert (await verified(panel)).outcome is Outcome.DONE


async def test_noise_of_the_batch_is_no_other_answer(clock):
    engine = FakeEngine(clock, canary_tokens=answer(logprob=-1.01))
    async with opened(engine, clock=clock) as panel:
        awake_with_reference(panel)
        record = await verified(panel)
        assert "log probabilities within 0.01" in record.message
        assert engine.log == ["canary"]


class TestAfterARestart:
    async def test_other_answers_of_a_new_process_are_kept_as_the_new_reference(self, clock):
        engine = FakeEngine(clock, canary_tokens=answer(7, 8, 9))
        async with opened(engine, clock=clock) as panel:
            awake_with_reference(panel, taken_wall_s=engine.started_s - 60)
            record = await verified(panel)
            assert record.outcome is Outcome.DONE
            assert record.message.startswith("answers; kept as the reference")
            assert any("since its restart another answer" in line for line in record.known)
            assert panel.view("qwen").learned.reference.answers[0] == engine.canary_tokens
            assert panel.view("qwen").state is State.AWAKE
            assert (await verified(panel)).message == "the same 3 tokens as before"

    async def test_one_that_has_slept_since_is_measured_by_the_old_one(self, clock):
        engine = FakeEngine(clock, canary_tokens=answer(7, 8, 9), sleeps=1, wakes=1)
        async with opened(engine, clock=clock) as panel:
            awake_with_reference(panel, taken_wall_s=engine.started_s - 60)
            assert (await verified(panel)).cause is Cause.GARBAGE

    async def test_tokens_without_probabilities_are_never_kept(self, clock):
        void = tuple(token(0, -11.9, runner_up=-11.9) for _ in range(16))
        engine = FakeEngine(clock, canary_tokens=void)
        async with opened(engine, clock=clock) as panel:
            awake_with_reference(panel, taken_wall_s=engine.started_s - 60)
            assert (await verified(panel)).cause is Cause.GARBAGE
            assert panel.view("qwen").learned.reference.answers[0] != void
