"""The command line as a process: exit codes, streams, and one sentence for each mistake."""

import json
import os
import signal
import subprocess
import sys

import pytest

from sleeptui import __version__


def run(*arguments, cwd=None, **environment):
    """The finished process of ``sleeptui ARGUMENTS`` without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "sleeptui", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd or "/nonexistent"), **environment},
        timeout=60,
    )


def test_version_and_help_are_data():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sleeptui {__version__}\n", "")
    done = run("--help")
    assert done.returncode == 0
    for word in ("Examples:", "--server NAME=URL", "--demo", "--readonly", "sim"):
        assert word in done.stdout


def test_the_help_teaches_each_command_in_a_whole_sentence():
    _, _, commands = run("--help").stdout.partition("Watch:\n")
    commands, _, examples = commands.partition("Examples:")
    named = [line for line in commands.splitlines() if line.startswith("  ") and line.strip()]
    assert len(named) > 8
    assert all(line.endswith(".") and "..." not in line for line in named)
    for example in ("record --duration", "sessions", "report last", "replay last"):
        assert f"sleeptui {example}" in examples


def test_without_a_terminal_the_panel_does_not_start(tmp_path):
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "needs a terminal" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-such-option"], ["--no-such-option", "See sleeptui --help"]),
        (["report"], ["SESSION", "See sleeptui report --help"]),
        (["record", "--duration", "0"], ["--duration", "See sleeptui record --help"]),
        (["frobnicate"], ["frobnicate"]),
        (["--interval", "soon"], ["soon"]),
        (["--interval", "60"], ["--interval: 60 s is out of range", "0.1 to 10"]),
        (["--demo", "no-such"], ["there is no scenario “no-such”", "default"]),
        (["--demo", "default", "--server", "a=http://h:1"], ["--demo", "Leave one of them out"]),
        (["--server", "a=http://h:1", "--server", "a=http://h:2"], ["two servers named “a”"]),
        (["--server", "a=nonsense"], ["is not an http URL", "http://HOST:PORT"]),
        (["--fleet", "nowhere.toml"], ["nowhere.toml: there is no such file"]),
    ],
)
def test_each_mistake_is_one_line_and_code_2(tmp_path, arguments, words):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_wrong_key_in_the_file(tmp_path):
    (tmp_path / "sleeptui.toml").write_text("[sampling]\nintervall_s = 1\n")
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "Did you mean “interval_s”?" in done.stderr


def test_sim_announces_itself_and_ends_on_a_signal(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-m", "sleeptui", "sim", "default"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        announced = json.loads(child.stdout.readline())
        assert [server["name"] for server in announced["servers"]] == ["summarize", "code", "chat"]
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
        assert child.returncode in (0, 130)
        assert "Traceback" not in err
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_closed_before_is_no_bug(tmp_path, closed):
    command = f"{sys.executable} -m sleeptui sessions {closed}"
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "bug" not in done.stderr
