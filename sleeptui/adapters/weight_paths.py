"""Where the weights of a server lie on this machine: as configured, else by its command line."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from sleeptui.adapters.command_lines import ServerCommand, read_container_command
from sleeptui.adapters.json_errors import BROKEN_JSON
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
"""Of files of weights, in the order of vLLM's choice: it reads those of the first kind there is."""
_INDEX = "model.safetensors.index.json"
_OTHERS = frozenset({"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt"})
"""Files with such an ending that are no weights (transformers' Trainer leaves them)."""


class NoWeights(Exception):
    """They are not found; the text is the reason, as a sentence without its full stop."""


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


def find_weights(spec: ServerSpec, command: Sequence[str], base: Path) -> tuple[Path, ...]:
    """The files that a server reads its weights from.

    Args:
        spec: The server.
        command: Its command line, where the configuration has none.
        base: What a relative path is relative to.

    Raises:
        NoWeights: They are not found, and why.
    """
    if spec.weights is not None:
        place = base / Path(spec.weights).expanduser()
        return _files(place)
    parsed = read_container_command(spec.command or command)
    if parsed is None or parsed.model is None:
        raise NoWeights("It is not known where the weights are: set weights of this server")
    folder = base / Path(spec.cwd or ".").expanduser()
    local = folder / parsed.model
    if _is_there(local):
        return _files(local)
    return _files(_downloaded(parsed, parsed.model, {**os.environ, **spec.environment}))


def _is_there(place: Path) -> bool:
    """Whether something is at a path that somebody else has named: a name may be too long."""
    return os.path.exists(place)  # noqa: PTH110 - Path.exists raises for it


def _files(place: Path) -> tuple[Path, ...]:
    try:
        if place.is_file():
            return (place,)
        if (place / "snapshots").is_dir():
            place = _snapshot(place, None)
        names = {entry.name for entry in os.scandir(place) if entry.is_file()}
    except OSError as error:
        raise NoWeights(
            f"The weights in {one_line(str(place))} cannot be seen: {error.strerror or error}"
        ) from error
    for suffix in SUFFIXES:
        chosen = sorted(name for name in names - _OTHERS if name.endswith(suffix))
        if suffix == ".safetensors" and _INDEX in names:
            chosen = _indexed(place / _INDEX, chosen)
        if chosen:
            return tuple(place / name for name in chosen)
    raise NoWeights(f"There are no files of weights in {one_line(str(place))}")


def _indexed(index: Path, names: list[str]) -> list[str]:
    """Those that the index of a model names: beside them may lie the same in another layout."""
    try:
        wanted = set(msgspec.json.decode(index.read_bytes(), type=_Index).weight_map.values())
    except (OSError, *BROKEN_JSON):
        return names
    return [name for name in names if name in wanted] or names


def _downloaded(command: ServerCommand, model: str, environment: Mapping[str, str]) -> Path:
    """The folder of a repository in the cache of Hugging Face."""
    hub = Path(os.path.expanduser(command.download_dir or _hub(environment)))  # noqa: PTH111
    # ~ of a user that there is none of stays as it is: not there either.
    repository = hub / f"models--{model.strip('/').replace('/', '--')}"
    if not (_is_there(repository) and repository.is_dir()):
        raise NoWeights(
            f"The weights of {one_line(model)} are not on this machine, not in {one_line(str(hub))}"
        )
    return _snapshot(repository, command.revision)


def _hub(environment: Mapping[str, str]) -> str:
    if environment.get("HF_HUB_CACHE"):
        return environment["HF_HUB_CACHE"]
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{cache}/huggingface"
    return f"{home}/hub"


def _snapshot(repository: Path, revision: str | None) -> Path:
    """One version of a repository: the named, the newest known, or the only one."""
    reference = repository / "refs" / (revision or "main")
    try:
        commit = reference.read_text().strip()
    except (OSError, UnicodeDecodeError):
        commit = revision or ""
    snapshots = repository / "snapshots"
    if commit and (snapshots / commit).is_dir():
        return snapshots / commit
    found = sorted(snapshots.iterdir()) if snapshots.is_dir() else []
    if len(found) == 1 and revision is None:
        return found[0]
    raise NoWeights(
        f"There are {len(found)} versions of the model in {one_line(str(repository))},"
        " and it is not known which one is used"
    )
