"""The panel's ports for starting and ending servers, on the control server of a simulated fleet."""

from collections.abc import Mapping, Sequence
from typing import Any

from sleeptui.core.errors import ProcessError, SimError
from sleeptui.core.runtime import Running
from sleeptui.core.settings import ServerSpec
from sleeptui.core.startup_log import failure
from sleeptui.core.text import clean
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.probes import ControlClient

_LINES = 400


class SimRuntime:
    """core.runtime.Runtime: the processes of a simulated fleet."""

    def __init__(self, address: FleetAddress) -> None:
        self._control = ControlClient(address)
        self._names = {server.url: server.name for server in address.servers}

    async def start(self, spec: ServerSpec) -> Running:
        """Start it and return at once; one that runs already goes on.

        Raises:
            ProcessError: The fleet does not answer, or has no such server.
        """
        return await self._ordered(spec, "start")

    async def stop(self, spec: ServerSpec, limit_s: float) -> Running:  # noqa: ARG002 - at once
        """End it; a simulated process never resists.

        Raises:
            ProcessError: As above.
        """
        return await self._ordered(spec, "stop")

    async def state(self, spec: ServerSpec) -> Running:
        """Whether it runs; of one that has ended by itself, why.

        Raises:
            ProcessError: As above.
        """
        try:
            body = await self._control.get(f"/processes/{self._name(spec)}")
        except SimError as error:
            raise _failed(error) from error
        problem = failure(await self.output(spec)) if body.get("exit_code") else ""
        return _running(body, problem)

    async def output(self, spec: ServerSpec) -> Sequence[str]:
        """What it has written since its start, cleaned.

        Raises:
            ProcessError: As above.
        """
        try:
            body = await self._control.get(f"/log/{self._name(spec)}", lines=_LINES)
        except SimError as error:
            raise _failed(error) from error
        return [clean(str(line)) for line in body["lines"]]

    async def close(self) -> None:
        """Close the connection."""
        await self._control.close()

    async def _ordered(self, spec: ServerSpec, what: str) -> Running:
        try:
            body = await self._control.post(f"/processes/{self._name(spec)}", {"do": what})
        except SimError as error:
            raise _failed(error) from error
        return _running(body)

    def _name(self, spec: ServerSpec) -> str:
        name = self._names.get(spec.url)
        if name is None:
            raise ProcessError(f"The simulated fleet has no server at {spec.url}")
        return name

    def has(self, spec: ServerSpec) -> bool:
        """It is a server of this fleet."""
        return spec.url in self._names


class SimRuntimes:
    """core.runtime.Runtimes: one for all servers of a simulated fleet."""

    def __init__(self, address: FleetAddress) -> None:
        self._runtime = SimRuntime(address)

    def of(self, spec: ServerSpec) -> SimRuntime | None:
        """That of the fleet; None: it is no server of it."""
        return self._runtime if self._runtime.has(spec) else None

    async def close(self) -> None:
        """Close the connection."""
        await self._runtime.close()


def _running(body: Mapping[str, Any], problem: str = "") -> Running:
    pids = frozenset(int(pid) for pid in body["pids"])
    return Running(
        is_running=bool(body["is_running"]),
        what=f"simulated process {min(pids)}" if pids else "simulated process",
        pids=pids,
        started_wall_s=float(body["started_wall_s"]),
        exit_code=body["exit_code"],
        problem=problem,
    )


def _failed(error: SimError) -> ProcessError:
    return ProcessError(error.message, hint=error.hint)
