"""A sleep that is to come at once: no canary before it, and its moments are told."""

from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.operation import Outcome


async def test_without_its_canary_a_sleep_sends_nothing_else(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen", verify=False)
        assert not ticket.sending.is_set()
        await clock.until(ticket.sending.is_set)
        assert not ticket.answered.is_set()
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.DONE
        assert ticket.answered.is_set()
    assert "canary" not in engine.log
    assert not any(line.startswith("reference") for line in record.known)


async def test_one_that_is_taken_back_was_never_sent(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        assert ticket.cancel()
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.CANCELLED
        assert [ticket.sending.is_set(), ticket.answered.is_set()] == [False, False]
