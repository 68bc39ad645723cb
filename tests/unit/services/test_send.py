"""Answers that are not the server's own: a proxy in front of it gives up before it does."""

import pytest
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.errors import Refused
from sleeptui.core.model import SleepMode, State
from sleeptui.core.operation import Cause, Kind, Outcome

STATUSES = pytest.mark.parametrize("status", [502, 504, 524])


def gave_up(status):
    return Refused(f"/sleep answered {status}, an HTML page", server="qwen", status=status)


def ordered(panel, kind):
    operations = panel.services.operations
    return operations.sleep("qwen") if kind is Kind.SLEEP else operations.wake("qwen")


@STATUSES
@pytest.mark.parametrize("kind", [Kind.SLEEP, Kind.WAKE])
async def test_what_the_server_did_behind_it_is_told_by_its_state(clock, kind, status):
    engine = FakeEngine(clock, works_anyway={"sleep", "wake"})
    async with opened(engine, clock=clock) as panel:
        if kind is Kind.WAKE:
            await panel.ends(panel.services.operations.sleep("qwen"))
        engine.faults[kind.value] = [gave_up(status)]
        record = await panel.ends(ordered(panel, kind))
        assert record.outcome is Outcome.DONE
        assert record.message.startswith(f"/sleep answered {status}, an HTML page, but it is")


@STATUSES
async def test_a_sleep_that_still_waits_for_its_requests_wedges_nothing(clock, status):
    engine = FakeEngine(clock, running=2, faults={"sleep": [gave_up(status)]})
    async with opened(engine, clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen", mode=SleepMode.WAIT))
        assert (record.outcome, record.cause) == (Outcome.UNKNOWN, Cause.NO_ANSWER)
        engine.level, engine.awake_tags, engine.is_paused = 1, set(), True
        await clock.advance(5.0)
        view = panel.view("qwen")
        assert (view.state, view.level) == (State.ASLEEP, 1)


async def test_a_step_midway_that_it_gives_up_on_stops_the_wake_there(clock):
    engine = FakeEngine(clock, level=2, awake_tags=set(), is_paused=True, has_weights=False)
    async with opened(engine, clock=clock) as panel:
        await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
        engine.faults["reload_weights"] = [gave_up(504)]
        record = await panel.ends(panel.services.operations.wake("qwen"))
        assert (record.outcome, record.cause) == (Outcome.UNKNOWN, Cause.NO_WEIGHTS)
        assert panel.view("qwen").state is State.PARTIAL
