"""The shell around the dashboard, driven by keys and mouse."""

from dataclasses import replace

import pytest
from support import builders as build
from support import pictures
from support.paper import PaperServices
from support.pilot import shown_text, until
from textual.command import CommandPalette
from textual.widgets import Button

from sleeptui.core.commands import COMMANDS
from sleeptui.core.events import GpuSampled, OperationEnded, OperationStarted
from sleeptui.core.learned import Learned
from sleeptui.core.model import SleepLevel, SleepMode, State
from sleeptui.core.operation import Kind, Outcome
from sleeptui.core.settings import Settings
from sleeptui.tui.app import SleeptuiApp
from sleeptui.tui.arrange import too_small
from sleeptui.tui.screens.confirm import ConfirmScreen
from sleeptui.tui.screens.events import EventsScreen
from sleeptui.tui.screens.help import HelpScreen
from sleeptui.tui.screens.log import LogScreen
from sleeptui.tui.screens.no_room import NoRoomScreen
from sleeptui.tui.screens.prompt import PromptScreen
from sleeptui.tui.screens.sleep_options import SleepOptionsScreen

TICK = GpuSampled(at_s=0.0, reading=build.reading())
AWAKE = build.server("qwen", home=build.home(container="vllm-qwen"), memory=build.memory())
BUSY = build.server("busy", metrics=build.metrics(running=3, waiting=1))
ASLEEP = build.server("code", State.ASLEEP, level=1)
PINNED = build.server("pinned", spec=build.spec("pinned", pinned=True))


class Panel:
    """The app on paper services, with the picture it starts with."""

    def __init__(self, *views, size=(120, 36), **settings):
        self.services = PaperServices(build.fleet(views), Settings(**settings))
        self.app = SleeptuiApp(self.services)
        self._run = self.app.run_test(size=size, notifications=True)

    async def __aenter__(self):
        self.pilot = await self._run.__aenter__()
        await until(self.pilot, lambda: self.services.begun)
        if self.services.store.view.servers and not too_small(*self.app.size):
            await until(self.pilot, lambda: self.current)
        return self

    async def __aexit__(self, *error):
        await self._run.__aexit__(*error)

    @property
    def asked(self):
        return self.services.operations.asked

    @property
    def current(self):
        return self.app.dashboard.current

    @property
    def notices(self):
        return [f"{each.title}: {each.message}" for each in self.app._notifications]

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def on(self, screen):
        await until(self.pilot, lambda: isinstance(self.app.screen, screen))
        return self.app.screen

    async def home(self):
        await until(self.pilot, lambda: self.app.screen is self.app.dashboard)

    async def until(self, condition):
        await until(self.pilot, condition)

    def greyed(self, key):
        return not self.app.screen.active_bindings[key].enabled


async def test_the_services_begin_once_after_the_first_frame():
    async with Panel(AWAKE) as panel:
        assert panel.services.begun == 1


async def test_every_command_is_in_the_table_and_nothing_else():
    async with Panel(AWAKE) as panel:
        assert sorted(panel.app.dispatch.table) == sorted(each.id for each in COMMANDS)


async def test_s_puts_an_idle_server_to_sleep_at_its_level():
    async with Panel(replace(AWAKE, spec=build.spec("qwen", level=2))) as panel:
        await panel.press("s")
        assert panel.asked == [("sleep", "qwen", SleepLevel.DISCARD, None)]


async def test_s_on_a_busy_server_asks_and_sends_nothing_until_answered():
    async with Panel(BUSY) as panel:
        await panel.press("s")
        screen = await panel.on(SleepOptionsScreen)
        assert "3 running and 1 waiting requests" in shown_text(panel.pilot)
        assert panel.asked == []
        await panel.press("escape")
        await panel.home()
        assert panel.asked == []
        assert not screen.is_current


async def test_the_chosen_level_and_mode_are_sent():
    async with Panel(BUSY) as panel:
        await panel.press("S")
        await panel.on(SleepOptionsScreen)
        await panel.press("2", "a")
        await panel.until(lambda: "cut off now" in shown_text(panel.pilot))
        await panel.press("s")
        await panel.home()
        assert panel.asked == [("sleep", "busy", SleepLevel.DISCARD, SleepMode.ABORT)]


async def test_keys_that_are_typed_at_once_are_all_taken():
    """``S 2 a s`` by a quick hand: the level was taken only when its button had told of it."""
    async with Panel(BUSY) as panel:
        await panel.press("S")
        screen = await panel.on(SleepOptionsScreen)
        screen.action_level(2)
        screen.action_mode("abort")
        screen.action_sleep()
        await panel.until(lambda: panel.asked)
        assert panel.asked == [("sleep", "busy", SleepLevel.DISCARD, SleepMode.ABORT)]


async def test_enter_takes_what_is_written_and_the_default_waits():
    async with Panel(BUSY) as panel:
        await panel.press("s")
        await panel.on(SleepOptionsScreen)
        await panel.press("enter")
        await panel.home()
        assert panel.asked == [("sleep", "busy", SleepLevel.OFFLOAD, SleepMode.WAIT)]


async def test_the_sleep_options_follow_the_server():
    async with Panel(BUSY) as panel:
        await panel.press("S")
        await panel.on(SleepOptionsScreen)
        idle = replace(BUSY, metrics=build.metrics())
        panel.services.paint(build.fleet([idle]), TICK)
        await panel.until(lambda: "nothing is lost" in shown_text(panel.pilot))
        panel.services.paint(build.fleet([replace(BUSY, state=State.DOWN)]), TICK)
        await panel.until(lambda: panel.app.screen.query_one("#sleep", Button).disabled)
        await panel.press("s")
        assert panel.asked == []
        assert isinstance(panel.app.screen, SleepOptionsScreen)


async def test_what_an_old_version_cannot_do_is_off_with_the_reason():
    old = build.server("old", facts=build.facts("0.12.0"), metrics=build.metrics(running=1))
    async with Panel(old) as panel:
        await panel.press("S")
        screen = await panel.on(SleepOptionsScreen)
        assert screen.query_one("#level-0").disabled
        assert screen.query_one("#mode-keep").disabled
        await panel.press("0", "k", "s")
        await panel.home()
        assert panel.asked == [("sleep", "old", SleepLevel.OFFLOAD, None)]


async def test_several_selected_are_commanded_together_and_the_busy_ones_asked_about():
    async with Panel(AWAKE, BUSY, ASLEEP) as panel:
        await panel.press("home", "space", "home", "down", "space")
        assert panel.app.dashboard.selected == ("qwen", "busy")
        await panel.press("s")
        await panel.on(SleepOptionsScreen)
        assert panel.asked == [("sleep", "qwen", SleepLevel.OFFLOAD, None)]
        await panel.press("k", "s")
        await panel.home()
        assert panel.asked[1:] == [("sleep", "busy", SleepLevel.OFFLOAD, SleepMode.KEEP)]


async def test_w_wakes_and_x_switches_with_a_word_on_who_makes_room():
    async with Panel(ASLEEP, AWAKE) as panel:
        await panel.press("w", "x")
        assert panel.asked == [("wake", "code"), ("switch", "code")]
        await panel.until(lambda: any("qwen may have to sleep" in each for each in panel.notices))


async def test_a_command_that_is_not_possible_is_greyed_and_its_key_says_why():
    async with Panel(ASLEEP) as panel:
        assert panel.greyed("s")
        assert not panel.greyed("w")
        await panel.press("s")
        assert panel.asked == []
        await panel.until(lambda: any("asleep at level 1" in each for each in panel.notices))


async def test_keys_follow_the_cursor_and_the_state():
    async with Panel(AWAKE, ASLEEP) as panel:
        assert (panel.greyed("s"), panel.greyed("w")) == (False, True)
        await panel.press("down")
        assert (panel.greyed("s"), panel.greyed("w")) == (True, False)
        awake = build.server("code")
        panel.services.paint(build.fleet([AWAKE, awake]), TICK)
        await panel.until(lambda: panel.greyed("w"))


async def test_without_servers_the_keys_say_that_there_is_no_model():
    async with Panel() as panel:
        await panel.press("s", "t", "l", "a")
        assert panel.app.screen is panel.app.dashboard
        await panel.until(lambda: any("no model" in each for each in panel.notices))


async def test_sleep_all_lists_who_sleeps_and_leaves_the_pinned_awake():
    async with Panel(AWAKE, BUSY, ASLEEP, PINNED) as panel:
        await panel.press("a")
        await panel.on(ConfirmScreen)
        text = shown_text(panel.pilot)
        assert "Put 2 models to sleep?" in text
        assert "busy: 3 running and 1 waiting requests are in flight" in text
        await panel.press("y")
        await panel.home()
        assert [each[:2] for each in panel.asked] == [("sleep", "qwen"), ("sleep", "busy")]
        assert all(mode is None for *_, mode in panel.asked)


async def test_sleep_all_can_be_refused_by_keys_and_by_default():
    async with Panel(AWAKE) as panel:
        for answer in ("n", "escape", "enter"):
            await panel.press("a")
            await panel.on(ConfirmScreen)
            await panel.press(answer)
            await panel.home()
        assert panel.asked == []


async def test_readonly_changes_nothing_and_says_so():
    async with Panel(AWAKE, ASLEEP, readonly=True) as panel:
        await panel.press("s", "S", "a", "down", "w", "x")
        assert panel.asked == []
        assert panel.app.screen is panel.app.dashboard
        await panel.until(lambda: any("--readonly" in each for each in panel.notices))
        await panel.press("up", "t")
        await panel.on(PromptScreen)


async def test_the_users_keys_replace_the_defaults():
    async with Panel(AWAKE, keymap={"server.sleep": "f5", "app.help": "f1"}) as panel:
        await panel.press("s", "question_mark")
        assert panel.asked == []
        assert panel.app.screen is panel.app.dashboard
        await panel.press("f5", "f1")
        assert panel.asked == [("sleep", "qwen", SleepLevel.OFFLOAD, None)]
        await panel.on(HelpScreen)
        assert "f5" in shown_text(panel.pilot)


async def test_pages_open_one_at_a_time_and_escape_goes_back():
    async with Panel(AWAKE) as panel:
        for key, page in (("2", EventsScreen), ("question_mark", HelpScreen), ("l", LogScreen)):
            await panel.press(key)
            await panel.on(page)
            assert len(panel.app.screen_stack) == 2
            await panel.press("escape")
            await panel.home()
        await panel.press("2", "2")
        assert len(panel.app.screen_stack) == 2
        await panel.press("question_mark")
        await panel.on(HelpScreen)
        assert len(panel.app.screen_stack) == 2
        await panel.press("1")
        await panel.home()


async def test_on_other_pages_no_key_commands_a_server():
    async with Panel(AWAKE) as panel:
        await panel.press("2")
        await panel.on(EventsScreen)
        await panel.press("s", "a", "w", "space")
        assert panel.asked == []
        assert isinstance(panel.app.screen, EventsScreen)
        assert "s" not in panel.app.screen.active_bindings


async def test_view_commands_reach_the_dashboard(monkeypatch):
    called = []
    async with Panel(AWAKE) as panel:
        table = dict(panel.app.dispatch.table)
        for name in ("view.detail", "view.filter", "view.sort"):
            table[name] = lambda name=name: called.append(name)
        panel.app.dispatch.table = table
        await panel.press("d", "enter", "slash", "o")
        assert called == ["view.detail", "view.detail", "view.filter", "view.sort"]


async def test_a_filter_swallows_command_keys():
    async with Panel(AWAKE, ASLEEP) as panel:
        await panel.press("slash", "s", "q", "a")
        assert panel.asked == []
        assert panel.app.screen is panel.app.dashboard
        await panel.press("escape")


async def test_the_rate_is_halved_and_doubled_within_bounds():
    async with Panel(AWAKE) as panel:
        await panel.press("plus")
        assert panel.services.supervisor.interval_s == 0.25
        await panel.press("minus", "minus")
        assert panel.services.supervisor.interval_s == 1.0


async def test_pause_holds_the_picture_and_commands_see_the_newest():
    async with Panel(AWAKE) as panel:
        await panel.press("p")
        asleep = replace(AWAKE, state=State.ASLEEP, level=1)
        panel.services.paint(build.fleet([asleep]), TICK)
        await panel.pilot.pause()
        assert panel.app.dashboard.view.servers == (AWAKE,)
        await panel.press("s")
        assert panel.asked == []
        await panel.press("p")
        assert panel.app.dashboard.view.servers == (asleep,)


async def test_a_new_picture_reaches_the_dashboard():
    async with Panel() as panel:
        panel.services.paint(build.fleet([AWAKE]), TICK)
        await panel.until(lambda: panel.app.dashboard.view.servers == (AWAKE,))


async def test_the_end_of_an_operation_is_a_notice_but_not_of_its_parts():
    async with Panel(AWAKE) as panel:
        part = build.operation(Kind.SLEEP, "code", parent=99)
        done = build.record(Kind.SLEEP, "code", id=part.id)
        bad = build.record(Kind.SWITCH, outcome=Outcome.FAILED, message="[red]no[/red] \x1b[2Jroom")
        view = panel.services.store.view
        panel.services.paint(view, OperationStarted(at_s=0.0, operation=part))
        panel.services.paint(view, OperationEnded(at_s=0.0, record=done))
        panel.services.paint(view, OperationEnded(at_s=0.0, record=bad))
        await panel.until(lambda: panel.notices)
        assert panel.notices == ["switch of qwen failed: [red]no[/red] room"]
        await panel.until(lambda: "[red]no[/red] room" in shown_text(panel.pilot))


async def test_q_leaves_at_once_when_nothing_runs():
    async with Panel(AWAKE) as panel:
        await panel.press("q")
        await until(panel.pilot, lambda: not panel.app.is_running)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quitting_asks_while_an_operation_runs(key):
    running = replace(AWAKE, operation=build.operation(Kind.SLEEP))
    async with Panel(running) as panel:
        panel.services.operations.busy = True
        await panel.press(key)
        await panel.on(ConfirmScreen)
        assert "qwen: sleep, sent" in shown_text(panel.pilot)
        await panel.press("n")
        await panel.home()
        assert panel.app.is_running
        await panel.press(key, "y")
        await until(panel.pilot, lambda: not panel.app.is_running)


async def test_the_second_ctrl_q_does_not_ask():
    async with Panel(AWAKE) as panel:
        panel.services.operations.busy = True
        await panel.press("ctrl+q")
        await panel.on(ConfirmScreen)
        await panel.press("ctrl+q")
        await until(panel.pilot, lambda: not panel.app.is_running)


async def test_the_palette_offers_what_works_now():
    async with Panel(AWAKE) as panel:
        await panel.press("colon")
        await panel.on(CommandPalette)
        await panel.until(lambda: "Sleep (s)" in shown_text(panel.pilot))
        assert "Wake (w)" not in shown_text(panel.pilot)
        await panel.press(*"events")
        await panel.until(lambda: "Events (2)" in shown_text(panel.pilot))
        await panel.until(lambda: "Sleep (s)" not in shown_text(panel.pilot))
        await panel.press("enter")
        await panel.on(EventsScreen)


async def test_the_palette_changes_the_theme():
    async with Panel(AWAKE) as panel:
        await panel.press("ctrl+p")
        await panel.on(CommandPalette)
        await panel.press(*"textual-light")
        await panel.until(lambda: "Theme textual-light" in shown_text(panel.pilot))
        await panel.press("enter")
        await panel.until(lambda: panel.app.theme == "textual-light")


@pytest.mark.parametrize(("asked", "got"), [("nord", "nord"), ("no-such", "textual-dark")])
async def test_the_theme_of_the_settings_is_used(asked, got):
    async with Panel(AWAKE, theme=asked) as panel:
        assert panel.app.theme == got


async def test_the_mouse_presses_footer_keys_and_buttons():
    async with Panel(BUSY) as panel:
        await panel.until(lambda: "s Sleep" in shown_text(panel.pilot))
        await panel.pilot.click("FooterKey")
        await panel.on(SleepOptionsScreen)
        await panel.pilot.click("#mode-keep")
        await panel.pilot.click("#sleep")
        await panel.home()
        assert panel.asked == [("sleep", "busy", SleepLevel.OFFLOAD, SleepMode.KEEP)]


ANYWHERE = ("2", "question_mark", "colon", "a")
ON_A_MODEL = ("l", "t", "S")


@pytest.mark.parametrize(
    ("size", "keys"),
    [((80, 24), ANYWHERE + ON_A_MODEL), ((60, 16), ANYWHERE + ON_A_MODEL), ((20, 5), ANYWHERE)],
)
async def test_every_page_opens_in_a_small_terminal(size, keys):
    async with Panel(AWAKE, BUSY, size=size) as panel:
        for key in keys:
            await panel.press(key)
            assert panel.app.screen is not panel.app.dashboard
            assert shown_text(panel.pilot)
            await panel.press("escape")
            await panel.home()


async def test_names_with_escape_sequences_and_markup_are_shown_plainly():
    evil = "q\x1b[31m[red]wen\x1b]0;title\x07"
    async with Panel(build.server(evil, metrics=build.metrics(running=1))) as panel:
        for key in ("S", "a", "t", "l"):
            await panel.press(key)
            await panel.until(lambda: "q[red]wen" in shown_text(panel.pilot))
            assert "\x1b" not in shown_text(panel.pilot)
            await panel.press("escape")
            await panel.home()


async def test_with_ascii_nothing_else_is_drawn():
    async with Panel(AWAKE, BUSY, ascii=True) as panel:
        await panel.until(lambda: "s Sleep" in shown_text(panel.pilot))
        assert shown_text(panel.pilot).isascii()
        for key in ("S", "a", "t", "l", "2", "question_mark", "colon"):
            await panel.press(key)
            assert panel.app.screen is not panel.app.dashboard
            assert shown_text(panel.pilot).isascii(), key
            await panel.press("escape")
            await panel.home()


async def test_on_the_smallest_screen_the_footer_still_shows_keys():
    async with Panel(AWAKE, size=(60, 16)) as panel:
        await until(panel.pilot, lambda: "s Sleep w Wake" in shown_text(panel.pilot))


def without_room(panel, *orders):
    """No room for these orders, such as ("wake", "code")."""
    panel.services.operations.without_room = set(orders)


async def test_a_wake_without_room_is_a_question_and_making_room_its_first_answer():
    chat = replace(AWAKE, memory=build.memory(100 << 30))
    code = replace(
        ASLEEP,
        memory=build.memory(2 << 30),
        learned=Learned(awake_by_gpu={0: 82 << 30}, awake_in_s=1_000.0),
    )
    async with Panel(code, chat) as panel:
        gpus = [build.gpu_view(0, 102 << 30)]
        panel.services.paint(build.fleet([code, chat], gpus=gpus), TICK)
        without_room(panel, ("wake", "code"))
        await panel.press("w")
        await panel.on(NoRoomScreen)
        text = shown_text(panel.pilot)
        assert "No room for code" in text
        assert "code needs 80.0 GiB on GPU 0, 38.0 GiB are free" in text
        assert "qwen could give 100.0 GiB by sleeping" in text
        for refuse in ("n", "escape"):
            await panel.press(refuse)
            await panel.home()
            assert panel.asked == []
            await panel.press("w")
            await panel.on(NoRoomScreen)
        await panel.press("enter")
        await panel.home()
        assert panel.asked == [("switch", "code")]


async def test_a_wake_without_room_is_forced_only_by_its_own_key():
    async with Panel(ASLEEP) as panel:
        without_room(panel, ("wake", "code"))
        await panel.press("w")
        screen = await panel.on(NoRoomScreen)
        assert not screen.query("#make-room")
        await panel.press("x")
        assert isinstance(panel.app.screen, NoRoomScreen)
        await panel.press("enter")
        await panel.home()
        assert panel.asked == []
        await panel.press("w")
        await panel.on(NoRoomScreen)
        await panel.press("f")
        await panel.home()
        assert panel.asked == [("wake", "code", "force")]


async def test_several_without_room_are_asked_about_one_after_the_other():
    other = replace(ASLEEP, spec=build.spec("other"))
    third = replace(ASLEEP, spec=build.spec("third"))
    async with Panel(ASLEEP, other, third) as panel:
        without_room(panel, ("wake", "code"), ("wake", "third"))
        await panel.press("space", "space", "space", "w")
        for name in ("code", "third"):
            await panel.until(lambda name=name: f"No room for {name}" in shown_text(panel.pilot))
            await panel.press("f")
        await panel.home()
        assert panel.asked == [("wake", "other"), ("wake", "code", "force"),
                               ("wake", "third", "force")]  # fmt: skip


async def test_a_switch_for_which_nobody_can_make_room_can_be_forced_too():
    async with Panel(ASLEEP) as panel:
        without_room(panel, ("switch", "code"))
        await panel.press("x")
        await panel.on(NoRoomScreen)
        assert "Switch anyway" in shown_text(panel.pilot)
        await panel.pilot.click("#force")
        await panel.home()
        assert panel.asked == [("switch", "code", "force")]


async def test_what_became_impossible_while_asked_is_refused_with_a_word():
    async with Panel(ASLEEP) as panel:
        without_room(panel, ("wake", "code"))
        await panel.press("w")
        await panel.on(NoRoomScreen)
        panel.services.paint(build.fleet([replace(ASLEEP, state=State.DOWN)]), TICK)
        await panel.press("f")
        await panel.home()
        assert panel.asked == []
        await panel.until(lambda: any("code is down" in each for each in panel.notices))


async def test_v_verifies_all_that_are_selected_and_tells_how_it_ended():
    async with Panel(AWAKE, BUSY) as panel:
        await panel.press("space", "space", "v")
        assert panel.asked == [("verify", "qwen"), ("verify", "busy")]
        done = build.record(Kind.VERIFY, id=1, verification=pictures.asked())
        others = build.record(Kind.VERIFY, id=77, verification=pictures.asked())
        for record in (done, others):
            panel.services.paint(panel.services.store.view, OperationEnded(at_s=0, record=record))
        await panel.until(lambda: panel.notices)
        assert panel.notices == ["qwen verified · identical: "]


async def test_v_is_possible_read_only_and_greyed_where_nothing_answers():
    async with Panel(AWAKE, ASLEEP, readonly=True) as panel:
        assert not panel.greyed("v")
        await panel.press("v")
        assert panel.asked == [("verify", "qwen")]
        await panel.press("down")
        assert panel.greyed("v")


async def test_c_takes_back_what_waits_and_says_when_nothing_does():
    async with Panel(AWAKE, ASLEEP) as panel:
        panel.services.operations.stoppable = {"qwen"}
        await panel.press("c")
        assert panel.asked == [("cancel", "qwen")]
        await panel.press("down", "c")
        await panel.until(lambda: any("nothing waits" in each for each in panel.notices))


async def test_no_notice_covers_the_event_log_in_full():
    async with Panel(AWAKE) as panel:
        await panel.press("2")
        await panel.on(EventsScreen)
        bad = OperationEnded(at_s=0.0, record=build.record(outcome=Outcome.FAILED, message="no"))
        panel.services.paint(panel.services.store.view, bad)
        await panel.pilot.pause()
        assert panel.notices == []
        await panel.press("escape")
        await panel.home()
        panel.services.paint(panel.services.store.view, bad)
        await panel.until(lambda: panel.notices)


async def test_commands_leave_selected_servers_alone_that_a_filter_hides():
    other = replace(AWAKE, spec=build.spec("other"))
    async with Panel(AWAKE, other) as panel:
        await panel.press("space", "down", "space")
        assert set(panel.app.dashboard.selected) == {AWAKE.name, "other"}
        await panel.press("slash", *"other", "enter")
        await panel.until(lambda: panel.app.dashboard.selected == ("other",))
