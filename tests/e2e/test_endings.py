"""However the program is ended, held up or suspended: the terminal is as before, nothing stays."""

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil
import pytest
from support.journal_file import lines, of, the_session
from support.processes import wait_until
from support.sim_process import simulated
from support.terminal import JOB, Terminal

from sleeptui.recorder.summaries import summary

DEAD = ["--server", "a=http://127.0.0.1:1"]
"""A fleet of one server that is not there, at a port that no test is given: nothing to wait for."""


@pytest.fixture
def home(tmp_path):
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}


@pytest.fixture(scope="module")
def fleet():
    with simulated("versions", speed=10) as running:
        running.traffic(on=False)
        yield running


@pytest.fixture(scope="module")
def sessions(fleet, tmp_path_factory):
    """A folder with one session, for a replay."""
    folder = tmp_path_factory.mktemp("sessions")
    home = {"HOME": str(folder), "XDG_STATE_HOME": ""}
    server = f"a={fleet.url('no-dev-mode')}"
    with Terminal(["--record", str(folder), "--server", server], environment=home) as panel:
        panel.shows("● REC")
        panel.row_shows(" a ", "NO CONTROL")
        panel.signal(signal.SIGTERM)
        panel.ended()
    return folder


def family(panel):
    """The program and all that it has started."""
    root = psutil.Process(panel.pid)
    return [root, *root.children(recursive=True)]


def program(panel):
    """The program itself, whoever has started it."""
    return next(one for one in family(panel) if one.cmdline()[1:3] == ["-m", "sleeptui"])


def all_gone(processes):
    """None of them runs any more; who has nobody to be told to is a zombie."""
    return all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in processes)


def on_dashboard(panel):
    panel.row_shows(" a ", "DOWN")


def in_a_question(panel):
    on_dashboard(panel)
    panel.press("ctrl+p")
    panel.shows("Command or theme")


def in_a_field(panel):
    on_dashboard(panel)
    panel.press("/")
    panel.pump_for(0.2)
    panel.type("abc")


def too_small(panel):
    on_dashboard(panel)
    panel.resize(30, 8)
    panel.shows("60")


class TestSignals:
    @pytest.mark.parametrize(
        ("where", "name"),
        [
            (on_dashboard, "SIGQUIT"),
            (in_a_question, "SIGHUP"),
            (in_a_field, "SIGINT"),
            (too_small, "SIGTERM"),
        ],
    )
    def test_it_ends_wherever_it_is(self, home, where, name):
        number = signal.Signals[name]
        with Terminal(DEAD, environment=home) as panel:
            where(panel)
            panel.signal(number)
            assert panel.ended() == 128 + number
            assert panel.is_restored

    def test_impatience_changes_nothing(self, home):
        with Terminal(["--demo"], environment=home) as panel:
            panel.shows("AWAKE")
            whole = family(panel)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
                panel.signal(number)
            assert panel.ended() in {128 + signal.SIGTERM, 128 + signal.SIGINT, 131}
            assert panel.is_restored
            assert all_gone(whole)

    def test_usr1_marks_and_ends_nothing(self, home, tmp_path):
        with Terminal(["--record", str(tmp_path / "s"), *DEAD], environment=home) as panel:
            on_dashboard(panel)
            panel.shows("● REC")
            panel.signal(signal.SIGUSR1)
            panel.shows("mark 1")
            panel.press("q", "y")
            assert panel.ended() == 0
        (mark,) = of(lines(the_session(tmp_path / "s")), "mark")
        assert mark["text"] == "mark 1"


def catches(pid, number):
    """Whether a process has a handler for a signal; False also before it is there."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


HELD = """
import importlib.abc, pathlib, runpy, sys, time
told = pathlib.Path(sys.argv.pop())
class Holding(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "sleeptui.cli":
            told.touch()
            time.sleep(60)
sys.meta_path.insert(0, Holding())
runpy.run_module("sleeptui", run_name="__main__", alter_sys=True)
"""
"""The program, which stands still in the middle of its imports and says so in a file."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
class TestStartUp:
    def test_ctrl_c_while_it_is_imported_says_nothing(self, home, tmp_path):
        told, held = tmp_path / "imports", (sys.executable, "-c", HELD)
        with Terminal(["--demo", str(told)], environment=home, program=held) as panel:
            wait_until(told.exists, what="its imports")
            panel.signal(signal.SIGINT)
            assert panel.ended() == -signal.SIGINT
            assert not panel.raw

    def test_ctrl_c_before_the_panel_stands(self, home):
        with Terminal(["--demo"], environment=home) as panel:
            wait_until(lambda: catches(panel.pid, signal.SIGTERM), what="the panel")
            panel.signal(signal.SIGINT)
            assert panel.ended() == 128 + signal.SIGINT
            assert b"Traceback" not in panel.raw
            assert panel.is_restored

    def test_a_signal_while_the_simulated_fleet_starts(self, home):
        with Terminal(["--demo"], environment=home) as panel:
            root = psutil.Process(panel.pid)
            wait_until(root.children, what="the simulated fleet")
            whole = family(panel)
            panel.signal(signal.SIGTERM)
            assert panel.ended() == 128 + signal.SIGTERM
            assert panel.is_restored
            assert all_gone(whole)


class TestKeys:
    @pytest.mark.parametrize("where", [on_dashboard, in_a_question, in_a_field])
    def test_ctrl_c_leaves(self, home, where):
        with Terminal(DEAD, environment=home) as panel:
            where(panel)
            panel.press("ctrl+c")
            assert panel.ended() == 0
            assert panel.is_restored

    def test_ctrl_c_asks_while_it_records_and_the_second_does_not(self, home, tmp_path):
        with Terminal(["--record", str(tmp_path / "s"), *DEAD], environment=home) as panel:
            on_dashboard(panel)
            panel.shows("● REC")
            panel.press("ctrl+c")
            panel.shows("Quit while recording?")
            panel.press("ctrl+c")
            assert panel.ended() == 0
            assert panel.is_restored
        last = lines(the_session(tmp_path / "s"))[-1]
        assert (last["k"], last.get("aborted")) == ("end", None)

    def test_ctrl_backslash_is_a_key_like_any_other(self, home):
        with Terminal(DEAD, environment=home) as panel:
            on_dashboard(panel)
            panel.press("\x1c", "q")
            assert panel.ended() == 0


class TestLost:
    """The terminal goes; with setsid nobody tells the program."""

    @pytest.mark.parametrize("wrapper", [(), ("setsid", "--wait")])
    def test_while_it_paints(self, home, wrapper):
        with Terminal(["--demo"], environment=home, wrapper=wrapper) as panel:
            panel.shows("AWAKE")
            whole = family(panel)
            panel.lose()
            wait_until(lambda: all_gone(whole), what="the end")

    @pytest.mark.parametrize("wrapper", [JOB, ("setsid", "--wait")])
    def test_while_it_is_stopped(self, home, wrapper):
        with Terminal(DEAD, environment=home, wrapper=wrapper) as panel:
            on_dashboard(panel)
            whole, stopped = family(panel), program(panel)
            stopped.send_signal(signal.SIGSTOP)
            panel.until(lambda _: stopped.status() == psutil.STATUS_STOPPED, "the stop")
            panel.lose()
            with suppress(psutil.NoSuchProcess):
                stopped.send_signal(signal.SIGCONT)
            wait_until(lambda: all_gone(whole), what="the end")

    def test_while_nobody_reads_what_it_writes(self, home):
        with Terminal(DEAD, environment=home) as panel:
            on_dashboard(panel)
            whole = family(panel)
            for _ in range(60):
                panel.type("12")
                time.sleep(0.02)
            panel.lose()
            wait_until(lambda: all_gone(whole), what="the end")

    def test_killed_it_takes_its_simulated_fleet_along(self, home):
        with Terminal(["--demo"], environment=home) as panel:
            panel.shows("AWAKE")
            whole = family(panel)
            assert len(whole) > 1
            panel.signal(signal.SIGKILL)
            wait_until(lambda: all_gone(whole), what="the end of the fleet")


class TestSuspended:
    def test_ctrl_z_gives_the_terminal_back_and_fg_paints_all(self, home):
        with Terminal(DEAD, environment=home, wrapper=JOB) as panel:
            on_dashboard(panel)
            panel.press("ctrl+z")
            panel.shows("stopped")
            assert panel.is_lent_back
            panel.screen.reset()
            panel.resize(80, 24)
            panel.press("enter")
            panel.shows("Fleet", "DOWN", "Events", "Quit")
            panel.press("ctrl+c")
            panel.shows("ended 0")
            assert panel.is_lent_back

    def test_a_stop_by_a_signal_is_painted_over_too(self, home):
        with Terminal(DEAD, environment=home, wrapper=JOB) as panel:
            on_dashboard(panel)
            program(panel).send_signal(signal.SIGTSTP)
            panel.shows("stopped")
            assert panel.is_lent_back
            panel.screen.reset()
            panel.press("enter")
            panel.shows("Fleet", "DOWN", "Events", "Quit")

    def test_where_no_shell_looks_after_it_it_says_so_and_goes_on(self, home):
        with Terminal(DEAD, environment=home, wrapper=("setsid", "--wait")) as panel:
            on_dashboard(panel)
            panel.press("ctrl+z")
            panel.shows("No shell looks after this terminal")
            panel.press("q")
            assert panel.ended() == 0
            assert panel.is_restored

    def test_an_operation_across_it_has_no_times_and_the_journal_a_gap(self, home, fleet, tmp_path):
        options = ["--record", str(tmp_path / "s"), "--server", f"a={fleet.url('v0-32')}"]
        with Terminal(options, environment=home, wrapper=JOB) as panel:
            panel.shows("● REC")
            panel.until(lambda _: "AWAKE" in panel.row(" a ") or "ASLEEP" in panel.row(" a "), "it")
            key, path = ("w", "/wake_up") if "ASLEEP" in panel.row(" a ") else ("s", "/sleep")
            fleet.fault("v0-32", fault="slow", seconds=50.0, paths=[path])  # 5 s at this speed
            panel.press(key)
            panel.until(lambda _: "WAKING" in panel.row(" a ") or "FALLING" in panel.row(" a "), "")
            panel.press("ctrl+z")
            panel.shows("stopped")
            time.sleep(2.0)
            panel.press("enter")
            panel.shows("no time of it was measured: sleeptui stood still")
            panel.press("q", "y")
            panel.shows("ended 0")
        found = lines(the_session(tmp_path / "s"))
        (end,) = [one for one in of(found, "op.end") if one["outcome"] == "done"]
        assert end["cls"] == "disturbed"
        assert "stood_still" in [one["code"] for one in of(found, "anomaly")]


def replay_over(panel):
    """Open the sessions, and replay the only one over the panel."""
    on_dashboard(panel)
    panel.press("4")
    panel.shows("1 session")
    panel.press("enter")
    panel.shows("REPLAY")
    return program(panel)


class TestLent:
    """A replay over the panel is another process on the same terminal."""

    @pytest.fixture
    def watcher(self, home, sessions):
        return {**home, "SLEEPTUI_SESSIONS": str(sessions)}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_both(self, watcher, number):
        with Terminal(DEAD, environment=watcher) as panel:
            replay_over(panel)
            whole = family(panel)
            assert len(whole) > 1
            panel.signal(number)
            assert panel.ended() == 128 + number
            assert panel.is_restored
            assert all_gone(whole)

    def test_a_replay_that_is_killed_leaves_the_panel(self, watcher):
        with Terminal(DEAD, environment=watcher) as panel:
            lender = replay_over(panel)
            (replay,) = lender.children()
            replay.kill()
            panel.shows("Sessions", "1 session")
            panel.press("ctrl+c")
            assert panel.ended() == 0
            assert panel.is_restored

    def test_a_panel_that_is_killed_leaves_no_replay_on_the_terminal(self, watcher):
        with Terminal(DEAD, environment=watcher, wrapper=JOB) as panel:
            lender = replay_over(panel)
            whole = [lender, *lender.children(recursive=True)]
            assert len(whole) > 1
            lender.kill()
            # The shell is back at once, the replay paints on for a moment.
            panel.until(
                lambda _: all_gone(whole) and b"stopped 137" in panel.raw, "the end of both"
            )
            panel.pump_for(0.2)
            assert panel.is_lent_back
            assert b"Error" not in panel.raw

    def test_ctrl_z_stops_both_and_fg_brings_the_replay_back(self, watcher):
        with Terminal(DEAD, environment=watcher, wrapper=JOB) as panel:
            replay_over(panel)
            panel.press("ctrl+z")
            panel.shows("stopped")
            assert panel.is_lent_back
            panel.screen.reset()
            panel.press("enter")
            panel.shows("REPLAY", "Fleet", "Events")
            panel.press("ctrl+c")
            panel.shows("1 session")
            panel.press("ctrl+c")
            panel.shows("ended 0")
            assert panel.is_lent_back

    def test_the_terminal_goes(self, watcher):
        with Terminal(DEAD, environment=watcher, wrapper=("setsid", "--wait")) as panel:
            replay_over(panel)
            whole = family(panel)
            panel.lose()
            wait_until(lambda: all_gone(whole), what="the end of both")


def posts(fleet, server):
    """What a server was asked to change."""
    return [line for line in fleet.log(server) if '"POST /sleep' in line or '"POST /wake' in line]


class TestOperations:
    """What is under way has its fate in the journal, and nothing is sent twice."""

    @pytest.fixture
    def panel(self, home, fleet, tmp_path):
        """A panel that records two servers, which do not answer to what it orders."""
        options = ["--record", str(tmp_path / "s")]
        for name in ("v0-25", "v0-31"):
            options += ["--server", f"{name}={fleet.url(name)}"]
        with Terminal(options, environment=home) as panel:
            panel.shows("● REC")
            for name in ("v0-25", "v0-31"):
                panel.until(
                    lambda _, name=name: "AWAKE" in panel.row(name) or "ASLEEP" in panel.row(name),
                    f"the state of {name}",
                )
                fleet.fault(name, fault="hang", paths=["/sleep", "/wake_up"])
            yield panel
        for name in ("v0-25", "v0-31"):
            fleet.clear(name)

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
    def test_what_was_sent_is_unknown_and_what_waited_was_not_sent(
        self, panel, fleet, tmp_path, number
    ):
        before = {name: len(posts(fleet, name)) for name in ("v0-25", "v0-31")}
        for name in ("v0-25", "v0-31"):
            panel.cursor_to(name)
            panel.press("w" if "ASLEEP" in panel.row(name) else "s")
        panel.shows("waits")  # the second, for the first
        panel.signal(number)
        assert panel.ended() == 128 + number
        assert panel.is_restored
        session = the_session(tmp_path / "s")
        found = lines(session)
        assert (found[-1]["k"], found[-1]["aborted"]) == ("end", True)
        assert "a signal" in summary(session).partial
        told = {one["s"]: one for one in of(found, "op.end")}
        assert told["v0-25"]["outcome"] == "unknown"
        assert "before the answer came; the server goes on" in told["v0-25"]["message"]
        assert told["v0-31"]["outcome"] == "cancelled"
        assert "nothing was sent" in told["v0-31"]["message"]
        wait_until(lambda: not fleet.is_moving())
        assert len(posts(fleet, "v0-31")) == before["v0-31"]
        assert len(posts(fleet, "v0-25")) <= before["v0-25"] + 1


class TestResized:
    SIZES = ((80, 24), (40, 10), (60, 16), (120, 36))

    def test_storms_leave_nothing_behind_on_any_screen(self, home):
        with Terminal(DEAD, environment=home) as panel:
            on_dashboard(panel)
            for key, words in (("1", "Fleet"), ("2", "Events"), ("3", "Doctor"), ("4", "Sessions")):
                panel.press(key)
                panel.shows(words)
                for _ in range(12):
                    for columns, rows in self.SIZES:
                        panel.resize(columns, rows)
                panel.pump_for(0.3)
                panel.screen.reset()
                panel.resize(100, 30)
                panel.shows(words)
                panel.resize(120, 36)
                panel.shows(words)
            panel.press("1")
            on_dashboard(panel)
            panel.shows("Fleet", "Events", "Quit")
            panel.press("q")
            assert panel.ended() == 0
            assert panel.is_restored

    def test_a_storm_over_the_prompt_while_a_server_falls_asleep_loses_nothing(self, home, fleet):
        fleet.wakes("v0-32")
        with Terminal(["--server", f"a={fleet.url('v0-32')}"], environment=home) as panel:
            panel.row_shows(" a ", "AWAKE")
            fleet.fault("v0-32", fault="slow", seconds=30.0, paths=["/sleep"])
            panel.press("t")
            panel.shows("Send")
            somebody = Thread(target=fleet.post, args=("v0-32", "/sleep?level=1"))
            somebody.start()
            while somebody.is_alive():
                for columns, rows in self.SIZES:
                    panel.resize(columns, rows)
                    panel.pump(0.05)
            somebody.join()
            assert not fleet.is_awake("v0-32")
            panel.shows("Send")
            panel.press("escape")
            panel.row_shows(" a ", "ASLEEP")
            panel.shows("Fleet", "Events", "Quit")
            panel.press("ctrl+c")
            assert panel.ended() == 0
            assert panel.is_restored
        fleet.clear("v0-32")


def test_ctrl_c_is_a_no_to_the_question_of_a_command(home, tmp_path):
    file = tmp_path / "fleet.toml"
    runtime = 'runtime = { command = ["sleep", "1000"] }'
    url = 'url = "http://127.0.0.1:1"'
    file.write_text(f'[[server]]\nname = "a"\n{url}\n{runtime}\n')
    with Terminal(["down", "--fleet", str(file)], environment=home) as command:
        command.shows("[y/N]")
        command.press("ctrl+c")
        assert command.ended() == 130
