"""The simulated fleet as a process of its own, for tests that run the real program against it."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sleeptui.sim.address import FleetAddress
from sleeptui.sim.spec import DEMO_KEY, KEY_ENV


class SimProcess:
    """A fleet that runs, and its control server."""

    def __init__(self, address: FleetAddress) -> None:
        self.address = address

    @property
    def options(self) -> list[str]:
        """What the program needs to watch its servers."""
        given = [["--server", f"{one.name}={one.url}"] for one in self.address.servers]
        return [word for pair in given for word in pair]

    def url(self, name: str) -> str:
        """Where a server listens."""
        return next(one.url for one in self.address.servers if one.name == name)

    def log(self, name: str) -> list[str]:
        """The last lines that a server wrote: each POST is one."""
        return list(self._control("GET", f"/log/{name}?lines=400")["lines"])

    def is_moving(self) -> bool:
        """Whether a server falls asleep or wakes just now."""
        return any(server["busy"] for server in self._control("GET", "/state")["servers"])

    def is_awake(self, name: str) -> bool:
        """Whether a server is awake just now."""
        servers = self._control("GET", "/state")["servers"]
        return any(one["name"] == name and not one["asleep"] for one in servers)

    def wakes(self, name: str) -> None:
        """Wake a server, past the program, where it sleeps."""
        if not self.is_awake(name):
            self.post(name, "/wake_up")

    def traffic(self, *, on: bool) -> None:
        """Switch the synthetic clients."""
        self._control("POST", "/traffic", {"on": on})

    def fault(self, name: str, **setting: object) -> None:
        """Switch a fault on."""
        self._control("POST", f"/faults/{name}", setting)

    def clear(self, name: str, fault: str | None = None) -> None:
        """Switch one fault off, or all; then a server that is gone starts again."""
        query = "" if fault is None else f"?fault={fault}"
        self._control("DELETE", f"/faults/{name}{query}")

    def gpu(self, index: int, **setting: object) -> None:
        """Lose a GPU, get it back, or let another process take memory on it."""
        self._control("POST", f"/gpus/{index}", setting)

    def nvml(self, problem: str | None) -> None:
        """Take NVML away, or give it back."""
        self._control("POST", "/nvml", {"problem": problem})

    def post(self, name: str, path: str) -> int:
        """Ask a server for something, past the program. Returns the status."""
        request = urllib.request.Request(f"{self.url(name)}{path}", method="POST", data=b"")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)

    def _control(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.address.control_url}{path}",
            method=method,
            headers={"Authorization": f"Bearer {self.address.token}"},
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found


@contextmanager
def simulated(scenario: str = "default", *, speed: float = 1.0) -> Iterator[SimProcess]:
    """A fleet that ends with the block, or with this process."""
    options = ("--until-eof", "--speed", str(speed))
    with running("sleeptui.sim", scenario, *options) as simulation:
        yield simulation


@contextmanager
def running(module: str, *arguments: str) -> Iterator[SimProcess]:
    """A module that announces a fleet; it ends with the block, or with this process."""
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, KEY_ENV: DEMO_KEY},
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield SimProcess(FleetAddress.read(child.stdout.readline()))
    finally:
        child.stdin.close()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
