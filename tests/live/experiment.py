"""Run experiment 1 on the GPU of this machine, with vLLM as a module of this very Python.

Usage: ``python -m tests.live.experiment OUT_FOLDER SUMMARIZE CODE [flags of vLLM ...]``, where
SUMMARIZE and CODE are folders with models. The servers are those of compose/exp1/process.toml; only
program, models and flags are others. It does what ``make exp1-up health exp1-benchmark exp1-down
PLAN=compose/exp1/short.toml`` does, in the time that ``--limit`` gives: what does not fit is left
out, and the report says PARTIAL. OUT_FOLDER gets the session, the output and the servers' logs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
EXP1 = REPOSITORY / "compose" / "exp1"
MODULE = "vllm.entrypoints.openai.api_server"
PORTS = (8001, 8002)
LIMIT_S = 540.0
RESERVE_S = 75.0
"""Of the limit, for the end: a server may have to be started to be as found; then the report."""


def servers(
    models: dict[str, Path], flags: Sequence[str], ports: Sequence[int] = PORTS
) -> list[dict[str, Any]]:
    """The servers of the experiment, started by this Python from these models.

    Args:
        models: Folder by name of the server.
        flags: Added to the command of each; the last one of a name counts.
        ports: Where they listen, in their order.
    """
    found: list[dict[str, Any]] = tomllib.loads((EXP1 / "process.toml").read_text())["server"]
    for server, port in zip(found, ports, strict=True):
        runtime = server["runtime"]
        server["url"] = f"http://127.0.0.1:{port}"
        program, verb, _model, *rest = runtime["command"]
        assert (program, verb) == ("vllm", "serve")
        model = str(models[server["name"]].resolve())
        rest[rest.index("--port") + 1] = str(port)
        runtime["command"] = [_program(), "-m", MODULE, "--model", model, *rest, *flags]
    return found


def _program() -> str:
    """This Python, by its name where that is enough: a report is to name no folder of a machine."""
    name = Path(sys.executable).name
    return name if shutil.which(name) == sys.executable else sys.executable


def fleet_text(found: Sequence[dict[str, Any]], bank: str | None = None) -> str:
    """A fleet file; strings and lists of TOML are those of JSON.

    Args:
        found: The servers.
        bank: Where simulated servers keep the memory of their GPU.
    """
    lines = [] if bank is None else [f"gpu_bank = {json.dumps(bank)}"]
    for server in found:
        lines += ["[[server]]"]
        lines += [f"{k} = {json.dumps(v)}" for k, v in server.items() if k != "runtime"]
        lines += ["[server.runtime]", f"command = {json.dumps(server['runtime']['command'])}"]
        lines += ["[server.runtime.env]"]
        lines += [f"{k} = {json.dumps(v)}" for k, v in server["runtime"]["env"].items()]
    return "\n".join([*lines, ""])


class Run:
    """The steps, one after the other, in a folder of their own."""

    def __init__(self, out: Path, limit_s: float) -> None:
        self._out, self._end_s = out, time.monotonic() + limit_s
        self.folder = Path(tempfile.mkdtemp(prefix="exp1-"))
        """Fleet, compile caches and home: large, and of no use afterwards."""
        out.mkdir(parents=True, exist_ok=True)

    @property
    def left_s(self) -> float:
        """Until the limit."""
        return self._end_s - time.monotonic()

    def sleeptui(self, *arguments: str) -> int:
        """Run it, show what it says and keep it. Returns its exit code."""
        began_s = time.monotonic()
        command = [sys.executable, "-m", "sleeptui", *arguments]
        with (
            (self._out / "output.txt").open("a") as kept,
            subprocess.Popen(
                [*command, "--fleet", "fleet.toml"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=_environment(self.folder),
                text=True,
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                kept.write(line)
            code = process.wait()
            words = f"--- {arguments[0]}: exit code {code}, {time.monotonic() - began_s:.0f} s"
            print(words, flush=True)
            kept.write(f"{words}\n")
        return code

    def bench(self, plan: Path) -> int:
        """Carry the plan out, and end it while there is time to end well."""
        limited = self.folder / plan.name
        limit_s = max(round(self.left_s - RESERVE_S), 1)
        text = plan.read_text()
        assert text.count("\nversion = 1\n") == 1
        head = f"\nversion = 1\nmax_duration_s = {limit_s}\n"
        limited.write_text(text.replace("\nversion = 1\n", head))
        self.sleeptui("bench", str(limited), "--dry-run")
        return self.sleeptui("bench", str(limited), "--yes", "--to", str(self._out))

    def close(self) -> None:
        """Keep the servers' logs, remove the rest."""
        for log in self.folder.rglob("servers/*.log"):
            shutil.copy(log, self._out)
        shutil.rmtree(self.folder, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    """With a home of its own; modules are looked for from another folder than this one.

    And bytecode is kept, as it is as a rule: where it is not, each cold start compiles all sources
    of vLLM anew, twice: 25 s instead of 11 s an import, measured beside an H200.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("XDG_")
    }
    given = [Path(one).resolve() for one in kept.get("PYTHONPATH", "").split(os.pathsep) if one]
    path = os.pathsep.join(map(str, [REPOSITORY, *given]))
    return {**kept, "HOME": str(home), "PYTHONPATH": path}


def main(words: Sequence[str] | None = None) -> int:
    """All of it. Returns the exit code of the benchmark, or of what failed before it."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.experiment")
    parser.add_argument("out", type=Path)
    parser.add_argument("summarize", type=Path)
    parser.add_argument("code", type=Path)
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for all of it")
    parser.add_argument("--plan", type=Path, default=EXP1 / "short.toml")
    parser.add_argument("--ports", type=int, nargs=2, default=PORTS)
    parser.add_argument("--gpu-bank", help="folder: the servers are simulated")
    given, flags = parser.parse_known_args(words)
    models = {"summarize": given.summarize, "code": given.code}
    run = Run(given.out.resolve(), given.limit)
    fleet = fleet_text(servers(models, flags, given.ports), given.gpu_bank)
    (run.folder / "fleet.toml").write_text(fleet)
    try:
        code = run.sleeptui("up", "--timeout", str(max(run.left_s - RESERVE_S, 1.0)))
        run.sleeptui("doctor")
        return code or run.bench(given.plan.resolve())
    finally:
        run.sleeptui("down", "--yes")
        run.close()


if __name__ == "__main__":
    sys.exit(main())
