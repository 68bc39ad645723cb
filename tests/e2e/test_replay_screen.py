"""The replay in the panel: keys, header, refusals, and pages that follow a jump."""

import pytest
from support import tapes
from support.pilot import until
from support.replaying import replaying

from sleeptui.services.replay import OPENING_S
from sleeptui.tui.screens.doctor import DoctorScreen
from sleeptui.tui.screens.events import EventsScreen
from sleeptui.tui.screens.help import HelpScreen


async def test_the_recorded_fleet_is_shown_and_its_time_goes_on():
    async with replaying() as run:
        await run.says("REPLAY \N{MULTIPLICATION SIGN}1 00:00:0", "/ 00:04:25", "● AWAKE", "code")
        await run.says("REPLAY \N{MULTIPLICATION SIGN}1 00:00:03")
        await run.says("FALLING ASLEEP")


async def test_holding_going_on_and_the_speeds():
    async with replaying() as run:
        await run.held()
        await run.press("plus")
        assert run.replay.speed == 2
        await run.press("p")
        await run.says("REPLAY \N{MULTIPLICATION SIGN}2")
        await run.press("minus", "minus")
        await run.says("REPLAY \N{MULTIPLICATION SIGN}0.5")


async def test_arrows_go_from_operation_to_operation_and_to_the_ends():
    async with replaying() as run:
        await run.held()
        await run.press("right")
        first = run.replay.passed_s
        await run.says("◐")
        await run.press("right", "left")
        assert run.replay.passed_s == first
        await run.press("end")
        await run.says("REPLAY END", "00:04:25 / 00:04:25", "mark: the end")
        await run.press("right")
        await run.says("There is no later operation")
        await run.press("home")
        assert run.replay.passed_s == pytest.approx(OPENING_S)
        await run.press("left")
        await run.says("There is no earlier operation")


async def test_brackets_go_from_mark_to_mark():
    async with replaying() as run:
        await run.held()
        await run.press("right_square_bracket")
        await run.says("mark: before the level 2 cycles")
        await run.press("right_square_bracket")
        await run.says("mark: the end")
        await run.press("left_square_bracket")
        await run.until(lambda: "mark: the end" not in run.text)
        await run.press("left_square_bracket")
        await run.says("There is no earlier mark")


@pytest.mark.parametrize("key", ["s", "S", "w", "x", "t", "v", "a", "c", "l"])
async def test_every_command_to_a_model_is_refused(key):
    async with replaying() as run:
        await run.held()
        await run.press(key)
        await run.says("This is a replay")
        assert run.app.screen is run.app.dashboard


@pytest.mark.parametrize("key", ["r", "m", "4"])
async def test_what_has_no_meaning_here_does_nothing(key):
    async with replaying() as run:
        await run.held()
        await run.press(key)
        assert run.app.screen is run.app.dashboard
        assert key not in run.app.screen.active_bindings


async def test_the_footer_shows_the_keys_of_the_replay_alone():
    async with replaying() as run:
        await run.says("q Quit")
        footer = run.text.splitlines()[-1]
        for words in (
            "← Previous",
            "→ Next",
            "p Hold",
            "+ Faster",
            "- Slower",
            "] Next mark",
            "q Quit",
        ):
            assert words in footer
        assert "Sleep" not in footer


async def test_the_footer_of_a_compact_screen_has_them_too():
    async with replaying(size=(80, 24)) as run:
        await run.says("q Quit")
        footer = run.text.splitlines()[-1]
        assert "→ Next" in footer
        assert "q Quit" in footer


async def test_view_commands_work_as_ever():
    async with replaying() as run:
        await run.held()
        before = run.app.dashboard.query_one("#detail").display
        await run.press("d")
        assert run.app.dashboard.query_one("#detail").display is not before
        await run.press("o")
        await run.says("by name")
        await run.press("slash", *"code")
        await run.says("1 of 2")
        passed = run.replay.passed_s
        await run.press("left", "home", "plus")  # they belong to the field now
        assert run.replay.passed_s == passed
        assert run.replay.speed == 1


async def test_the_events_follow_a_jump_back_and_forth():
    async with replaying() as run:
        await run.held()
        await run.press("end", "2")
        assert isinstance(run.app.screen, EventsScreen)
        await run.says("mark: the end")
        await run.press("left_square_bracket")
        await run.until(lambda: "mark: the end" not in run.text)
        await run.says("before the level 2 cycles")
        table = run.app.screen.query_one("#events")
        rows = table.row_count
        await run.press("right_square_bracket")
        await run.says("mark: the end")
        assert table.row_count > rows
        shown = len(run.app.services.store.view.log)
        assert table.row_count == shown


async def test_the_doctor_examines_what_was():
    async with replaying() as run:
        await run.held()
        await run.press("3")
        assert isinstance(run.app.screen, DoctorScreen)
        await run.says("summarize", "code")
        passed = run.replay.passed_s
        await run.press("end")  # the list has this key
        assert run.replay.passed_s == passed


async def test_the_help_has_what_works_here():
    async with replaying() as run:
        await run.press("question_mark")
        assert isinstance(run.app.screen, HelpScreen)
        await run.says("Hold the replay")
        assert "Put the selected models to sleep" not in run.text


async def test_the_palette_has_what_works_here():
    async with replaying() as run:
        await run.held()
        await run.press("colon", *"hold")
        await run.says("Hold (p)")


async def test_what_the_recording_lacks_is_said_first():
    async with replaying(tapes.simulated(partial="its last line is torn")) as run:
        await run.says("PARTIAL", "SIMULATED", "its last line is torn", "measures no GPU")


async def test_one_that_still_runs_says_so():
    async with replaying(tapes.sample(is_running=True)) as run:
        await run.says("RECORDING", "written until now")


async def test_no_notice_tells_the_ends_of_operations():
    async with replaying(speed=8) as run:
        await run.until(lambda: run.replay.passed_s > 60)
        assert not list(run.app._notifications)


async def test_ascii_alone():
    async with replaying(size=(80, 24), ascii=True) as run:
        await run.says("REPLAY x1")
        await run.press("right")
        assert run.text.isascii()


async def test_it_ends_at_once():
    async with replaying() as run:
        await run.press("q")
        await until(run.pilot, lambda: not run.app.is_running)
