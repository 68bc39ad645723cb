"""DockerEngine where there is no Docker, or something else, or one that hangs."""

import inspect
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker.errors
import pytest
import requests.exceptions
import urllib3.exceptions
from support.clock import ManualClock

from sleeptui.adapters import docker_gateway as module
from sleeptui.adapters.docker import DockerEngine
from sleeptui.adapters.docker_errors import docker_failures, explain, explain_connection
from sleeptui.adapters.docker_gateway import DEFAULT_SOCKET
from sleeptui.core.errors import ContainerError
from sleeptui.core.settings import ServerSpec

SPECS = (ServerSpec(name="qwen", url="http://127.0.0.1:8001"),)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


@pytest.fixture
def daemon(path: Path):
    """Starts a Unix socket that treats each connection as it is told."""
    server = socket.socket(socket.AF_UNIX)
    held: list[socket.socket] = []

    def start(answer: Callable[[socket.socket], None]) -> None:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    held.append(server.accept()[0])
                    answer(held[-1])

        threading.Thread(target=serve, daemon=True).start()

    yield start
    with suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)
    server.close()
    for connection in held:
        connection.close()


def engine_at(path: Path, clock: ManualClock, timeout_s: float = 30) -> DockerEngine:
    environment = {"DOCKER_HOST": f"unix://{path}"}
    return DockerEngine(clock, environment=environment, timeout_s=timeout_s)


def failure_of(engine: DockerEngine) -> ContainerError:
    with pytest.raises(ContainerError) as caught:
        engine.homes(SPECS)
    engine.close()
    assert "\n" not in str(caught.value)
    return caught.value


def reply(body: bytes, status: bytes = b"200 OK") -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            if connection.recv(65536):
                head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                connection.sendall(head % (status, len(body)) + body)
        connection.close()

    return answer


def test_no_socket(path, clock):
    failure = failure_of(engine_at(path, clock))
    assert failure.message == f"Docker is not running: there is no {path}"
    assert "DOCKER_HOST" in failure.hint


def test_a_socket_that_nobody_serves(path, clock):
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert "nothing answers" in failure_of(engine_at(path, clock)).message


def test_a_daemon_that_hangs_costs_one_deadline(path, clock, daemon):
    daemon(lambda connection: None)
    engine = engine_at(path, clock, timeout_s=0.2)
    assert "has not answered in 0 s" in failure_of(engine).message
    # It is left alone for a while: no connection is tried, though none would be refused.
    engine._gateway._address = "unix:///another"
    assert "has not answered" in failure_of(engine).message
    clock.move(10)
    assert "there is no /another" in failure_of(engine).message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>nginx</html>", b"200 OK"),
        (b"{}", b"200 OK"),
        (b"oops", b"500 Internal Server Error"),
        (b'{"message":"not \x1b[31mallowed"}', b"403 Forbidden"),
    ],
)
def test_another_service_on_the_socket(path, clock, daemon, body, status):
    daemon(reply(body, status))
    message = failure_of(engine_at(path, clock)).message
    assert message.startswith("Docker ")
    assert "\x1b" not in message


def test_a_service_that_does_not_speak_http(path, clock, daemon):
    def greet(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")
        connection.close()

    daemon(greet)
    assert failure_of(engine_at(path, clock)).message.startswith("Docker ")


def test_a_container_that_is_not_understood_hides_no_other(path, clock, monkeypatch):
    engine = engine_at(path, clock)
    monkeypatch.setattr(engine._gateway, "ask", lambda call: call(Client()))
    found = engine.homes((ServerSpec(name="b", url="http://127.0.0.1:8002"),))
    assert found.homes["b"].container == "b"
    (note,) = found.notes
    assert note.startswith("Docker's description of container a is not understood: ")


def test_pids_of_another_machine_are_not_ours(path, clock, monkeypatch):
    """PID 1 exists here, and is no process of the container."""
    engine = engine_at(path, clock)
    monkeypatch.setattr(engine._gateway, "ask", lambda call: call(Client()))
    home = engine.homes((ServerSpec(name="b", url="http://127.0.0.1:8002"),)).homes["b"]
    assert (home.container_state, home.pids, home.host_bytes) == ("running", frozenset(), None)


class Client:
    """What docker-py would answer: one container that is odd, and one that is well."""

    def __init__(self) -> None:
        self.api = self

    def containers(self, *, all: bool) -> list[dict[str, object]]:  # noqa: A002 - docker-py's word
        assert all
        return [{"Id": "a" * 64, "Names": ["/a"]}, {"Id": "b" * 64, "Names": ["/b"]}]

    def inspect_container(self, container: str) -> dict[str, object]:
        if container.startswith("a"):
            return {"Id": container, "Name": "/a", "State": 5}
        return {
            "Id": container,
            "Name": "/b",
            "State": {"Status": "running", "Pid": 1},
            "NetworkSettings": {"Ports": {"8000/tcp": [{"HostIp": "", "HostPort": "8002"}]}},
        }


@pytest.mark.parametrize(
    ("host", "reached_at", "url", "matches"),
    [
        ("unix:///d.sock", "127.0.0.1", "http://localhost:8002", True),
        ("unix:///d.sock", "127.0.0.1", "http://192.0.2.7:8002", False),
        ("tcp://127.0.0.1:2375", "127.0.0.1", "http://localhost:8002", True),
        ("tcp://192.0.2.7:2375", "192.0.2.7", "http://192.0.2.7:8002", True),
        ("tcp://192.0.2.7:2375", "192.0.2.7", "http://192.0.2.8:8002", False),
        ("ssh://me@gpu-box", "gpu-box", "http://gpu-box:8002", True),
    ],
)
def test_a_daemon_elsewhere(clock, monkeypatch, *, host, reached_at, url, matches):
    engine = DockerEngine(clock, environment={"DOCKER_HOST": host})
    assert engine.host == reached_at
    monkeypatch.setattr(engine._gateway, "ask", lambda call: call(Client()))
    found = engine.homes((ServerSpec(name="b", url=url),))
    assert ("b" in found.homes) is matches


@pytest.mark.parametrize("host", ["nonsense://x", "tcp://h:port", "unix://", "tcp://[::1"])
def test_a_docker_host_that_cannot_be_read(clock, host):
    engine = DockerEngine(clock, environment={"DOCKER_HOST": host}, timeout_s=1)
    assert failure_of(engine).message.startswith("Docker ")


def test_a_rootless_daemon_is_found_without_being_told(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_SOCKET", str(tmp_path / "none"))
    (tmp_path / "docker.sock").touch()
    engine = DockerEngine(clock, environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert f"{tmp_path}/docker.sock" in failure_of(engine).message
    (tmp_path / "none").touch()
    engine = DockerEngine(clock, environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert f"{tmp_path}/none" in failure_of(engine).message
    assert DEFAULT_SOCKET == "/var/run/docker.sock"


ADDRESS = {"address": "/d.sock", "timeout_s": 3.0}


def wrapped(inner: Exception) -> Exception:
    """As docker-py's constructor wraps what requests makes of urllib3's error."""
    protocol = urllib3.exceptions.ProtocolError("Connection aborted.", inner)
    outer = docker.errors.DockerException("Error while fetching server API version")
    outer.__cause__ = requests.exceptions.ConnectionError(protocol)
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(PermissionError(13, "Permission denied")), "No permission to ask Docker"),
        (wrapped(FileNotFoundError(2, "No such file")), "there is no /d.sock"),
        (wrapped(ConnectionRefusedError(111, "refused")), "nothing answers"),
        (wrapped(urllib3.exceptions.NewConnectionError(None, "refused")), "nothing answers"),
        (wrapped(ConnectionResetError(104, "reset")), "nothing answers"),
        (wrapped(TimeoutError()), "has not answered in 3 s"),
        (requests.exceptions.ReadTimeout(), "has not answered in 3 s"),
        (requests.exceptions.ConnectionError("?"), "nothing answers"),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "slow"), "has not answered in 3 s"),
        (docker.errors.APIError("no", explanation="configured\nlogging"), "configured logging"),
        (docker.errors.DockerException("Install paramiko"), "Install paramiko"),
        (docker.errors.TLSParameterError("no certificate"), "no certificate"),
    ],
)
def test_errors_in_words(error, words):
    failure = explain(error, **ADDRESS)
    assert words in failure.message
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "No permission"),
        (OSError(36, "File name too long"), "File name too long"),
        (OSError("AF_UNIX path too long"), "AF_UNIX path too long"),
    ],
)
def test_connections_that_fail(error, words):
    assert words in explain_connection(error, **ADDRESS).message


@pytest.mark.parametrize(
    "family", [docker.errors, requests.exceptions, urllib3.exceptions], ids=lambda one: one.__name__
)
def test_every_error_of_the_libraries_is_translated(family):
    classes = [
        one
        for _, one in inspect.getmembers(family, inspect.isclass)
        if issubclass(one, Exception) and not issubclass(one, Warning)
    ]
    assert len(classes) > 10
    for one in classes:
        if one.__module__ != family.__name__:
            continue  # imported there, another's
        assert issubclass(one, docker_failures()), one
        error = one.__new__(one)
        Exception.__init__(error, "what\nhappened")
        try:
            str(error)
        except AttributeError:
            continue  # cannot be worded without its own arguments
        failure = explain(error, **ADDRESS)
        assert failure.message.startswith(("Docker ", "No permission")), one
        assert "\n" not in failure.message


def test_docker_is_imported_only_where_a_daemon_answers(path):
    code = (
        "import sys\n"
        "from sleeptui.adapters.clock import SystemClock\n"
        "from sleeptui.adapters.homes import LocalHomes\n"
        "from sleeptui.adapters.docker import DockerEngine\n"
        "from sleeptui.core.errors import ContainerError\n"
        f"engine = DockerEngine(SystemClock(), environment={{'DOCKER_HOST': 'unix://{path}'}})\n"
        "assert 'psutil' not in sys.modules\n"
        "try:\n"
        "    engine.candidates()\n"
        "except ContainerError as error:\n"
        "    print(error.message)\n"
        "assert 'docker' not in sys.modules\n"
        "assert 'requests' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"Docker is not running: there is no {path}\n"
