"""The panel's ports for GPUs and homes, on the control server of a simulated fleet."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from sleeptui.core.environment import Card, Machine
from sleeptui.core.errors import SimError
from sleeptui.core.home import Home
from sleeptui.core.model import GpuProcess, GpuReading, GpuSample, HostMemory
from sleeptui.core.ports import Candidate, Clock
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import clean
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.clock import RealClock

_TIMEOUT_S = 2.0
_GONE = "The simulated fleet does not answer"


class ControlClient:
    """Requests to the control server."""

    def __init__(self, address: FleetAddress) -> None:
        self._http = httpx.AsyncClient(
            base_url=address.control_url,
            headers={"authorization": f"Bearer {address.token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    async def get(self, path: str, **query: int) -> dict[str, Any]:
        """The JSON object at a path; SimError where the fleet does not answer."""
        return await self._asked("GET", path, params=query)

    async def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Order something; the JSON object that comes back, SimError as above."""
        return await self._asked("POST", path, json=body)

    async def _asked(self, method: str, path: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever httpx takes
        try:
            answer = await self._http.request(method, path, **fields)
            answer.raise_for_status()
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SimError(
                _GONE, hint="Its process may have ended; open the demo again."
            ) from error
        if not isinstance(body, dict):
            raise SimError(_GONE)
        return body

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()


class SimGpuProbe:
    """core.ports.GpuProbe: the GPUs of a simulated fleet."""

    def __init__(self, address: FleetAddress, clock: Clock | None = None) -> None:
        self._control = ControlClient(address)
        self._clock = clock or RealClock()

    async def sample(self) -> GpuReading:
        """All GPUs now. Never raises: problems are in the reading."""
        at_s = self._clock.now_s()  # as with NVML: no figure is younger than its stamp says
        try:
            body = await self._control.get("/gpus")
        except SimError as error:
            return GpuReading(at_s=at_s, problem=str(error))
        host = HostMemory(**body["host"])
        if body["problem"] is not None:
            return GpuReading(at_s=at_s, problem=str(body["problem"]), host=host)
        gpus = tuple(gpu_sample(gpu) for gpu in body["gpus"])
        return GpuReading(at_s=at_s, gpus=gpus, host=host)

    async def close(self) -> None:
        """Close the connection."""
        await self._control.close()


class SimHomes:
    """core.ports.HomeFinder: the processes of a simulated fleet."""

    def __init__(self, address: FleetAddress) -> None:
        self._control = ControlClient(address)
        self._address = address
        self._names: dict[frozenset[int], str] = {}
        """Server by its processes, to find the log of a home."""

    async def homes(self, specs: Sequence[ServerSpec]) -> Mapping[str, Home]:
        """Home by server name, for the servers of the fleet; found by their URL.

        Raises:
            SimError: The fleet does not answer.
        """
        body = await self._control.get("/homes")
        by_url = {home["url"]: home for home in body["homes"]}
        found = {}
        for spec in specs:
            data = by_url.get(spec.url)
            if data is None:
                continue
            home = Home(
                pids=frozenset(data["pids"]),
                started_at=data["started_at"],
                listens_on=tuple(data["listens_on"]),
                host_bytes=data["host_bytes"],
                command=tuple(data["command"]),
                environment=data["environment"],
            )
            self._names[home.pids] = data["name"]
            found[spec.name] = home
        return found

    async def candidates(self) -> Sequence[Candidate]:
        """All servers of the fleet."""
        return [
            Candidate(name=server.name, url=server.url, origin="simulated server")
            for server in self._address.servers
        ]

    def notes(self) -> Sequence[str]:
        """A simulated fleet can be seen whole: nothing to say."""
        return ()

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines that a simulated server wrote.

        Raises:
            SimError: It has no processes, or the fleet does not answer.
        """
        name = self._names.get(home.pids) if home.pids else None
        if name is None:
            raise SimError("This simulated server does not run, it has no log")
        body = await self._control.get(f"/log/{name}", lines=lines)
        return [clean(str(line)) for line in body["lines"]]

    async def close(self) -> None:
        """Close the connection."""
        await self._control.close()


class SimSurveyor:
    """core.ports.Surveyor: the machine that a simulated fleet pretends to run on."""

    def __init__(self, address: FleetAddress) -> None:
        self._address = address

    async def describe(self) -> Machine:
        """Its GPUs and memory, and that they are not real. Never raises."""
        probe = SimGpuProbe(self._address)
        reading = await probe.sample()
        await probe.close()
        scenario = self._address.scenario
        return Machine(
            host="simulated",
            cpu="simulated",
            ram_bytes=reading.host.total_bytes if reading.host else None,
            cards=cards(reading),
            simulated=scenario,
            problems=() if reading.problem is None else (reading.problem,),
        )


def cards(reading: GpuReading) -> tuple[Card, ...]:
    """The simulated GPUs of a reading as parts of their machine."""
    return tuple(
        Card(
            index=gpu.index,
            name=gpu.name,
            uuid=gpu.uuid,
            total_bytes=gpu.total_bytes,
            power_limit_w=gpu.power_limit_w,
        )
        for gpu in reading.gpus
    )


def gpu_sample(data: dict[str, Any]) -> GpuSample:
    """From what a simulated GPU says of itself."""
    known: dict[str, Any] = dict(data)
    processes = known.pop("processes", None)
    if processes is not None:
        processes = tuple(GpuProcess(pid=pid, used_bytes=used) for pid, used in processes)
    return GpuSample(**known, processes=processes)
