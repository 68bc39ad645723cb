"""The reference is taken before a sleep, and stays while it is answered as before."""

import asyncio

import pytest
from support.builders import answer, reference, token, verification
from support.fakes import FakeEngine, broken, timed_out
from support.panel import opened

from sleeptui.core.canary import Check
from sleeptui.core.errors import Refused
from sleeptui.core.events import ReferenceTaken, Verified
from sleeptui.core.model import Reach, SleepLevel, State
from sleeptui.core.operation import Cause, Outcome, Phase
from sleeptui.core.settings import Canary, ServerSpec

OTHER = answer(*range(50, 66))


def refer(panel, *answers):
    event = ReferenceTaken(at_s=panel.clock.now_s(), server="qwen", reference=reference(*answers))
    panel.services.bus.publish(event)
    panel.events.clear()


async def slept(panel, **how):
    return await panel.ends(panel.services.operations.sleep("qwen", **how))


def taken(panel):
    return [event.reference for event in panel.events if isinstance(event, ReferenceTaken)]


def told(record):
    return "\n".join(record.known)


async def test_without_one_three_answers_are_taken(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await slept(panel)
        assert panel.engine("qwen").log == ["canary"] * 3 + ["sleep 1 wait"]
        (new,) = taken(panel)
        assert new.answers == (answer(),) * 3
        assert new.spread == 0.0
        assert "reference: taken before this sleep" in record.known
        part = record.parts[0]
        assert (part.name, part.duration_s) == ("reference", pytest.approx(0.24))
        assert record.duration_s == pytest.approx(0.3)
        assert record.verification.verdict.decodes


async def test_one_that_is_still_answered_stays(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        refer(panel)
        record = await slept(panel)
        assert panel.engine("qwen").log == ["canary", "sleep 1 wait"]
        assert taken(panel) == []
        assert "reference: before this sleep the same 16 tokens as before" in record.known
        assert record.verification.check is Check.VERIFIED


async def test_noise_that_comes_once_changes_nothing(clock):
    engine = FakeEngine(clock, canary_answers=[OTHER])
    async with opened(engine, clock=clock) as panel:
        refer(panel)
        await slept(panel)
        assert engine.log == ["canary"] * 2 + ["sleep 1 wait"]
        assert taken(panel) == []


async def test_one_of_another_model_does_not_count(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        event = ReferenceTaken(at_s=clock.now_s(), server="qwen", reference=reference(model="phi"))
        panel.services.bus.publish(event)
        await slept(panel)
        assert taken(panel)[-1].model == "qwen"


async def test_a_pause_needs_none(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await slept(panel, level=SleepLevel.PAUSE)
        assert panel.engine("qwen").log == ["sleep 0 wait"]
        assert record.verification is None


class TestNotAsked:
    async def test_where_it_is_off(self, clock):
        off = ServerSpec(name="qwen", url="http://127.0.0.1:8001", canary=Canary(enabled=False))
        async with opened(FakeEngine(clock), clock=clock, specs=[off]) as panel:
            record = await slept(panel)
            assert panel.engine("qwen").log == ["sleep 1 wait"]
            assert "reference: its canary is off" in record.known

    async def test_behind_others_in_the_queue(self, clock):
        async with opened(FakeEngine(clock, running=4, waiting=3), clock=clock) as panel:
            record = await slept(panel)
            assert panel.engine("qwen").log == ["sleep 1 wait"]
            assert "reference: not asked, 3 requests wait in its queue" in record.known

    async def test_beside_running_ones_it_is(self, clock):
        async with opened(FakeEngine(clock, running=4), clock=clock) as panel:
            await slept(panel)
            assert panel.engine("qwen").log[0] == "canary"

    async def test_where_it_was_found_asleep_meanwhile(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            engine.level, engine.awake_tags, engine.is_paused = 1, set(), True
            record = await slept(panel)
            assert (record.outcome, record.message) == (
                Outcome.CANCELLED,
                "it was found asleep; nothing was sent",
            )
            assert engine.log == []


class TestNoAnswer:
    async def test_void_answers_are_never_kept(self, clock):
        void = tuple(token(0, -9.0, runner_up=-9.0) for _ in range(16))
        async with opened(FakeEngine(clock, canary_tokens=void), clock=clock) as panel:
            record = await slept(panel)
            assert taken(panel) == []
            assert "reference: not renewed, every token is as likely" in told(record)
            (published,) = [event for event in panel.events if isinstance(event, Verified)]
            assert published.verification.check is Check.CHANGED

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (
                Refused("it answered 404: no", server="qwen", status=404),
                "the server refused the question: it answered 404: no",
            ),
            (Refused("it answered 500", server="qwen", status=500), "it answered 500"),
            (broken(), "the connection broke"),
            (timed_out(), "no token in 10.0 s"),
        ],
    )
    async def test_an_error_does_not_stop_the_sleep(self, clock, error, words):
        async with opened(FakeEngine(clock, faults={"canary": [error]}), clock=clock) as panel:
            record = await slept(panel)
            assert record.outcome is Outcome.DONE
            assert taken(panel) == []
            assert f"reference: not renewed, {words}" in record.known

    async def test_nor_does_silence(self, clock):
        async with opened(FakeEngine(clock, canary_hold=asyncio.Event()), clock=clock) as panel:
            record = await slept(panel)
            assert record.outcome is Outcome.DONE
            assert record.parts[0].duration_s == pytest.approx(10.0)
            assert "reference: no whole answer in 10.0 s, the sleep went on without" in (
                record.known
            )

    async def test_silence_can_be_stopped(self, clock):
        engine = FakeEngine(clock, canary_hold=asyncio.Event())
        async with opened(engine, clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.advance(2.0)
            assert panel.view("qwen").state is State.VERIFYING
            assert panel.view("qwen").operation.phase is Phase.VERIFYING
            assert ticket.cancel()
            record = await panel.ends(ticket)
            assert (record.outcome, record.message) == (
                Outcome.CANCELLED,
                "stopped; nothing was sent",
            )
            assert engine.calls == []
            assert panel.view("qwen").state is State.AWAKE

    async def test_an_engine_that_dies_of_it_is_lost(self, clock):
        engine = FakeEngine(clock, faults={"canary end": [broken()]}, canary_takes_s=2.0)
        async with opened(engine, clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.advance(1.0)
            engine.reach = Reach.REFUSED
            record = await panel.ends(ticket)
            assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.ENGINE_LOST)
            assert engine.calls == []

    async def test_of_three_answers_two_will_do(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.advance(0.1)
            engine.faults["canary end"] = [timed_out(), timed_out()]
            await panel.ends(ticket)
            assert [len(new.answers) for new in taken(panel)] == [1]


class TestWokenBySomebodyElse:
    """What it answers may be garbage: that must not become what is good."""

    async def moved(self, panel):
        engine = panel.engine("qwen")
        engine.level, engine.awake_tags, engine.is_paused = 2, set(), True
        await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
        engine.awake_tags, engine.is_paused = {"weights", "kv_cache"}, False
        await panel.until(lambda: panel.view("qwen").check_due)

    async def test_another_answer_leaves_the_old_one(self, clock):
        engine = FakeEngine(clock, waiting=30)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            engine.faults["canary"] = [timed_out()]  # busy: it says nothing
            await self.moved(panel)
            await clock.advance(1.0)
            assert panel.view("qwen").check_due
            engine.waiting, engine.canary_tokens = 0, OTHER
            await clock.advance(1.0)
            record = await slept(panel)
            assert taken(panel) == []
            assert "its weights may be garbage, the old one stays" in told(record)
            assert panel.view("qwen").learned.reference == reference()

    async def test_it_is_said(self, clock):
        async with opened(FakeEngine(clock), clock=clock) as panel:
            await self.moved(panel)
            record = await slept(panel)
            assert taken(panel) == []
            assert "reference: not taken, somebody else woke it" in told(record)


async def test_a_server_known_to_be_wrong_is_not_asked(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        first = panel.services.operations.sleep("qwen")
        wrong = verification(Check.CHANGED)
        panel.services.bus.publish(Verified(at_s=clock.now_s(), server="qwen", verification=wrong))
        record = await panel.ends(first)
        assert "reference: not asked, its answers are known to be wrong" in record.known
        assert engine.log == ["sleep 1 wait"]
