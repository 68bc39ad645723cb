"""LocalProcesses against real processes that look like vLLM servers."""

import datetime as dt
import os
import socket
import sys
import time
from pathlib import Path

import pytest
from support.processes import Processes, children, free_port, listens, wait_until

from sleeptui.adapters import process_table
from sleeptui.adapters.process_table import Listener
from sleeptui.adapters.processes import USUAL_PORTS, LocalProcesses
from sleeptui.core.errors import ProcessError
from sleeptui.core.home import Home
from sleeptui.core.ports import Candidate
from sleeptui.core.settings import ServerSpec

SLEEP = "/bin/sleep"


@pytest.fixture
def started(tmp_path: Path):
    processes = Processes(tmp_path)
    yield processes
    processes.end_all()


@pytest.fixture
def port() -> int:
    return free_port()


def spec(port: int, *, name: str = "qwen", host: str = "127.0.0.1") -> ServerSpec:
    return ServerSpec(name=name, url=f"http://{host}:{port}")


def home_of(processes: LocalProcesses, port: int, host: str = "127.0.0.1") -> Home | None:
    return processes.homes([spec(port, host=host)]).homes.get("qwen")


def candidate_of(pid: int) -> Candidate | None:
    found = LocalProcesses().candidates()
    return next((one for one in found if one.origin == f"process {pid}"), None)


def test_the_home_is_the_whole_tree_of_the_listener(started, port, tmp_path):
    log = tmp_path / "server.log"
    before_s = time.time()
    pid = started.serve(port, log=log)
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.pids == {pid, *children(pid)}
    assert len(home.pids) == 2
    assert home.host_bytes is not None
    assert home.host_bytes > 1 << 20
    assert home.log_path == str(log)
    assert home.container is None
    assert home.started_at is not None
    began = dt.datetime.fromisoformat(home.started_at)
    assert began.tzinfo is dt.UTC
    assert abs(began.timestamp() - before_s) < 60  # the kernel's boot time is whole seconds


def test_how_it_was_started_is_told_without_its_secrets(started, port, monkeypatch):
    monkeypatch.setenv("VLLM_SERVER_DEV_MODE", "1")
    monkeypatch.setenv("VLLM_API_KEY", "hunter2")
    started.serve(port, "--api-key", "hunter2")
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.command[-5:] == ("serve", "org/Model-7B", f"--port={port}", "--api-key", "***")
    assert home.environment["VLLM_SERVER_DEV_MODE"] == "1"
    assert "hunter2" not in repr(home)


def test_how_it_was_started_is_read_once(started, port, monkeypatch):
    started.serve(port)
    processes = LocalProcesses()
    first = home_of(processes, port)
    monkeypatch.setattr(process_table.ProcessTable, "environment", None)
    again = home_of(processes, port)
    assert first is not None
    assert again is not None
    assert (again.command, again.environment) == (first.command, first.environment)


def test_a_title_is_no_command_line(started, port):
    code = f"import socket, signal; s = socket.create_server(('127.0.0.1', {port})); signal.pause()"
    started.start("VLLM::APIServer_0", "-IS", "-c", code, program=sys.executable)
    wait_until(lambda: listens(port))
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.command == ()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", socket.gethostname()])
def test_every_name_of_this_machine_is_local(started, port, host):
    started.serve(port, "--host", "0.0.0.0")
    assert home_of(LocalProcesses(), port, host) is not None


def test_servers_elsewhere_have_no_home_here(started, port):
    started.serve(port)
    specs = [spec(port, host="192.0.2.7"), ServerSpec(name="bad", url="http://127.0.0.1:x")]
    found = LocalProcesses().homes(specs)
    assert (found.homes, found.notes) == ({}, {})


def test_the_tree_begins_at_the_topmost_part_of_vllm(started, port, tmp_path):
    """A front process starts several API servers, which listen and have lost their command line."""
    front = tmp_path / "front.py"
    front.write_text(
        "import os, subprocess, sys\n"
        f"subprocess.run(['VLLM::APIServer_1', '-IS', {str(started.vllm)!r}, *sys.argv[1:]],"
        " executable=sys.executable)\n"
    )
    vllm = tmp_path / "front" / "vllm"
    vllm.parent.mkdir()
    front.rename(vllm)
    shell = started.start(
        "/bin/sh", "-c", f'{sys.executable} "{vllm}" serve org/Model-7B --port {port}; true'
    )
    wait_until(lambda: children(shell))
    (top,) = children(shell)
    wait_until(lambda: children(top))
    (server,) = children(top)
    wait_until(lambda: children(server) and listens(port))
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.pids == {top, server, *children(server)}
    # One candidate, not one a process; its name is from the command line that is left.
    found = [one for one in LocalProcesses().candidates() if one.url and str(port) in one.url]
    assert found == [
        Candidate(name="Model-7B", url=f"http://127.0.0.1:{port}", origin=f"process {top}")
    ]


def test_new_children_are_seen_and_a_restart_is_another_home(started, port):
    processes = LocalProcesses()
    first = started.serve(port)
    home = home_of(processes, port)
    assert home is not None
    started.end(first)
    assert home_of(processes, port) is None
    second = started.serve(port)
    home = home_of(processes, port)
    assert home is not None
    assert second in home.pids
    assert first not in home.pids


def test_a_known_server_costs_no_pass_over_all_sockets(started, port, monkeypatch):
    processes = LocalProcesses()
    pid = started.serve(port)
    assert home_of(processes, port) is not None
    monkeypatch.setattr(process_table, "listeners", lambda: pytest.fail("asked for sockets"))
    home = home_of(processes, port)
    assert home is not None
    assert pid in home.pids
    assert processes.homes([]).homes == {}


def test_a_server_that_does_not_listen_yet_is_found_by_its_command_line(started, port):
    pid = started.serve(port, "--hold")
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.pids == {pid, *children(pid)}
    candidate = candidate_of(pid)
    assert candidate is not None
    assert (candidate.name, candidate.url) == ("Model-7B", None)
    assert candidate.problem == "it is starting: it does not listen yet"


def test_nothing_there_is_no_home_and_no_note(port):
    found = LocalProcesses().homes([spec(port)])
    assert (found.homes, found.notes) == ({}, {})


def test_any_other_program_that_listens_is_a_home_too(started, port):
    """A program of the user's own that embeds vLLM."""
    pid = started.listener(port, "my-gateway")
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.pids == {pid}


@pytest.mark.parametrize("program", ["ssh", "docker-proxy"])
def test_a_forwarder_is_no_home_and_is_named(started, port, program):
    pid = started.listener(port, program)
    found = LocalProcesses().homes([spec(port)])
    assert found.homes == {}
    note = f"Port {port} is forwarded by {program} (process {pid}): its server is elsewhere"
    assert found.notes == {"qwen": note}


def test_a_socket_of_another_user(started, port, monkeypatch):
    """Linux lists it without its process; the command line is readable all the same."""
    hidden = [Listener(address="0.0.0.0", port=port, pid=None)]
    monkeypatch.setattr(process_table, "listeners", lambda: hidden)
    found = LocalProcesses().homes([spec(port)])
    assert found.homes == {}
    note = f"Port {port} belongs to another user's process: only root sees its memory"
    assert found.notes == {"qwen": note}
    pid = started.serve(port, "--hold")
    found = LocalProcesses().homes([spec(port)])
    assert pid in found.homes["qwen"].pids
    assert found.notes == {}
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.url == f"http://127.0.0.1:{port}"


def test_the_socket_with_the_very_address_wins(started, port, monkeypatch):
    wanted = started.start("wanted", "600", program=SLEEP)
    other = started.start("other", "600", program=SLEEP)
    both = [
        Listener(address="127.0.0.2", port=port, pid=other),
        Listener(address="127.0.0.1", port=port, pid=wanted),
    ]
    monkeypatch.setattr(process_table, "listeners", lambda: both)
    home = home_of(LocalProcesses(), port)
    assert home is not None
    assert home.pids == {wanted}


def test_a_candidate_has_url_and_name(started, port):
    pid = started.serve(port, "--served-model-name", "chat", "gpt-4")
    assert candidate_of(pid) == Candidate(
        name="chat", url=f"http://127.0.0.1:{port}", origin=f"process {pid}"
    )


def test_a_candidate_with_tls(started, port):
    pid = started.serve(port, "--ssl-certfile", "cert.pem")
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.url == f"https://127.0.0.1:{port}"


def test_a_candidate_on_a_unix_socket(started, port):
    pid = started.serve(port, "--uds=/run/\x1b[31mvllm.sock")
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.url is None
    assert candidate.problem == "it listens on the Unix socket /run/vllm.sock, not on a port"


def test_a_port_from_a_configuration_file(started, port, monkeypatch):
    """Without --port on the command line it is the socket that the API server has."""
    pid = started.start(str(started.vllm), "serve", "org/Model-7B", "--hold")
    sockets = [Listener(address="127.0.0.1", port=port, pid=pid)]
    monkeypatch.setattr(process_table, "listeners", lambda: sockets)
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.url == f"http://127.0.0.1:{port}"


def test_candidate_sockets_are_those_of_the_api_server(started, port, monkeypatch):
    """The engine listens too, for its workers."""
    pid = started.serve(port, "--hold")
    (engine,) = children(pid)
    sockets = [Listener(address="127.0.0.1", port=port, pid=engine)]
    monkeypatch.setattr(process_table, "listeners", lambda: sockets)
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.url is None
    sockets.append(Listener(address="::", port=port, pid=pid))
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.url == f"http://127.0.0.1:{port}"


def test_a_server_in_another_network_is_not_reachable(started, port, monkeypatch):
    pid = started.serve(port)
    monkeypatch.setattr(process_table, "sees_our_ports", lambda pid: False)
    candidate = candidate_of(pid)
    assert candidate is not None
    assert candidate.problem == "it runs in a container: its port cannot be seen from here"


def test_whatever_listens_on_the_usual_ports_is_a_candidate():
    for port in USUAL_PORTS:
        try:
            server = socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
        with server:
            found = LocalProcesses().candidates()
            wanted = f"http://127.0.0.1:{port}"
            assert [one for one in found if one.url == wanted] == [
                Candidate(name=f"port-{port}", url=wanted, origin=f"port {port}")
            ]
        return
    pytest.skip("all of the usual ports are taken")


def test_usual_ports_are_listed_once(monkeypatch):
    sockets = [
        Listener(address="::1", port=8003, pid=1),
        Listener(address="0.0.0.0", port=8003, pid=1),
        Listener(address="::1", port=8004, pid=1),
        Listener(address="127.0.0.1", port=9000, pid=1),
    ]
    monkeypatch.setattr(process_table, "listeners", lambda: sockets)
    urls = [one.url for one in LocalProcesses().candidates() if one.origin.startswith("port")]
    assert urls == ["http://127.0.0.1:8003", "http://[::1]:8004"]


def test_the_log_of_a_server(started, port, tmp_path):
    log = tmp_path / "server.log"
    started.serve(port, log=log)
    processes = LocalProcesses()
    home = home_of(processes, port)
    assert home is not None
    wait_until(lambda: b"Starting" in log.read_bytes())
    assert processes.log_tail(home, 10) == (
        "(APIServer pid=1) INFO starting org/Model-7B",
        f"INFO Starting vLLM server on port {port}",
    )
    assert processes.log_tail(home, 1) == (f"INFO Starting vLLM server on port {port}",)
    log.unlink()
    with pytest.raises(ProcessError, match="cannot be read"):
        processes.log_tail(home, 1)


def test_without_a_log_file_it_is_said_where_the_output_goes(started, port):
    started.serve(port)
    processes = LocalProcesses()
    home = home_of(processes, port)
    assert home is not None
    assert home.log_path is None
    with pytest.raises(ProcessError, match="thrown away") as caught:
        processes.log_tail(home, 10)
    assert "server.log" in caught.value.hint


def test_the_log_of_a_server_that_has_ended(started, port):
    pid = started.serve(port)
    processes = LocalProcesses()
    home = home_of(processes, port)
    assert home is not None
    started.end(pid)
    with pytest.raises(ProcessError, match="ended"):
        processes.log_tail(home, 10)


def test_processes_that_are_known_already_are_left_out(started, port):
    pid = started.serve(port)
    found = LocalProcesses().candidates(known={pid})
    assert all(one.origin != f"process {pid}" for one in found)


def test_our_own_process_is_no_server():
    assert candidate_of(os.getpid()) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_where_it_listens(started, port, host):
    started.serve(port, "--host", host)
    assert home_of(LocalProcesses(), port).listens_on == (host,)


def test_where_a_server_listens_that_was_found_while_it_started(started, port, monkeypatch):
    processes = LocalProcesses()
    pid = started.serve(port, "--hold")
    assert home_of(processes, port).listens_on == ()
    own = Listener(address="::", port=port, pid=pid)
    monkeypatch.setattr(process_table, "listeners", lambda: [own])
    assert home_of(processes, port).listens_on == ("::",)
    # From now on its sockets are not looked for again.
    monkeypatch.setattr(process_table, "listeners", lambda: pytest.fail("asked again"))
    assert home_of(processes, port).listens_on == ("::",)


def test_sockets_of_others_are_not_its_own(started, port, monkeypatch):
    pid = started.serve(port, "--hold")
    engine = children(pid)[0]
    sockets = [
        Listener(address="0.0.0.0", port=port, pid=os.getpid()),
        Listener(address="0.0.0.0", port=port + 1, pid=pid),
        Listener(address="192.0.2.7", port=port, pid=None),
        Listener(address="127.0.0.1", port=port, pid=engine),
        Listener(address="127.0.0.1", port=port, pid=pid),
    ]
    # First what is bound to the very address: that is the engine's.
    monkeypatch.setattr(process_table, "listeners", lambda: sockets[1:])
    assert home_of(LocalProcesses(), port).listens_on == ("127.0.0.1", "192.0.2.7")
