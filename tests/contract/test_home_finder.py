"""What every HomeFinder promises: local processes, containers, and the simulated fleet."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.processes import Processes, free_port

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.docker import DockerEngine
from sleeptui.adapters.homes import LocalHomes
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.home import Home
from sleeptui.core.ports import HomeFinder
from sleeptui.core.settings import ServerSpec
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.probes import SimHomes
from sleeptui.sim.scenario import SCENARIOS


@pytest.fixture(scope="module")
def engine_host():
    from support.docker_engine import running_engine

    with running_engine() as host:
        yield host


@dataclass
class World:
    """A server that runs, and how it is found."""

    finder: HomeFinder
    url: str
    container: str | None = None
    end: Callable[[], object] | None = None
    """Ends the server; None: this world cannot."""

    @property
    def spec(self) -> ServerSpec:
        return ServerSpec(name="mine", url=self.url)


@asynccontextmanager
async def as_process(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    started = Processes(directory)
    port = free_port()
    pid = await asyncio.to_thread(started.serve, port, log=directory / "server.log")
    nowhere = DockerEngine(SystemClock(), environment={"DOCKER_HOST": f"unix://{directory}/none"})
    finder = LocalHomes(SystemClock(), docker=nowhere)
    try:
        yield World(finder, f"http://127.0.0.1:{port}", end=lambda: started.end(pid))
    finally:
        started.end_all()


@asynccontextmanager
async def as_container(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    from support.docker_engine import Containers

    containers = Containers(request.getfixturevalue("engine_host"))
    try:
        port = free_port()
        name = await asyncio.to_thread(containers.serve, "home", port)
        engine = DockerEngine(SystemClock(), environment=containers.environment(), timeout_s=20)
        container = containers.client.containers.get(name)
        yield World(
            LocalHomes(SystemClock(), docker=engine),
            f"http://127.0.0.1:{port}",
            container=name,
            end=lambda: container.stop(timeout=10),
        )
    finally:
        containers.close()


@asynccontextmanager
async def simulated(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with running_fleet(SCENARIOS["default"], speed=20) as fleet:
        yield World(SimHomes(fleet.address), fleet.address.servers[0].url)


@pytest.fixture(
    params=[as_process, pytest.param(as_container, marks=pytest.mark.docker), simulated]
)
async def world(request, tmp_path):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(request.param(tmp_path, request))
        yield world
        await world.finder.close()


async def home_of(world: World) -> Home:
    return (await world.finder.homes([world.spec]))["mine"]


async def test_the_home_of_a_server_that_runs(world):
    home = await home_of(world)
    assert home.pids
    assert home.host_bytes > 0
    assert dt.datetime.fromisoformat(home.started_at).utcoffset() == dt.timedelta()
    assert home.listens_on == ("127.0.0.1",)
    assert home.container == world.container
    assert home.container_state == ("running" if world.container else None)


async def test_its_home_tells_how_it_was_started(world):
    home = await home_of(world)
    assert "serve" in home.command
    assert f"{urlsplit(world.url).port}" in " ".join(home.command)
    assert all(word.isprintable() for word in home.command)
    assert all(isinstance(value, str) for value in home.environment.values())
    assert (home.image is None) == (world.container is None)
    assert (home.image_digest or "sha256:").startswith("sha256:")


async def test_a_server_that_runs_elsewhere_has_none(world):
    elsewhere = ServerSpec(name="far", url="http://192.0.2.7:8000")
    assert await world.finder.homes([elsewhere]) == {}
    assert set(await world.finder.homes([elsewhere, world.spec])) == {"mine"}
    assert await world.finder.homes([]) == {}


async def test_it_is_a_candidate_once(world):
    candidates = await world.finder.candidates()
    (candidate,) = [one for one in candidates if one.url == world.url]
    assert candidate.problem is None
    assert candidate.name
    assert candidate.origin
    assert candidate.container == world.container
    # Nothing else is said of its processes.
    pids = (await home_of(world)).pids
    assert not {one.origin for one in candidates if one is not candidate} & {
        f"process {pid}" for pid in pids
    }


async def test_notes_are_sentences(world):
    await world.finder.homes([world.spec])
    for note in world.finder.notes():
        assert note
        assert "\n" not in note


async def test_the_log_is_lines_without_control_characters(world):
    home = await home_of(world)
    lines = await world.finder.log_tail(home, 5)
    assert 0 < len(lines) <= 5
    assert all(line.isprintable() or "\t" in line for line in lines)
    assert list(await world.finder.log_tail(home, 1)) == list(lines)[-1:]


async def test_a_home_that_is_not_there_has_no_log(world):
    with pytest.raises(SleeptuiError) as caught:
        await world.finder.log_tail(Home(), 5)
    assert caught.value.message


async def test_a_server_that_ended_has_no_processes(world):
    if world.end is None:
        pytest.skip("nothing ends a simulated server from outside")
    await home_of(world)
    await asyncio.to_thread(world.end)
    home = (await world.finder.homes([world.spec])).get("mine")
    if world.container is None:
        assert home is None
    else:
        assert (home.container_state, home.pids, home.exit_code) == ("exited", frozenset(), 0)
