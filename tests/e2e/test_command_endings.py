"""However a command is ended, suspended or not heard any more: it says so, and nothing stays."""

import os
import signal
import subprocess
import sys

import pytest
from support.journal_file import lines, of, the_session
from support.processes import free_port, wait_until
from support.sim_process import simulated
from support.terminal import JOB, Terminal

from sleeptui.sim.attached import ADDRESS_ENV

pytestmark = pytest.mark.timeout(180)
DEMO = ["--demo", "default"]


@pytest.fixture(scope="module")
def fleet():
    with simulated(speed=10) as running:
        running.traffic(on=False)
        yield running


@pytest.fixture
def environment(fleet, tmp_path):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PY": sys.executable,
        ADDRESS_ENV: fleet.address.announce(),
    }


@pytest.fixture
def shell(environment, tmp_path):
    """Runs a line of a shell in which ``sleeptui`` is this program, on the fleet."""

    def run(line):
        program = f'sleeptui() {{ "$PY" -m sleeptui "$@" {" ".join(DEMO)}; }}\n'
        return subprocess.run(
            ["bash", "-c", program + line],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=tmp_path,
            timeout=120,
        )

    return run


def next_order(fleet):
    """A sleep or a wake of a server, whichever is next."""
    awake = fleet.is_awake("summarize")
    return ["sleep", "summarize"] if awake else ["wake", "summarize", "--no-verify"]


@pytest.fixture
def slow(fleet):
    """An order to a server that takes its time."""
    fleet.fault("summarize", fault="slow", seconds=40, paths=["/sleep", "/wake_up"])
    yield next_order(fleet)
    fleet.clear("summarize")


@pytest.fixture
def lost(fleet):
    """An order that is carried out and never answered, and what waits until it is carried out."""
    fleet.fault("summarize", fault="lose", every=1, paths=["/sleep", "/wake_up"])
    was_awake = fleet.is_awake("summarize")
    yield (
        next_order(fleet),
        lambda: wait_until(
            lambda: fleet.is_awake("summarize") is not was_awake, what="the request"
        ),
    )
    fleet.clear("summarize")


def has_begun(folder):
    """Whether an operation of a recording has begun."""
    return any('"k":"op.begin"' in one.read_text() for one in folder.rglob("journal.jsonl"))


def fate(folder):
    (end,) = of(lines(the_session(folder)), "op.end")
    return end["outcome"], end["cls"]


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
    def test_what_was_sent_is_told_and_recorded(self, environment, tmp_path, lost, number):
        order, until_sent = lost
        process = subprocess.Popen(
            [sys.executable, "-m", "sleeptui", "--record", str(tmp_path / "s"), *order, *DEMO],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        until_sent()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "was sent, and goes on in the server" in said
        assert fate(tmp_path / "s")[0] == "unknown"
        last = lines(the_session(tmp_path / "s"))[-1]
        assert last["k"] == "end"

    @pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
    def test_the_report_of_a_recording_is_left_out(self, environment, tmp_path, number):
        command = ["record", "--duration", "0.2", "--to", str(tmp_path / "s"), *DEMO]
        process = subprocess.Popen(
            [sys.executable, "-m", "sleeptui", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        assert process.stderr is not None
        while "making the report" not in process.stderr.readline():
            pass
        process.send_signal(number)
        printed, said = process.communicate(timeout=60)
        session = the_session(tmp_path / "s")
        if not (session / "SHA256SUMS").exists():  # it was not made before the signal came
            assert "the report is not made" in said
        assert process.returncode in {0, 3}
        assert printed == f"{session}\n"
        assert lines(session)[-1]["k"] == "end"


class TestUnheard:
    """Streams that are closed, full, or that nobody reads."""

    @pytest.mark.parametrize(
        "command",
        [
            "ps",
            "ps --watch 0.1",
            "log summarize",
            "verify summarize",
            "prompt summarize hi",
            "record --duration 0.1 --no-report --to s",
        ],
    )
    def test_a_full_disk_is_said_in_one_sentence(self, fleet, shell, command):
        fleet.wakes("summarize")
        done = shell(f"sleeptui {command} >/dev/full")
        assert done.returncode == 1, done.stderr
        assert "standard output cannot be written: No space left on device" in done.stderr
        for word in ("bug", "Exception", "Traceback"):
            assert word not in done.stderr

    @pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
    def test_what_cannot_be_said_changes_no_exit_code(self, shell, where):
        assert shell(f"sleeptui wake summarize --timeout 0.01 {where}").returncode == 4
        assert shell(f"sleeptui ps nosuch {where}").returncode == 2
        assert shell(f"sleeptui record --duration 0.1 --no-report {where}").returncode in {0, 3}

    @pytest.mark.parametrize("command", ["ps --watch 0.1", "log summarize", "ps"])
    def test_a_reader_who_goes_has_read_enough(self, shell, command):
        done = shell(f"sleeptui {command} | head -1; exit ${{PIPESTATUS[0]}}")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1

    def test_nothing_is_open_at_all(self, shell):
        assert shell("sleeptui ps >&- 2>&- <&-").returncode == 0


class TestTerminal:
    def test_ctrl_z_leaves_no_time_measured(self, environment, tmp_path, slow):
        command = ["--record", str(tmp_path / "s"), *slow, *DEMO]
        with Terminal(command, environment=environment, wrapper=JOB, cwd=tmp_path) as terminal:
            terminal.shows("summarize: ", ", for ")
            terminal.press("ctrl+z")
            terminal.shows("stopped")
            terminal.pump_for(1.5)
            terminal.press("enter")
            terminal.shows("no time of it was measured: sleeptui stood still", "ended 0")
        assert fate(tmp_path / "s") == ("done", "disturbed")
        found = lines(the_session(tmp_path / "s"))
        assert "stood_still" in [one["code"] for one in of(found, "anomaly")]

    def test_a_terminal_that_goes_takes_the_command_along(self, environment, tmp_path, lost):
        order, until_sent = lost
        command = ["--record", str(tmp_path / "s"), *order, *DEMO]
        with Terminal(command, environment=environment, cwd=tmp_path) as terminal:
            until_sent()
            terminal.hang_up()
        assert fate(tmp_path / "s")[0] == "unknown"
        assert lines(the_session(tmp_path / "s"))[-1]["k"] == "end"

    def test_where_nobody_tells_it_ends_its_work(self, environment, tmp_path, slow):
        command = ["--record", str(tmp_path / "s"), *slow, *DEMO]
        alone = ("setsid", "--wait")
        with Terminal(command, environment=environment, wrapper=alone, cwd=tmp_path) as terminal:
            wait_until(lambda: has_begun(tmp_path), what="the operation")
            terminal.hang_up()
            wait_until(lambda: lines(the_session(tmp_path / "s"))[-1]["k"] == "end", what="its end")
        assert fate(tmp_path / "s")[0] == "done"

    @pytest.mark.parametrize("wrapper", [(), ("setsid", "--wait")])
    def test_a_table_that_nobody_sees_is_painted_no_more(self, environment, tmp_path, wrapper):
        command = ["ps", "--watch", "0.2", *DEMO]
        with Terminal(command, environment=environment, wrapper=wrapper, cwd=tmp_path) as terminal:
            terminal.shows("summarize", "ctrl+c ends it")
            terminal.hang_up()

    @pytest.mark.parametrize("key", ["ctrl+c", "\x04", "n\r"])
    def test_what_follows_a_question_begins_a_line(self, environment, tmp_path, key):
        file = tmp_path / "fleet.toml"
        runtime = 'runtime = { command = ["sleep", "1000"] }'
        url = f'url = "http://127.0.0.1:{free_port()}"'
        file.write_text(f'[[server]]\nname = "a"\n{url}\n{runtime}\n')
        with Terminal(["down", "--fleet", str(file)], environment=environment) as command:
            command.shows("[y/N]")
            command.press(key)
            assert command.ended() == (130 if key == "ctrl+c" else 1)
            assert "\nsleeptui: nothing was asked of any server" in command.text
