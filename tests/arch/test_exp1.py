"""The files of experiment 1 agree with each other, and Compose takes them."""

import json
import lzma
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.compose import compose_command

from sleeptui.recorder.exports.digits import between, three
from sleeptui.sim.scenario import SCENARIOS

README = Path(__file__).parents[2] / "README.md"
EXP1 = Path(__file__).parents[2] / "compose" / "exp1"
COMPOSE = (EXP1 / "compose.yaml").read_text()
FLEETS = ("fleet.toml", "process.toml", "sim.toml")


def servers(name: str) -> dict[str, dict]:
    found = tomllib.loads((EXP1 / name).read_text())["server"]
    return {server["name"]: server for server in found}


@pytest.mark.parametrize("name", FLEETS)
def test_each_fleet_has_the_two_servers_on_loopback(name):
    found = servers(name)
    assert list(found) == list(SCENARIOS["exp1"].server_names)
    assert {urlsplit(server["url"]).hostname for server in found.values()} == {"127.0.0.1"}
    assert len({server["url"] for server in found.values()}) == 2


@pytest.mark.parametrize("name", ["process.toml", "sim.toml"])
def test_commands_listen_where_the_panel_looks(name):
    for server in servers(name).values():
        command = server["runtime"]["command"]
        port = command[command.index("--port") + 1]
        assert server["url"].endswith(f":{port}")


def test_containers_have_the_names_and_ports_of_the_fleet():
    for name, server in servers("fleet.toml").items():
        assert f"container_name: {server['runtime']['docker']}" in COMPOSE
        port = urlsplit(server["url"]).port
        assert f'"127.0.0.1:{port}:{port}"' in COMPOSE
        assert f"--served-model-name={name}" in COMPOSE


def test_processes_and_containers_serve_the_same():
    defaults = dict(re.findall(r"^(\w+)=(.*)$", (EXP1 / ".env").read_text(), re.MULTILINE))
    for name, server in servers("process.toml").items():
        command = server["runtime"]["command"]
        model = defaults[f"{name.upper()}_MODEL"]
        assert command[:3] == ["vllm", "serve", model]
        assert f":-{model}}}" in COMPOSE
        share = command[command.index("--gpu-memory-utilization") + 1]
        assert share == defaults["GPU_MEMORY_UTILIZATION"]
        assert command[command.index("--max-model-len") + 1] == defaults["MAX_MODEL_LEN"]
        for switch in ("--enable-sleep-mode", "--enable-server-load-tracking"):
            assert switch in command
            assert COMPOSE.count(switch) == 2


def test_the_image_is_pinned_to_the_simulated_version():
    images = set(re.findall(r"image: (\S+)", COMPOSE))
    version = {engine.version for engine in SCENARIOS["exp1"].engines}
    assert images == {f"vllm/vllm-openai:v{one}" for one in version}


def test_no_port_is_published_beyond_loopback():
    published = re.findall(r'^ +- "?([\d.]+:)?\d+:\d+"?$', COMPOSE, re.MULTILINE)
    assert published == ["127.0.0.1:"] * 2


def test_the_report_is_of_a_run_on_a_gpu():
    results = json.loads((EXP1 / "results.json").read_text())["sleeptui"]
    assert results["demo"] is None
    assert results["env"]["machine"]["simulated"] is None
    assert [card["name"] for card in results["env"]["machine"]["cards"]] == ["NVIDIA H200"]
    versions = {server["facts"]["version"] for server in results["env"]["servers"]}
    assert versions == {engine.version for engine in SCENARIOS["exp1"].engines}


def test_what_is_said_of_the_run_is_in_its_results():
    results = json.loads((EXP1 / "results.json").read_text())["sleeptui"]
    readme, words = README.read_text(), (EXP1 / "report.md").read_text().partition("<!--")[0]
    for name, ratio in results["ratios"].items():
        if "cold.ttft/wake.ttft" in name:
            told = three(ratio["value"])
            assert re.search(rf"\b{told} times, .*{between(ratio['low'], ratio['high'])}", readme)
            assert re.search(rf"\b{told}\b", words)
    counted = Counter(one["verdict"] for one in results["verdicts"])
    assert ", ".join(f"{n} {word}" for word, n in counted.most_common()) == (
        "29 PASS, 2 NOT RUN, 1 INCONCLUSIVE"
    )
    for text in (readme, (EXP1 / "README.md").read_text()):
        assert re.search(r"29 PASS, 1 INCONCLUSIVE\b.*, 2 NOT RUN", text)


def test_the_run_was_that_of_its_plan():
    """But for the time that it was given."""
    with lzma.open(EXP1 / "journal.jsonl.xz", "rt") as journal:
        planned = next(line for line in map(json.loads, journal) if line["k"] == "plan")
    told = re.sub(r"^max_duration_s = .*\n", "", planned["toml"], flags=re.MULTILINE)
    assert told == (EXP1 / "quarter.toml").read_text()


def test_no_file_of_the_run_names_a_folder_of_somebodys():
    for name in ("report.md", "results.json"):
        found = re.findall(r"/(?:tmp|home|root|opt|srv|work|mnt)/\S*", (EXP1 / name).read_text())
        assert found == []


def test_compose_takes_the_file():
    done = subprocess.run(
        [*compose_command(), "-f", EXP1 / "compose.yaml", "config", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
