"""Command lines: which are vLLM servers, and what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.adapters.command_lines import (
    ServerCommand,
    is_part,
    is_titled,
    is_titled_server,
    read_command,
    read_container_command,
    read_flags,
)

QWEN = ServerCommand(model="Qwen/Qwen3-8B", given_port=8001)


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve Qwen/Qwen3-8B --port 8001",
        "/opt/venv/bin/vllm serve Qwen/Qwen3-8B --port=8001",
        "/opt/venv/bin/python3.12 /opt/venv/bin/vllm serve Qwen/Qwen3-8B --port 8001",
        "python -u -X dev -m vllm.entrypoints.cli.main serve Qwen/Qwen3-8B --port 8001",
        "python3 -m vllm.entrypoints.openai.api_server --model Qwen/Qwen3-8B --port 8001",
        "python3 -m vllm.entrypoints.openai.api_server --port 1 --port 8001 --model=Qwen/Qwen3-8B",
        "vllm serve --enable-sleep-mode --model Qwen/Qwen3-8B --port 8001",
    ],
)
def test_servers(line):
    assert read_command(line.split()) == QWEN


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [""],
        ["vllm"],
        ["vllm", "bench", "serve"],
        ["vim", "vllm", "serve"],
        ["tmux", "new-session", "vllm serve Qwen/Qwen3-8B"],
        ["bash", "-c", "vllm serve Qwen/Qwen3-8B"],
        ["python", "-m", "vllm.entrypoints.cli.main", "bench"],
        ["python", "-m", "vllm.entrypoints.cli.main"],
        ["python", "-m"],
        ["python", "-m", "http.server", "8000"],
        ["python", "-c", "from multiprocessing.spawn import spawn_main"],
        ["python", "serve.py", "vllm", "serve"],
        ["python", "-m", "sleeptui.sim", "default", "--until-eof"],
        ["python"],
        ["grep", "-r", "vllm.entrypoints.openai.api_server"],
    ],
)
def test_not_servers(argv):
    assert read_command(argv) is None


def test_a_simulated_server_on_its_own():
    found = read_command(
        ["python3", "-m", "sleeptui.sim", "--server", "code", "--port", "8002", "--bank", "b"]
    )
    assert found == ServerCommand(served_name="code", given_port=8002)


def test_served_names():
    command = read_command(
        ["vllm", "serve", "/models/qwen3/", "--served_model_name", "chat", "gpt-4", "--port"]
    )
    assert command is not None
    assert command.served_name == command.name == "chat"
    assert command.port == 8000


@pytest.mark.parametrize(
    ("model", "name"),
    [("/models/qwen3/", "qwen3"), ("Qwen/Qwen3-8B", "Qwen3-8B"), ("/", None), ("m", "m")],
)
def test_the_name_is_the_last_part_of_the_model(model, name):
    assert ServerCommand(model=model).name == name


def test_without_a_model_there_is_no_name():
    assert ServerCommand().name is None


def test_a_unix_socket_instead_of_a_port():
    command = read_command(["vllm", "serve", "m", "--uds", "/run/vllm.sock"])
    assert command is not None
    assert command.uds == "/run/vllm.sock"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "", "$PORT", "\uff18\uff10"])
def test_a_port_that_is_none_counts_as_the_default(port):
    command = read_command(["vllm", "serve", "m", f"--port={port}"])
    assert command is not None
    assert (command.given_port, command.port) == (None, 8000)


def test_tls():
    command = read_command(["vllm", "serve", "m", "--ssl-certfile", "/c.pem"])
    assert command is not None
    assert command.tls


def test_escape_sequences_are_removed():
    command = read_command(["vllm", "serve", "m", "--served-model-name", "\x1b[31mred\x07"])
    assert command is not None
    assert command.name == "red"


@pytest.mark.parametrize(
    "argv",
    [
        ["sh", "-c", "export A=1 && exec vllm serve Qwen/Qwen3-8B --port 8001"],
        ["/bin/bash", "-lc", "vllm serve 'Qwen/Qwen3-8B' --port 8001  # the big one"],
        ["tini", "--", "vllm", "serve", "Qwen/Qwen3-8B", "--port", "8001"],
        ["uv", "run", "python", "/bin/vllm", "serve", "Qwen/Qwen3-8B", "--port", "8001"],
        ["bash", "-c", "echo don't; vllm serve Qwen/Qwen3-8B --port 8001"],
    ],
)
def test_commands_of_containers_may_be_wrapped(argv):
    assert read_container_command(argv) == QWEN


@pytest.mark.parametrize("argv", [[], ["sh"], ["nginx", "-g", "daemon off;"], ["sh", "-c", "ls"]])
def test_other_containers(argv):
    assert read_container_command(argv) is None


def test_flags_behind_an_unknown_entry_point():
    assert read_flags(["/entry.sh", "--model", "Qwen/Qwen3-8B", "--port", "8001"]) == QWEN
    assert read_flags(["/entry.sh"]) == ServerCommand()


@pytest.mark.parametrize(
    ("title", "titled", "server"),
    [
        ("VLLM::APIServer_0", True, True),
        ("mine::APIServer", True, True),
        ("VLLM::EngineCore_DP0", True, False),
        ("VLLM::Worker_TP1", True, False),
        ("VLLM::", False, False),
        ("python", False, False),
        ("a::b", False, False),
    ],
)
def test_titles(title, titled, server):
    assert is_titled([title]) is titled
    assert is_part([title]) is titled
    assert is_titled_server([title]) is server


def test_nothing_is_no_part():
    assert not is_part([])
    assert not is_titled([])
    assert not is_titled_server([])
    assert is_part(["vllm", "serve", "m"])


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_command_line_can_be_read(argv):
    read_command(argv)
    read_container_command(argv)
    assert 0 < read_flags(argv).port <= 65535
    read_command(["vllm", "serve", *argv])
