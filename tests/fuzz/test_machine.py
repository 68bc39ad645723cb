"""What this machine and Docker say of processes, containers and logs: somebody else's words."""

import json
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import home, server, spec
from support.clock import ManualClock
from support.fuzzing import (
    ESCAPES,
    HOSTILE,
    RAW,
    as_json,
    fuzz,
    is_clean,
    is_told,
    mangled,
    mutated,
)

from sleeptui.adapters.command_lines import (
    is_part,
    is_titled_server,
    port_of,
    read_command,
    read_container_command,
    read_flags,
)
from sleeptui.adapters.container_facts import read_facts
from sleeptui.adapters.launch import steering, without_secrets
from sleeptui.adapters.process_logs import log_lines, tail
from sleeptui.adapters.weight_paths import NoWeights, find_weights
from sleeptui.core.errors import ContainerError, ProcessError
from sleeptui.core.model import State
from sleeptui.core.startup_log import failure, read_phases
from sleeptui.services.startup import is_starting_up

DATA = Path(__file__).parents[1] / "data"
LOGS = [one.read_bytes() for one in sorted(DATA.glob("vllm-*/*.log"))]
WORDS = st.one_of(
    st.sampled_from(
        [
            "vllm",
            "serve",
            "python3",
            "-m",
            "vllm.entrypoints.cli.main",
            "sh",
            "-c",
            "bash",
            "--port",
            "--port=",
            "8000",
            "٣",
            "9" * 5000,
            "-1",
            "--served-model-name",
            "Qwen/Qwen3-0.6B",
            "--api-key",
            "--api-key=x",
            "--model",
            "sleeptui.sim",
            "--server",
            "VLLM::EngineCore",
            "VLLM::APIServer_0",
            "--uds",
            "vllm serve 'm",
            "vllm serve m # x",
            "vllm serve m --port 1",
            "--",
            "-",
            "",
            "--download-dir",
            "~nobody-here/x",
            "--revision",
            "../..",
            "m" * 300,
            "--ssl-certfile",
        ]
    ),
    HOSTILE,
    st.binary(max_size=5).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
COMMANDS = st.one_of(
    st.lists(WORDS, max_size=8),
    st.lists(WORDS, max_size=6).map(lambda rest: ["vllm", "serve", *rest]),
    st.lists(WORDS, max_size=4).map(lambda rest: ["sh", "-c", " ".join(rest)]),
)


def fits(command) -> bool:
    return command is None or (
        is_clean(command.model, command.served_name, command.revision, command.download_dir)
        and 0 < command.port <= 65535
        and is_clean(command.uds, command.name)
    )


@fuzz(125)
@given(COMMANDS)
@example(["vllm", "serve", "m", "--port", "9" * 5000])
@example(["sh", "-c", "vllm serve 'm"])
def test_command_lines(argv):
    assert fits(read_command(argv))
    assert fits(read_container_command(argv))
    assert fits(read_flags(argv))
    assert is_clean(*without_secrets(argv))
    assert isinstance(is_part(argv) or is_titled_server(argv), bool)


@fuzz(25)
@given(st.one_of(st.text(max_size=8), st.integers().map(str), st.text("0123456789٣ ", max_size=12)))
@example("9" * 5000)
@example("0" * 5000 + "80")
def test_ports(text):
    assert port_of(text) in {None, *range(1, 65536)}


@fuzz(50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["VLLM_X", "VLLM_API_KEY", "NCCL_D", "HOME", "LD_PRELOAD", "VLLM_\x1b"]
            ),
            WORDS,
        )
    )
)
def test_process_environments(variables):
    kept = steering(variables)
    assert is_clean(*kept, *kept.values())
    assert "VLLM_API_KEY" not in kept


@fuzz(37)
@given(
    COMMANDS, st.dictionaries(st.sampled_from(["HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"]), WORDS)
)
@example(["vllm", "serve", "m", "--download-dir", "~nobody-here/x"], {})
@example(["vllm", "serve", "m" * 300], {})
@example(["vllm", "serve", "m"], {"HF_HOME": "~nobody-here/x"})
def test_where_weights_are_looked_for(tmp_path_factory, argv, variables):
    folder = tmp_path_factory.getbasetemp()
    try:
        find_weights(spec(environment=variables), argv, folder)
    except NoWeights as error:
        assert str(error)


CONTAINER = {
    "Id": "0f" * 32,
    "Name": "/qwen",
    "Image": "sha256:ab",
    "Path": "vllm",
    "Args": ["serve", "Qwen/Qwen3-0.6B", "--port", "8000"],
    "RestartCount": 0,
    "State": {
        "Status": "running",
        "Pid": 4711,
        "ExitCode": 0,
        "StartedAt": "2026-11-28T09:00:00.123456789Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Error": "",
        "OOMKilled": False,
        "Health": {"Status": "healthy"},
    },
    "Config": {
        "Image": "vllm/vllm-openai:v0.32.0",
        "Env": ["VLLM_LOGGING_LEVEL=INFO", "HF_TOKEN=x"],
        "Labels": {"com.docker.compose.service": "qwen"},
    },
    "HostConfig": {
        "NetworkMode": "bridge",
        "PortBindings": {"8000/tcp": [{"HostIp": "", "HostPort": "8001"}]},
    },
    "NetworkSettings": {"Ports": {"8000/tcp": [{"HostIp": "::", "HostPort": "8001"}]}},
}


@fuzz(125)
@given(mutated(CONTAINER, most=4), st.sampled_from([None, 8000, 8001]))
@example(
    {**CONTAINER, "NetworkSettings": {"Ports": {"9" * 5000 + "/tcp": [{"HostPort": "1"}]}}}, None
)
@example({**CONTAINER, "State": {"StartedAt": "0001-01-02T00:00:00+23:59"}}, None)
def test_inspections(attributes, port):
    if not isinstance(attributes, dict):
        return
    try:
        facts = read_facts(attributes)
    except ContainerError as error:
        assert is_told(error)
        assert is_clean(error.message)
        return
    assert is_clean(
        facts.name, facts.image, facts.image_digest, facts.state, facts.error, *facts.argv
    )
    assert fits(facts.command)
    found = facts.candidate("gpu-7")
    assert is_clean(found.name, found.url, found.problem, found.origin)
    assert all(isinstance(one, str) for one in facts.listens_on(port))
    assert isinstance(facts.has_port(8000), bool)


@fuzz(25)
@given(
    st.one_of(
        HOSTILE,
        st.datetimes().map(str),
        st.sampled_from(
            ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-W01", "20261128"]
        ),
    )
)
def test_when_a_container_was_started(text):
    view = server(state=State.STARTING, home=home(5, started_at=text))
    assert is_starting_up(view, ManualClock()) in {True, False}


LINES = st.sampled_from(LOGS).flatmap(mangled)
STEPS = st.sampled_from(
    [
        "Loading weights took {} seconds",
        "Model loading took 1 GiB and {} seconds",
        "Dynamo bytecode transform time: {} s",
        "torch.compile took {} s in total",
        "(EngineCore pid=7) Compiling a graph for range (1, 8) takes {} s",
        "init engine (profile) took {} s",
        "ValueError: {}",
        "bash: {}: command not found",
        "pydantic.ValidationError: 1 validation error for {}",
        "ERROR 11-28 09:00:00 [x.py:1] RuntimeError: {}",
        "Engine core initialization failed {}",
    ]
)


@fuzz(75)
@given(
    st.one_of(
        LINES,
        st.lists(st.tuples(STEPS, st.one_of(HOSTILE, st.sampled_from(["9" * 5000, "1.5", "1e9"]))))
        .map(lambda pairs: "\n".join(step.format(more) for step, more in pairs))
        .map(lambda text: text.encode(errors="replace")),
        st.binary(max_size=80),
    ),
    st.integers(-1, 400),
)
@example(b"torch.compile" + b" and initial profiling" * 3000, 10)
@example(b"Model loading took " * 3000, 10)
def test_logs(content, count):
    lines = log_lines(content, count)
    assert len(lines) <= max(count, 0)
    assert is_clean(*lines, lines=True)
    told = read_phases(lines)
    assert all(isfinite(value) and value >= 0 for value in told.values())
    assert is_clean(failure(lines))


@fuzz(25)
@given(st.one_of(LINES, st.binary(max_size=300)), st.integers(0, 50), st.integers(1, 600))
def test_the_end_of_a_file(tmp_path_factory, content, count, most):
    path = tmp_path_factory.getbasetemp() / "server.log"
    path.write_bytes(content)
    lines = tail(str(path), count, most=most)
    assert len(lines) <= count
    assert is_clean(*lines, lines=True)
    assert sum(map(len, lines)) <= most


@pytest.mark.parametrize("name", ["", "x" * 300, "~", *(one for one in ESCAPES if one != "\0")])
def test_a_file_that_is_none(name):
    with pytest.raises(ProcessError) as caught:
        tail(f"/nowhere/{name}", 10)
    assert is_told(caught.value)


INDEX = {"metadata": {"total_size": 9}, "weight_map": {"lm_head": "model-1.safetensors"}}


@fuzz(37)
@given(
    st.one_of(
        mutated(INDEX).map(as_json), mangled(json.dumps(INDEX).encode()), st.sampled_from(RAW)
    )
)
def test_the_index_of_a_model(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "model"
    folder.mkdir(exist_ok=True)
    (folder / "model-1.safetensors").write_bytes(b"")
    (folder / "model.safetensors.index.json").write_bytes(content)
    found = find_weights(spec(weights=str(folder)), (), folder)
    assert [one.name for one in found] == ["model-1.safetensors"]
