"""Requests of ours, as everybody hears of them; and what records say of their own requests."""

import pytest
from support.builders import spec
from support.clock import settle
from support.fakes import FakeEngine, broken, oom, timed_out
from support.panel import opened

from sleeptui.core.errors import Refused, Unreachable
from sleeptui.core.events import (
    OperationEnded,
    OperationStarted,
    RequestAdvanced,
    RequestBegan,
    RequestEnded,
)
from sleeptui.core.operation import Cause, Fate, Outcome
from sleeptui.core.settings import Canary

REQUESTS = RequestBegan | RequestAdvanced | RequestEnded


def requests(panel):
    return [event for event in panel.events if isinstance(event, REQUESTS)]


def words(panel):
    return [f"{type(event).__name__} {event.id}" for event in requests(panel)]


def prompt(panel, server="qwen"):
    return panel.services.operations.prompt(server, "why?", max_tokens=8, on_token=lambda _: None)


async def test_a_prompt_is_told_from_its_begin_to_its_end(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await panel.ends(prompt(panel))
        assert words(panel) == ["RequestBegan 1", "RequestAdvanced 1", "RequestEnded 1"]
        began, _, end = requests(panel)
        assert (began.cohort, began.prompt, began.max_tokens) == ("prompt", "why?", 8)
        assert began.operation == record.id
        assert (end.fate, end.completion.text, end.error) == (Fate.COMPLETED, "blue", None)
        assert [tokens for _, tokens in end.chunks] == [1]
        assert record.sent_s == end.completion.sent_s
        assert record.done_s is None


async def test_the_begin_comes_before_anything_is_sent(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        calls = []
        panel.services.bus.subscribe(
            lambda event: (
                calls.append((type(event), tuple(engine.log)))
                if isinstance(event, RequestBegan | OperationStarted)
                else None
            )
        )
        await panel.ends(prompt(panel))
        assert calls == [(OperationStarted, ()), (RequestBegan, ())]


@pytest.mark.parametrize(
    ("error", "is_sent"),
    [
        (timed_out(), True),
        (broken(), True),
        (Refused("no", server="qwen", status=404), True),
        (Unreachable("nothing listens", server="qwen"), False),
    ],
)
async def test_one_that_fails_has_an_end_that_says_why(clock, error, is_sent):
    async with opened(FakeEngine(clock, faults={"complete": [error]}), clock=clock) as panel:
        record = await panel.ends(prompt(panel))
        assert words(panel) == ["RequestBegan 1", "RequestEnded 1"]
        end = requests(panel)[-1]
        assert (end.fate, end.completion, end.error) == (Fate.CUT, None, error.message)
        assert (record.sent_s is not None) is is_sent


async def test_one_that_is_stopped_has_an_end(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        ticket = prompt(panel)
        await clock.advance(0.2)
        assert ticket.cancel()
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.CANCELLED
        assert words(panel) == ["RequestBegan 1", "RequestAdvanced 1", "RequestEnded 1"]
        assert (requests(panel)[-1].fate, requests(panel)[-1].error) == (Fate.CUT, "given up")
        assert len(requests(panel)[-1].chunks) == 1


async def test_one_that_is_open_at_the_end_of_the_panel_has_an_end(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        prompt(panel)
        await settle()
    assert words(panel) == ["RequestBegan 1", "RequestEnded 1"]


async def test_canaries_are_requests_of_their_operation(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert [event.id for event in requests(panel)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
        began = [event for event in requests(panel) if isinstance(event, RequestBegan)]
        assert {(event.cohort, event.operation) for event in began} == {("canary", record.id)}
        ends = [event for event in requests(panel) if isinstance(event, RequestEnded)]
        assert all(event.fate is Fate.COMPLETED for event in ends)
        assert [tokens for _, tokens in ends[0].chunks] == [1, 16]
        assert record.sent_s > ends[-1].completion.ended_s - 1e-9
        assert record.done_s == pytest.approx(record.sent_s + record.duration_s)


@pytest.mark.parametrize(
    ("faults", "takes_s", "why"),
    [({"canary": [broken()]}, 0.1, "the connection broke"), ({}, 99.0, "no answer in time")],
)
async def test_a_canary_without_an_answer_has_an_end(clock, faults, takes_s, why):
    engine = FakeEngine(clock, faults=faults, canary_takes_s=takes_s)
    async with opened(engine, clock=clock) as panel:
        record = await panel.ends(panel.services.operations.verify("qwen"))
        end = next(event for event in requests(panel) if isinstance(event, RequestEnded))
        assert (end.completion, end.error) == (None, why)
        assert record.sent_s is None


async def test_of_a_verify_the_first_canary_is_the_request(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        record = await panel.ends(panel.services.operations.verify("qwen"))
        ends = [event for event in requests(panel) if isinstance(event, RequestEnded)]
        assert record.sent_s == ends[0].completion.sent_s


def uncanny(name="qwen"):
    return spec(name, canary=Canary(enabled=False))


class TestControlRequests:
    async def test_a_wake_in_steps_is_sent_with_its_first_and_done_with_its_last(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock, specs=[uncanny()]) as panel:
            operations = panel.services.operations
            await panel.ends(operations.sleep("qwen", level=2))
            record = await panel.ends(operations.wake("qwen"))
            assert record.done_s - record.sent_s == pytest.approx(record.duration_s)
            assert record.sent_s >= record.began_s

    async def test_a_switch_is_that_of_its_parts(self, clock):
        engines = FakeEngine(clock), FakeEngine(clock, name="phi", level=1, is_paused=True)
        engines[1].awake_tags = set()
        async with opened(
            *engines, clock=clock, specs=[uncanny(), uncanny("phi")], total_bytes=60 << 30
        ) as panel:
            record = await panel.ends(panel.services.operations.switch("phi"))
            sleep, wake, switch = (
                event.record for event in panel.events if isinstance(event, OperationEnded)
            )
            assert switch is record
            assert (switch.sent_s, switch.done_s) == (sleep.sent_s, wake.done_s)

    async def test_what_was_never_sent_has_no_time(self, clock):
        error = Unreachable("nothing listens", server="qwen")
        engine = FakeEngine(clock, faults={"sleep": [error]})
        async with opened(engine, clock=clock, specs=[uncanny()]) as panel:
            record = await panel.ends(panel.services.operations.sleep("qwen"))
            assert record.cause is Cause.REJECTED
            assert (record.sent_s, record.done_s) == (None, None)

    async def test_one_that_was_refused_was_sent_and_not_done(self, clock):
        engine = FakeEngine(clock, faults={"wake": [oom()]})
        async with opened(engine, clock=clock, specs=[uncanny()]) as panel:
            operations = panel.services.operations
            await panel.ends(operations.sleep("qwen"))
            record = await panel.ends(operations.wake("qwen"))
            assert record.sent_s is not None
            assert record.done_s is None


async def test_what_was_found_as_wanted_says_so(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock, specs=[uncanny()]) as panel:
        engine.is_paused, engine.level, engine.awake_tags = True, 1, set()
        record = await panel.ends(panel.services.operations.sleep("qwen"))
        assert (record.outcome, record.cause) == (Outcome.CANCELLED, Cause.ALREADY_SO)
        assert record.is_idle


class TestStamps:
    """How late they may be is that of the requests which the figures are of."""

    async def test_of_a_sleep_that_of_its_call(self, clock):
        engine = FakeEngine(clock, late_s=0.002)
        async with opened(engine, clock=clock) as panel:
            record = await panel.ends(panel.services.operations.sleep("qwen"))
            assert record.stamp_lag_s == 0.002

    async def test_of_a_sleep_not_that_of_the_reference_before_it(self, clock):
        engine = FakeEngine(clock, late_s=0.002)
        async with opened(engine, clock=clock) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.until(lambda: "sleep" in str(engine.calls))
            engine.late_s = None
            record = await panel.ends(ticket)
            assert record.stamp_lag_s is None

    async def test_of_a_wake_also_that_of_its_first_token(self, clock):
        engine = FakeEngine(clock, late_s=0.002)
        async with opened(engine, clock=clock) as panel:
            operations = panel.services.operations
            await panel.ends(operations.sleep("qwen"))
            ticket = operations.wake("qwen")
            await clock.until(lambda: engine.log.count("canary") > 3)
            engine.late_s = 0.007
            record = await panel.ends(ticket)
            assert record.stamp_lag_s == 0.007

    async def test_of_a_prompt_its_own(self, clock):
        async with opened(FakeEngine(clock, late_s=0.003), clock=clock) as panel:
            record = await panel.ends(prompt(panel))
            assert record.stamp_lag_s == 0.003
