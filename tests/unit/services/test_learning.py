import asyncio
from dataclasses import dataclass, field, replace

import pytest
from support.builders import GIB, facts, reference
from support.builders import record as make_record
from support.clock import ManualClock
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.canary import Grade
from sleeptui.core.errors import NotebookError
from sleeptui.core.events import OperationEnded, Recalled, ReferenceTaken
from sleeptui.core.learned import Cycle, LastOperation, Learned
from sleeptui.core.model import ServerFacts, SleepLevel, State
from sleeptui.core.operation import Kind, Outcome
from sleeptui.core.settings import ServerSpec
from sleeptui.services.learning import key_of

KEY = "http://127.0.0.1:8001 qwen"
EARLIER = Learned(
    awake_by_gpu={0: 40 * GIB},
    awake_in_s=1_000.0,
    times={"wake 1": (0.4,)},
    cycles=(Cycle(process_start_s=1_000.0, level=1, freed_bytes=38 * GIB, residual_bytes=2 * GIB),),
    reference=reference(),
)


@dataclass
class FakeNotebook:
    """Implements Notebook; writes wait for ``gate``."""

    pages: dict[str, Learned] = field(default_factory=dict)
    error: NotebookError | None = None
    gate: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)
    writes: list[Learned] = field(default_factory=list)
    writing: int = 0

    async def read(self, key):
        self.asked.append(key)
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        return self.pages.get(key)

    async def write(self, key, learned):
        self.writing += 1
        assert self.writing == 1
        self.writes.append(learned)
        if self.gate:
            await self.gate.wait()
        self.writing -= 1
        if self.error:
            raise self.error
        self.pages[key] = learned


def recalled(panel):
    return [event for event in panel.events if isinstance(event, Recalled)]


def told(panel):
    return [entry.text for entry in panel.services.store.view.log if entry.server is None]


class TestKey:
    @pytest.mark.parametrize(
        ("url", "served", "expected"),
        [
            ("http://a:8001", facts(models=("m", "alias")), "http://a:8001 m"),
            ("http://a:8001", facts(models=("m",), root="/models/m"), "http://a:8001 /models/m"),
            ("https://me:secret@a/x", facts(models=("m",)), "https://a/x m"),
            ("http://me@p@a:1", facts(models=("m",)), "http://a:1 m"),
            ("http://[::1]:8001", facts(models=("m\nn",)), "http://[::1]:8001 m n"),
        ],
    )
    def test_address_and_weights_without_a_password(self, url, served, expected):
        assert key_of(url, served) == expected

    def test_none_where_it_is_not_known_what_is_served(self):
        assert key_of("http://a", ServerFacts()) is None

    def test_it_is_bounded(self):
        assert len(key_of("http://a", facts(models=("m" * 9_000,)))) <= 500


async def test_what_earlier_runs_knew_is_in_the_picture_once_a_life(clock):
    notebook = FakeNotebook({KEY: EARLIER})
    engine = FakeEngine(clock, level=1, awake_tags=set(), is_paused=True)
    async with opened(engine, clock=clock, notebook=notebook) as panel:
        await panel.until(lambda: bool(recalled(panel)))
        view = panel.view("qwen")
        assert view.learned == EARLIER
        assert view.residual_bytes == 2 * GIB
        assert view.cycles == 1
        engine.started_s += 50
        await panel.clock.advance(20)
        assert len(recalled(panel)) == 1
        assert notebook.asked == [KEY]


async def test_the_operation_that_ended_last_is_kept_for_the_next_run(clock):
    notebook = FakeNotebook()
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        await panel.ends(panel.services.operations.sleep("qwen"))
        slept = panel.view("qwen").history[0]
        await panel.clock.advance(0)
        assert notebook.pages[KEY].last == LastOperation(
            kind=Kind.SLEEP,
            outcome=Outcome.DONE,
            level=1,
            duration_s=slept.duration_s,
            ended_wall_s=clock.wall_s(),
        )
        taken_back = make_record(Kind.WAKE, outcome=Outcome.CANCELLED)
        panel.services.bus.publish(OperationEnded(at_s=clock.now_s(), record=taken_back))
        await panel.clock.advance(0)
        assert notebook.pages[KEY].last.kind is Kind.SLEEP, "what did nothing does not count"
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        await panel.clock.advance(1)
        view = panel.view("qwen")
        assert view.history == ()
        assert (view.learned.last.kind, view.learned.last.level) == (Kind.SLEEP, 1)


async def test_one_that_ended_before_it_was_known_what_the_server_serves_is_kept_at_the_end(clock):
    notebook = FakeNotebook(pages={KEY: EARLIER})
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        record = make_record(Kind.VERIFY, server="qwen")
        panel.services.bus.publish(OperationEnded(at_s=clock.now_s(), record=record))
        await panel.clock.advance(1)
    assert notebook.pages[KEY].last.kind is Kind.VERIFY


async def test_what_is_learnt_is_kept_after_each_operation_and_at_the_end(clock):
    notebook = FakeNotebook()
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        assert (await panel.ends(panel.services.operations.sleep("qwen"))).outcome is Outcome.DONE
        await panel.clock.advance(0)
        kept = notebook.pages[KEY]
        assert replace(kept, last=None) == panel.view("qwen").learned
        assert len(kept.cycles) == 1
        panel.services.bus.publish(
            ReferenceTaken(at_s=clock.now_s(), server="qwen", reference=reference())
        )
        await panel.clock.advance(0)
        assert notebook.pages[KEY].reference == reference()
        written = len(notebook.writes)
        await panel.ends(panel.services.operations.wake("qwen"))
        await panel.clock.advance(5)
        panel.engine("qwen").held_bytes = 41 * GIB
        await panel.until(lambda: panel.view("qwen").learned.awake_by_gpu == {0: 41 * GIB})
        assert notebook.pages[KEY].awake_by_gpu == {0: 40 * GIB}
    assert notebook.pages[KEY].awake_by_gpu == {0: 41 * GIB}
    assert len(notebook.writes) > written


async def test_nothing_is_written_where_nothing_was_learnt(clock):
    engine = FakeEngine(clock, level=1, awake_tags=set(), is_paused=True)
    notebook = FakeNotebook()
    async with opened(engine, clock=clock, notebook=notebook, problem="no NVML"):
        pass
    assert notebook.writes == []
    notebook = FakeNotebook({KEY: EARLIER})
    async with opened(engine, clock=clock, notebook=notebook) as panel:
        await panel.until(lambda: bool(recalled(panel)))
    assert notebook.writes == []


async def test_nothing_is_written_before_the_earlier_is_read(clock):
    notebook = FakeNotebook({KEY: EARLIER}, gate=asyncio.Event())
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        await panel.ends(panel.services.operations.sleep("qwen"))
        assert notebook.writes == []
        notebook.gate.set()
        await panel.until(lambda: len(notebook.pages[KEY].cycles) == 2)
        assert notebook.pages[KEY].times["wake 1"] == (0.4,)


async def test_one_write_at_a_time_and_the_latest_wins(clock):
    notebook = FakeNotebook()
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        await panel.clock.advance(1)
        notebook.gate = asyncio.Event()
        for day in range(4):
            taken = reference(taken_wall_s=float(day))
            panel.services.bus.publish(
                ReferenceTaken(at_s=clock.now_s(), server="qwen", reference=taken)
            )
            await panel.clock.advance(0)
        assert len(notebook.writes) == 1
        notebook.gate.set()
        await panel.until(lambda: KEY in notebook.pages and notebook.writing == 0)
        await panel.clock.advance(0)
        assert [one.reference.taken_wall_s for one in notebook.writes] == [0.0, 3.0]


async def test_what_fails_is_said_once_and_nothing_else_suffers(clock):
    notebook = FakeNotebook(error=NotebookError("the disk is full", hint="make room"))
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        operations = panel.services.operations
        assert (await panel.ends(operations.sleep("qwen"))).outcome is Outcome.DONE
        assert (await panel.ends(operations.wake("qwen"))).outcome is Outcome.DONE
        await panel.clock.advance(1)
        assert len(notebook.writes) >= 2
        assert told(panel).count("the disk is full. Make room") == 1
        notebook.error = None
    assert len(notebook.pages[KEY].cycles) == 1


async def test_another_model_behind_the_address_is_another_server(clock):
    notebook = FakeNotebook({KEY: EARLIER})
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock, notebook=notebook) as panel:
        await panel.until(lambda: bool(recalled(panel)))
        engine.server_facts = facts(models=("llama",))
        engine.started_s += 50
        await panel.until(lambda: panel.view("qwen").facts.models == ("llama",))
        await panel.clock.advance(5)
        learned = panel.view("qwen").learned
        assert (learned.reference, learned.cycles) == (None, ())
        assert notebook.asked == [KEY, "http://127.0.0.1:8001 llama"]
    assert notebook.pages[KEY].reference == EARLIER.reference
    assert notebook.pages["http://127.0.0.1:8001 llama"].awake_by_gpu == {0: 40 * GIB}


async def test_an_answer_for_a_model_that_is_gone_is_not_taken(clock):
    notebook = FakeNotebook({KEY: EARLIER}, gate=asyncio.Event())
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock, notebook=notebook) as panel:
        engine.server_facts = facts(models=("llama",))
        engine.started_s += 50
        await panel.until(lambda: len(notebook.asked) == 2)
        notebook.gate.set()
        await panel.clock.advance(1)
        assert recalled(panel) == []


async def test_a_server_that_is_no_longer_watched_is_not_written(clock):
    notebook = FakeNotebook()
    async with opened(FakeEngine(clock), clock=clock, notebook=notebook) as panel:
        await panel.services.supervisor.remove("qwen")
    assert notebook.writes == []


async def test_it_makes_the_fit_check_and_the_expected_time_known_at_once(clock):
    notebook = FakeNotebook({KEY: EARLIER})
    engine = FakeEngine(clock, level=1, awake_tags=set(), is_paused=True)
    specs = [ServerSpec(name="qwen", url="http://me:secret@127.0.0.1:8001")]
    async with opened(engine, clock=clock, notebook=notebook, specs=specs) as panel:
        await panel.until(lambda: bool(recalled(panel)))
        ticket = panel.services.operations.wake("qwen")
        await panel.until(lambda: panel.view("qwen").state is State.WAKING)
        assert panel.view("qwen").expected_s == 0.4
        record = await panel.ends(ticket)
        assert any("it held 40.0 GiB awake and holds 2.0 GiB now" in line for line in record.known)
        assert not any("secret" in key for key in notebook.asked)


async def test_a_server_that_sleeps_when_the_next_panel_opens_can_be_judged(clock):
    notebook, engine = FakeNotebook(), FakeEngine(clock)
    async with opened(engine, clock=clock, notebook=notebook) as panel:
        await panel.ends(panel.services.operations.sleep("qwen", level=SleepLevel.DISCARD))
    # Somebody restarts it asleep, or wakes its memory and not its weights.
    clock = ManualClock(now_s=9_000.0)
    engine.clock, engine.faults = clock, {}
    engine.level = 1
    async with opened(engine, clock=clock, notebook=notebook) as panel:
        await panel.until(lambda: panel.view("qwen").learned.reference is not None)
        record = await panel.ends(panel.services.operations.wake("qwen"))
        assert record.outcome is Outcome.SUSPECT
        assert record.verification.verdict.grade is Grade.GARBAGE
        assert panel.view("qwen").state is State.SUSPECT
