"""The servers of experiment 1, simulated: real processes, or real containers, with one GPU bank."""

import asyncio
import sysconfig
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from support import image
from support.docker_engine import Containers
from support.processes import free_port

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.docker import DockerEngine
from sleeptui.adapters.docker_runtime import DockerRuntime
from sleeptui.adapters.homes import LocalHomes
from sleeptui.adapters.process_runtime import ProcessRuntime
from sleeptui.adapters.runtimes import LocalRuntimes
from sleeptui.adapters.vllm import VllmClients
from sleeptui.adapters.weight_files import LocalWeightFiles
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import OperationRecord
from sleeptui.core.settings import Sampling, ServerSpec, Settings
from sleeptui.services.panel import Services
from sleeptui.services.ticket import Ticket
from sleeptui.sim.bank_probe import BankProbe

NAMES = ("summarize", "code")
SPEED = 20.0
LIMIT_S = 90.0
REPOSITORY = Path(__file__).parents[2]
PLAN = """\
# As short as can be.
version = 1
title = "One of everything"

[latency]
blocks = 1
cycles = 1
levels = [1]
cold = ["cold_cached"]
dwell_s = [0]
settle_s = 0

[memory]
cycles = 1
levels = [1]

[in_flight]
modes = ["abort"]
levels = [1]
streams = [2]
repeats = 1
max_tokens = 1000
dwell_s = 0
late = 1
parked = 1

[stability]
cycles = 1
levels = [1]
"""
"""One of everything."""


def command(python: str, folder: Path, name: str, port: int, *options: str) -> tuple[str, ...]:
    """What starts one of them, with its bank and weights in a folder."""
    return (
        *(python, "-m", "sleeptui.sim", "--server", name, "--port", str(port)),
        *("--bank", str(folder / "bank"), "--weights", str(weights(folder, name))),
        *("--speed", str(SPEED), *options),
    )


def weights(folder: Path, name: str) -> Path:
    """Where its weights are."""
    return folder / f"{name}.safetensors"


def processes(folder: Path) -> tuple[ServerSpec, ...]:
    """Both as processes of this machine."""
    return tuple(
        ServerSpec(
            name=name,
            url=f"http://127.0.0.1:{port}",
            command=command(str(image.interpreter()), folder, name, port),
            environment=_environment(REPOSITORY, Path(sysconfig.get_path("purelib"))),
            weights=str(weights(folder, name)),
        )
        for name in NAMES
        for port in [free_port()]
    )


def containers(folder: Path, engine: Containers) -> tuple[ServerSpec, ...]:
    """Both as containers that were not started: their start is the cold start.

    They see the process numbers of the host, as NVML's figures do.
    """
    found = []
    for name in NAMES:
        port = free_port()
        full = engine.create(
            name,
            command(str(image.interpreter()), folder, name, port),
            pid_mode="host",
            environment=_environment(Path("/repository"), Path("/packages")),
            volumes={
                str(REPOSITORY): {"bind": "/repository", "mode": "ro"},
                sysconfig.get_path("purelib"): {"bind": "/packages", "mode": "ro"},
                str(folder): {"bind": str(folder), "mode": "rw"},
            },
        )
        found.append(
            ServerSpec(
                name=name,
                url=f"http://127.0.0.1:{port}",
                container=full,
                weights=str(weights(folder, name)),
            )
        )
    return tuple(found)


def _environment(repository: Path, packages: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{repository}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}


class Watched:
    """The services over them, as a benchmark uses them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.operations = services.operations

    def view(self, name: str) -> ServerView:
        """The picture of a server."""
        found = self.services.store.server(name)
        assert found is not None
        return found

    def is_down(self, name: str) -> bool:
        """It was looked at, and nothing listens."""
        view = self.services.store.server(name)
        return view is not None and view.state is State.DOWN

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for it."""
        happened = asyncio.Event()
        unsubscribe = self.services.bus.subscribe(lambda _event: happened.set())
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                happened.clear()
                await happened.wait()
        unsubscribe()

    async def ended(self, ticket: Ticket) -> OperationRecord:
        """The record of an order."""
        async with asyncio.timeout(LIMIT_S):
            return await ticket.ended()


@asynccontextmanager
async def watched(
    folder: Path, specs: tuple[ServerSpec, ...], engine: Containers | None = None
) -> AsyncIterator[Watched]:
    """Services over these servers, which are ended at last."""
    clock, clients = SystemClock(), VllmClients()
    docker = DockerRuntime(clock, environment=engine.environment()) if engine else None
    runtimes = LocalRuntimes(
        clock,
        base=folder,
        docker=docker,
        processes=ProcessRuntime(clock, base=folder, folder=folder / "servers"),
    )
    homes = LocalHomes(clock)
    if engine is not None:
        homes = LocalHomes(clock, docker=DockerEngine(clock, environment=engine.environment()))
    services = Services(
        settings=Settings(
            servers=specs,
            gpu_bank=str(folder / "bank"),
            sampling=Sampling(interval_s=0.1, fast_interval_s=0.02, discovery_s=1.0),
        ),
        clients=clients,
        probe=BankProbe(str(folder / "bank"), clock),
        finder=homes,
        clock=clock,
        runtimes=runtimes,
        weights=LocalWeightFiles(base=folder),
    )
    try:
        async with services:
            services.begin()
            found = Watched(services)
            await found.until(lambda: all(found.is_down(spec.name) for spec in specs))
            yield found
    finally:
        for spec in specs:
            runtime = runtimes.of(spec)
            assert runtime is not None
            await runtime.stop(spec, 5.0)
        await clients.close()
        await runtimes.close()
