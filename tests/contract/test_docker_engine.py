"""DockerEngine against a real Docker engine."""

from pathlib import Path

import pytest
from support.clock import ManualClock
from support.processes import Processes, free_port, listens, wait_until

from sleeptui.adapters.docker import DockerEngine
from sleeptui.core.errors import ContainerError
from sleeptui.core.home import Home
from sleeptui.core.settings import ServerSpec

pytestmark = pytest.mark.docker


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
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(containers, clock):
    engine = DockerEngine(clock, environment=containers.environment(), timeout_s=20)
    yield engine
    engine.close()


@pytest.fixture
def port() -> int:
    return free_port()


def spec(port: int, **fields: str) -> ServerSpec:
    return ServerSpec(name="qwen", url=f"http://127.0.0.1:{port}", **fields)


def home_of(engine: DockerEngine, port: int, **fields: str) -> Home:
    return engine.homes([spec(port, **fields)]).homes["qwen"]


def candidate_of(engine: DockerEngine, container: str):
    found = [one for one in engine.candidates().candidates if one.container == container]
    return found[0] if found else None


def test_a_server_is_found_by_its_port_with_all_its_processes(containers, engine, port):
    name = containers.serve("a", port)
    home = home_of(engine, port)
    assert (home.container, home.container_state) == (name, "running")
    assert len(home.pids) == 2
    assert home.pids == containers.pids(name)
    assert home.host_bytes > 1 << 20
    assert home.started_at.endswith("+00:00")
    assert (home.restarts, home.exit_code, home.health) == (0, None, None)


def test_by_name_by_id_and_by_compose_service(containers, engine, port):
    labels = {"com.docker.compose.service": "chat"}
    name = containers.serve("a", port, labels=labels)
    other = free_port()
    identity = containers.client.containers.get(name).id
    assert home_of(engine, other, container=name).container == name
    assert home_of(engine, other, container=identity[:12]).container == name
    assert home_of(engine, other, compose="chat").container == name
    found = engine.homes([spec(other, container=name), spec(other)])
    assert found.named == {"qwen"}


def test_what_is_configured_and_not_there_is_noted(engine, port):
    found = engine.homes([spec(port, container="nobody"), spec(port, compose="none"), spec(port)])
    assert found.homes == {}
    assert found.notes == (
        "qwen: there is no container nobody; docker ps -a shows all",
        "qwen: there is no Compose service none; docker ps -a shows all",
    )


def test_a_candidate(containers, engine, port):
    name = containers.serve("a", port, "--served-model-name", "chat")
    candidate = candidate_of(engine, name)
    assert candidate.name == "chat"
    assert candidate.url == f"http://127.0.0.1:{port}"
    assert candidate.origin == f"container {name}"
    assert candidate.problem is None


@pytest.mark.parametrize(
    "options",
    [
        {"labels": {"ai.vllm.image.tag": "v0.32.0"}},
        {"environment": {"VLLM_USAGE_SOURCE": "production-docker-image"}},
    ],
    ids=["label", "variable"],
)
def test_recognised_behind_any_command(containers, engine, options):
    python = str(image_python())
    name = containers.run("a", [python, "-IS", "-c", "import time; time.sleep(600)"], **options)
    assert candidate_of(engine, name).url == "http://127.0.0.1:8000"


def test_other_containers_are_none(containers, engine):
    python = str(image_python())
    name = containers.run(
        "a",
        [python, "-IS", "-c", "import time; time.sleep(600)"],
        environment={"VLLM_API_KEY": "k", "VLLM_URL": "http://elsewhere"},
    )
    assert candidate_of(engine, name) is None


def test_stop_start_pause_and_kill_are_followed(containers, engine, port):
    name = containers.serve("a", port)
    container = containers.client.containers.get(name)
    first = home_of(engine, port)

    container.pause()
    paused = home_of(engine, port)
    assert (paused.container_state, paused.pids) == ("paused", first.pids)
    assert "docker unpause" in candidate_of(engine, name).problem
    container.unpause()
    assert home_of(engine, port).container_state == "running"

    container.stop(timeout=10)
    stopped = home_of(engine, port, container=name)
    assert (stopped.container_state, stopped.pids) == ("exited", frozenset())
    assert (stopped.exit_code, stopped.host_bytes) == (0, None)
    candidate = candidate_of(engine, name)
    assert candidate.problem == f"it has ended with code 0: docker start {name}"

    container.start()
    wait_until(lambda: listens(port))
    again = home_of(engine, port)
    assert again.container_state == "running"
    assert again.pids == containers.pids(name)
    assert again.pids.isdisjoint(first.pids)

    container.kill()
    container.wait()
    assert home_of(engine, port).exit_code == 137


def test_a_restart_within_a_second_is_another_home(containers, engine, port):
    name = containers.serve("a", port)
    first = home_of(engine, port)
    containers.client.containers.get(name).restart(timeout=5)
    wait_until(lambda: home_of(engine, port).pids == containers.pids(name))
    assert home_of(engine, port).pids.isdisjoint(first.pids)


def test_restarts_by_the_engine_are_counted(containers, engine, port):
    python = str(image_python())
    name = containers.run(
        "a",
        [python, "-IS", "-c", "import sys; sys.exit(3)"],
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
    )
    wait_until(lambda: containers.client.containers.get(name).status == "exited")
    home = home_of(engine, port, container=name)
    assert (home.restarts, home.exit_code) == (2, 3)


def test_a_container_that_was_only_created(containers, engine, port):
    name = containers.name("a")
    containers.client.containers.create(
        containers.image, ["vllm", "serve", "m"], name=name, network_mode="host"
    )
    containers._made.append(name)
    home = home_of(engine, port, container=name)
    assert (home.container_state, home.started_at, home.pids) == ("created", None, frozenset())
    assert candidate_of(engine, name).problem == "it is created"


def test_the_health_check(containers, engine, port):
    name = containers.serve(
        "a",
        port,
        healthcheck={
            "test": ["CMD", str(image_python()), "-IS", "-c", "pass"],
            "interval": 10**8,
            "timeout": 10**10,
        },
    )
    wait_until(lambda: home_of(engine, port).health == "healthy")
    assert home_of(engine, port, container=name).container_state == "running"


def test_a_live_container_comes_before_one_that_ended(containers, engine, port):
    old = containers.serve("old", port)
    containers.client.containers.get(old).stop(timeout=10)
    assert home_of(engine, port).container == old
    new = containers.serve("new", port)
    assert home_of(engine, port).container == new


def test_a_container_of_its_own_network_is_told_from_our_processes(containers, engine, tmp_path):
    """Its process is seen on the host, its port is not."""
    from sleeptui.adapters.processes import LocalProcesses

    name = containers.run("a", ["vllm", "serve", "org/Model-7B"], network_mode="none")
    candidate = candidate_of(engine, name)
    assert candidate.url is None
    assert "port 8000 is not published" in candidate.problem
    (top, *_rest) = sorted(home_of(engine, 1, container=name).pids)
    wait_until(lambda: any(one.origin == f"process {top}" for one in LocalProcesses().candidates()))
    assert top in engine.candidates().pids
    (process,) = [one for one in LocalProcesses().candidates() if one.origin == f"process {top}"]
    assert process.problem == "it runs in a container: its port cannot be seen from here"
    # Nor is it the home of a server here that does not listen.
    found = LocalProcesses().homes([spec(8000)])
    assert top not in (found.homes["qwen"].pids if found.homes else ())


def test_the_log_is_cleaned(containers, engine, port):
    name = containers.serve("a", port)
    wait_until(lambda: len(engine.log_tail(name, 10)) == 2)
    assert engine.log_tail(name, 10) == (
        "(APIServer pid=1) INFO starting org/Model-7B",
        f"INFO Starting vLLM server on port {port}",
    )
    assert engine.log_tail(name, 1) == (f"INFO Starting vLLM server on port {port}",)
    containers.client.containers.get(name).kill()
    assert len(engine.log_tail(name, 10)) == 2


def test_the_log_of_an_unknown_container(engine):
    with pytest.raises(ContainerError, match="There is no container nobody") as caught:
        engine.log_tail("nobody", 5)
    assert caught.value.hint
    engine.candidates()  # the daemon is not to blame


def test_a_log_that_the_engine_does_not_keep(containers, engine, port):
    name = containers.serve("a", port, log_config={"Type": "none"})
    with pytest.raises(ContainerError, match="does not support reading"):
        engine.log_tail(name, 5)
    assert home_of(engine, port).container == name


def test_of_a_huge_log_only_the_end_is_kept(containers, engine):
    code = "for n in range(20000): print('x' * 90, n)"
    name = containers.run("a", [str(image_python()), "-IS", "-c", code])
    containers.client.containers.get(name).wait()
    lines = engine.log_tail(name, 10**6)
    assert lines[-1].endswith(" 19999")
    assert sum(map(len, lines)) <= 256 << 10


def test_an_engine_that_goes_and_comes_back(containers, clock, port, tmp_path: Path):
    from support.docker_engine import Relay

    if not containers.host.startswith("unix://"):
        pytest.skip("the engine is not on a Unix socket")
    name = containers.serve("a", port)
    relay = Relay(tmp_path / "d.sock", containers.host)
    engine = DockerEngine(clock, environment={"DOCKER_HOST": relay.host}, timeout_s=20)
    assert home_of(engine, port).container == name
    relay.stop()
    with pytest.raises(ContainerError, match="Docker is not running"):
        engine.homes([spec(port)])
    relay.start()
    with pytest.raises(ContainerError, match="Docker is not running"):
        engine.candidates()  # not asked again so soon
    clock.move(10)
    assert home_of(engine, port).container == name
    engine.close()
    relay.stop()


def test_a_container_that_is_removed_while_we_look(containers, engine, port, monkeypatch):
    from docker.errors import NotFound

    from sleeptui.adapters import docker as module

    name = containers.serve("a", port)

    def removed(client: object, container: str):
        raise NotFound("No such container")

    monkeypatch.setattr(module, "_inspect", removed)
    assert candidate_of(engine, name) is None


def test_an_unchanged_container_is_inspected_once(containers, engine, port, monkeypatch):
    from sleeptui.adapters import docker as module

    containers.serve("a", port)
    looks: list[str] = []
    inspect = module._inspect

    def counted(client, container):
        looks.append(container)
        return inspect(client, container)

    monkeypatch.setattr(module, "_inspect", counted)
    wait_until(lambda: _looks_needed(engine, looks) == 0)


def test_a_container_and_a_process_on_the_same_port(containers, engine, port, tmp_path):
    """The process that listens is not one of the container's."""
    processes = Processes(tmp_path)
    try:
        listener = processes.serve(port)
        name = containers.run("a", ["vllm", "serve", "m", f"--port={port}", "--hold"])
        home = home_of(engine, port)
        assert home.container == name
        assert listener not in home.pids
    finally:
        processes.end_all()


def _looks_needed(engine: DockerEngine, looks: list[str]) -> int:
    looks.clear()
    engine.candidates()
    return len(looks)


def image_python() -> Path:
    from support.image import interpreter

    return interpreter()
