"""The script of the run on a GPU, with simulated servers in the place of vLLM: all of its steps."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support import exp1
from support.processes import free_port

from sleeptui.adapters.command_lines import read_command
from sleeptui.adapters.weight_paths import find_weights
from sleeptui.config import parse
from sleeptui.config_expectations import read_expectations
from sleeptui.config_plan import read_plan
from sleeptui.core.plan import InFlight
from sleeptui.recorder.fold import read
from sleeptui.sim.bank import Bank

LIMIT_S = 400
STAND_IN = """
import argparse, os, sys
from sleeptui.sim.__main__ import main

parser = argparse.ArgumentParser()
for name in ("--served-model-name", "--port", "--model", "--speed", "--bank"):
    parser.add_argument(name)
given, rest = parser.parse_known_args()
assert {"--enable-sleep-mode", "--enforce-eager"} <= set(rest), rest
assert os.environ["VLLM_SERVER_DEV_MODE"] == "1"
assert not sys.dont_write_bytecode
sys.exit(main([
    "--server", given.served_model_name, "--port", given.port, "--bank", given.bank,
    "--speed", given.speed, "--weights", given.model + "/model.safetensors",
]))
"""
"""In the place of ``vllm.entrypoints.openai.api_server``: takes its flags, and is simulated."""


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """A folder for each, as models that were made on the machine."""
    found = {name: tmp_path / "models" / name for name in exp1.NAMES}
    for folder in found.values():
        folder.mkdir(parents=True)
    return found


def experiment():
    """The script; it lies where it is no test."""
    from tests.live import experiment as found

    return found


def test_the_fleet_is_that_of_the_experiment_with_another_program(models, tmp_path):
    (models["code"] / "model.safetensors").write_bytes(b"weights")
    text = experiment().fleet_text(experiment().servers(models, ["--enforce-eager"]))
    settings = parse(text, where="fleet.toml")
    assert tuple(spec.name for spec in settings.servers) == exp1.NAMES
    (given,) = (spec for spec in settings.servers if spec.name == "code")
    (asked,) = (
        server
        for server in tomllib.loads((exp1.REPOSITORY / "compose/exp1/process.toml").read_text())[
            "server"
        ]
        if server["name"] == "code"
    )
    assert given.url == asked["url"]
    assert given.command[3:5] == ("--model", str(models["code"]))
    assert given.command[5:] == (*asked["runtime"]["command"][3:], "--enforce-eager")
    assert dict(given.environment) == asked["runtime"]["env"]
    command = read_command(given.command)
    assert command is not None
    assert (command.name, f":{command.port}") == ("code", given.url[-5:])
    assert find_weights(given, (), tmp_path) == (models["code"] / "model.safetensors",)


def test_a_python_on_the_path_is_called_by_its_name(models, tmp_path, monkeypatch):
    def program() -> str:
        return experiment().servers(models, [])[0]["runtime"]["command"][0]

    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == sys.executable
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert program() == Path(sys.executable).name


def test_the_short_plan_has_what_its_verdicts_need():
    """Three restarts, six wakes of each level, two proofs by use, ten cycles in one life."""
    plan = read_plan(str(exp1.REPOSITORY / "compose/exp1/short.toml"))
    assert plan.latency is not None
    assert plan.latency.blocks >= 3
    assert plan.latency.blocks * plan.latency.cycles >= 6
    assert plan.latency.levels == (1, 2)
    assert plan.memory is not None
    assert plan.memory.cycles >= 2
    assert plan.in_flight is not None
    assert plan.in_flight.modes == InFlight().modes
    assert plan.stability is not None
    assert plan.stability.cycles >= 10


def test_the_plan_of_a_quarter_of_an_hour_has_enough_for_every_verdict():
    plan = read_plan(str(exp1.REPOSITORY / "compose/exp1/quarter.toml"))
    expected = {one.id: one for one in read_expectations().lines}
    latency, memory, in_flight = plan.latency, plan.memory, plan.in_flight
    assert latency
    assert memory
    assert in_flight
    assert plan.stability
    for level in latency.levels:
        ratio = expected[f"q1.wake-l{level}"]
        assert latency.blocks >= ratio.min_blocks
        assert latency.blocks * latency.cycles >= ratio.min_n
    assert memory.cycles * len(memory.levels) >= expected["q2.use"].min_n
    streams = in_flight.repeats * sum(in_flight.streams)
    for mode in in_flight.modes:
        assert streams >= expected[f"q3.{mode}"].min_n
    assert streams * len(in_flight.modes) >= expected["q3.none-lost"].min_n
    assert plan.stability.cycles >= expected["q4.cycles"].min_n


@pytest.mark.timeout(LIMIT_S + 60)
def test_it_runs_to_its_end_and_leaves_the_session(models, tmp_path):
    module = tmp_path / "modules" / "vllm" / "entrypoints" / "openai"
    module.mkdir(parents=True)
    (module / "api_server.py").write_text(STAND_IN)
    (tmp_path / "plan.toml").write_text(exp1.PLAN)
    out, bank = tmp_path / "out", tmp_path / "bank"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.live.experiment", str(out)),
            *(str(models[name]) for name in exp1.NAMES),
            *("--plan", str(tmp_path / "plan.toml"), "--limit", str(LIMIT_S)),
            *("--ports", *(str(free_port()) for _ in exp1.NAMES), "--gpu-bank", str(bank)),
            "--enforce-eager",
            *("--speed", str(exp1.SPEED), "--bank", str(bank)),
        ],
        cwd=exp1.REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": str(module.parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for step in ("up", "doctor", "bench", "down"):
        assert f"--- {step}: exit code" in done.stdout
    assert "--- up: exit code 0" in done.stdout
    assert "--- down: exit code 0" in done.stdout
    assert len(list(out.glob("*.log"))) >= len(exp1.NAMES)
    assert Bank(bank).entries() == []
    (journal,) = out.glob("*/journal.jsonl")
    assert "results.json" in {one.name for one in journal.parent.iterdir()}
    assert "vllm.entrypoints.openai.api_server" in (journal.parent / "report.md").read_text()
    session = read(journal)
    assert not session.partial
    assert {attempt.kind for attempt in session.attempts} >= {"start", "sleep", "wake"}
