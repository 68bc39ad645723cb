"""Real processes that look like vLLM servers from outside, for the tests of what finds them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

SCRIPT = Path(__file__).with_name("fake_vllm.py")
LIMIT_S = 30.0


def free_port() -> int:
    """A port that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def deaf() -> Iterator[socket.socket]:
    """A listener whose port takes connections; nothing ever answers there."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(LIMIT_S)
        yield listener


def wait_until(condition: Callable[[], object], *, what: str = "") -> None:
    """Wait for a condition of another process; fails after LIMIT_S."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"in vain: {what or condition}"
        time.sleep(0.01)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Something accepts connections there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, port)) == 0


class Processes:
    """Starts processes and ends them and their children."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[subprocess.Popen[bytes]] = []
        self.vllm = directory / "vllm"
        self.vllm.write_text(f"#!{sys.executable} -IS\n" + SCRIPT.read_text())
        self.vllm.chmod(0o755)

    def start(self, *argv: str, program: str | None = None, log: Path | None = None) -> int:
        """Start a program; ``program`` is what runs where ``argv[0]`` is only a title."""
        output = subprocess.DEVNULL if log is None else log.open("ab")
        process = subprocess.Popen(
            argv,
            executable=program,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if not isinstance(output, int):
            output.close()
        self._started.append(process)
        # Between fork and exec it still has our own command line, within exec for a moment none.
        cmdline = Path(f"/proc/{process.pid}/cmdline")
        others = (b"", Path("/proc/self/cmdline").read_bytes())
        wait_until(
            lambda: process.poll() is not None or cmdline.read_bytes() not in others,
            what=f"exec of {argv}",
        )
        return process.pid

    def serve(self, port: int, *flags: str, log: Path | None = None) -> int:
        """Start ``vllm serve`` and wait until it listens, or for its child with ``--hold``."""
        pid = self.start(str(self.vllm), "serve", "org/Model-7B", f"--port={port}", *flags, log=log)
        if "--hold" in flags:
            wait_until(lambda: children(pid), what="child")
        else:
            wait_until(lambda: listens(port), what=f"port {port}")
        return pid

    def listener(self, port: int, name: str, *argv: str) -> int:
        """A program of that name that listens on a port and is no vLLM server."""
        program = self._directory / name
        program.symlink_to(os.path.realpath(sys.executable))
        code = f"import socket, signal; s = socket.create_server(('127.0.0.1', {port})); "
        pid = self.start(str(program), "-IS", "-c", code + "signal.pause()", *argv)
        wait_until(lambda: listens(port), what=f"port {port}")
        return pid

    def end(self, pid: int) -> None:
        """End one with its children, and wait for all of them."""
        process = next(one for one in self._started if one.pid == pid)
        self._started.remove(process)
        family = descendants(pid)
        os.killpg(pid, signal.SIGKILL)
        process.wait(LIMIT_S)
        until = time.monotonic() + LIMIT_S
        while any(is_alive(one) for one in family) and time.monotonic() < until:
            time.sleep(0.005)

    def end_all(self) -> None:
        for process in list(self._started):
            self.end(process.pid)


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def is_alive(pid: int) -> bool:
    """It exists and is more than an entry that waits for its parent."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]
