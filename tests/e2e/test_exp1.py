"""Experiment 1 from make, on simulated servers: as processes, and as containers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import exp1

from sleeptui.core.settings import ServerSpec
from sleeptui.sim.bank import Bank

LIMIT_S = 500
SPOILT = re.compile(r"disturbed|had ended before the sleep")


@pytest.fixture(scope="module")
def engine_host():
    from support.docker_engine import running_engine

    with running_engine() as host:
        yield host


def fleet_file(folder: Path, specs: tuple[ServerSpec, ...]) -> Path:
    """A fleet file for them, as a user would write it."""
    lines = [f"gpu_bank = {json.dumps(str(folder / 'bank'))}"]
    for spec in specs:
        lines += ["[[server]]", f"name = {json.dumps(spec.name)}", f"url = {json.dumps(spec.url)}"]
        lines += [f"weights = {json.dumps(spec.weights)}", "[server.runtime]"]
        if spec.container:
            lines += [f"docker = {json.dumps(spec.container)}"]
            continue
        lines += [f"command = {json.dumps(list(spec.command))}", "[server.runtime.env]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in spec.environment.items()]
    path = folder / "fleet.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(params=["processes", pytest.param("containers", marks=pytest.mark.docker)])
def fleet(request, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Its file, and what the environment must say for it."""
    if request.param == "processes":
        yield fleet_file(tmp_path, exp1.processes(tmp_path)), {}
        return
    from support.docker_engine import Containers

    host = request.getfixturevalue("engine_host")
    engine = Containers(host)
    try:
        yield fleet_file(tmp_path, exp1.containers(tmp_path, engine)), {"DOCKER_HOST": host}
    finally:
        engine.close()


def make(*targets: str, fleet: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    home = fleet.parent / "home"
    home.mkdir(exist_ok=True)
    (fleet.parent / "plan.toml").write_text(exp1.PLAN)
    return subprocess.run(
        [
            *("make", "--old-file=setup", f"BIN={Path(sys.executable).parent}", "SIM=1"),
            *(f"FLEET={fleet}", f"PLAN={fleet.parent / 'plan.toml'}", *targets),
        ],
        cwd=exp1.REPOSITORY,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            "HOME": str(home),
            "MAKEFLAGS": "",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.timeout(LIMIT_S + 60)
def test_up_benchmark_down(fleet):
    file, environment = fleet
    try:
        up = make("exp1-up", "health", fleet=file, environment=environment)
        assert up.returncode == 0, up.stderr
        done = make("exp1-benchmark", fleet=file, environment=environment)
    finally:
        down = make("exp1-down", fleet=file, environment=environment)
    assert down.returncode == 0, down.stderr
    assert Bank(file.parent / "bank").entries() == []

    sessions = list(file.parent.rglob("journal.jsonl"))
    assert len(sessions) == 1, done.stderr
    session = sessions[0].parent
    assert str(session) in done.stdout
    assert {"report.md", "results.json"} <= {one.name for one in session.iterdir()}
    assert "PARTIAL" not in (session / "report.md").read_text()
    verdicts = json.loads((session / "results.json").read_text())["sleeptui"]["verdicts"]
    assert "PASS" in {verdict["verdict"] for verdict in verdicts}
    bad = [verdict for verdict in verdicts if verdict["verdict"] in {"FAIL", "INVALID"}]
    # A machine that stands still for a moment spoils a figure, and is told: no more than that.
    assert [one for one in bad if not SPOILT.search(one["reason"])] == []
    assert (done.returncode == 0) is not bool(bad)
