"""The desk of a reader: a folder, a home, and a shell in which lines of the documents are typed."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.documents import ROOT
from support.processes import free_port
from support.sim_process import SimProcess, simulated
from support.terminal import Terminal

LIMIT_S = 200.0
STAND_IN = '''#!{python}
"""A stand-in for vLLM: with its options right it is a simulated server of experiment 1."""
import os, sys
verb, model, *words = sys.argv[1:]
options = dict(zip(words, [*words[1:], ""]))
if verb != "serve" or "--enable-sleep-mode" not in options:
    sys.exit("it cannot sleep: " + " ".join(sys.argv))
if os.environ.get("VLLM_SERVER_DEV_MODE") != "1":
    sys.exit("it has no sleep routes: VLLM_SERVER_DEV_MODE is not 1")
if options.get("--host", "127.0.0.1") != "127.0.0.1":
    sys.exit("it would be open to everybody")
os.execv(sys.executable, [sys.executable, "-m", "sleeptui.sim", "--server", "code",
    "--port", options["--port"], "--bank", "bank", "--speed", "30"])
'''


class Desk:
    """A shell with ``sleeptui`` on its path, in a folder of its own, with nothing of the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "desk"
        self.home = folder / "home"
        self.programs = folder / "programs"
        for made in (self.folder, self.home, self.programs):
            made.mkdir()
        self.tools = Path(sys.executable).parent
        self.variables: dict[str, str] = {}
        """Beside those of every desk."""
        self.cwd = self.folder
        self.program("sleeptui", f'exec "{sys.executable}" -m sleeptui "$@"')
        self.program("python", f'exec "{sys.executable}" "$@"')
        self.program("make", f'exec {_found("make")} --old-file=setup BIN="{self.tools}" "$@"')
        self.program("vllm", "", whole=STAND_IN.format(python=sys.executable))

    def program(self, name: str, line: str, *, whole: str = "") -> None:
        """Put a program of one line of shell on the path."""
        path = self.programs / name
        path.write_text(whole or f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def write(self, text: str, *names: str) -> None:
        """Files with this text, in the folder where lines are typed."""
        for name in names:
            (self.folder / name).write_text(text)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the shell is given."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            **self.variables,
        }

    @property
    def sessions(self) -> Path:
        """Where recordings are looked for."""
        return self.home / ".local" / "share" / "sleeptui" / "sessions"

    def type(
        self, line: str, *, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a line to its end, without a terminal."""
        return subprocess.run(
            ["bash", "-c", line],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.cwd,
            env=self.environment,
            timeout=LIMIT_S,
        )

    def terminal(self, line: str) -> Terminal:
        """Run a line in a terminal."""
        return Terminal([line], program=("bash", "-c"), environment=self.environment, cwd=self.cwd)

    @contextmanager
    def running(self, line: str) -> Iterator[subprocess.Popen[str]]:
        """Run a line until the block ends, if not killed before."""
        child = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.cwd,
            env=self.environment,
        )
        try:
            yield child
        finally:
            child.kill()
            child.communicate()

    @contextmanager
    def watched(self, text: str, scenario: str = "default") -> Iterator[SimProcess]:
        """A simulated fleet, with a configuration whose servers are those of the same name."""
        with simulated(scenario, speed=20) as fleet:
            fleet.traffic(on=False)
            ports = {"8001": "chat", "8002": "code"}
            for port, name in ports.items():
                text = text.replace(f"http://127.0.0.1:{port}", fleet.url(name))
            self.write(text, "fleet.toml", "sleeptui.toml")
            yield fleet

    def startable(self, text: str) -> None:
        """A configuration of servers that are started here, each on a free port."""
        text = text.replace("8002", str(free_port()))
        self.write(f'gpu_bank = "bank"\n{text}', "fleet.toml", "sleeptui.toml")


def packages() -> str:
    """Where the packages that sleeptui needs are installed."""
    return sysconfig.get_path("purelib")


def _found(program: str) -> str:
    """The first on the path."""
    places = os.environ["PATH"].split(":")
    return next(
        f"{place}/{program}" for place in places if os.access(f"{place}/{program}", os.X_OK)
    )
