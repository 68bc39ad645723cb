"""What a command line says of a vLLM server: is it one, its port, its model. Pure.

Command lines as seen in the released images and process lists: ``vllm serve MODEL``, as a script
of an interpreter too; ``python -m vllm.entrypoints.cli.main serve MODEL``; ``python -m
vllm.entrypoints.openai.api_server --model MODEL``; each perhaps inside ``sh -c``. A running
server may replace its command line by a title: ``VLLM::APIServer_0``, ``VLLM::EngineCore``.
A simulated server that runs on its own counts as one: ``python -m sleeptui.sim --server NAME``.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sleeptui.core.text import one_line

DEFAULT_PORT = 8000
"""Of ``vllm serve``."""

_MODULES = {"vllm.entrypoints.openai.api_server": 0, "vllm.entrypoints.cli.main": 1}
"""Module to how many words of a subcommand follow it."""
_SIMULATED, _ALONE = "sleeptui.sim", "--server"
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_LAST_PORT = 65535
_PORT_DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCommand:
    """A command line that starts a vLLM server."""

    model: str | None = None
    """Path or repository."""
    served_name: str | None = None
    """The first of ``--served-model-name``."""
    given_port: int | None = None
    """``--port``; None: not on the command line, perhaps in a configuration file."""
    revision: str | None = None
    """``--revision`` of the repository; None: the newest."""
    download_dir: str | None = None
    """``--download-dir``: the repositories are kept there."""
    uds: str | None = None
    """``--uds``: it listens on a Unix socket, on no port."""
    tls: bool = False
    """``--ssl-certfile``: it answers https."""

    @property
    def port(self) -> int:
        """The port it should listen on."""
        return self.given_port or DEFAULT_PORT

    @property
    def name(self) -> str | None:
        """What to call it: the served name, else the last part of the model."""
        if self.served_name:
            return self.served_name
        return PurePosixPath(self.model).name or None if self.model else None


def read_command(argv: Sequence[str]) -> ServerCommand | None:
    """The vLLM server that a process runs itself; None for anything else.

    A process that merely mentions one (a shell, tmux, an editor) is not one.
    """
    arguments = _arguments(argv)
    return None if arguments is None else _parse(arguments)


def read_container_command(argv: Sequence[str]) -> ServerCommand | None:
    """As :func:`read_command`, but also looks into ``sh -c`` and behind a wrapper.

    A container's command runs one program, so a mention means that it is started.
    """
    words = _unwrapped(argv)
    for start in range(len(words)):
        arguments = _arguments(words[start:])
        if arguments is not None:
            return _parse(arguments)
    return None


def read_flags(argv: Sequence[str]) -> ServerCommand:
    """The flags of a command whose program is known to be vLLM by other means (an image)."""
    words = _unwrapped(argv)
    first = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
    return _parse(words[first:])


def is_part(argv: Sequence[str]) -> bool:
    """The process is a vLLM server or one of its parts, by command line or title."""
    return read_command(argv) is not None or is_titled(argv)


def is_titled(argv: Sequence[str]) -> bool:
    """The process calls itself ``PREFIX::Part``; the prefix is VLLM_PROCESS_NAME_PREFIX."""
    if not argv:
        return False
    _prefix, separator, part = argv[0].partition("::")
    return bool(separator) and part.startswith(("APIServer", "EngineCore", "Worker", "DPCoord"))


def is_titled_server(argv: Sequence[str]) -> bool:
    """The process calls itself the API server."""
    return is_titled(argv) and argv[0].partition("::")[2].startswith("APIServer")


def _arguments(argv: Sequence[str]) -> Sequence[str] | None:
    """What follows ``serve`` or the server's module; None if this starts no server."""
    if not argv:
        return None
    program = PurePosixPath(argv[0]).name
    if program == "vllm":
        return _after_serve(argv[1:])
    if not program.startswith(("python", "pypy")):
        return None
    words = iter(argv[1:])
    for word in words:
        if word == "-m":
            return _after_module(list(words))
        if word in {"-X", "-W"}:
            next(words, None)
        elif word == "-c" or not word.startswith("-"):
            # The console script, started by its first line.
            return _after_serve(list(words)) if PurePosixPath(word).name == "vllm" else None
    return None


def _after_serve(words: Sequence[str]) -> Sequence[str] | None:
    return words[1:] if words and words[0] == "serve" else None


def _after_module(words: Sequence[str]) -> Sequence[str] | None:
    if words and words[0] == _SIMULATED and _ALONE in words:
        return words[1:]
    if not words or words[0] not in _MODULES:
        return None
    return _after_serve(words[1:]) if _MODULES[words[0]] else words[1:]


def _unwrapped(argv: Sequence[str]) -> list[str]:
    """The words of the script, where the command is a shell that runs one."""
    if argv and PurePosixPath(argv[0]).name in _SHELLS and len(argv) > 1:
        script = argv[-1]
        try:
            return shlex.split(script, comments=True)
        except ValueError:  # an unclosed quote: the shell would not run it either
            return script.split()
    return list(argv)


def _parse(arguments: Sequence[str]) -> ServerCommand:
    flags: dict[str, str] = {}
    positional: str | None = None
    at = 0
    while at < len(arguments):
        word = arguments[at]
        at += 1
        if not word.startswith("-"):
            # Only the first word can be the model: later ones may be values of flags.
            positional = word if at == 1 else positional
            continue
        name, equals, value = word.partition("=")
        if not equals and at < len(arguments) and not arguments[at].startswith("-"):
            value = arguments[at]
            at += 1
        # argparse of vLLM takes underscores too; the last one counts.
        flags[name.lstrip("-").replace("_", "-")] = value
    return ServerCommand(
        model=_word(positional or flags.get("model")),
        served_name=_word(flags.get("served-model-name") or flags.get("server")),
        given_port=port_of(flags.get("port", "")),
        revision=_word(flags.get("revision")),
        download_dir=_word(flags.get("download-dir")),
        uds=_word(flags.get("uds")),
        tls="ssl-certfile" in flags,
    )


def port_of(text: str) -> int | None:
    """The port that a text is; None: it is none, whatever its length and script."""
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
    if not 0 < len(digits) <= _PORT_DIGITS:
        return None
    port = int(digits)
    return port if port <= _LAST_PORT else None


def _word(text: str | None) -> str | None:
    return one_line(text) or None if text else None
