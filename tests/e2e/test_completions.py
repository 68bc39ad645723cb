"""What shells offer behind the cursor, in the shells themselves."""

import os
import shutil
import subprocess
import sys

import pexpect
import pytest

SESSION = "20261128T101010Z-chat-1a2b"
CASES = [
    ("sleeptui ", {"ps", "doctor", "bench", "config", "completions"}, set()),
    ("sleeptui do", {"doctor", "down"}, {"ps"}),
    ("sleeptui --demo ", {"default", "two-gpus", "faults"}, set()),
    ("sleeptui sim f", {"faults"}, {"default"}),
    ("sleeptui ps --w", {"--watch"}, {"--json"}),
    ("sleeptui ps ", {"chat", "code"}, set()),
    ("sleeptui ps chat ", {"code"}, {"chat"}),
    ("sleeptui ps --fleet other.toml ", {"third"}, {"chat"}),
    ("sleeptui --fleet other.toml ps ", {"third"}, {"chat"}),
    ("sleeptui ps --server x=http://h:1 ", {"x", "chat"}, set()),
    ("sleeptui wake ", {"chat", "code"}, set()),
    ("sleeptui sleep chat ", {"code"}, {"chat"}),
    ("sleeptui switch c", {"chat", "code"}, set()),
    ("sleeptui prompt ", {"chat", "code"}, set()),
    ("sleeptui verify ", {"chat", "code"}, set()),
    ("sleeptui log ", {"chat", "code"}, set()),
    ("sleeptui up co", {"code"}, {"chat"}),
    ("sleeptui ps --demo exp1 ", {"summarize", "code"}, {"chat"}),
    ("sleeptui ps --fleet broken.toml ", set(), {"chat"}),
    ("sleeptui replay ", {"last", SESSION}, {"other"}),
    ("sleeptui report 2026", {SESSION}, {"last"}),
    ("sleeptui export last --format ", {"json", "csv", "openmetrics"}, set()),
    ("sleeptui compare last ", {"last", SESSION}, set()),
    ("sleeptui bench ", {"quick", "standard", "careful"}, set()),
    ("sleeptui config ", {"path", "show", "init", "check"}, set()),
    ("sleeptui config check sle", {"sleeptui.toml"}, set()),
    ("sleeptui bench mine", {"mine.toml"}, set()),
    ("sleeptui completions ", {"bash", "zsh", "fish"}, set()),
]


@pytest.fixture
def place(tmp_path):
    """A folder with a configuration, a session and ``sleeptui`` on the path."""
    server = '[[server]]\nname = "{}"\nurl = "http://127.0.0.1:1{}"\n'
    fleet = "".join(server.format(name, at) for at, name in enumerate(("chat", "code")))
    (tmp_path / "sleeptui.toml").write_text(fleet)
    (tmp_path / "other.toml").write_text(server.format("third", 1))
    (tmp_path / "broken.toml").write_text("[")
    (tmp_path / "mine.toml").write_text("version = 1\n")
    session = tmp_path / "sessions" / SESSION
    session.mkdir(parents=True)
    (session / "journal.jsonl").write_text("")
    (tmp_path / "sessions" / "other").mkdir()
    program = tmp_path / "bin" / "sleeptui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sleeptui "$@"\n')
    program.chmod(0o755)
    return tmp_path


def environment(place):
    return {
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "HOME": str(place),
        "SLEEPTUI_SESSIONS": str(place / "sessions"),
        "TERM": "dumb",
    }


def script(shell, place):
    """The script for a shell, as the program prints it."""
    done = subprocess.run(
        ["sleeptui", "completions", shell], capture_output=True, text=True, check=True,
        env=environment(place), cwd=place,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def need(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


def test_bash(place):
    """Each line as bash hands it over, with what it is told in return."""
    need("bash")
    (place / "sleeptui.bash").write_text(script("bash", place))
    asked = "\n".join(
        f"COMP_WORDS=({line.replace(' ', ' ')}{' ' + chr(39) * 2 if line.endswith(' ') else ''});"
        " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=();"
        f' _sleeptui_completion sleeptui; echo "${{COMPREPLY[*]}}"'
        for line, _, _ in CASES
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", f"source ./sleeptui.bash; compopt() {{ :; }}; {asked}"],
        capture_output=True, text=True, check=True, env=environment(place), cwd=place,
    )  # fmt: skip
    assert done.stderr == ""
    answers = done.stdout.splitlines()
    assert len(answers) == len(CASES)
    for (line, wanted, unwanted), answer in zip(CASES, answers, strict=True):
        if line.split()[-1] in ("sle", "mine"):
            continue  # files are completed by bash itself: see below
        offered = set(answer.split())
        assert wanted <= offered, line
        assert not unwanted & offered, line


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("sleeptui comple", "sleeptui completions "),
        ("sleeptui ps ch", "sleeptui ps chat "),
        ("sleeptui report 2026", f"sleeptui report {SESSION} "),
        ("sleeptui bench mi", "sleeptui bench mine.toml"),
        ("sleeptui config check oth", "sleeptui config check other.toml"),
    ],
)
def test_bash_as_it_is_typed(place, typed, shown):
    need("bash")
    (place / "sleeptui.bash").write_text(script("bash", place))
    bash = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], env={**environment(place), "PS1": "$ "},
        cwd=str(place), encoding="utf-8", timeout=30, dimensions=(24, 200),
    )  # fmt: skip
    try:
        bash.expect_exact("$ ")
        bash.sendline("source ./sleeptui.bash; echo rea''dy")
        bash.expect_exact("ready")
        bash.send(f"{typed}\t")
        bash.expect_exact(shown)
    finally:
        bash.close(force=True)


def test_zsh(place):
    need("zsh")
    (place / "_sleeptui").write_text(script("zsh", place))
    done = subprocess.run(["zsh", "-n", "_sleeptui"], cwd=place, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_fish(place):
    need("fish")
    (place / "sleeptui.fish").write_text(script("fish", place))
    for line, wanted, unwanted in CASES:
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source sleeptui.fish; complete -C '{line}'"],
            capture_output=True, text=True, check=True, env=environment(place), cwd=place,
        )  # fmt: skip
        offered = {row.split("\t")[0] for row in done.stdout.splitlines()}
        assert wanted <= offered, line
        assert not unwanted & offered, line


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", "complete -o nosort -F _sleeptui_completion sleeptui"),
        ("zsh", "#compdef sleeptui"),
        ("fish", "complete --no-files --command sleeptui"),
    ],
)
def test_each_script_is_for_its_shell(place, shell, words):
    text = script(shell, place)
    assert words in text
    assert "_SLEEPTUI_COMPLETE" in text


def test_another_shell_is_a_mistake_that_says_which_there_are(place):
    done = subprocess.run(
        ["sleeptui", "completions", "tcsh"], capture_output=True, text=True, check=False,
        env=environment(place), cwd=place,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "'bash', 'zsh', 'fish'" in done.stderr
