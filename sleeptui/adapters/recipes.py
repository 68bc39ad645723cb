"""How a server is started as a process, checked before anything is: program, folder, port."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sleeptui.adapters import process_table
from sleeptui.adapters.command_lines import read_container_command
from sleeptui.adapters.local_address import LocalAddresses, answers
from sleeptui.core.errors import ProcessError
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that starting takes."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


def prepare(spec: ServerSpec, base: Path) -> Recipe:
    """How to start a server.

    Args:
        spec: With its command; it is run as given, by no shell.
        base: What a relative folder is relative to.

    Raises:
        ProcessError: Its program or its folder is not there.
    """
    name = one_line(spec.name)
    folder = folder_of(spec, base)
    if not folder.is_dir():
        raise ProcessError(
            f"{name} cannot be started: there is no folder {one_line(str(folder))}",
            hint="Correct cwd of this server in the configuration.",
        )
    environment = {**os.environ, **spec.environment}
    _check_program(name, spec.command[0], folder, environment)
    return Recipe(argv=spec.command, folder=folder, environment=environment)


def folder_of(spec: ServerSpec, base: Path) -> Path:
    """Where the command of a server runs."""
    return base / Path(spec.cwd or ".").expanduser()


def check_port(spec: ServerSpec) -> None:
    """See that nothing listens where the server is going to.

    Raises:
        ProcessError: Something does, and who.
    """
    wanted = read_container_command(spec.command)
    # In front of it there may be a proxy, whose port is that of the URL.
    port = (wanted and wanted.given_port) or LocalAddresses.read().port_of(spec.url)
    host = urlsplit(spec.url).hostname or ""
    for one in process_table.listeners():
        if one.port == port and answers(one.address, host):
            raise ProcessError(
                f"{one_line(spec.name)} cannot be started: port {port} is taken by {_who(one.pid)}",
                hint="End that, or give the server another port.",
            )


def _check_program(name: str, program: str, folder: Path, environment: Mapping[str, str]) -> None:
    shown = one_line(program)
    if "/" in program:
        path = folder / program
        if not path.is_file():
            raise ProcessError(
                f"{name} cannot be started: there is no program {shown}",
                hint="Correct the command of this server in the configuration.",
            )
        if not os.access(path, os.X_OK):
            raise ProcessError(
                f"{name} cannot be started: {shown} is not executable",
                hint=f"chmod +x {shown}, or put its interpreter before it.",
            )
    elif shutil.which(program, path=environment.get("PATH")) is None:
        raise ProcessError(
            f"{name} cannot be started: no program {shown} is found on the PATH",
            hint="Give its whole path in the command of this server.",
        )


def _who(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    program = process_table.ProcessTable.read().program(pid)
    return f"{one_line(program) or 'a program'} (process {pid})"
