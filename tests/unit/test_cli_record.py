"""``sleeptui record``: what cannot be shown with a fleet that comes up."""

import asyncio

from support.clock import ManualClock
from support.panel import opened
from support.recording import FakeJournals

from sleeptui.cli_output import Paper
from sleeptui.cli_record import NOT_WHOLE, _Watched
from sleeptui.core.events import Discovered, RecordingBegan, RecordingEnded, RecordingRefused

PAPER = Paper(is_ascii=True, has_colour=False, width=None)


async def test_a_fleet_that_does_not_come_up_ends_it(capsys):
    async with opened(clock=ManualClock(), begin=False, journals=FakeJournals()) as panel:
        ending = asyncio.Event()
        watched = _Watched(panel.services, PAPER, ending)
        watched.heard(Discovered(at_s=1.0, notes=("the fleet did not start",), done=False))
        assert not ending.is_set()
        watched.heard(Discovered(at_s=1.0, notes=("the fleet did not start",)))
        assert ending.is_set()
        assert watched.told() == NOT_WHOLE
        assert capsys.readouterr().err == "sleeptui: the fleet did not start\n"


async def test_a_journal_that_cannot_be_opened_ends_it(capsys):
    async with opened(clock=ManualClock(), begin=False, journals=FakeJournals()) as panel:
        ending = asyncio.Event()
        watched = _Watched(panel.services, PAPER, ending)
        watched.heard(RecordingRefused(at_s=1.0, problem="the disk is full", hint="make room"))
        assert ending.is_set()
        assert watched.told() == NOT_WHOLE
        assert "the disk is full. Make room" in capsys.readouterr().err


async def test_a_journal_that_is_not_whole_is_told_and_is_code_1(capsys, tmp_path):
    async with opened(clock=ManualClock(), begin=False, journals=FakeJournals()) as panel:
        watched = _Watched(panel.services, PAPER, asyncio.Event())
        watched.heard(RecordingBegan(at_s=1.0, path=str(tmp_path)))
        watched.mark()
        watched.heard(RecordingEnded(at_s=2.0, path=str(tmp_path), problem="3 lines are lost"))
        assert watched.told() == NOT_WHOLE
        assert "all is not well with the journal: 3 lines are lost" in capsys.readouterr().err
