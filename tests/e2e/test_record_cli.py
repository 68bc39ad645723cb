"""``sleeptui record`` as a process: what it writes, what it says, how it ends."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from support.journal_file import lines, of, the_session
from support.sim_process import simulated
from support.terminal import Terminal

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
COMMAND = [sys.executable, "-m", "sleeptui"]


@pytest.fixture(scope="module")
def fleet():
    with simulated(speed=20) as running:
        running.traffic(on=False)
        yield running


@pytest.fixture
def environment(tmp_path):
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "d")}


def record(*arguments, environment, cwd, **more):
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={**environment, **more},
        timeout=60,
    )


class Running:
    """``sleeptui record`` that has begun."""

    def __init__(self, child):
        self.child = child
        self.said = []

    def until(self, word):
        while not any(word in line for line in self.said):
            line = self.child.stderr.readline()
            assert line, self.said
            self.said.append(line)

    def reaches(self, session, server, state):
        """Wait until the journal has the server in a state."""
        while not any(
            (line["s"], line["state"]) == (server, state) for line in of(lines(session), "state")
        ):
            assert self.child.poll() is None
            time.sleep(0.05)

    def ended(self):
        out, err = self.child.communicate(timeout=30)
        return self.child.returncode, out, "".join(self.said) + err


@pytest.fixture
def start(fleet, environment, tmp_path):
    children = []

    def begin(*arguments, servers=True, to=tmp_path / "s"):
        child = subprocess.Popen(
            [
                *COMMAND,
                "record",
                *(fleet.options if servers else ()),
                "--to",
                str(to),
                "--no-report",
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        children.append(child)
        return Running(child)

    yield begin
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()


def test_after_its_time_the_journal_is_whole(fleet, environment, tmp_path):
    done = record(
        "record", *fleet.options, "--duration", "8", "--to", "s",
        environment=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    session = the_session(tmp_path / "s")
    assert done.stdout == f"{session}\n"
    assert f"recording to {session}" in done.stderr
    assert "recorded 00:00:0" in done.stderr
    assert "3 servers" in done.stderr
    found = lines(session)
    assert [line["n"] for line in found] == list(range(len(found)))
    assert (found[0]["k"], found[-1]["k"]) == ("header", "end")
    assert not found[-1].get("aborted")
    data = (session / "journal.jsonl").read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    assert found[-1]["sha256"] == hashlib.sha256(data[:last]).hexdigest()
    assert {line["s"] for line in of(found, "prom")} == {"summarize", "code", "chat"}
    assert of(found, "facts")
    assert of(found, "env")
    assert found[0]["settings"]["readonly"] is True
    assert "making the report" in done.stderr
    assert "# " in (session / "report.md").read_text()


def test_folders_and_files_are_for_their_owner_alone(fleet, environment, tmp_path):
    before = os.umask(0)
    try:
        done = record(
            "record", *fleet.options, "--duration", "5", "--to", "made/for/it",
            environment=environment, cwd=tmp_path,
        )  # fmt: skip
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    session = the_session(tmp_path / "made" / "for" / "it")
    assert session.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "made" / "for" / "it").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in session.rglob("*") if path.is_file()} == {0o600}


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_its_ordinary_end(start, tmp_path, number):
    running = start()
    running.until("recording to")
    running.child.send_signal(number)
    code, out, err = running.ended()
    found = lines(the_session(tmp_path / "s"))
    assert out == f"{the_session(tmp_path / 's')}\n"
    assert found[-1]["k"] == "end"
    assert not found[-1].get("aborted")
    assert code in (0, 3), err  # it may end before the first answer
    assert "Traceback" not in err


def test_what_others_do_is_recorded_and_counted(start, fleet, tmp_path):
    running = start()
    running.until("watching chat")
    session = the_session(tmp_path / "s")
    running.reaches(session, "summarize", "awake")
    assert fleet.post("summarize", "/sleep?level=1") == 200
    running.reaches(session, "summarize", "asleep")
    running.child.send_signal(signal.SIGUSR1)
    running.until("marked")
    running.child.send_signal(signal.SIGTERM)
    code, _, err = running.ended()
    assert (code, fleet.post("summarize", "/wake_up")) == (0, 200), err
    found = lines(session)
    assert [line["text"] for line in of(found, "mark")] == ["mark 1"]
    assert not of(found, "op.begin")
    assert re.search(r" (1 change|2 changes) of state", err)  # a look may fall into the sleep


def test_on_a_terminal_a_line_counts_on(fleet, tmp_path):
    arguments = ["record", *fleet.options, "--to", str(tmp_path / "s"), "--no-report"]
    with Terminal(arguments, environment={"HOME": str(tmp_path)}) as terminal:
        terminal.shows("● REC 00:00:0", "3 servers", "0 changes of state")
        terminal.press("ctrl+c")
        assert terminal.ended() == 0
        text = terminal.text
    assert "● REC" not in text
    assert "recorded 00:00:0" in text
    assert str(the_session(tmp_path / "s")) in text.replace("\n", "")


def test_nobody_answers(environment, tmp_path):
    done = record(
        "record", "--server", "a=http://127.0.0.1:1", "--duration", "1", "--no-report",
        environment=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert "no server has answered" in done.stderr
    session = the_session(tmp_path / "d" / "sleeptui" / "sessions")
    assert lines(session)[-1]["k"] == "end"
    assert [path.name for path in session.iterdir()] == ["journal.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "--to", "/proc/nowhere"], ["/proc/nowhere", "--to"]),
        (["record", "--duration", "0"], ["--duration", "0"]),
        (["record", "--duration", "soon"], ["soon"]),
        (["record", "too", "much"], ["too"]),
    ],
)
def test_each_mistake_is_one_line_and_code_2(environment, tmp_path, arguments, words):
    done = record(*arguments, environment=environment, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_help_says_how_it_ends(environment, tmp_path):
    done = record("record", "--help", environment=environment, cwd=tmp_path)
    assert done.returncode == 0
    for word in ("--duration", "--to", "ctrl+c", "SIGTERM", "USR1", "Exit code"):
        assert word in done.stdout


def test_a_subcommand_behind_record_is_no_folder(environment, tmp_path):
    done = record("--record", "record", "--duration", "0", environment=environment, cwd=tmp_path)
    assert done.returncode == 2
    assert "--duration" in done.stderr
    done = record(
        *("--record", "t", "record", "--server", "a=http://127.0.0.1:1"),
        *("--duration", "0.5", "--no-report"),
        environment=environment,
        cwd=tmp_path,
    )
    assert done.stdout == f"{the_session(tmp_path / 't')}\n"
    done = record("--record", environment=environment, cwd=tmp_path)
    assert "needs a terminal" in done.stderr
