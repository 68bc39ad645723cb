"""DockerRuntime against a real Docker engine: what only containers do."""

import pytest
from support.processes import free_port, listens, wait_until

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.docker_runtime import DockerRuntime
from sleeptui.core.errors import ContainerError
from sleeptui.core.settings import ServerSpec

pytestmark = pytest.mark.docker
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def engine_host():
    from support.docker_engine import running_engine

    with running_engine() as host:
        yield host


@pytest.fixture
def containers(engine_host):
    from support.docker_engine import Containers

    containers = Containers(engine_host)
    yield containers
    containers.close()


@pytest.fixture
async def runtime(containers):
    made = DockerRuntime(SystemClock(), environment=containers.environment())
    yield made
    await made.close()


def spec(port: int = 8000, **fields: str) -> ServerSpec:
    return ServerSpec(name="qwen", url=f"http://127.0.0.1:{port}", **fields)


def vllm(port: int) -> list[str]:
    return ["vllm", "serve", "m", f"--port={port}"]


def labels(service: str) -> dict[str, str]:
    return {"com.docker.compose.service": service}


def python(code: str) -> list[str]:
    from support.image import interpreter

    return [str(interpreter()), "-IS", "-c", code]


async def until_ended(runtime: DockerRuntime, server: ServerSpec):
    while (state := await runtime.state(server)).is_running:
        pass
    return state


async def test_the_service_of_a_compose_file(containers, runtime):
    port = free_port()
    name = containers.create("a", vllm(port), labels=labels("chat"))
    server = spec(1, compose="chat")  # the only container: whatever its port
    started = await runtime.start(server)
    assert started.what == f"container {name}"
    wait_until(lambda: listens(port))
    assert (await runtime.state(server)).pids == containers.pids(name)
    assert not (await runtime.stop(server, LIMIT_S)).is_running


async def test_of_several_containers_the_one_with_the_port(containers, runtime):
    ports = free_port(), free_port()
    names = [
        containers.create(f"b{n}", vllm(port), labels=labels("many"))
        for n, port in enumerate(ports)
    ]
    state = await runtime.state(spec(ports[1], compose="many"))
    assert state.what == f"container {names[1]}"
    with pytest.raises(ContainerError, match="none of which has the port") as caught:
        await runtime.state(spec(1, compose="many"))
    assert all(name in caught.value.message for name in names)
    assert "container = " in caught.value.hint
    containers.create("b2", vllm(ports[1]), labels=labels("many"))
    with pytest.raises(ContainerError, match="2 of which have the port"):
        await runtime.start(spec(ports[1], compose="many"))


async def test_what_is_not_there(runtime):
    for server, words in (
        (spec(container="nobody"), "qwen: there is no container nobody"),
        (spec(compose="none"), "qwen: there is no Compose service none"),
    ):
        for call in (runtime.start, runtime.state, runtime.output):
            with pytest.raises(ContainerError) as caught:
                await call(server)
            assert caught.value.message == words
            assert caught.value.hint
        with pytest.raises(ContainerError, match=words):
            await runtime.stop(server, LIMIT_S)


async def test_a_paused_container_is_told_and_not_touched(containers, runtime):
    port = free_port()
    name = containers.serve("c", port)
    containers.client.containers.get(name).pause()
    server = spec(port, container=name)
    state = await runtime.state(server)
    assert (state.is_running, state.problem) == (True, f"it is paused: docker unpause {name}")
    for order in (runtime.start(server), runtime.stop(server, LIMIT_S)):
        with pytest.raises(ContainerError, match="is paused and cannot be") as caught:
            await order
        assert caught.value.hint == f"docker unpause {name}"
    containers.client.containers.get(name).unpause()
    assert (await runtime.state(server)).problem == ""


async def test_a_gpu_that_the_engine_does_not_have(containers, runtime):
    from docker.types import DeviceRequest

    request = DeviceRequest(count=1, capabilities=[["gpu"]], driver="nvidia")
    name = containers.create("d", vllm(free_port()), device_requests=[request])
    server = spec(container=name)
    try:
        await runtime.start(server)
    except ContainerError as error:
        assert "could not select device driver" in error.message
        assert "NVIDIA Container Toolkit" in error.hint
        # The engine keeps the reason with the container that was only created.
        state = await runtime.state(server)
        assert not state.is_running
        assert "could not select device driver" in state.problem
    else:
        pytest.skip("this engine has a GPU")


async def test_a_program_that_is_not_in_the_image(containers, runtime):
    name = containers.create("e", ["no-such-program"])
    with pytest.raises(ContainerError, match="no-such-program.*not found") as caught:
        await runtime.start(spec(container=name))
    assert caught.value.message.startswith(f"Container {name} cannot be started: ")


async def test_one_that_does_not_listen_to_the_signal_is_killed(containers, runtime):
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('up', flush=True); time.sleep(600)"
    )
    server = spec(container=containers.create("f", python(code)))
    await runtime.start(server)
    while not await runtime.output(server):
        pass
    stopped = await runtime.stop(server, 0.5)
    assert (stopped.is_running, stopped.exit_code, stopped.problem) == (False, 137, "")


async def test_one_that_ends_again_and_again(containers, runtime):
    name = containers.create(
        "g", python("raise ValueError('no')"), restart_policy={"Name": "always"}
    )
    server = spec(container=name)
    await runtime.start(server)
    while "is restarted" not in (state := await runtime.state(server)).problem:
        pass
    assert not state.is_running
    assert not (await runtime.stop(server, LIMIT_S)).is_running


async def test_the_error_that_it_ended_with(containers, runtime):
    server = spec(container=containers.create("h", python("raise ValueError('no weights')")))
    await runtime.start(server)
    state = await until_ended(runtime, server)
    assert (state.exit_code, state.problem) == (1, "ValueError: no weights")
    assert list(await runtime.output(server))[-1] == "ValueError: no weights"


async def test_a_log_that_is_not_kept(containers, runtime):
    name = containers.create("i", python("import sys; sys.exit(3)"), log_config={"Type": "none"})
    server = spec(container=name)
    await runtime.start(server)
    state = await until_ended(runtime, server)
    assert (state.exit_code, state.problem) == (3, "")
    with pytest.raises(ContainerError, match="does not support reading"):
        await runtime.output(server)


async def test_one_that_ended_well(containers, runtime):
    server = spec(container=containers.create("j", python("pass")))
    await runtime.start(server)
    state = await until_ended(runtime, server)
    assert (state.exit_code, state.problem) == (0, "")


async def test_the_kernel_that_ends_it_for_lack_of_memory(containers, runtime):
    code = "import mmap; m = mmap.mmap(-1, 1 << 28); m.write(bytes(1 << 28))"
    name = containers.create("k", python(code), mem_limit="32m", memswap_limit="32m")
    server = spec(container=name)
    try:
        await runtime.start(server)
    except ContainerError as error:
        pytest.skip(f"this engine limits no memory: {error.message}")
    state = await until_ended(runtime, server)
    if state.exit_code != 137:
        pytest.skip("this engine limits no memory")
    assert state.problem == "the kernel has ended it for lack of memory"


async def test_a_daemon_that_is_not_there(tmp_path):
    runtime = DockerRuntime(
        SystemClock(), environment={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    )
    for order in (runtime.start, runtime.state, runtime.output):
        with pytest.raises(ContainerError, match="Docker is not running"):
            await order(spec(container="a"))
    await runtime.close()
