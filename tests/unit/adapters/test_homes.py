"""LocalHomes: containers and processes as one picture, each without the other."""

from dataclasses import replace

import pytest
from support.clock import ManualClock

from sleeptui.adapters.docker import ContainerCandidates, DockerEngine, FoundContainers
from sleeptui.adapters.homes import LocalHomes
from sleeptui.adapters.processes import FoundHomes, LocalProcesses
from sleeptui.core.errors import ContainerError, ProcessError
from sleeptui.core.home import Home
from sleeptui.core.ports import Candidate, HomeFinder
from sleeptui.core.settings import ServerSpec

SPECS = (ServerSpec(name="qwen", url="http://127.0.0.1:8001"),)
NO_DOCKER = ContainerError("Docker is not running: there is no socket", hint="Start it.")
NO_PROCESSES = ProcessError(
    "The processes of this machine cannot be listed", hint="Is /proc there?"
)


class Docker(DockerEngine):
    """An engine whose answers are given."""

    def __init__(self) -> None:
        super().__init__(ManualClock(), environment={})
        self.found: FoundContainers | ContainerError = FoundContainers()
        self.seen: ContainerCandidates | ContainerError = ContainerCandidates()
        self.asked_log: tuple[str, int] | None = None
        self.closed = False

    def homes(self, specs):
        return _answer(self.found)

    def candidates(self):
        return _answer(self.seen)

    def log_tail(self, container, lines):
        self.asked_log = (container, lines)
        return ("from the container",)

    def close(self):
        self.closed = True


class Processes(LocalProcesses):
    """Processes whose answers are given."""

    def __init__(self) -> None:
        super().__init__()
        self.found: FoundHomes | ProcessError = FoundHomes()
        self.seen: tuple[Candidate, ...] | ProcessError = ()
        self.known: object = None

    def homes(self, specs):
        return _answer(self.found)

    def candidates(self, *, known=()):
        self.known = known
        return _answer(self.seen)

    def log_tail(self, home, lines):
        return ("from the process",)


def _answer(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.fixture
def docker() -> Docker:
    return Docker()


@pytest.fixture
def processes() -> Processes:
    return Processes()


@pytest.fixture
def finder(docker, processes) -> HomeFinder:
    return LocalHomes(ManualClock(), docker=docker, processes=processes)


def container(*pids: int, state: str = "running") -> Home:
    return Home(container="vllm-a", container_state=state, pids=frozenset(pids), host_bytes=1)


def process(*pids: int) -> Home:
    return Home(pids=frozenset(pids), host_bytes=2)


def of(home: Home, *, named: bool = False) -> FoundContainers:
    return FoundContainers(homes={"qwen": home}, named=frozenset({"qwen"} if named else ()))


@pytest.mark.parametrize(
    ("in_docker", "named", "on_host", "chosen"),
    [
        (container(1, 2), False, None, container(1, 2)),
        (None, False, process(7), process(7)),
        (None, False, None, None),
        # The same processes, seen twice: the container knows more.
        (container(1, 2), False, process(1, 2), container(1, 2)),
        (container(1, 2), False, process(2), container(1, 2)),
        # Another process listens on the port: the guess by the port was wrong.
        (container(1, 2), False, process(7), process(7)),
        (container(state="exited"), False, process(7), process(7)),
        (container(state="created"), False, process(7), process(7)),
        # Configured by name: that is the one.
        (container(1, 2), True, process(7), container(1, 2)),
        (container(state="exited"), True, process(7), container(state="exited")),
        # Alive, and Docker's PIDs are not ours: what listens is what runs in it.
        (
            container(),
            False,
            process(7),
            Home(container="vllm-a", container_state="running", pids=frozenset({7}), host_bytes=2),
        ),
    ],
)
async def test_the_truer_of_container_and_process(
    docker, processes, finder, *, in_docker, named, on_host, chosen
):
    if in_docker:
        docker.found = of(in_docker, named=named)
    if on_host:
        processes.found = FoundHomes(homes={"qwen": on_host})
    assert (await finder.homes(SPECS)).get("qwen") == chosen


@pytest.mark.parametrize(
    ("published", "named", "pids", "addresses"),
    [
        ((), False, (1, 2), ("0.0.0.0",)),  # the network of the host: its process tells
        ((), True, (1, 2), ("0.0.0.0",)),
        (("127.0.0.1",), False, (1, 2), ("127.0.0.1",)),
        ((), False, (), ("0.0.0.0",)),
        (("127.0.0.1",), False, (), ("127.0.0.1",)),
        ((), True, (7,), ()),  # another process is on its port
    ],
)
async def test_where_it_listens(docker, processes, finder, *, published, named, pids, addresses):
    docker.found = of(replace(container(*pids), listens_on=published), named=named)
    own = replace(process(2), listens_on=("0.0.0.0",))
    processes.found = FoundHomes(homes={"qwen": own})
    assert (await finder.homes(SPECS))["qwen"].listens_on == addresses


async def test_no_docker_is_a_note_and_the_processes_are_shown(docker, processes, finder):
    docker.found = docker.seen = NO_DOCKER
    processes.found = FoundHomes(homes={"qwen": process(7)})
    candidate = Candidate(name="a", url="http://127.0.0.1:8001", origin="process 7")
    processes.seen = (candidate,)
    assert await finder.homes(SPECS) == {"qwen": process(7)}
    assert finder.notes() == ("Docker is not running: there is no socket. Start it",)
    assert await finder.candidates() == [candidate]
    assert finder.notes() == ("Docker is not running: there is no socket. Start it",)


async def test_no_process_list_is_a_note_and_the_containers_are_shown(docker, processes, finder):
    processes.found = processes.seen = NO_PROCESSES
    docker.found = of(container(1))
    candidate = Candidate(name="a", url="http://127.0.0.1:8001", origin="container a")
    docker.seen = ContainerCandidates(candidates=(candidate,))
    assert await finder.homes(SPECS) == {"qwen": container(1)}
    assert await finder.candidates() == [candidate]
    assert len(finder.notes()) == 1


async def test_when_neither_can_be_looked_at_it_is_an_error(docker, processes, finder):
    docker.found = docker.seen = NO_DOCKER
    processes.found = processes.seen = NO_PROCESSES
    with pytest.raises(ProcessError):
        await finder.homes(SPECS)
    with pytest.raises(ProcessError):
        await finder.candidates()


async def test_notes_of_the_last_look_only(docker, processes, finder):
    docker.found = NO_DOCKER
    processes.found = FoundHomes(notes={"qwen": "Port 8001 is forwarded"})
    await finder.homes(SPECS)
    assert len(finder.notes()) == 2
    docker.found = FoundContainers(notes=("qwen: there is no container x",))
    processes.found = FoundHomes()
    await finder.homes(SPECS)
    assert finder.notes() == ("qwen: there is no container x",)
    docker.found = FoundContainers()
    await finder.homes(SPECS)
    assert finder.notes() == ()


async def test_the_forwarder_of_a_container_that_was_found_is_not_noted(docker, processes, finder):
    docker.found = of(container(1))
    processes.found = FoundHomes(notes={"qwen": "Port 8001 is forwarded by docker-proxy"})
    assert await finder.homes(SPECS) == {"qwen": container(1)}
    assert finder.notes() == ()


async def test_each_address_is_a_candidate_once_containers_first(docker, processes, finder):
    url = "http://127.0.0.1:8000"
    first = Candidate(name="a", url=url, origin="container a", container="a")
    ended = Candidate(
        name="b", url="http://127.0.0.1:8002", origin="container b", problem="it has ended"
    )
    docker.seen = ContainerCandidates(candidates=(first, ended), pids=frozenset({1, 2}))
    again = Candidate(name="port-8000", url=url, origin="port 8000")
    other = Candidate(name="port-8002", url="http://127.0.0.1:8002", origin="port 8002")
    starting = Candidate(name="m", url=None, origin="process 9", problem="it is starting")
    processes.seen = (again, other, starting)
    # The port of a container that has ended may be another server's now.
    assert await finder.candidates() == [first, ended, other, starting]
    assert processes.known == {1, 2}


async def test_the_log_is_that_of_the_container_else_of_the_process(docker, finder):
    assert await finder.log_tail(container(1), 20) == ("from the container",)
    assert docker.asked_log == ("vllm-a", 20)
    assert await finder.log_tail(process(7), 20) == ("from the process",)


async def test_closing(docker, finder):
    await finder.close()
    assert docker.closed


async def test_a_machine_without_docker(tmp_path, monkeypatch):
    """The real parts, with no engine: nothing is imported for it."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    finder = LocalHomes(ManualClock())
    assert await finder.homes(()) == {}
    (note,) = finder.notes()
    assert note.startswith(f"Docker is not running: there is no {tmp_path}/none.sock")
    await finder.candidates()
    assert finder.notes() == (note,)
    await finder.close()
