"""Logs of processes: where the output goes, and the end of a file."""

import os
import pty
import socket
import subprocess
from pathlib import Path

import pytest

from sleeptui.adapters.process_logs import LONGEST_TAIL, log_lines, log_path, tail
from sleeptui.core.errors import ProcessError


@pytest.fixture
def running():
    """Starts a process that only sleeps, with the given outputs."""
    started = []

    def start(stdout: object, stderr: object = subprocess.DEVNULL) -> int:
        started.append(subprocess.Popen(["/bin/sleep", "600"], stdout=stdout, stderr=stderr))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_output_into_a_file(running, tmp_path):
    path = tmp_path / "out.log"
    with path.open("w") as file:
        assert log_path(running(file)) == str(path)


def test_errors_into_a_file(running, tmp_path):
    path = tmp_path / "errors.log"
    with path.open("w") as file:
        assert log_path(running(subprocess.PIPE, file)) == str(path)


def test_output_into_a_pipe(running):
    with pytest.raises(ProcessError, match="into a pipe") as caught:
        log_path(running(subprocess.PIPE))
    assert "vllm serve" in caught.value.hint


def test_output_to_a_socket(running):
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ProcessError, match="journal"):
        log_path(running(theirs))


def test_output_thrown_away(running):
    with pytest.raises(ProcessError, match="thrown away"):
        log_path(running(subprocess.DEVNULL))


def test_output_to_a_terminal(running):
    ours, theirs = pty.openpty()
    try:
        name = os.ttyname(theirs)
        with pytest.raises(ProcessError, match=f"to the terminal {name}"):
            log_path(running(theirs))
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_log_that_was_deleted_or_replaced(running, tmp_path):
    path = tmp_path / "out.log"
    with path.open("w") as file:
        pid = running(file)
    path.unlink()
    with pytest.raises(ProcessError, match="not there any more"):
        log_path(pid)
    path.write_text("another file of that name")
    with pytest.raises(ProcessError, match="not there any more"):
        log_path(pid)


def test_a_process_that_has_ended():
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    with pytest.raises(ProcessError, match="has ended"):
        log_path(process.pid)


def test_a_process_of_another_user(running, tmp_path, monkeypatch):
    with (tmp_path / "out.log").open("w") as file:
        pid = running(file)

    def forbidden(path: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "readlink", forbidden)
    with pytest.raises(ProcessError, match="another user") as caught:
        log_path(pid)
    assert "root" in caught.value.hint


def test_the_last_lines(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    assert tail(str(path), 3) == ("line 97", "line 98", "line 99")
    assert len(tail(str(path), 1000)) == 100
    assert tail(str(path), 0) == ()


def test_an_empty_log(tmp_path):
    path = tmp_path / "a.log"
    path.touch()
    assert tail(str(path), 3) == ()


def test_of_a_huge_log_only_the_end_is_read(tmp_path):
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.truncate(1 << 33)  # a hole: 8 GiB of zeros that take no room
        file.seek(0, os.SEEK_END)
        file.write("\nthe énd\n".encode() * 3)
    assert tail(str(path), 2) == ("", "the énd")
    longest = tail(str(path), 10**9)
    assert sum(len(line) for line in longest) <= LONGEST_TAIL


def test_one_endless_line_is_cut(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * (LONGEST_TAIL + 10))
    assert tail(str(path), 5) == ("x" * LONGEST_TAIL,)


def test_a_line_that_is_cut_by_the_limit_is_left_out(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("a first line that is long\nlast line\n")
    assert tail(str(path), 5, most=12) == ("last line",)


def test_a_log_that_cannot_be_read(tmp_path):
    with pytest.raises(ProcessError, match="No such file"):
        tail(str(tmp_path / "none.log"), 1)


def test_lines_are_cleaned_and_redrawn_ones_end_as_last_drawn():
    content = b"\x1b[1;36m(APIServer)\x1b[0m ok\r\n 0%|  |\r 50%|# |\r100%|##|\n\xff\tdone\x07"
    assert log_lines(content, 9) == ("(APIServer) ok", "100%|##|", "�\tdone")
