"""``sleeptui up`` and ``down`` as processes, on simulated servers that are processes too."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.processes import free_port, listens, wait_until
from support.terminal import Terminal

from sleeptui.services.json_shapes import BroughtJson, ColdJson, RecordJson, ServerJson

SIMULATED = '"{python}", "-m", "sleeptui", "sim", "exp1", "--server", "{name}", "--port", "{port}"'
SERVER = """
[[server]]
name = "{name}"
url = "http://127.0.0.1:{port}"
runtime = {{ command = [{command}] }}
"""


class Fleet:
    """A configuration of simulated servers that share a simulated GPU."""

    def __init__(self, folder, *names, command="", speed=30):
        self.folder = folder
        self.ports = {name: free_port() for name in names}
        text = 'gpu_bank = "bank"\n'
        for name, port in self.ports.items():
            words = command or SIMULATED.format(python=sys.executable, name=name, port=port)
            words += "" if command else f', "--bank", "bank", "--speed", "{speed}"'
            text += SERVER.format(name=name, port=port, command=words)
        self.file = folder / "fleet.toml"
        self.file.write_text(text)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def line(self, *arguments):
        return [sys.executable, "-m", "sleeptui", *arguments, "--fleet", str(self.file)]

    def run(self, *arguments):
        """The finished process of ``sleeptui ARGUMENTS``."""
        return subprocess.run(
            self.line(*arguments),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            env=self.environment,
            timeout=180,
        )


@pytest.fixture
def fleet(tmp_path):
    made = Fleet(tmp_path, "summarize", "code")
    yield made
    assert made.run("down", "--yes").returncode == 0
    assert not any(listens(port) for port in made.ports.values())


def rows(done):
    return [line.split() for line in done.stdout.splitlines()]


def test_up_one_after_the_other_and_down(fleet):
    done = fleet.run("up")
    assert done.returncode == 0, done.stderr
    head, summarize, code = rows(done)
    assert head[:2] == ["NAME", "STATE"]
    assert summarize[:3] == ["summarize", "asleep", "L1"]
    assert code[:2] == ["code", "awake"]
    steps = [line.split(maxsplit=2)[2] for line in done.stderr.splitlines()]
    assert [step.split()[0] for step in steps] == ["summarize:", "summarize:", "code:"]
    assert "its answers are kept as the reference" in steps[0]
    assert steps[1].startswith("summarize: asleep at level 1, freed ")

    again = fleet.run("--record", str(fleet.folder / "sessions"), "up", "--json")
    assert "recording to " in again.stderr
    document = json.loads(again.stdout)
    assert again.returncode == 0
    assert (document["schema"], document["v"]) == ("sleeptui.up", 1)
    assert set(document) == {"schema", "v", *BroughtJson.__annotations__}
    assert (document["done"], document["problem"], document["operations"]) == (True, "", [])
    assert [one["state"] for one in document["servers"]] == ["asleep", "awake"]
    assert set(document["servers"][0]) == set(ServerJson.__annotations__)

    ended = fleet.run("down", "summarize", "--yes", "--json")
    document = json.loads(ended.stdout)
    assert document["schema"] == "sleeptui.down"
    assert [one["kind"] for one in document["operations"]] == ["stop"]
    assert [one["name"] for one in document["servers"]] == ["summarize"]
    assert not listens(fleet.ports["summarize"])
    assert listens(fleet.ports["code"])

    started = json.loads(fleet.run("up", "summarize", "--json").stdout)
    assert [one["kind"] for one in started["operations"]] == ["sleep", "start"]
    start = started["operations"][1]
    assert set(start) == set(RecordJson.__annotations__)
    assert set(start["cold"]) == set(ColdJson.__annotations__)
    assert start["first_token_s"] > start["duration_s"] > 0
    assert start["cold"]["phases"]["engine_s"] > 0


def test_ctrl_c_leaves_what_runs(tmp_path):
    fleet = Fleet(tmp_path, "summarize", speed=2)
    process = subprocess.Popen(
        fleet.line("up"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=fleet.folder,
        env=fleet.environment,
    )
    started = fleet.folder / ".local" / "state" / "sleeptui" / "servers"
    wait_until(lambda: started.is_dir() and any(started.glob("*.json")), what="its process")
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: summarize: starting; it goes on" in words
    ended = fleet.run("down", "--yes")
    assert ended.returncode == 0
    assert "summarize: ended in" in ended.stderr


def test_too_little_time(tmp_path):
    fleet = Fleet(tmp_path, "summarize", speed=0.2)
    none = fleet.run("up", "--timeout", "0.01")
    assert (none.returncode, none.stdout) == (4, "")
    assert "nothing was begun" in none.stderr
    done = fleet.run("up", "--timeout", "8")
    assert done.returncode == 4
    assert "not done within 8.00 s: summarize: starting; it goes on" in done.stderr
    assert fleet.run("down", "--yes").returncode == 0


def test_one_that_ends_before_it_answers(tmp_path):
    command = '"sh", "-c", "echo ValueError: no room >&2; exit 3"'
    done = Fleet(tmp_path, "broken", command=command).run("up")
    assert done.returncode == 1
    assert "broken: start failed: ended after" in done.stderr
    assert "ValueError: no room" in done.stderr
    assert rows(done)[1][:2] == ["broken", "down"]


def test_a_program_that_is_not_there(tmp_path):
    done = Fleet(tmp_path, "broken", command='"no-such-program"').run("up", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert not document["done"]
    assert "no-such-program" in document["problem"]
    assert document["hint"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "nosuch"], ["no server is called “nosuch”", "summarize"]),
        (["down"], ["nobody can be asked", "--yes"]),
        (["up", "--level", "3"], ["--level"]),
        (["up", "--timeout", "0"], ["--timeout"]),
        (["--readonly", "up"], ["up changes servers"]),
        (["up", "--server", "x=http://127.0.0.1:1"], ["x: started by others", "runtime"]),
    ],
)
def test_a_mistake_is_one_sentence_and_touches_nothing(tmp_path, arguments, words):
    fleet = Fleet(tmp_path, "summarize")
    done = fleet.run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert all(word in done.stderr for word in words)
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not listens(fleet.ports["summarize"])


def test_down_asks_on_a_terminal(fleet):
    assert fleet.run("up", "code").returncode == 0
    _, _, _, *arguments = fleet.line("down", "code")
    for key, code in (("n", 1), ("y", 0)):
        environment = {"HOME": str(fleet.folder)}
        with Terminal(arguments, environment=environment) as terminal:
            terminal.shows("end code? [y/N]")
            terminal.type(f"{key}\r")
            assert terminal.ended() == code
        assert listens(fleet.ports["code"]) is bool(code)


def test_the_simulated_fleet_is_up(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sleeptui", "up", "--demo", "exp1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert "already, left as it is" in done.stderr
