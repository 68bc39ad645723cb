"""How each command that a document tells a reader to type is run in a test.

A new one is added here: ``test_readme_runs.py`` runs it.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.desk import Desk, packages
from support.documents import ROOT
from support.recipes import (
    Prints,
    PrintsJson,
    Recipe,
    Serves,
    Shows,
    benchable,
    benched,
    fleet,
    planned,
    recorded,
    startable,
    started,
)
from support.sim_process import simulated

from sleeptui import __version__

ONE_FILE = (("PYTEST_ADDOPTS", "-n 0 -q tests/unit/core/test_units.py"),)
"""What ``make`` tests here: the whole suite holds this test."""
CURL = 'curl -H "Authorization: Bearer $TOKEN" $CONTROL'
DONE = 'printf "%s\\n" "$*" >> docker.txt'
"""A stand-in for Docker Compose that writes down what it was asked."""


@contextmanager
def clone(desk: Desk) -> Iterator[None]:
    """A clone of the repository; what sleeptui needs is there already, nothing is downloaded."""
    for name in ("sleeptui", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, desk.folder / name)
    desk.variables |= {"PYTHONPATH": packages(), "PIP_NO_INDEX": "1"}
    desk.variables |= {"PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    yield


@contextmanager
def installed(desk: Desk) -> Iterator[None]:
    """The same, with the program of the line before."""
    (desk.folder / ".venv").mkdir()
    (desk.folder / ".venv" / "bin").symlink_to(desk.programs)
    yield


@contextmanager
def roomy(desk: Desk) -> Iterator[None]:
    """The README's own fleet, with room on its GPU."""
    with fleet(desk) as running:
        running.post("summarize", "/sleep?level=1")
        yield


@contextmanager
def awake(desk: Desk) -> Iterator[None]:
    """The same, with code awake."""
    with roomy(desk):
        done = desk.type("sleeptui wake code")
        assert done.returncode == 0, done.stderr
        yield


@contextmanager
def questioned(desk: Desk) -> Iterator[None]:
    """The same, with what picks JSON apart."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    with awake(desk):
        yield


@contextmanager
def controlled(desk: Desk) -> Iterator[None]:
    """The simulated fleet with the variables of the README: where its control server is."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    with simulated() as running:
        desk.variables |= {"CONTROL": running.address.control_url, "TOKEN": running.address.token}
        yield


@contextmanager
def experiment(desk: Desk) -> Iterator[None]:
    """A server of it as a simulated process; Docker Compose is a stand-in."""
    planned(desk)
    with startable(desk):
        desk.program("compose", f"cd {desk.folder} && {DONE}")
        desk.variables |= {"COMPOSE": "compose", "FLEET": str(desk.folder / "fleet.toml")}
        desk.variables |= {"PLAN": str(desk.folder / "short.toml")}
        yield


@contextmanager
def experiment_up(desk: Desk) -> Iterator[None]:
    """The same, brought up."""
    with experiment(desk):
        assert desk.type(f"make -C {ROOT} exp1-up").returncode == 0
        yield


@contextmanager
def easel(desk: Desk) -> Iterator[None]:
    """A folder for pictures."""
    desk.variables["PICTURES"] = str(desk.folder)
    yield


def has_pictures(desk: Desk) -> None:
    """They are there, and are pictures."""
    found = list(desk.folder.glob("*.png"))
    assert found
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found)


def composed(*words: str):
    """Docker Compose was asked for this, of the file that is there."""

    def look(desk: Desk) -> None:
        asked = (desk.folder / "docker.txt").read_text().splitlines()[-1].split()
        assert asked == ["-f", "compose/exp1/compose.yaml", *words]

    return look


def has_answer(desk: Desk) -> None:
    """It is in the file, and nothing else is."""
    answer = (desk.folder / "answer.txt").read_text()
    assert len(answer.split()) > 20
    assert "sleeptui" not in answer


def has_journals(count: int):
    """So many sessions lie in the folder that was named, or in the usual one."""

    def look(desk: Desk) -> None:
        found = [*desk.folder.rglob("journal.jsonl"), *desk.home.rglob("journal.jsonl")]
        assert len(found) == count

    return look


def exp1(**fields) -> Prints:
    """A target of the experiment, on its servers."""
    values = {"around": experiment_up, "codes": (0, 1), **fields}
    return Prints(in_repository=True, **values)


def on_a_gpu(words: str) -> Prints:
    """It needs real servers: here it is only seen to be there, with what it imports."""
    module = words.split()[1]
    return Prints(
        in_repository=True,
        swaps=((words, f"-c 'from {module} import main; print(main)'"),),
        words=("function main",),
    )


def announces(line: str) -> bool:
    """The line of JSON that the README speaks of."""
    return {"servers", "control_url", "token"} <= set(json.loads(line))


@contextmanager
def fishy(desk: Desk) -> Iterator[None]:
    """A home with the folder that fish looks into."""
    (desk.home / ".config" / "fish" / "completions").mkdir(parents=True)
    yield


def is_kept(name: str):
    """The script for a shell lies in the home."""

    def look(desk: Desk) -> None:
        assert "_SLEEPTUI_COMPLETE" in (desk.home / name).read_text()

    return look


RECIPES: dict[str, Recipe] = {
    "python3 -m venv .venv && .venv/bin/pip install .": Prints(
        around=clone, words=("Successfully installed sleeptui",)
    ),
    ".venv/bin/sleeptui --version": Prints(around=installed, words=(__version__,)),
    "sleeptui --demo": Shows(words=("demo default", "summarize", "AWAKE")),
    "make demo": Shows(in_repository=True, words=("demo default", "summarize", "AWAKE")),
    "make demo SCENARIO=two-gpus": Shows(in_repository=True, words=("demo two-gpus", "extract")),
    "sleeptui --demo faults": Shows(words=("demo faults", "keeps-memory", "garbage")),
    "sleeptui ps": Prints(around=fleet, words=("NAME", "STATE", "chat", "code")),
    "sleeptui ps chat code --watch": Shows(
        around=fleet, words=("NAME", "chat", "code"), keys=("ctrl+c",), restores=False
    ),
    "sleeptui ps --json": PrintsJson(around=fleet, schema="sleeptui.ps"),
    "sleeptui switch code --demo": Prints(words=("code: awake", "put summarize to sleep")),
    "sleeptui sleep code chat --level 2": Prints(
        around=awake, words=("code: asleep at level 2", "chat: asleep at level 2 already")
    ),
    "sleeptui sleep --all --timeout 60": Prints(around=awake, words=("chat: asleep at level 2",)),
    "sleeptui wake code || sleeptui switch code": Prints(around=roomy, words=("code: awake",)),
    """sleeptui verify code --json | jq -r '.results[] | "\\(.server): \\(.result)"'""": Prints(
        around=questioned, words=("code: done",)
    ),
    'sleeptui prompt code "Write a haiku" --max-tokens 40 > answer.txt': Prints(
        around=awake, on_stderr=("40 tokens", "finish length"), after=has_answer
    ),
    "sleeptui --record switch code": Prints(
        around=roomy,
        words=("code: awake",),
        on_stderr=("recording to ",),
        after=has_journals(1),
    ),
    "sleeptui completions bash > ~/.sleeptui.bash": Prints(after=is_kept(".sleeptui.bash")),
    "sleeptui completions zsh > ~/.sleeptui.zsh": Prints(after=is_kept(".sleeptui.zsh")),
    "sleeptui completions fish > ~/.config/fish/completions/sleeptui.fish": Prints(
        around=fishy, after=is_kept(".config/fish/completions/sleeptui.fish")
    ),
    "sleeptui config init --from-found": Prints(words=("sleeptui.toml",)),
    "sleeptui config check": Prints(around=fleet, words=("ok: ", "2 servers: chat, code")),
    "sleeptui config show": Prints(around=fleet, words=("interval_s = 0.5", "# default")),
    "sleeptui config path": Prints(around=fleet, words=(".toml",)),
    "sleeptui doctor": Prints(around=fleet, words=("chat", "code"), codes=(0, 1)),
    "sleeptui doctor --json": PrintsJson(around=fleet, schema="sleeptui.doctor", codes=(0, 1)),
    "sleeptui up --fleet fleet.toml": Prints(around=startable, words=("code", "awake")),
    "sleeptui up code --timeout 600 --json": PrintsJson(around=startable, schema="sleeptui.up"),
    "sleeptui down --fleet fleet.toml": Shows(
        around=started, words=("end code? [y/N]",), keys=("y", "enter"), restores=False
    ),
    "sleeptui --record /data/sessions": Shows(
        around=fleet,
        swaps=(("/data/", "./my-"),),
        words=("● REC", "chat"),
        keys=("q", "y"),
        after=has_journals(1),
    ),
    "sleeptui record --duration 600": Prints(
        around=fleet, swaps=(("600", "8"),), words=("chat",), after=has_journals(1)
    ),
    "sleeptui record": Prints(
        around=fleet,
        swaps=(("sleeptui", "timeout --signal INT 10 sleeptui"),),
        codes=(0, 124),
        after=has_journals(1),
    ),
    "sleeptui report last": Prints(around=recorded, words=("20261123T080000Z", "/report.md")),
    "sleeptui report SESSION": Prints(
        around=recorded, swaps=(("SESSION", "20261120"),), words=("20261120T080000Z",)
    ),
    "sleeptui report": Prints(
        around=recorded, swaps=(("report", "report last"),), words=("report.md",)
    ),
    "sleeptui export last --format json --to -": Prints(around=recorded, words=('"sleeptui"',)),
    "sleeptui sessions": Prints(around=recorded, words=("20261120T", "20261123T")),
    "sleeptui replay last": Shows(around=recorded, words=("REPLAY", "summarize")),
    "sleeptui replay 20261123 --speed 8 --at op:31": Shows(around=recorded, words=("REPLAY", "8")),
    "sleeptui bench --list": Prints(words=("quick", "standard", "careful")),
    "sleeptui bench quick --demo exp1 --yes": Prints(
        around=benchable, swaps=(("quick", "short.toml"),), codes=(0, 1), after=has_journals(1)
    ),
    "sleeptui bench --fleet fleet.toml --dry-run": Prints(
        around=benchable, words=("In all about",)
    ),
    "sleeptui bench standard --fleet fleet.toml": Shows(
        around=benchable,
        swaps=(("standard", "short.toml"),),
        words=("[y/N]",),
        keys=("y", "enter"),
        codes=(0, 1),
        restores=False,
        after=has_journals(1),
    ),
    "sleeptui bench my-plan.toml --baseline last": Prints(
        around=benched,
        swaps=(("--baseline", "--yes --baseline"),),
        codes=(0, 1),
        after=has_journals(2),
    ),
    "sleeptui compare 20261120 last": Prints(around=recorded, words=("same",)),
    "sleeptui compare A B --json": PrintsJson(
        around=recorded, swaps=(("A B", "20261120 20261123"),), schema="sleeptui.compare"
    ),
    "sleeptui import result.json": Prints(
        swaps=(("result.json", str(ROOT / "tests/data/imports/vllm-0.32.0-serve-detailed.json")),),
        words=("sessions/",),
        after=has_journals(1),
    ),
    "VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --enable-sleep-mode --host 127.0.0.1 --port 8001": (
        Serves(port="8001")
    ),
    "sleeptui": Shows(words=("--server", "--demo")),
    "sleeptui --server chat=http://127.0.0.1:8001 --server code=http://127.0.0.1:8002": Shows(
        around=fleet, words=("chat", "code")
    ),
    "sleeptui --fleet fleet.toml": Shows(around=fleet, words=("chat", "code", "ASLEEP")),
    "sleeptui --fleet fleet.toml --readonly": Shows(around=fleet, words=("chat", "READ-ONLY")),
    "sleeptui sim default": Serves(ready=announces),
    CURL + """/faults/chat -d '{"fault": "oom"}'""": Prints(around=controlled, words=("oom",)),
    CURL + """/faults/code -d '{"fault": "slow", "seconds": 3}'""": Prints(
        around=controlled, words=("slow",)
    ),
    CURL + "/faults": Prints(around=controlled, words=("chat", "code")),
    CURL.replace("$C", "-X DELETE $C") + "/faults/chat": Prints(around=controlled),
    CURL + """/gpus/0 -d '{"problem": "GPU is lost"}'""": Prints(
        around=controlled, words=("GPU is lost",)
    ),
    "sleeptui sim exp1 --server code --port 8102 --bank bank --speed 10"
    """ --fault '{"fault": "leak", "bytes": 209715200}'""": Serves(port="8102"),
    "python -m tests.live.proof": on_a_gpu("-m tests.live.proof"),
    "python -m tests.live.experiment OUT SUMMARIZE CODE": on_a_gpu(
        "-m tests.live.experiment OUT SUMMARIZE CODE"
    ),
    "make perf": Prints(
        in_repository=True, variables=(("PERF", "parsing"),), codes=(0, 2), words=("bar 0.1",)
    ),
    "make soak": Prints(
        # So short that nothing may have been done; ``tests/soak`` holds a longer one to its checks.
        in_repository=True,
        variables=(("MINUTES", "0.1"),),
        codes=(0, 2),
        words=("soak of 0.1 min", "ok   panel: tasks left: 0"),
    ),
    "make screenshots": Prints(
        in_repository=True,
        around=easel,
        variables=(("SCENES", "room"),),
        after=has_pictures,
    ),
    "make exp1-up exp1-benchmark exp1-down SIM=1": exp1(
        around=experiment, words=("awake", "INCONCLUSIVE", "down"), after=has_journals(1)
    ),
    "make exp1-up": exp1(around=experiment, words=("awake",), after=composed("up", "--no-start")),
    "make health": exp1(words=("code",)),
    "make exp1-benchmark": Shows(
        around=experiment_up,
        in_repository=True,
        words=("[y/N]",),
        keys=("y", "enter"),
        codes=(0, 1, 2),
        restores=False,
        after=has_journals(1),
    ),
    "make exp1-down": exp1(on_stderr=("ended",), after=composed("down")),
    "make test": Prints(in_repository=True, variables=ONE_FILE, words=(" passed",)),
    "make check": Prints(in_repository=True, variables=ONE_FILE, words=(" passed",)),
}
"""Of the README and of the page of experiment 1."""
