"""Where the weights of a server lie."""

import json
from pathlib import Path

import pytest

from sleeptui.adapters.weight_paths import NoWeights, find_weights
from sleeptui.core.settings import ServerSpec


def spec(**fields: object) -> ServerSpec:
    return ServerSpec(name="a", url="http://127.0.0.1:1", **fields)


def make(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("x")
    return folder


def names(base: Path, server: ServerSpec, *command: str) -> list[str]:
    return [path.name for path in find_weights(server, command, base)]


def problem(base: Path, server: ServerSpec, *command: str) -> str:
    with pytest.raises(NoWeights) as caught:
        find_weights(server, command, base)
    return str(caught.value)


def test_a_file_and_a_folder(tmp_path):
    make(tmp_path / "m", "b.safetensors", "a.safetensors", "config.json", "pytorch_model.bin")
    assert names(tmp_path, spec(weights="m/a.safetensors")) == ["a.safetensors"]
    assert names(tmp_path, spec(weights="m")) == ["a.safetensors", "b.safetensors"]
    assert names(Path("/"), spec(weights=str(tmp_path / "m"))) == ["a.safetensors", "b.safetensors"]


def test_in_the_home(tmp_path, monkeypatch):
    make(tmp_path / "m", "a.gguf")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert names(Path("/"), spec(weights="~/m")) == ["a.gguf"]


def test_of_several_kinds_the_one_that_is_read(tmp_path):
    make(tmp_path / "m", "pytorch_model.bin", "training_args.bin", "x.pt")
    assert names(tmp_path, spec(weights="m")) == ["pytorch_model.bin"]


def test_only_what_the_index_names(tmp_path):
    folder = make(tmp_path / "m", "model-1.safetensors", "consolidated.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "model-1.safetensors"}}))
    assert names(tmp_path, spec(weights="m")) == ["model-1.safetensors"]
    for broken in ("{", json.dumps({"weight_map": {"x": "gone.safetensors"}})):
        index.write_text(broken)
        assert names(tmp_path, spec(weights="m")) == [
            "consolidated.safetensors",
            "model-1.safetensors",
        ]


@pytest.mark.parametrize(
    "command",
    [
        ("vllm", "serve", "models/m", "--port", "1"),
        ("python", "-m", "vllm.entrypoints.openai.api_server", "--model=models/m"),
        ("sh", "-c", "exec vllm serve models/m"),
    ],
)
def test_by_the_command_line(tmp_path, command):
    make(tmp_path / "sub" / "models" / "m", "a.safetensors")
    assert names(tmp_path, spec(command=command, cwd="sub")) == ["a.safetensors"]
    assert names(tmp_path / "sub", spec(), *command) == ["a.safetensors"]


def repository(hub: Path, *commits: str, main: str | None = None) -> Path:
    folder = hub / "models--org--Model-7B"
    for commit in commits:
        make(folder / "snapshots" / commit, f"{commit}.safetensors")
    if main:
        make(folder / "refs")
        (folder / "refs" / "main").write_text(main)
    return folder


SERVE = ("vllm", "serve", "org/Model-7B")


@pytest.mark.parametrize(
    ("variables", "hub"),
    [
        ({"HF_HUB_CACHE": "{}/x"}, "x"),
        ({"HF_HOME": "{}/h"}, "h/hub"),
        ({"XDG_CACHE_HOME": "{}/c"}, "c/huggingface/hub"),
        ({"HOME": "{}"}, ".cache/huggingface/hub"),
    ],
)
def test_what_was_downloaded(tmp_path, monkeypatch, variables, hub):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    repository(tmp_path / hub, "old", "new", main="new")
    assert names(tmp_path, spec(command=SERVE)) == ["new.safetensors"]


def test_the_environment_of_the_server_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    repository(tmp_path / "hub", "one")
    server = spec(command=SERVE, environment={"HF_HOME": str(tmp_path)})
    assert names(tmp_path, server) == ["one.safetensors"]


def test_a_revision_and_another_folder(tmp_path):
    repository(tmp_path, "one", "two", main="one")
    command = (*SERVE, "--download-dir", str(tmp_path), "--revision", "two")
    assert names(tmp_path, spec(command=command)) == ["two.safetensors"]
    assert names(tmp_path, spec(weights="models--org--Model-7B")) == ["one.safetensors"]


def test_what_is_not_found(tmp_path):
    make(tmp_path / "empty", "config.json")
    assert "set weights of this server" in problem(tmp_path, spec())
    assert "set weights of this server" in problem(tmp_path, spec(command=("sleep", "1")))
    assert "set weights of this server" in problem(tmp_path, spec(), "vllm", "serve", "--port=1")
    assert "There are no files of weights in" in problem(tmp_path, spec(weights="empty"))
    assert "No such file or directory" in problem(tmp_path, spec(weights="none"))
    server = spec(command=SERVE, environment={"HF_HUB_CACHE": str(tmp_path)})
    assert "are not on this machine" in problem(tmp_path, server)
    (tmp_path / "models--org--Model-7B").mkdir()
    assert "There are 0 versions of the model" in problem(tmp_path, server)
    repository(tmp_path, "one", "two", main="gone")
    assert "There are 2 versions of the model" in problem(tmp_path, server)
    command = (*SERVE, "--revision", "three")
    server = spec(command=command, environment={"HF_HUB_CACHE": str(tmp_path)})
    assert "it is not known which one" in problem(tmp_path, server)
