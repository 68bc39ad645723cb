"""Recordings: what a journal hears, when it is waited for, and how it is closed."""

import asyncio
import time

import pytest
from support.clock import settle
from support.fakes import FakeEngine
from support.panel import opened
from support.recording import FakeJournals, FakeReporter, FakeSurveyor

from sleeptui.core.errors import ExportError, JournalError, NotAllowed
from sleeptui.core.events import (
    Described,
    FactsLearned,
    GpuSampled,
    HomeFound,
    LagMeasured,
    Marked,
    OperationEnded,
    OperationStarted,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
    RequestBegan,
    RequestEnded,
    ServerAdded,
    StateObserved,
    Verified,
)
from sleeptui.core.operation import Fate, Outcome, Phase
from sleeptui.core.settings import RecordingDefaults, Settings
from sleeptui.services.recording import CLOSE_LIMIT_S, Recorded

AT_START = Settings(recording=RecordingDefaults(at_start=True))


def of(journal, *kinds):
    return [event for event in journal.events if isinstance(event, kinds)]


async def recording(panel):
    """Press ``r`` and wait for its effect."""
    was = panel.services.recordings.is_running
    panel.services.recordings.toggle()
    await panel.until(lambda: panel.services.recordings.is_running != was)
    await settle()


async def test_from_the_start_the_first_look_is_in_the_journal(clock):
    journals = FakeJournals()
    async with opened(
        FakeEngine(clock), clock=clock, settings=AT_START, journals=journals
    ) as panel:
        events = journals.last.events
        assert isinstance(events[0], RecordingBegan)
        assert len(of(journals.last, ServerAdded)) == 1
        looks = [event for event in panel.events if isinstance(event, StateObserved)]
        assert of(journals.last, StateObserved) == looks
        assert panel.services.recordings.path == "/sessions/1"
        assert panel.services.store.view.recording.path == "/sessions/1"
    assert journals.last.aborted is False
    assert panel.services.store.view.recording.ended_s is not None


async def test_in_the_middle_it_begins_with_what_is_known(clock):
    journals = FakeJournals()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        await panel.ends(panel.services.operations.verify("qwen"))
        assert panel.services.recordings.path is None
        await recording(panel)
        journal = journals.last
        begin = journal.events.index(of(journal, RecordingBegan)[0])
        kinds = {type(event) for event in journal.events[:begin]}
        assert kinds >= {ServerAdded, FactsLearned, HomeFound, Verified}
        assert journal.view("qwen").name == "qwen"


async def test_what_runs_as_it_begins_has_its_begin_before_its_end(clock):
    journals = FakeJournals()
    engine = FakeEngine(clock, sleep_takes_s=5.0)
    async with opened(engine, clock=clock, journals=journals) as panel:
        panel.services.bus.publish(
            RequestBegan(
                at_s=99.0, id=7, server="qwen", cohort="prompt", operation=None, prompt="a",
                max_tokens=1,
            )
        )  # fmt: skip
        panel.services.bus.publish(
            RequestBegan(
                at_s=99.0, id=6, server="qwen", cohort="prompt", operation=None, prompt="a",
                max_tokens=1,
            )
        )  # fmt: skip
        panel.services.bus.publish(RequestEnded(at_s=99.5, id=6, server="qwen", fate=Fate.CUT))
        ticket = panel.services.operations.sleep("qwen")
        await panel.until(lambda: panel.view("qwen").operation.phase is Phase.CALLING)
        await clock.advance(1.0)
        await recording(panel)
        await panel.ends(ticket)
        (begun,) = of(journals.last, OperationStarted)
        (ended,) = of(journals.last, OperationEnded)
        assert begun.operation.id == ended.record.id
        assert begun.operation.phase is Phase.CALLING
        assert begun.at_s > begun.operation.began_s
        assert [event.id for event in of(journals.last, RequestBegan)] == [7]


async def test_no_request_of_an_operation_before_the_journal_has_its_begin(clock):
    journals = FakeJournals()
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock, settings=AT_START, journals=journals) as panel:
        journal = journals.last
        journal.hold = asyncio.Event()
        ticket = panel.services.operations.sleep("qwen")
        await clock.advance(3.0)
        assert engine.log == []
        begun = of(journal, OperationStarted)[0]
        assert journal.events.index(begun) < journal.waits[-1]
        journal.hold.set()
        record = await panel.ends(ticket)
        assert (record.outcome, engine.calls) == (Outcome.DONE, ["sleep 1 wait"])
        assert of(journal, OperationEnded)[-1].record == record


async def test_each_part_of_a_switch_waits_for_its_own_begin(clock):
    journals = FakeJournals()
    engines = FakeEngine(clock, name="a"), FakeEngine(clock, name="b", level=1, awake_tags=set())
    engines[0].held_bytes = engines[1].held_bytes = 100 << 30
    async with opened(*engines, clock=clock, settings=AT_START, journals=journals) as panel:
        await panel.ends(panel.services.operations.switch("b"))
        journal = journals.last
        begun = of(journal, OperationStarted)
        assert [event.operation.kind for event in begun] == ["switch", "sleep", "wake"]
        at = [journal.events.index(event) + 1 for event in begun]
        assert all(place in journal.waits for place in at)


async def test_without_a_recording_nobody_waits(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        began = panel.services.clock.now_s()
        await panel.services.recordings.written()
        assert panel.services.clock.now_s() == began
        panel.services.recordings.toggle()
        await settle()
        assert not panel.services.recordings.is_running


async def test_it_ends_on_the_same_key_and_begins_anew(clock):
    journals = FakeJournals()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        await recording(panel)
        await recording(panel)
        first = journals.last
        assert first.aborted is False
        heard = len(first.events)
        await clock.advance(5.0)
        assert len(first.events) == heard
        ended = [event for event in panel.events if isinstance(event, RecordingEnded)]
        assert [(event.path, event.problem) for event in ended] == [("/sessions/1", "")]
        await recording(panel)
        assert journals.last is not first


async def test_a_second_key_press_while_it_begins_is_refused(clock):
    journals = FakeJournals()
    journals.hold = asyncio.Event()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        panel.services.recordings.toggle()
        with pytest.raises(NotAllowed, match="about to begin or to end"):
            panel.services.recordings.toggle()
        journals.hold.set()
        await panel.until(lambda: panel.services.recordings.is_running)
        await panel.services.recordings.start()
        assert len(journals.opened) == 1


async def test_a_folder_that_cannot_be_written_is_told(clock):
    journals = FakeJournals()
    journals.refusal = JournalError("/sessions: permission denied", hint="use --record DIR")
    async with opened(
        FakeEngine(clock), clock=clock, settings=AT_START, journals=journals
    ) as panel:
        (told,) = [event for event in panel.events if isinstance(event, RecordingRefused)]
        assert (told.problem, told.hint) == ("/sessions: permission denied", "use --record DIR")
        assert panel.services.store.view.log[0].text == (
            "no recording: /sessions: permission denied"
        )
        with pytest.raises(NotAllowed, match="nothing is recorded"):
            panel.services.recordings.mark()


async def test_marks_have_a_number_or_a_text(clock):
    journals = FakeJournals()
    async with opened(
        FakeEngine(clock), clock=clock, settings=AT_START, journals=journals
    ) as panel:
        panel.services.recordings.mark()
        panel.services.recordings.mark("before the load")
        panel.services.recordings.mark()
        texts = [event.text for event in of(journals.last, Marked)]
        assert texts == ["mark 1", "before the load", "mark 3"]
        assert panel.services.store.view.recording.marks == 3


async def test_gpus_are_read_faster_while_it_runs(clock):
    journals = FakeJournals()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        await recording(panel)
        before = len(panel.gpus.samples)
        await clock.advance(1.0)
        assert len(panel.gpus.samples) - before == 10
        assert len(of(journals.last, GpuSampled)) >= 10
        await recording(panel)
        before = len(panel.gpus.samples)
        await clock.advance(1.0)
        assert len(panel.gpus.samples) - before <= 3


async def test_the_machine_is_described_and_the_lag_measured(clock, monkeypatch):
    monkeypatch.undo()  # stalls are what is measured
    journals = FakeJournals()
    async with opened(
        FakeEngine(clock),
        clock=clock,
        settings=AT_START,
        journals=journals,
        surveyor=FakeSurveyor(),
    ):
        await clock.advance(1.0)
        assert [event.machine.host for event in of(journals.last, Described)] == ["gpu-box-1"]
        stalled_s = 0.06
        time.sleep(stalled_s)  # noqa: ASYNC251 - the stall
        await asyncio.sleep(0.03)
        await clock.advance(2.0)
        worst = [event.worst_s for event in of(journals.last, LagMeasured)]
        assert len(worst) == 3
        assert max(worst) > stalled_s / 2


async def test_trouble_of_the_journal_is_told_once_and_its_end_too(clock):
    journals = FakeJournals()
    async with opened(
        FakeEngine(clock), clock=clock, settings=AT_START, journals=journals
    ) as panel:
        journals.last.problem = "the disk is full: samples are dropped"
        await clock.advance(3.0)
        assert panel.services.store.view.recording.problem == journals.last.problem
        journals.last.problem = ""
        await clock.advance(1.0)
        told = [event.problem for event in panel.events if isinstance(event, RecordingTroubled)]
        assert told == ["the disk is full: samples are dropped", ""]


async def test_operations_end_before_the_journal_does(clock):
    journals = FakeJournals()
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock, settings=AT_START, journals=journals) as panel:
        engine.hold = asyncio.Event()
        panel.services.operations.sleep("qwen")
        await panel.until(lambda: bool(engine.calls))
    (ended,) = of(journals.last, OperationEnded)
    assert ended.record.outcome is Outcome.UNKNOWN
    assert journals.last.aborted is False


async def test_an_end_that_nobody_ordered_is_written_as_such(clock):
    journals = FakeJournals()
    async with opened(
        FakeEngine(clock), clock=clock, settings=AT_START, journals=journals
    ) as panel:
        panel.services.recordings.abort()
    assert journals.last.aborted is True


async def test_a_bug_in_the_program_closes_the_journal_too(clock):
    journals = FakeJournals()
    with pytest.raises(ExceptionGroup):
        async with opened(FakeEngine(clock), clock=clock, settings=AT_START, journals=journals):
            raise ZeroDivisionError
    assert journals.last.aborted is True


async def test_a_journal_that_opens_as_the_panel_closes_is_closed(clock):
    journals = FakeJournals()
    journals.hold = asyncio.Event()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        panel.services.recordings.toggle()
        ending = asyncio.ensure_future(panel.services.recordings.end())
        await settle()
        journals.hold.set()
        await ending
    assert journals.last.aborted is True
    assert journals.last.events == []


async def test_a_start_that_is_cancelled_leaves_no_open_journal(clock):
    journals = FakeJournals()
    journals.hold = asyncio.Event()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        starting = asyncio.ensure_future(panel.services.recordings.start())
        await settle()
        starting.cancel()
        await settle()
        assert not starting.done()
        journals.hold.set()
        await asyncio.wait({starting})
        assert starting.cancelled()
        assert journals.last.aborted is True
        journals.refusal = JournalError("no")
        journals.hold.clear()
        starting = asyncio.ensure_future(panel.services.recordings.start())
        await settle()
        starting.cancel()
        journals.hold.set()
        await asyncio.wait({starting})
        assert starting.cancelled()


async def test_a_disk_that_is_stuck_does_not_hold_up_the_end(clock):
    journals = FakeJournals()
    async with opened(FakeEngine(clock), clock=clock, journals=journals) as panel:
        await recording(panel)
        journals.last.hold = asyncio.Event()
        panel.services.recordings.toggle()
        await clock.advance(CLOSE_LIMIT_S)
        (ended,) = [event for event in panel.events if isinstance(event, RecordingEnded)]
        assert "did not take the end" in ended.problem


async def test_when_it_has_ended_its_report_is_made(clock):
    journals, reporter = FakeJournals(), FakeReporter()
    async with opened(
        FakeEngine(clock), clock=clock, journals=journals, reporter=reporter
    ) as panel:
        recordings = panel.services.recordings
        await recording(panel)
        assert recordings.last is None
        reporter.hold = asyncio.Event()
        await recording(panel)
        assert recordings.last == Recorded(path="/sessions/1")
        reporter.hold.set()
        await settle()
        assert recordings.last == Recorded(path="/sessions/1", has_report=True)
        assert panel.services.store.view.log[-1].text == "report of 1 in /sessions"


async def test_a_report_that_cannot_be_made_is_told(clock):
    journals, reporter = FakeJournals(), FakeReporter()
    reporter.refusal = ExportError("the disk is full", hint="make room")
    async with opened(
        FakeEngine(clock), clock=clock, journals=journals, reporter=reporter
    ) as panel:
        await recording(panel)
        await recording(panel)
        await settle()
        assert panel.services.recordings.last == Recorded(path="/sessions/1")
        told = panel.services.store.view.log[-1]
        assert (told.severity, told.text) == (
            "warning",
            "no report of 1 in /sessions: the disk is full. Make room",
        )


async def test_a_report_of_the_one_before_is_not_taken_for_that_of_the_last(clock):
    journals, reporter = FakeJournals(), FakeReporter()
    reporter.hold = asyncio.Event()
    async with opened(
        FakeEngine(clock), clock=clock, journals=journals, reporter=reporter
    ) as panel:
        for _ in range(4):
            await recording(panel)
        assert reporter.asked == ["/sessions/1", "/sessions/2"]
        told = []
        panel.services.bus.subscribe(lambda _: told.append(panel.services.recordings.last))
        reporter.hold.set()
        await settle()
        assert told[0] == Recorded(path="/sessions/2")
        assert panel.services.recordings.last == Recorded(path="/sessions/2", has_report=True)


async def test_the_end_gives_up_a_report_that_is_being_made(clock):
    journals, reporter = FakeJournals(), FakeReporter()
    reporter.hold = asyncio.Event()
    async with opened(
        FakeEngine(clock), clock=clock, journals=journals, reporter=reporter
    ) as panel:
        for _ in range(2):
            await recording(panel)
    assert (reporter.asked, reporter.cancelled) == (["/sessions/1"], 1)


@pytest.mark.parametrize("how", ["aborted", "not wanted"])
async def test_no_report_is_made(clock, how):
    journals, reporter = FakeJournals(), FakeReporter()
    wanted = RecordingDefaults(at_start=True, report=how == "aborted")
    async with opened(
        FakeEngine(clock),
        clock=clock,
        settings=Settings(recording=wanted),
        journals=journals,
        reporter=reporter,
    ) as panel:
        if how == "aborted":
            panel.services.recordings.abort()
    assert reporter.asked == []
    assert panel.services.recordings.last == Recorded(path="/sessions/1")
