"""``sleeptui doctor`` as a process: streams, exit codes, and where its options may stand."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.bad_servers import closed_port
from support.processes import deaf
from support.terminal import Terminal

from sleeptui.services.json_shapes import DoctorJson, FindingJson, ServerJson


def environment(folder, **more):
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **more}


def run(*arguments, cwd, **more):
    """The finished process of ``sleeptui ARGUMENTS`` without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "sleeptui", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env=environment(cwd, **more),
        timeout=60,
    )


def statuses(document):
    return {one["status"] for one in document["findings"]}


@pytest.mark.parametrize(
    "arguments",
    [("doctor", "--json", "--demo"), ("--demo", "doctor", "--json")],
)
def test_a_fleet_that_is_well_as_json(tmp_path, arguments):
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["schema"], document["v"]) == ("sleeptui.doctor", 1)
    assert set(document) == {"schema", "v", *DoctorJson.__annotations__}
    assert document["complete"]
    assert document["missing"] == []
    assert [server["name"] for server in document["servers"]] == ["summarize", "code", "chat"]
    assert set(document["servers"][0]) == set(ServerJson.__annotations__)
    assert all(set(one) == set(FindingJson.__annotations__) for one in document["findings"])
    assert "bad" not in statuses(document)
    assert sum(document["counts"].values()) == len(document["findings"])
    assert {"summarize", "code", "chat", None} == {one["server"] for one in document["findings"]}


def test_the_table_groups_by_server_and_says_what_to_do(tmp_path):
    done = run("doctor", "--demo", "versions", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert "no-dev-mode" in lines
    assert "this machine" in lines
    at = lines.index("no-dev-mode")
    assert lines[at + 1].startswith("  ✗ Dev mode")
    assert "→ start it with VLLM_SERVER_DEV_MODE=1" in lines[at + 2]
    assert "\x1b" not in done.stdout, "no colours where there is no terminal"
    assert " bad, " in lines[-1]


@pytest.mark.parametrize(
    ("more", "extra"),
    [(["--ascii"], {}), ([], {"PYTHONIOENCODING": "ascii"}), ([], {"SLEEPTUI_ASCII": "1"})],
)
def test_ascii(tmp_path, more, extra):
    url = f"a=http://127.0.0.1:{closed_port()}"
    done = run("doctor", "--server", url, *more, cwd=tmp_path, **extra)
    assert done.returncode == 3, done.stderr
    assert done.stdout.isascii()
    assert "  x Reachable" in done.stdout
    assert "-> is the server running?" in done.stdout


def test_a_configured_server_that_is_not_there_is_code_3(tmp_path):
    (tmp_path / "f.toml").write_text(
        f'[[server]]\nname = "a"\nurl = "http://127.0.0.1:{closed_port()}"\n'
    )
    more = f"b=http://127.0.0.1:{closed_port()}"
    for arguments in (
        ("--fleet", "f.toml", "doctor", "--json", "--server", more),
        ("--server", more, "doctor", "--json", "--fleet", "f.toml"),
    ):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        document = json.loads(done.stdout)
        assert [server["name"] for server in document["servers"]] == ["a", "b"]
        assert [server["state"] for server in document["servers"]] == ["down", "down"]
        assert document["servers"][0]["memory"] is None


def test_a_server_that_does_not_answer_in_time_is_code_4(tmp_path):
    with deaf() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = run("doctor", "--server", f"a={url}", "--timeout", "8", cwd=tmp_path)
    assert done.returncode == 4
    assert "? Reachable" in done.stdout
    assert "not looked at within 8 s: a" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("doctor", "--timeout", "0"), "--timeout"),
        (("doctor", "--demo", "no-such"), "there is no scenario"),
        (("--demo", "doctor", "--server", "a=http://h:1"), "Leave one of them out"),
        (("--server", "a=http://h:1", "doctor", "--demo"), "Leave one of them out"),
        (("doctor", "--fleet", "nowhere.toml"), "nowhere.toml"),
        (("doctor", "summarize"), "summarize"),
    ],
)
def test_mistakes_are_code_2(tmp_path, arguments, words):
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_reader_who_goes_is_no_error(tmp_path):
    command = f"{sys.executable} -m sleeptui doctor --demo | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_is_code_130_and_no_traceback(tmp_path):
    with deaf() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "sleeptui", "doctor", "--timeout", "600"),
                *("--server", f"a={url}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path),
        )
        listener.accept()[0].close()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert (out, err.strip()) == ("", "")


def test_on_a_terminal_it_says_how_far_it_is_and_wraps(tmp_path):
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    with Terminal(["doctor", "--demo"], columns=80, rows=60, environment=home) as terminal:
        assert terminal.ended() == 0
        raw = bytes(terminal.raw).decode()
    assert "sleeptui: looking at" in raw
    assert "\x1b[32m✓" in raw
    assert "\x1b[?1049h" not in raw, "it is no panel"
    assert all(len(line.rstrip()) < 80 for line in terminal.text.splitlines())


def test_no_color(tmp_path):
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8", "NO_COLOR": "1"}
    with Terminal(["doctor", "--demo"], rows=200, environment=home) as terminal:
        assert terminal.ended() == 0
        assert b"\x1b[" not in bytes(terminal.raw)


def test_it_never_loads_the_panel():
    script = (
        "import sys, asyncio; from sleeptui import cli_doctor; from sleeptui.core.settings import"
        " Settings; cli_doctor._look; print('textual' in sys.modules, 'plotext' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
