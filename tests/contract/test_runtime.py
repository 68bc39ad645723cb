"""What every Runtime promises: processes of this machine, containers, the simulated fleet."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.processes import Processes, free_port, is_alive, listens, wait_until

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.docker_runtime import DockerRuntime
from sleeptui.adapters.process_runtime import ProcessRuntime
from sleeptui.core.errors import ContainerError, ProcessError
from sleeptui.core.runtime import Runtime
from sleeptui.core.settings import ServerSpec
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.runtime import SimRuntime
from sleeptui.sim.scenario import SCENARIOS

PATIENCE_S = 30.0
FIRST_LINE = "(APIServer pid=1) INFO starting org/Model-7B"
ERRORS = (ContainerError, ProcessError)


@pytest.fixture(scope="module")
def engine_host():
    from support.docker_engine import running_engine

    with running_engine() as host:
        yield host


@dataclass
class World:
    """A runtime, and how a server that it can start is made."""

    runtime: Runtime
    spec: ServerSpec
    """Listens when it runs."""
    port: int
    first_line: str
    """Of its output."""
    wrong: ServerSpec | None = None
    """Cannot be started at all; None: this world has no such thing."""
    ends: ServerSpec | None = None
    """Is started, and ends at once with an error."""


@asynccontextmanager
async def as_process(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    port = free_port()
    vllm = str(Processes(directory).vllm)
    runtime = ProcessRuntime(SystemClock(), base=directory, folder=directory / "servers")
    spec = ServerSpec(
        name="mine",
        url=f"http://127.0.0.1:{port}",
        command=(vllm, "serve", "org/Model-7B", f"--port={port}"),
    )
    yield World(
        runtime,
        spec,
        wrong=replace(spec, command=("/no/such/program",)),
        ends=replace(spec, command=(vllm, "serve")),
        port=port,
        first_line=FIRST_LINE,
    )


@asynccontextmanager
async def as_container(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    from support.docker_engine import Containers

    containers = Containers(request.getfixturevalue("engine_host"))
    port = free_port()
    runtime = DockerRuntime(SystemClock(), environment=containers.environment())
    name = containers.create("mine", ["vllm", "serve", "org/Model-7B", f"--port={port}"])
    spec = ServerSpec(name="mine", url=f"http://127.0.0.1:{port}", container=name)
    try:
        yield World(
            runtime,
            spec,
            wrong=replace(spec, container=containers.create("wrong", ["no-such-program"])),
            ends=replace(spec, container=containers.create("ends", ["vllm", "serve"])),
            port=port,
            first_line=FIRST_LINE,
        )
    finally:
        await runtime.close()
        containers.close()


@asynccontextmanager
async def simulated(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with running_fleet(SCENARIOS["default"], speed=200) as fleet:
        spec = fleet.address.servers[0]
        runtime = SimRuntime(fleet.address)
        await runtime.stop(spec, 0.0)
        yield World(
            runtime, spec, port=urlsplit(spec.url).port, first_line="Initializing a V1 LLM engine"
        )
        await runtime.close()


@pytest.fixture(
    params=[as_process, pytest.param(as_container, marks=pytest.mark.docker), simulated]
)
async def world(request, tmp_path):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(request.param(tmp_path, request))
        yield world
        for spec in (world.spec, world.ends):
            if spec is not None:
                await world.runtime.stop(spec, 0.0)


async def until(world: World, spec: ServerSpec, condition: Callable[[object], bool]) -> object:
    end = time.monotonic() + PATIENCE_S
    while not condition(state := await world.runtime.state(spec)):
        assert time.monotonic() < end, state
    return state


async def listening(world: World) -> None:
    # In a thread: the simulated fleet runs on this loop.
    await asyncio.to_thread(wait_until, lambda: listens(world.port))


async def test_a_life(world):
    before = await world.runtime.state(world.spec)
    assert (before.is_running, before.pids, before.problem) == (False, frozenset(), "")

    begin_s = time.time()
    started = await world.runtime.start(world.spec)
    assert started.is_running
    assert started.what.startswith(("process ", "container ", "simulated process "))
    assert begin_s - 1 < started.started_wall_s < time.time() + 1

    await listening(world)
    state = await world.runtime.state(world.spec)
    assert state.is_running
    assert state.what == started.what
    assert state.started_wall_s == started.started_wall_s
    assert len(state.pids) == 2
    assert state.exit_code is None
    while len(output := await world.runtime.output(world.spec)) < 2:
        pass  # it may listen before it says so
    assert world.first_line in output[0]

    stopped = await world.runtime.stop(world.spec, PATIENCE_S)
    assert (stopped.is_running, stopped.pids, stopped.problem) == (False, frozenset(), "")
    assert stopped.exit_code == 0
    assert not listens(world.port)
    assert not any(is_alive(pid) for pid in state.pids)
    after = await world.runtime.state(world.spec)
    assert (after.is_running, after.pids, after.problem) == (False, frozenset(), "")


async def test_started_twice_it_is_the_same(world):
    first = await world.runtime.start(world.spec)
    await listening(world)
    second = await world.runtime.start(world.spec)
    assert second.is_running
    assert (second.what, second.started_wall_s) == (first.what, first.started_wall_s)


async def test_stopped_twice_is_no_error(world):
    await world.runtime.start(world.spec)
    await listening(world)
    await world.runtime.stop(world.spec, PATIENCE_S)
    assert not (await world.runtime.stop(world.spec, PATIENCE_S)).is_running


async def test_what_never_ran_is_stopped_without_error(world):
    if world.wrong is None:
        pytest.skip("here all servers have run")
    assert not (await world.runtime.stop(world.spec, PATIENCE_S)).is_running
    assert list(await world.runtime.output(world.spec)) == []


async def test_its_output_is_that_of_the_last_start(world):
    for _ in range(2):
        await world.runtime.start(world.spec)
        await listening(world)
        await world.runtime.stop(world.spec, PATIENCE_S)
    await world.runtime.start(world.spec)
    await listening(world)
    output = await world.runtime.output(world.spec)
    assert [line for line in output if world.first_line in line] == [output[0]]


async def test_it_starts_again_after_its_end(world):
    first = await world.runtime.start(world.spec)
    await listening(world)
    await world.runtime.stop(world.spec, PATIENCE_S)
    second = await world.runtime.start(world.spec)
    assert second.is_running
    assert second.started_wall_s > first.started_wall_s
    await listening(world)


async def test_a_start_that_fails(world):
    if world.wrong is None:
        pytest.skip("here no start fails")
    with pytest.raises(ERRORS, match="cannot be started") as caught:
        await world.runtime.start(world.wrong)
    assert "\n" not in str(caught.value)
    state = await world.runtime.state(world.wrong)
    assert not state.is_running


async def test_one_that_ends_at_once_tells_why(world):
    if world.ends is None:
        pytest.skip("here no server ends at once")
    await world.runtime.start(world.ends)
    state = await until(world, world.ends, lambda state: not state.is_running)
    assert state.problem == "vllm: error: the following arguments are required: model"
    assert state.exit_code == 2
    assert state.started_wall_s is not None
    assert (await world.runtime.output(world.ends))[-1] == state.problem


async def test_one_that_is_killed_by_somebody_else(world):
    if world.ends is None:
        pytest.skip("its processes are none of this machine")
    started = await world.runtime.start(world.spec)
    await listening(world)
    for pid in started.pids | (await world.runtime.state(world.spec)).pids:
        with suppress(ProcessLookupError):  # a child goes with its parent
            os.kill(pid, signal.SIGKILL)
    state = await until(world, world.spec, lambda state: not state.is_running)
    assert state.exit_code in {-9, 137}
