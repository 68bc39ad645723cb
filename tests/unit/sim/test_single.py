"""One simulated server as a process: it starts, shares its GPU, ends as it is told, and dies."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner

from sleeptui.cli import cli
from sleeptui.core.errors import SimError
from sleeptui.core.units import GIB
from sleeptui.sim.__main__ import main
from sleeptui.sim.bank import Bank
from sleeptui.sim.single import Single, run_single

LIMIT_S = 60.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Running:
    """A server, and what it has written."""

    def __init__(self, bank, name: str, *options: str, speed: float, **environment: str) -> None:
        self.port = free_port()
        self.log = bank.folder.parent / f"{name}-{self.port}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sleeptui.sim", "--server", name),
                    *("--port", str(self.port), "--bank", str(bank.folder)),
                    *("--speed", str(speed), *options),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )

    def ask(self, path: str, method: str = "GET") -> int | None:
        """The status; None: nobody listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def until(self, status: int | None) -> None:
        """Wait until /health says so."""
        end_s = time.monotonic() + LIMIT_S
        while self.ask("/health") != status:
            assert time.monotonic() < end_s, self.log.read_text()
            time.sleep(0.01)

    def says(self, text: str) -> bool:
        return text in self.log.read_text()


@pytest.fixture
def bank(tmp_path) -> Bank:
    return Bank(tmp_path / "bank")


@pytest.fixture
def serve(bank):
    started = []

    def serve(name: str, *options: str, speed: float = 50.0, **environment: str) -> Running:
        started.append(Running(bank, name, *options, speed=speed, **environment))
        return started[-1]

    yield serve
    for one in started:
        one.process.kill()
        one.process.wait()


def test_two_take_turns_on_one_gpu(serve, bank):
    first = serve("summarize")
    first.until(200)
    assert first.says("INFO:     Application startup complete.")
    (entry,) = bank.entries()
    assert (entry.pid, entry.name) == (first.process.pid, "summarize")
    assert entry.held[0] > 80 * GIB

    too_much = serve("code")
    assert too_much.process.wait(LIMIT_S) == 1
    assert too_much.says("is less than desired GPU memory utilization (0.6")
    assert first.ask("/sleep?level=1", "POST") == 200
    assert bank.entries()[0].held[0] < 3 * GIB

    second = serve("code")
    second.until(200)
    assert first.ask("/wake_up", "POST") == 500
    assert second.ask("/sleep?level=1", "POST") == 200


def test_it_ends_as_it_is_told(serve, bank):
    server = serve("code")
    server.until(200)
    server.process.send_signal(signal.SIGTERM)
    server.until(None)
    assert server.process.wait(LIMIT_S) == 0
    assert bank.entries() == []


def test_nobody_listens_while_it_starts(serve):
    server = serve("code", speed=10.0)
    end_s = time.monotonic() + LIMIT_S
    while not server.says("Initializing"):
        assert server.ask("/health") is None
        assert time.monotonic() < end_s
        time.sleep(0.01)
    server.until(200)


def test_a_fault_is_there_from_the_start(serve):
    server = serve("code", "--fault", '{"fault": "error", "status": 503, "paths": ["/version"]}')
    server.until(200)
    assert server.ask("/version") == 503


def test_an_engine_that_dies_ends_the_process(serve, bank):
    server = serve("code", "--fault", '{"fault": "death"}')
    assert server.process.wait(LIMIT_S) == 1
    assert bank.entries() == []


def test_a_compile_cache_makes_the_next_start_shorter(serve, tmp_path):
    cache = {"VLLM_CACHE_ROOT": str(tmp_path / "cache")}
    took = []
    for _ in range(2):
        server = serve("code", "--seed", "one", speed=50.0, **cache)
        server.until(200)
        line = next(
            line for line in server.log.read_text().splitlines() if "torch.compile takes" in line
        )
        took.append(float(line.partition("takes ")[2].split()[0]))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(LIMIT_S) == 0
    assert took[1] < took[0] / 3


def test_it_reads_its_weights(serve, tmp_path):
    server = serve("code", "--weights", str(tmp_path / "code.safetensors"))
    server.until(200)
    assert (tmp_path / "code.safetensors").stat().st_size == 54 << 20


def test_what_cannot_be_had_is_said(tmp_path):
    def single(**fields) -> Single:
        known = {"server": "code", "port": free_port(), "bank": tmp_path / "bank"}
        return Single(**(known | fields))

    with pytest.raises(SimError, match="no server 'chat'"):
        run_single(single(server="chat"))
    with pytest.raises(SimError, match="no simulated fleet"):
        run_single(single(scenario="exp9"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SimError, match="cannot be taken"):
            run_single(single(port=taken.getsockname()[1]))
    assert Bank(tmp_path / "bank").entries() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--server", "code", "--port", "1", "--bank", "b", "--fault", "{"], "is no JSON"),
        (["--server", "code", "--port", "1", "--bank", "b", "--fault", '{"fault": "f"}'], "'f'"),
        (["--server", "chat", "--port", "1", "--bank", "b"], "no server 'chat'"),
    ],
)
def test_mistakes_of_the_module(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert says in capsys.readouterr().err


def test_a_server_needs_a_port_and_a_bank(capsys):
    with pytest.raises(SystemExit):
        main(["--server", "code"])
    assert "--port and --bank" in capsys.readouterr().err
    for words in (["--server", "code"], ["--port", "8001"], ["--seed", "1"]):
        result = CliRunner().invoke(cli, ["sim", *words])
        assert result.exit_code == 2
        assert "--server" in result.output
