from dataclasses import replace

from support.archive import FakeArchive
from support.bench_run import bench_panel
from support.clock import settle
from support.recording import FakeJournals
from support.runtimes import StartedEngine
from support.sessions import session

from sleeptui.config_expectations import read_expectations
from sleeptui.core.bench import VerdictReached
from sleeptui.core.errors import JournalError
from sleeptui.core.verdict import Word
from sleeptui.services.bench.judging import judged
from sleeptui.services.bench.prepared import BenchEnd, Criteria

END = BenchEnd(cls="ok", done=3, steps=3, failed=0, skipped=0)
EXPECTED = read_expectations()
CRITERIA = Criteria(expectations=EXPECTED.lines, text=EXPECTED.text)


class LostArchive(FakeArchive):
    def read(self, name):
        raise JournalError("the disk is gone")


async def recorded(clock, panel, archive):
    panel.services.archive = archive
    await panel.services.recordings.start()
    archive.content[panel.services.recordings.path] = session()
    await settle()


async def test_verdicts_are_made_from_the_journal_and_told(clock):
    engine, archive = StartedEngine(clock, name="a"), FakeArchive()
    async with bench_panel(clock, engine, journals=FakeJournals()) as panel:
        await recorded(clock, panel, archive)
        end = await judged(panel.services, CRITERIA, END)
        told = [event.verdict for event in panel.events if isinstance(event, VerdictReached)]
        assert tuple(told) == end.verdicts
        assert {one.word for one in told} == {Word.NOT_RUN}
        assert archive.read_names == [panel.services.recordings.path]


async def test_a_journal_that_cannot_be_read_is_said(clock):
    engine, archive = StartedEngine(clock, name="a"), LostArchive()
    async with bench_panel(clock, engine, journals=FakeJournals()) as panel:
        await recorded(clock, panel, archive)
        end = await judged(panel.services, CRITERIA, END)
        assert end == replace(END, unjudged="the disk is gone")


async def test_without_a_recording_or_expectations_there_is_nothing_to_judge(clock):
    async with bench_panel(clock, StartedEngine(clock, name="a")) as panel:
        assert await judged(panel.services, Criteria(), END) == END
        end = await judged(panel.services, CRITERIA, END)
        assert end.unjudged == "nothing was recorded"
