"""Recording by keys: the light, the notices, marks, and the question at the end."""

import pytest
from support.driving import driven
from support.pilot import until

from sleeptui.core.errors import JournalError
from sleeptui.core.events import Marked, OperationEnded
from sleeptui.tui.screens.confirm import ConfirmScreen


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_r_records_the_light_counts_on_and_r_ends_it(size):
    async with driven(size=size) as run:
        assert "REC" not in run.header
        await run.press("r")
        await run.says("● REC", "Recording", "/sessions/1")
        await run.until(lambda: run.elapsed_s >= 3)
        await run.press("r")
        await run.says("Recorded")
        await run.until(lambda: "REC" not in run.header)
        assert run.journals.last.aborted is False


async def test_the_light_counts_on_while_the_picture_is_held():
    async with driven() as run:
        await run.press("p")
        await run.says("PICTURE PAUSED")
        await run.press("r")
        await run.says("● REC")
        run.journals.last.problem = "the disk is full"
        await run.says("! REC", "the disk is full")
        await run.until(lambda: run.elapsed_s >= 4)
        assert "PICTURE PAUSED" in run.header


async def test_m_marks_and_says_why_it_cannot():
    async with driven() as run:
        await run.press("m")
        await run.says("Nothing is recorded that could be marked")
        await run.press("r")
        await run.says("● REC")
        await run.press("m")
        await run.says("Marked", "mark 1")
        marks = [event.text for event in run.journals.last.events if isinstance(event, Marked)]
        assert marks == ["mark 1"]


async def test_a_recording_can_begin_and_be_marked_from_any_screen():
    async with driven() as run:
        await run.press("2", "r")
        await run.until(lambda: run.panel.services.recordings.is_running)
        await run.press("m")
        await run.says("mark: mark 1")


async def test_a_folder_that_cannot_be_written_is_a_notice():
    async with driven() as run:
        run.journals.refusal = JournalError("/sessions: permission denied", hint="use another")
        await run.press("r")
        await run.says("No recording", "/sessions: permission denied. Use another")
        assert "REC" not in run.header


async def test_quit_asks_while_a_recording_runs():
    async with driven() as run:
        await run.press("r")
        await run.says("● REC")
        await run.press("q")
        await until(run.pilot, lambda: isinstance(run.app.screen, ConfirmScreen))
        await run.says("Quit while recording?", "/sessions/1")
        await run.press("n")
        await until(run.pilot, lambda: not isinstance(run.app.screen, ConfirmScreen))
        assert run.panel.services.recordings.is_running
        await run.press("q")
        await until(run.pilot, lambda: isinstance(run.app.screen, ConfirmScreen))
        await run.press("y")
        await until(run.pilot, lambda: not run.app.is_running)
    assert run.journals.last.aborted is False


async def test_quit_names_both_an_operation_and_a_recording():
    async with driven(sleep_takes_s=60.0) as run:
        await run.press("r")
        await run.says("● REC")
        await run.press("s")
        await run.says("FALLING ASLEEP")
        await run.press("q")
        await run.says("Quit while operations run?", "qwen: sleep", "The recording ends with it")
        await run.press("y")
    ended = [event for event in run.journals.last.events if isinstance(event, OperationEnded)]
    assert len(ended) == 1


async def test_the_palette_offers_it():
    async with driven() as run:
        await run.press("colon", *"Record")
        await run.says("Record (r)")
