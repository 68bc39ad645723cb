from support.builders import reference
from support.fakes import FakeEngine, timed_out
from support.panel import opened

from sleeptui.core.canary import Check
from sleeptui.core.events import Noted, OperationEnded, ReferenceTaken
from sleeptui.core.model import State
from sleeptui.core.operation import Kind
from sleeptui.core.settings import Canary, ServerSpec, Settings


def refer(panel):
    event = ReferenceTaken(at_s=panel.clock.now_s(), server="qwen", reference=reference())
    panel.services.bus.publish(event)


async def moved_by_others(panel, *, level=1, good=True):
    """Somebody else has it asleep and awake again."""
    engine = panel.engine("qwen")
    engine.level, engine.awake_tags, engine.is_paused = level, set(), True
    await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
    engine.has_weights = good
    engine.awake_tags, engine.is_paused = {"weights", "kv_cache"}, False
    await panel.until(lambda: panel.view("qwen").state is not State.ASLEEP)
    await panel.clock.advance(3.0)


def verifies(panel):
    return [
        event.record
        for event in panel.events
        if isinstance(event, OperationEnded) and event.record.kind is Kind.VERIFY
    ]


def notes(panel):
    return [event.text for event in panel.events if isinstance(event, Noted)]


async def test_a_wake_by_somebody_else_is_verified_once(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        refer(panel)
        await moved_by_others(panel)
        assert len(verifies(panel)) == 1
        assert panel.view("qwen").check is Check.VERIFIED
        assert notes(panel) == [
            "somebody else woke it: its answers are compared with those from before"
        ]


async def test_a_plain_wake_from_level_2_is_shown_as_garbage(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        refer(panel)
        await moved_by_others(panel, level=2, good=False)
        view = panel.view("qwen")
        assert (view.state, view.check) == (State.SUSPECT, Check.CHANGED)
        assert view.reason.startswith("its answers are garbage")


async def test_each_wake_gets_its_own(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        refer(panel)
        await moved_by_others(panel)
        await moved_by_others(panel)
        assert len(verifies(panel)) == 2


async def test_one_attempt_and_then_it_is_the_users_turn(clock):
    engine = FakeEngine(clock, generated=1.0, waiting=30)
    async with opened(engine, clock=clock) as panel:
        refer(panel)
        engine.faults["canary"] = [timed_out()]
        await moved_by_others(panel)
        await clock.advance(60.0)
        assert len(verifies(panel)) == 1
        view = panel.view("qwen")
        assert (view.state, view.check, view.check_due) == (State.AWAKE, Check.UNVERIFIED, True)


async def test_without_a_reference_nothing_is_asked(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await moved_by_others(panel)
        assert panel.engine("qwen").log == []
        assert panel.view("qwen").check_due


async def test_where_it_is_off_or_readonly_nothing_is_asked(clock):
    off = ServerSpec(name="qwen", url="http://127.0.0.1:8001", canary=Canary(enabled=False))
    for specs, settings in (([off], None), (None, Settings(readonly=True))):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock, specs=specs, settings=settings) as panel:
            refer(panel)
            await moved_by_others(panel)
            assert engine.log == []


async def test_our_own_wake_is_none_of_its_business(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await panel.ends(panel.services.operations.sleep("qwen"))
        await panel.ends(panel.services.operations.wake("qwen"))
        await clock.advance(5.0)
        assert verifies(panel) == []


async def test_while_the_panel_closes_nothing_is_begun(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        refer(panel)
        await panel.services.operations.drain(1.0)
        await moved_by_others(panel)
        assert verifies(panel) == []


async def test_while_a_benchmark_runs_it_keeps_its_hands_off(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        panel.services.hands_off = True
        refer(panel)
        await moved_by_others(panel)
        assert verifies(panel) == []
