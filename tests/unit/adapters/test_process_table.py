"""ProcessTable: one look at real processes; what is gone reads as unknown."""

import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from sleeptui.adapters import process_table
from sleeptui.adapters.process_table import ProcessTable, listeners, sees_our_ports
from sleeptui.core.errors import ProcessError


@pytest.fixture
def child():
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_parents_and_trees(child):
    table = ProcessTable.read()
    assert table.parent(child) == os.getpid()
    assert table.tree(child) == {child}
    assert {os.getpid(), child} <= table.tree(os.getpid())
    assert child in table.pids


def test_what_is_not_there(child):
    table = ProcessTable.read()
    nobody = 2**22 + 1  # above the kernel's largest PID
    assert table.tree(nobody) == frozenset()
    assert table.parent(nobody) is None
    assert table.started_s(nobody) is None
    assert table.started_at(nobody) is None
    assert table.argv(nobody) == []
    assert table.program(nobody) == ""
    assert table.environment(nobody) == {}
    assert table.host_bytes([nobody]) is None
    assert not sees_our_ports(nobody)


def test_a_process_that_ended_after_the_look():
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        table = ProcessTable.read()
        process.kill()
    assert table.tree(process.pid) == {process.pid}
    assert table.argv(process.pid) == []
    assert table.program(process.pid) == ""
    assert table.environment(process.pid) == {}
    assert table.host_bytes([process.pid]) is None
    assert table.host_bytes([process.pid, os.getpid()]) == table.host_bytes([os.getpid()])


def test_one_that_has_ended_and_was_not_waited_for_is_none():
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        table = ProcessTable.read()
        assert process.pid in table.pids
        assert table.started_s(process.pid) is None
        assert table.started_at(process.pid) is None


def test_facts_of_a_process(child):
    table = ProcessTable.read()
    assert table.argv(child) == ["/bin/sleep", "600"]
    assert table.program(child) == "sleep"
    assert table.environment(child)["PATH"] == os.environ["PATH"]
    assert table.started_s(child) == psutil.Process(child).create_time()
    assert table.started_at(child).endswith("+00:00")
    assert table.host_bytes([child]) == psutil.Process(child).memory_info().rss


def test_a_process_that_ends_during_the_look_is_left_out(monkeypatch):
    def gone(process: psutil.Process) -> int:
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "ppid", gone)
    assert list(ProcessTable.read().pids) == []


def test_no_process_list(monkeypatch):
    def broken():
        raise FileNotFoundError(2, "No such file or directory", "/proc")

    monkeypatch.setattr(psutil, "process_iter", broken)
    with pytest.raises(ProcessError, match="cannot be listed: No such file") as caught:
        ProcessTable.read()
    assert caught.value.hint


def test_only_listening_sockets_are_listed():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        closing(socket.create_connection(server.getsockname())) as client,
    ):
        port = server.getsockname()[1]
        found = [one for one in listeners() if one.port in {port, client.getsockname()[1]}]
        assert [(one.address, one.port, one.pid) for one in found] == [
            ("127.0.0.1", port, os.getpid())
        ]


@pytest.mark.parametrize("error", [psutil.AccessDenied(1), PermissionError(13, "denied")])
def test_sockets_that_are_not_shown(monkeypatch, error):
    def forbidden(kind: str):
        raise error

    monkeypatch.setattr(psutil, "net_connections", forbidden)
    with pytest.raises(ProcessError, match="listening ports"):
        listeners()


def test_a_child_shares_our_network(child):
    assert sees_our_ports(child)


@pytest.mark.parametrize(
    ("groups", "same"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope\n", True),
        ("0::/system.slice/vllm.service\n", True),
        ("0::/system.slice/docker.service\n", True),
        ("0::/system.slice/docker-0123456789abcdef.scope\n", False),
        ("4:memory:/docker/0123abc\n", False),
        ("0::/system.slice/docker-compose.service\n", True),
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-01.scope\n", False),
        ("0::/machine.slice/libpod-0123.scope\n", False),
        ("", True),
    ],
)
def test_another_users_process_is_told_by_its_control_group(monkeypatch, child, groups, same):
    readlink = Path.readlink

    def forbidden(path: Path) -> Path:
        if str(path).startswith(f"/proc/{child}/ns"):
            raise PermissionError(13, "Permission denied")
        return readlink(path)

    monkeypatch.setattr(Path, "readlink", forbidden)
    monkeypatch.setattr(process_table, "control_groups", lambda pid: groups)
    assert sees_our_ports(child) is same


def test_the_control_groups_of_a_process(child):
    assert process_table.control_groups(child) == Path(f"/proc/{child}/cgroup").read_text()
