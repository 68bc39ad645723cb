"""``sleeptui ps`` as a process: table, JSON, watching, exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from support.bad_servers import closed_port
from support.processes import deaf
from support.sim_process import simulated
from support.terminal import Terminal

from sleeptui.services.json_shapes import PsJson


def environment(folder, **more):
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **more}


def run(*arguments, cwd, **more):
    """The finished process of ``sleeptui ps ARGUMENTS`` without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "sleeptui", "ps", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env=environment(cwd, **more),
        timeout=60,
    )


@contextmanager
def watching(*arguments, cwd):
    """``sleeptui ps ARGUMENTS`` that goes on, read line by line."""
    child = subprocess.Popen(
        [sys.executable, "-m", "sleeptui", "ps", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment(cwd),
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def rows(text):
    """The cells of each row by the name in the first."""
    cells = [re.split(r" {2,}", line) for line in text.splitlines()[1:]]
    return {row[0]: row for row in cells}


@pytest.fixture(scope="module")
def fleet():
    with simulated() as sim:
        yield sim


def test_a_table_of_all_servers_in_the_order_of_the_fleet(tmp_path):
    done = run("--demo", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    head = done.stdout.splitlines()[0]
    assert head.split() == [
        *("NAME", "STATE", "LEVEL", "GPU", "GiB", "RAM", "GiB", "RUN", "WAIT", "IDLE"),
        *("CYCLES", "LAST"),
    ]
    found = rows(done.stdout)
    assert list(found) == ["summarize", "code", "chat"]
    assert found["code"][1:4] == ["○ ASLEEP", "1", "1.4"]
    assert found["code"][4].startswith("~")
    assert found["chat"][2] == "2"
    assert found["chat"][5] == "0*"


def test_those_that_are_named_and_no_others(fleet, tmp_path):
    done = run("chat", "code", *fleet.options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(rows(done.stdout)) == ["code", "chat"]


def test_json(tmp_path):
    done = run("chat", "--demo", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["schema"], document["v"]) == ("sleeptui.ps", 1)
    assert set(document) == {"schema", "v", *PsJson.__annotations__}
    (chat,) = document["servers"]
    assert (chat["name"], chat["state"], chat["level"]) == ("chat", "asleep", 2)
    assert chat["memory"]["source"] == "measured"
    assert chat["host_memory"]["source"] == "estimated"
    assert chat["idle"]["s"] > 0
    assert chat["last"] is None


def test_what_sleeptui_did_before_is_still_known(fleet, tmp_path):
    """One process asks a model something; ``ps`` of another knows."""
    asked = subprocess.run(
        [sys.executable, "-m", "sleeptui", "verify", "summarize", *fleet.options],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=60,
    )
    assert asked.returncode == 0, asked.stderr
    done = run("summarize", *fleet.options, cwd=tmp_path)
    assert "✓ verify" in rows(done.stdout)["summarize"][-1]


def test_a_name_of_no_server_is_a_mistake_that_says_which_there_are(tmp_path):
    url = f"http://127.0.0.1:{closed_port()}"
    done = run("b", "--server", f"a={url}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sleeptui: no server is called “b”. There are a\n"
    done = run("b", "--demo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There are summarize, code, chat" in done.stderr


def test_one_that_does_not_answer(fleet, tmp_path):
    gone = ["--server", f"gone=http://127.0.0.1:{closed_port()}"]
    done = run("gone", *gone, *fleet.options, cwd=tmp_path)
    assert done.returncode == 3
    assert rows(done.stdout)["gone"][1] == "· DOWN"
    assert done.stderr == (
        "sleeptui: gone does not answer. sleeptui doctor says why, and what to do\n"
    )
    assert run(*gone, cwd=tmp_path).returncode == 3, "every server"
    done = run(*gone, *fleet.options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), "others answer, and none was named"


def test_one_that_is_too_slow(tmp_path):
    with deaf() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = run("--server", f"a={url}", "--timeout", "8", cwd=tmp_path)
    assert done.returncode == 4
    assert "UNKNOWN" in done.stdout or "STALE" in done.stdout
    assert "--timeout 32 waits longer" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--timeout", "0"), "--timeout"),
        (("--watch", "0"), "--watch"),
        (("--demo", "no-such"), "there is no scenario"),
        (("--fleet", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_mistakes_are_code_2(tmp_path, arguments, words):
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.mark.parametrize(
    ("more", "extra"),
    [(["--ascii"], {}), ([], {"PYTHONIOENCODING": "ascii"}), ([], {"SLEEPTUI_ASCII": "1"})],
)
def test_ascii(tmp_path, more, extra):
    done = run("--server", f"a=http://127.0.0.1:{closed_port()}", *more, cwd=tmp_path, **extra)
    assert done.stdout.isascii()
    assert ". DOWN" in done.stdout


def test_watching_a_pipe_as_json_is_a_line_each_time_and_at_each_change(fleet, tmp_path):
    with watching("summarize", "--json", "--watch", "600", *fleet.options, cwd=tmp_path) as child:
        first = json.loads(child.stdout.readline())
        assert first["servers"][0]["state"] == "awake"
        fleet.post("summarize", "/sleep?level=1&mode=abort")
        states = []
        while not states or states[-1] != "asleep":
            states.append(json.loads(child.stdout.readline())["servers"][0]["state"])
        fleet.post("summarize", "/wake_up")
        while states[-1] != "awake":
            states.append(json.loads(child.stdout.readline())["servers"][0]["state"])
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, "")
    assert all(json.loads(line)["schema"] == "sleeptui.ps" for line in out.splitlines())


def test_watching_a_pipe_as_tables(fleet, tmp_path):
    with watching("--watch", "0.3", *fleet.options, cwd=tmp_path) as child:
        lines = [child.stdout.readline() for _ in range(10)]
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, "")
    assert [line.split()[:1] for line in lines[:5]] == [
        ["NAME"], ["summarize"], ["code"], ["chat"], [],
    ]  # fmt: skip
    assert lines[5].startswith("NAME")
    assert not any("\x1b" in line for line in lines)


def test_a_reader_who_goes_ends_it(fleet, tmp_path):
    options = " ".join(fleet.options)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c",
         f"{sys.executable} -m sleeptui ps --watch 0.2 {options} | head -n 2"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(tmp_path),
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NAME")


def test_on_a_terminal_it_is_painted_in_place(fleet, tmp_path):
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    arguments = ["ps", "--watch", "chat", "code", *fleet.options]
    with Terminal(arguments, columns=80, rows=24, environment=home) as terminal:
        terminal.shows("chat", "code", "every 2 s")
        assert "summarize" not in terminal.text
        before = len(terminal.raw)
        terminal.until(lambda _: len(terminal.raw) > before, "it painted anew")
        assert terminal.text.count("NAME") == 1
        terminal.press("ctrl+c")
        assert terminal.ended() == 0
        raw = bytes(terminal.raw)
    assert raw.count(b"\x1b[?1049h") == raw.count(b"\x1b[?1049l") == 1
    assert raw.rindex(b"\x1b[?25h") > raw.rindex(b"\x1b[?25l"), "the cursor is back"
    assert b"\x1b[34m" in raw, "asleep has its colour"


def test_it_gives_the_terminal_back_while_it_is_suspended(fleet, tmp_path):
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    with Terminal(["ps", "--watch", *fleet.options], environment=home) as terminal:
        terminal.shows("every 2 s")
        os.kill(terminal.pid, signal.SIGTSTP)
        terminal.until(
            lambda _: bytes(terminal.raw).count(b"\x1b[?25h\x1b[?1049l") == 1, "the shell's screen"
        )
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.until(lambda _: bytes(terminal.raw).count(b"\x1b[?1049h") == 2, "the table again")
        terminal.shows("every 2 s")
        terminal.press("ctrl+c")
        assert terminal.ended() == 0


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_it_fits_the_terminal(fleet, tmp_path, columns):
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    with Terminal(["ps", *fleet.options], columns=columns, rows=24, environment=home) as terminal:
        assert terminal.ended() == 0
        shown = [line for line in terminal.text.splitlines() if line.strip()]
    assert [line.split()[0] for line in shown] == ["NAME", "summarize", "code", "chat"]
    assert "\n" not in terminal.row("NAME")
    if columns >= 80:
        assert all(word in shown[0] for word in ("GPU", "RAM", "IDLE", "CYCLES", "LAST"))


def test_no_color(fleet, tmp_path):
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8", "NO_COLOR": "1"}
    with Terminal(["ps", *fleet.options], environment=home) as terminal:
        assert terminal.ended() == 0
        assert not re.search(rb"\x1b\[[0-9;]*m", bytes(terminal.raw))


def test_it_never_loads_the_panel():
    script = (
        "import sys, sleeptui.cli_ps; print('textual' in sys.modules, 'plotext' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_it_changes_nothing(fleet, tmp_path):
    posts = [line for line in fleet.log("code") if "POST" in line]
    run(*fleet.options, cwd=tmp_path)
    time.sleep(0.2)
    assert [line for line in fleet.log("code") if "POST" in line] == posts
