"""A real Docker engine for tests, and containers in it that look like vLLM servers."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound, NotFound
from support import image
from support.processes import listens, wait_until

DEFAULT = "unix:///var/run/docker.sock"
REPOSITORY = "sleeptui-test/python"
_START_S = 30.0


@contextmanager
def running_engine() -> Iterator[str]:
    """DOCKER_HOST of an engine that answers: the given, the usual, or one started here.

    Skips the test where there is none and none can be started.
    """
    given = os.environ.get("DOCKER_HOST")
    if given:
        if not _answers(given):
            pytest.skip(f"the Docker engine of DOCKER_HOST does not answer: {given}")
        yield given
    elif _answers(DEFAULT):
        yield DEFAULT
    elif shutil.which("dockerd") is None:
        pytest.skip("no Docker engine answers, and there is no dockerd to start")
    elif os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and only root can start dockerd")
    else:
        with _own_engine() as host:
            yield host


def _answers(host: str) -> bool:
    if host.startswith("unix://") and not _takes_connections(host.removeprefix("unix://")):
        return False
    try:
        client = docker.DockerClient(base_url=host, timeout=5)
    except DockerException:
        return False
    client.close()
    return True


def _takes_connections(path: str) -> bool:
    # docker-py does not close the socket of a connection that fails.
    with socket.socket(socket.AF_UNIX) as knock:
        return knock.connect_ex(path) == 0


@contextmanager
def _own_engine() -> Iterator[str]:
    # A short path: that of a Unix socket may have 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="st-dk-", dir="/tmp"))
    try:
        for storage in ("overlay2", "vfs"):
            with ExitStack() as stack:
                host = _start(stack, directory, storage)
                if host is not None:
                    yield host
                    return
        text = (directory / "dockerd.log").read_text()[-300:]
        pytest.skip(f"dockerd does not start here: {text}")
    finally:
        for mount in directory.glob("exec/netns/*"):
            subprocess.run(["umount", mount], check=False)
        shutil.rmtree(directory, ignore_errors=True)


def _start(stack: ExitStack, directory: Path, storage: str) -> str | None:
    """An engine that touches neither bridges nor the firewall of this machine."""
    host = f"unix://{directory}/d.sock"
    places = ["--data-root", directory / "root", "--exec-root", directory / "exec"]
    network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    pidfile = ["--pidfile", directory / "d.pid"]
    with (directory / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--host", host, "--storage-driver", storage, *places, *network, *pidfile],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack.callback(_end, daemon)
    end = time.monotonic() + _START_S
    while daemon.poll() is None and time.monotonic() < end:
        if _answers(host):
            return host
        time.sleep(0.05)
    return None


def _end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(_START_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


class Containers:
    """Makes containers for one test, and removes them."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.client = docker.DockerClient(base_url=host, timeout=60)
        self._prefix = f"sleeptui-test-{os.getpid()}"
        self._made: list[str] = []
        self.image = self._image()

    def environment(self) -> dict[str, str]:
        """For our adapter to ask the same engine."""
        return {**os.environ, "DOCKER_HOST": self.host}

    def name(self, name: str) -> str:
        """Full name of a container of this run."""
        return f"{self._prefix}-{name}"

    def run(self, name: str, command: Sequence[str], **options: object) -> str:
        """Start a container on the host's network; its full name."""
        full = self.name(name)
        options.setdefault("network_mode", "host")
        self._made.append(full)
        self.client.containers.run(
            self.image, list(command), name=full, detach=True, init=False, **options
        )
        return full

    def create(self, name: str, command: Sequence[str], **options: object) -> str:
        """A container that was not started; its full name."""
        full = self.name(name)
        options.setdefault("network_mode", "host")
        self._made.append(full)
        self.client.containers.create(self.image, list(command), name=full, **options)
        return full

    def serve(self, name: str, port: int, *flags: str, **options: object) -> str:
        """A container with a ``vllm serve`` that listens."""
        full = self.run(
            name, ["vllm", "serve", "org/Model-7B", f"--port={port}", *flags], **options
        )
        wait_until(lambda: listens(port), what=f"port {port} of {full}")
        return full

    def pids(self, full: str) -> set[int]:
        """What the engine itself says are the processes of a container."""
        top = self.client.containers.get(full).top(ps_args="-eo pid,comm")
        return {int(row[0]) for row in top["Processes"]}

    def close(self) -> None:
        for full in self._made:
            with suppress(NotFound):
                self.client.containers.get(full).remove(force=True)
        self.client.close()

    def _image(self) -> str:
        name = f"{REPOSITORY}:{image.tag()}"
        try:
            self.client.images.get(name)
        except ImageNotFound:
            self.client.api.import_image_from_data(
                image.root_file_system(), repository=REPOSITORY, tag=image.tag()
            )
        return name


class Relay:
    """A Unix socket in front of an engine's, which a test can take away and bring back."""

    def __init__(self, path: Path, target: str) -> None:
        self.host = f"unix://{path}"
        self._path = path
        self._target = target.removeprefix("unix://")
        self._server: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.start()

    def start(self) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self._path))
        self._server.listen()
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def stop(self) -> None:
        """Break all connections, as a daemon that is killed."""
        if self._server is None:
            return
        self._path.unlink()
        for one in (self._server, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._server = None
        self._open.clear()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                ours = server.accept()[0]
                theirs = socket.socket(socket.AF_UNIX)
                theirs.connect(self._target)
            except OSError:
                return
            self._open += [ours, theirs]
            for source, sink in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
