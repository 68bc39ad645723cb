"""Answers of weights that may be lost never become what later wakes are compared with."""

import pytest
from support.builders import answer, reference
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.canary import Check
from sleeptui.core.errors import Refused
from sleeptui.core.events import Noted, ReferenceTaken
from sleeptui.core.model import SleepLevel, State
from sleeptui.core.operation import Cause, Outcome

OTHER = answer(*range(50, 66))
LATE = answer(*range(1, 9), *range(50, 58))


def refer(panel, wall_s=None):
    wall_s = panel.clock.wall_s() if wall_s is None else wall_s
    event = ReferenceTaken(
        at_s=panel.clock.now_s(), server="qwen", reference=reference(taken_wall_s=wall_s)
    )
    panel.services.bus.publish(event)
    panel.events.clear()


def taken(panel):
    return [event.reference for event in panel.events if isinstance(event, ReferenceTaken)]


def verify(panel):
    return panel.ends(panel.services.operations.verify("qwen"))


def sleep(panel, **how):
    return panel.ends(panel.services.operations.sleep("qwen", **how))


def wake(panel, **how):
    return panel.ends(panel.services.operations.wake("qwen", **how))


def moved_at(engine, canary, level=2):
    """Somebody else has it asleep and awake again while its nth canary is answered."""

    async def canary_(prompt, **fields):
        if engine.log.count("canary") == canary - 1:
            engine.sleeps, engine.wakes = engine.sleeps + 1, engine.wakes + 1
            engine.has_weights = engine.has_weights and level != 2
        return await ask(prompt, **fields)

    ask, engine.canary = engine.canary, canary_


class TestBeforeASleep:
    """``s`` on a server whose answers have changed since the reference was taken."""

    async def test_one_that_was_not_verified_since_it_woke_leaves_the_old_one(self, clock):
        engine = FakeEngine(clock, has_weights=False, started_s=1.0)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            record = await sleep(panel)
            assert record.outcome is Outcome.DONE
            assert taken(panel) == []
            assert any("the old one stays" in line for line in record.known)
            woken = await wake(panel)
            assert (woken.outcome, woken.cause) == (Outcome.SUSPECT, Cause.GARBAGE)
            assert panel.view("qwen").state is State.SUSPECT

    async def test_a_wake_that_nobody_checked_may_have_lost_them(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await sleep(panel)
            await wake(panel, verify=False)
            engine.has_weights = False
            panel.events.clear()
            await sleep(panel)
            assert taken(panel) == []
            assert (await wake(panel)).cause is Cause.GARBAGE

    async def test_garbage_is_none_even_after_a_good_answer(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await verify(panel)
            engine.canary_tokens = OTHER
            record = await sleep(panel)
            assert taken(panel) == []
            assert record.verification.check is Check.CHANGED

    async def test_other_weights_that_came_while_it_was_awake_are_taken(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await verify(panel)
            engine.canary_tokens = LATE
            record = await sleep(panel)
            assert [new.answers for new in taken(panel)] == [(LATE,) * 3]
            assert "its answers had changed while it was awake" in "\n".join(record.known)
            notes = [event.severity for event in panel.events if isinstance(event, Noted)]
            assert notes == ["warning"]
            assert (await wake(panel)).verification.check is Check.VERIFIED

    async def test_a_process_that_is_younger_has_read_its_weights_itself(self, clock):
        engine = FakeEngine(clock, canary_tokens=OTHER, started_s=clock.wall_s() - 60)
        async with opened(engine, clock=clock) as panel:
            refer(panel, wall_s=clock.wall_s() - 3600)
            record = await sleep(panel)
            assert [new.answers for new in taken(panel)] == [(OTHER,) * 3]
            assert record.outcome is Outcome.DONE
            assert (await wake(panel)).verification.check is Check.VERIFIED

    async def test_unless_it_has_been_asleep_since(self, clock):
        engine = FakeEngine(clock, canary_tokens=OTHER, started_s=clock.wall_s() - 60)
        engine.sleeps = engine.wakes = 1
        async with opened(engine, clock=clock) as panel:
            refer(panel, wall_s=clock.wall_s() - 3600)
            record = await sleep(panel)
            assert taken(panel) == []
            assert record.verification.check is Check.CHANGED


class TestSomebodyElseMeanwhile:
    @pytest.mark.parametrize("canary", [1, 2, 3])
    async def test_a_verify_takes_none(self, clock, canary):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            moved_at(engine, canary)
            record = await verify(panel)
            assert taken(panel) == []
            assert record.outcome is Outcome.UNKNOWN
            assert record.message.startswith("somebody else has moved it meanwhile")
            assert panel.view("qwen").is_doubted

    @pytest.mark.parametrize("canary", [1, 2, 3])
    async def test_a_sleep_takes_none(self, clock, canary):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            moved_at(engine, canary)
            record = await sleep(panel)
            assert record.outcome is Outcome.DONE
            assert taken(panel) == []
            assert any("somebody else has moved it meanwhile" in line for line in record.known)
            assert panel.view("qwen").is_doubted

    async def test_nor_one_whose_old_one_it_contradicts(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await verify(panel)
            moved_at(engine, 2)
            record = await sleep(panel)
            assert taken(panel) == []
            assert record.outcome is Outcome.DONE
            assert (await wake(panel)).cause is Cause.GARBAGE

    async def test_a_wake_that_is_verified_meanwhile_says_so(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await sleep(panel, level=SleepLevel.DISCARD)
            engine.canary_takes_s = 3.0
            ticket = panel.services.operations.wake("qwen")
            await panel.until(lambda: panel.view("qwen").state is State.VERIFYING)
            await clock.advance(1.0)
            engine.sleeps, engine.wakes = engine.sleeps + 1, engine.wakes + 1
            record = await panel.ends(ticket)
            assert record.outcome is Outcome.UNKNOWN
            assert record.message.startswith("somebody else has moved it meanwhile")
            view = panel.view("qwen")
            assert (view.check, view.check_due, view.is_doubted) == (Check.UNVERIFIED, True, True)


class TestWeightsThatWereNotRead:
    def stopped(self, clock, **fields):
        """0.20 wakes all, then reads the weights: that fails, and it is awake."""
        no = Refused("no", server="qwen", status=404)
        return FakeEngine(
            clock,
            version="0.20.0",
            level=2,
            awake_tags=set(),
            is_paused=True,
            has_weights=False,
            faults={"reload_weights": [no]},
            **fields,
        )

    async def test_no_reference_is_taken_of_them(self, clock):
        engine = self.stopped(clock)
        async with opened(engine, clock=clock) as panel:
            await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
            assert (await wake(panel)).cause is Cause.NO_WEIGHTS
            assert panel.view("qwen").state is State.SUSPECT
            record = await verify(panel)
            assert taken(panel) == []
            assert any("reference: not taken" in line for line in record.known)
            assert panel.view("qwen").state is State.SUSPECT
            assert (await wake(panel)).outcome is Outcome.DONE
            assert panel.view("qwen").state is State.AWAKE
            assert (await verify(panel)).message.startswith("answers; kept")

    async def test_an_answer_as_before_shows_that_somebody_has_read_them(self, clock):
        engine = self.stopped(clock)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
            await wake(panel)
            engine.has_weights = True
            assert (await verify(panel)).outcome is Outcome.DONE
            view = panel.view("qwen")
            assert (view.state, view.check) == (State.AWAKE, Check.VERIFIED)


async def test_a_wake_from_a_level_that_nobody_knows_leaves_a_doubt(clock):
    engine = FakeEngine(
        clock,
        version="0.11.0",
        level=None,
        awake_tags=set(),
        shows_metrics=False,
        has_weights=False,
    )
    async with opened(engine, clock=clock) as panel:
        await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
        await wake(panel)
        assert panel.view("qwen").state is State.AWAKE
        assert panel.view("qwen").is_doubted
        await verify(panel)
        assert taken(panel) == []


class TestAnAnswerThatSaysNothing:
    """It must not acquit a server that is known to be wrong."""

    async def test_garbage_stays_garbage(self, clock):
        engine = FakeEngine(clock, has_weights=False)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await verify(panel)
            engine.faults["canary"] = [Refused("it answered 404", server="qwen", status=404)]
            await verify(panel)
            view = panel.view("qwen")
            assert (view.state, view.check) == (State.SUSPECT, Check.CHANGED)

    async def test_nor_does_it_undo_a_good_one(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await verify(panel)
            engine.faults["canary"] = [Refused("it answered 404", server="qwen", status=404)]
            await verify(panel)
            assert panel.view("qwen").check is Check.VERIFIED

    @pytest.mark.parametrize("is_asked", [True, False])
    async def test_weights_that_were_read_again_are_other_ones(self, clock, is_asked):
        engine = FakeEngine(clock, has_weights=False)
        async with opened(engine, clock=clock) as panel:
            refer(panel)
            await verify(panel)
            assert panel.view("qwen").state is State.SUSPECT
            engine.faults["canary"] = [Refused("it answered 404", server="qwen", status=404)]
            assert (await wake(panel, verify=is_asked)).outcome is Outcome.DONE
            view = panel.view("qwen")
            assert (view.state, view.check) == (State.AWAKE, Check.UNVERIFIED)
