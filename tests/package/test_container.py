"""The image of compose/Dockerfile, started by compose/panel beside containers of a real engine.

No GPU is there: NVML is the stand-in, mounted as NVIDIA's toolkit mounts the real one.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.compose import compose_command, without
from support.nvml import GIB, STATE_VARIABLE, Machine, own_library
from support.packaging import ROOT
from support.processes import free_port, wait_until
from support.sim_process import simulated
from support.terminal import Terminal

from sleeptui import __version__

pytestmark = [
    pytest.mark.docker,
    pytest.mark.xdist_group("container"),
    pytest.mark.timeout(400),  # the image is built first
]
COMPOSE = ROOT / "compose" / "panel" / "compose.yaml"
MODEL = 5 * GIB
_SETTINGS = ("network_mode", "pid", "group_add", "volumes")


class Composed:
    """compose/panel as it is, less the GPU that is not here, and with what a test adds to it."""

    def __init__(self, folder: Path, containers, image: str) -> None:
        self._folder = folder
        self._base = [*compose_command(), "-p", containers.name("panel")]
        text = without(without(COMPOSE.read_text(), "build"), "deploy")
        assert "image: sleeptui\n" in text
        self.text = text.replace("image: sleeptui\n", f"image: {image}\n")
        socket = Path(containers.host.removeprefix("unix://"))
        self.environment = {
            **os.environ,
            "DOCKER_HOST": containers.host,
            "DOCKER_SOCKET": str(socket),
            "DOCKER_GID": str(socket.stat().st_gid),
        }
        self._gpus: list[str] = []

    def with_gpus(self, library: Path, machine: Machine) -> None:
        """What the toolkit does: the library of the driver appears in the container."""
        more = self._folder / "gpus.yaml"
        more.write_text(
            "services:\n  panel:\n    environment:\n"
            f"      LD_LIBRARY_PATH: {library.parent}\n      {STATE_VARIABLE}: {machine.path}\n"
            f"    volumes:\n      - {library.parent}:{library.parent}:ro\n"
        )
        self._gpus = ["-f", str(more)]

    def command(self, *arguments: str, lost: str | None = None) -> list[str]:
        """Of Compose; if wanted without one of the settings, or without the GPU."""
        path = self._folder / f"compose-{lost}.yaml"
        path.write_text(without(self.text, lost) if lost in _SETTINGS else self.text)
        gpus = [] if lost == "gpus" else self._gpus
        return [*self._base, "-f", str(path), *gpus, *arguments]

    def run(self, *arguments: str, lost: str | None = None, code: int | None = 0) -> str:
        """What a command writes, without a terminal."""
        done = subprocess.run(
            self.command("run", "--rm", "-T", "panel", *arguments, lost=lost),
            capture_output=True,
            text=True,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert code is None or done.returncode == code, done.stderr
        return done.stdout

    def doctor(self, *arguments: str, lost: str | None = None) -> dict[str, str]:
        """What it found, by what it looked at: status and sentence."""
        said = json.loads(self.run("doctor", "--json", *arguments, lost=lost, code=None))
        return {one["id"]: f"{one['status']}: {one['what']}" for one in said["findings"]}

    def down(self) -> None:
        """Remove what Compose made."""
        subprocess.run(
            self.command("down", "--volumes"), env=self.environment, check=True, capture_output=True
        )


@pytest.fixture(scope="module")
def containers():
    from support.docker_engine import Containers, running_engine

    with running_engine() as host:
        if not host.startswith("unix://"):
            pytest.skip("the engine is not on a Unix socket that could be mounted")
        containers = Containers(host)
        yield containers
        containers.close()


@pytest.fixture(scope="module")
def panel(containers, tmp_path_factory):
    from support.own_image import context, own_image

    with own_image(containers, context(tmp_path_factory.mktemp("context"))) as name:
        panel = Composed(tmp_path_factory.mktemp("panel"), containers, name)
        yield panel
        panel.down()


@pytest.fixture(scope="module")
def chat(containers):
    """A container like vLLM's: where it is asked, and its processes by the engine."""
    port = free_port()
    name = containers.serve("chat", port, "--served-model-name", "chat")
    return f"chat=http://127.0.0.1:{port}", name


@pytest.fixture(scope="module")
def on_gpu(panel, containers, chat, tmp_path_factory):
    """The same, with a GPU whose memory its engine process holds."""
    folder = tmp_path_factory.mktemp("driver")
    folder.chmod(0o755)
    machine = Machine(folder / "state")
    machine.gpu(0, used=MODEL)
    machine.process(0, max(containers.pids(chat[1])), MODEL)
    panel.with_gpus(own_library(folder), machine)
    for path in folder.iterdir():
        path.chmod(0o755)
    return chat[0]


def test_it_is_this_version_and_not_root(panel):
    assert panel.run("--version") == f"sleeptui {__version__}\n"
    shown = subprocess.run(
        panel.command("run", "--rm", "-T", "--entrypoint", "id", "panel", "-u"),
        capture_output=True, text=True, env=panel.environment, check=True,
    )  # fmt: skip
    assert shown.stdout == "1000\n"


def test_containers_their_processes_and_their_memory_are_seen(panel, chat, on_gpu):
    found = panel.doctor("--server", on_gpu)
    assert found["reach"].startswith("ok: answers at")
    assert found["processes"] == f"ok: 2 processes in container {chat[1]}"
    assert found["gpu_memory"] == "ok: 5.0 GiB on GPU 0, measured"
    assert found["containers"].startswith("ok")


@pytest.mark.parametrize(
    ("lost", "finding", "words"),
    [
        ("network_mode", "reach", "127.0.0.1"),
        ("pid", "processes", "processes cannot be seen"),
        ("group_add", "processes", "its processes are not found"),
        ("volumes", "processes", "its processes are not found"),
        ("gpus", "nvml", "No NVIDIA driver"),
    ],
)
def test_what_is_lost_without_a_setting_is_said(panel, on_gpu, lost, finding, words):
    found = panel.doctor("--server", on_gpu, lost=lost)
    assert not found[finding].startswith("ok")
    assert words in found[finding]


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker command")
def test_the_panel_in_a_terminal(panel):
    with simulated("versions", speed=10) as fleet:
        fleet.traffic(on=False)
        program = panel.command("run", "--rm", "panel")
        server = f"plain={fleet.url('no-dev-mode')}"
        with Terminal(
            ["--server", server], program=program, environment=panel.environment
        ) as shown:
            shown.row_shows("plain", "NO CONTROL", limit_s=60)
            assert b"\x1b[38;2;" in bytes(shown.raw), "no true colour"
            shown.press("q")
            assert shown.ended() == 0
            assert shown.is_restored


def test_a_recording_outlives_its_container(panel, containers, chat):
    done = subprocess.run(
        panel.command("run", "-d", "panel", "record", "--server", chat[0]),
        capture_output=True, text=True, env=panel.environment, check=True,
    )  # fmt: skip
    container = containers.client.containers.get(done.stdout.split()[-1])
    wait_until(lambda: b"recording to /sessions/" in container.logs(), what="the recording")
    container.kill("USR1")
    wait_until(lambda: b"marked" in container.logs(), what="the mark")
    container.stop(timeout=60)
    # 3: it was whole, and ended before the first answer.
    assert container.wait()["StatusCode"] in {0, 3}, container.logs()
    container.remove()
    (session,) = json.loads(panel.run("sessions", "--json"))["sessions"]
    assert (session["state"], session["servers"]) == ("whole", ["chat"])
    assert "report.md" in panel.run("report", "last")
