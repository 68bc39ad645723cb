"""Servers as processes: real ones, that behave badly too."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.processes import (
    LIMIT_S,
    Processes,
    descendants,
    free_port,
    is_alive,
    listens,
    wait_until,
)

from sleeptui.adapters import family, process_runtime
from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.process_runtime import ProcessRuntime
from sleeptui.adapters.started import StartedServer
from sleeptui.core.errors import ProcessError
from sleeptui.core.settings import ServerSpec

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
CHILD = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-IS', '-c', {code!r}]{options}); "
)
NAP = "print('up', flush=True); import time; time.sleep(600)"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-IS", "-c", code)


def spec(*command: str, **fields: object) -> ServerSpec:
    url = fields.pop("url", f"http://127.0.0.1:{free_port()}")
    return ServerSpec(name="a model", url=url, command=command, **fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "servers"


@pytest.fixture
async def runtime(tmp_path, folder):
    made = ProcessRuntime(SystemClock(), base=tmp_path, folder=folder)
    used: list[ServerSpec] = []
    start = made.start

    async def noted(spec: ServerSpec):
        used.append(spec)
        return await start(spec)

    made.start = noted
    yield made
    for one in used:
        await made.stop(one, 0.0)
    made.close()


async def says(runtime: ProcessRuntime, server: ServerSpec, *lines: str) -> None:
    for _ in range(int(LIMIT_S / 0.01)):
        if list(await runtime.output(server)) == list(lines):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await runtime.output(server))


async def ended(runtime: ProcessRuntime, server: ServerSpec):
    for _ in range(int(LIMIT_S / 0.01)):
        state = await runtime.state(server)
        if not state.is_running:
            return state
        await asyncio.sleep(0.01)
    raise AssertionError(state)


def result_of(code: str) -> int:
    return subprocess.run([sys.executable, "-c", code], check=False, timeout=LIMIT_S).returncode


def stranger() -> subprocess.Popen[bytes]:
    return subprocess.Popen(python(NAP), stdout=subprocess.DEVNULL, start_new_session=True)


def is_there(pid: int) -> bool:
    """It has an entry, though it may have ended."""
    return Path(f"/proc/{pid}").exists()


async def test_it_gets_a_session_no_input_and_a_private_log(runtime, folder):
    server = spec(*python("import sys; print(repr(sys.stdin.read())); " + NAP))
    started = await runtime.start(server)
    (pid,) = started.pids
    await says(runtime, server, "''", "up")
    assert started.what == f"process {pid}"
    assert os.getsid(pid) == pid
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path.suffix for path in folder.iterdir()} == {".json", ".lock", ".log"}


async def test_its_environment_is_added_and_its_folder_is_beside_the_configuration(
    runtime, tmp_path, monkeypatch
):
    (tmp_path / "inner").mkdir()
    monkeypatch.setenv("FROM_OUTSIDE", "1")
    code = (
        "import os; print(os.getcwd(), os.environ['FROM_OUTSIDE'], os.environ['OURS'], flush=True);"
    )
    server = spec(*python(code + NAP), environment={"OURS": "2"}, cwd="inner")
    await runtime.start(server)
    await says(runtime, server, f"{tmp_path}/inner 1 2", "up")


async def test_secrets_are_neither_logged_nor_kept(runtime, folder, caplog):
    caplog.set_level(logging.DEBUG)
    server = spec(*python(NAP), "--api-key=hunter2", environment={"HF_TOKEN": "hunter2"})
    await runtime.start(server)
    await says(runtime, server, "up")
    await runtime.stop(server, LIMIT_S)
    assert "hunter2" not in caplog.text
    assert all(b"hunter2" not in path.read_bytes() for path in folder.iterdir())


async def test_the_log_before_is_kept_once(runtime, folder):
    server = spec(*python("import os; print(os.getpid(), flush=True); " + NAP))
    pids = []
    for _ in range(3):
        pids.append(int((await runtime.start(server)).what.removeprefix("process ")))
        await says(runtime, server, str(pids[-1]), "up")
        await runtime.stop(server, LIMIT_S)
    (log,) = folder.glob("*.log")
    assert log.read_text().split()[0] == str(pids[2])
    assert log.with_name(f"{log.name}.1").read_text().split()[0] == str(pids[1])


async def test_two_servers_of_one_name_are_two(runtime):
    one, other = spec(*python(NAP)), spec(*python(NAP))
    assert one.name == other.name
    first, second = await runtime.start(one), await runtime.start(other)
    assert first.pids.isdisjoint(second.pids)
    await runtime.stop(one, LIMIT_S)
    assert (await runtime.state(other)).is_running


async def test_another_sleeptui_ends_it(runtime, tmp_path, folder):
    server = spec(*python(NAP))
    started = await runtime.start(server)
    other = ProcessRuntime(SystemClock(), base=tmp_path, folder=folder)
    state = await other.state(server)
    assert (state.is_running, state.what) == (True, started.what)
    assert state.started_wall_s == started.started_wall_s
    stopped = await other.stop(server, LIMIT_S)
    # Of another one's process the system tells no exit code.
    assert (stopped.is_running, stopped.exit_code) == (False, None)
    assert not (await runtime.state(server)).is_running


async def test_it_outlives_a_sleeptui_that_is_killed(tmp_path, folder):
    server = spec(*python(NAP))
    code = (
        "import asyncio, os, signal, pathlib\n"
        "from sleeptui.adapters.clock import SystemClock\n"
        "from sleeptui.adapters.process_runtime import ProcessRuntime\n"
        "from sleeptui.core.settings import ServerSpec\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        "runtime = ProcessRuntime(SystemClock(), base=folder.parent, folder=folder)\n"
        f"asyncio.run(runtime.start(ServerSpec(name='a model', url={server.url!r},"
        f" command={server.command!r})))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert await asyncio.to_thread(result_of, code) == -signal.SIGKILL
    runtime = ProcessRuntime(SystemClock(), base=tmp_path, folder=folder)
    state = await runtime.state(server)
    assert state.is_running
    await says(runtime, server, "up")
    stopped = await runtime.stop(server, LIMIT_S)
    assert not stopped.is_running
    assert not any(is_alive(pid) for pid in state.pids)


async def test_a_stranger_with_its_number_is_left_alone(runtime, folder):
    server = spec(*python(NAP))
    await runtime.start(server)
    await runtime.stop(server, LIMIT_S)
    with stranger() as alien:
        root = family.read_root(alien.pid)
        files = StartedServer(folder, server)
        files.write(
            process_runtime.Started(
                pid=root.pid,
                ticks=root.ticks - 1,
                boot_id=root.boot_id,
                started_wall_s=1.0,
                recipe="",
            )
        )
        assert not (await runtime.state(server)).is_running
        assert not (await runtime.stop(server, LIMIT_S)).is_running
        assert is_alive(alien.pid)
        assert files.read() is None
        alien.kill()


async def test_what_does_not_listen_to_the_signal_is_killed_with_all_below_it(runtime):
    """A child deaf too, and one that has left the session: engines that hold GPU memory."""
    deaf = DEAF + NAP
    code = (
        DEAF
        + CHILD.format(code=deaf, options="")
        + CHILD.format(code=deaf, options=", start_new_session=True")
        + NAP
    )
    server = spec(*python(code))
    started = await runtime.start(server)
    pid = int(started.what.removeprefix("process "))
    await says(runtime, server, "up", "up", "up")
    everybody = [pid, *descendants(pid)]
    assert len(everybody) == 3
    assert (await runtime.state(server)).pids == set(everybody)
    stopped = await runtime.stop(server, 0.2)
    assert (stopped.is_running, stopped.exit_code) == (False, -signal.SIGKILL)
    assert stopped.problem == "it did not end in 0 s and was killed"
    assert not any(is_alive(one) for one in everybody)
    wait_until(lambda: not is_there(pid))  # no zombie either


async def test_a_child_that_outlives_its_server(runtime):
    server = spec(*python(CHILD.format(code=DEAF + NAP, options="")))
    await runtime.start(server)
    state = await ended(runtime, server)
    (left,) = state.pids
    assert state.problem == f"process {left} that it had started still runs"
    with pytest.raises(ProcessError, match=f"process {left} that it had started") as caught:
        await runtime.start(server)
    assert caught.value.hint.startswith("End the server first")
    await runtime.stop(server, 0.1)
    assert not is_alive(left)
    assert (await runtime.start(server)).is_running


async def test_nothing_of_ours_stays_a_zombie(runtime):
    server = spec(*python("import sys; sys.exit('ValueError: no weights')"))
    pid = int((await runtime.start(server)).what.removeprefix("process "))
    wait_until(lambda: not is_there(pid))
    state = await runtime.state(server)
    assert (state.exit_code, state.problem) == (1, "ValueError: no weights")


async def test_one_that_was_killed_says_so(runtime):
    server = spec(*python(NAP))
    (pid,) = (await runtime.start(server)).pids
    os.kill(pid, signal.SIGKILL)
    state = await ended(runtime, server)
    assert state.exit_code == -9
    assert state.problem == "ended by signal 9: Killed, by somebody else or for lack of memory"
    again = await runtime.start(server)
    os.kill(*again.pids, signal.SIGINT)
    await ended(runtime, server)


async def test_another_command_than_it_was_started_with(runtime):
    server = spec(*python(NAP))
    started = await runtime.start(server)
    with pytest.raises(ProcessError, match="another command, environment or folder") as caught:
        await runtime.start(replace(server, environment={"A": "1"}))
    assert started.what in caught.value.message
    assert (await runtime.state(server)).is_running


@pytest.mark.parametrize(
    ("command", "fields", "words"),
    [
        (("no-such-program",), {}, "no program no-such-program is found on the PATH"),
        (("/no/such",), {}, "there is no program /no/such"),
        (("./plain.txt",), {}, "./plain.txt is not executable"),
        (("/bin/true",), {"cwd": "/no/such"}, "there is no folder /no/such"),
        (("./broken",), {}, "Exec format error"),
        (("/bin/true",), {"environment": {"A=B": "1"}}, "illegal environment variable name"),
        (("/bin/true", "a\0b"), {}, "embedded null byte"),
    ],
)
async def test_what_cannot_be_started(runtime, tmp_path, command, fields, words):
    (tmp_path / "plain.txt").write_text("x")
    (tmp_path / "broken").write_bytes(b"\x7fELF nothing")
    (tmp_path / "broken").chmod(0o755)
    with pytest.raises(ProcessError) as caught:
        await runtime.start(spec(*command, **fields))
    assert caught.value.message.startswith("a model cannot be started: ")
    assert words in caught.value.message
    assert caught.value.hint
    state = await runtime.state(spec(*command, **fields))
    assert (state.is_running, state.problem) == (False, "")


async def test_a_port_that_somebody_has(runtime, tmp_path):
    processes = Processes(tmp_path)
    port = free_port()
    pid = processes.listener(port, "stranger")
    try:
        server = spec(*python(NAP), url=f"http://127.0.0.1:{port}")
        with pytest.raises(ProcessError) as caught:
            await runtime.start(server)
        assert caught.value.message == (
            f"a model cannot be started: port {port} is taken by stranger (process {pid})"
        )
        assert caught.value.hint
        # Behind a proxy it is the port of the command that counts.
        vllm = (str(processes.vllm), "serve", "m", f"--port={free_port()}")
        behind = spec(*vllm, url=f"http://127.0.0.1:{port}")
        assert (await runtime.start(behind)).is_running
        assert listens(port)
    finally:
        processes.end_all()


async def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    runtime = ProcessRuntime(SystemClock(), base=tmp_path, folder=tmp_path / "file" / "servers")
    with pytest.raises(ProcessError, match="cannot be written: Not a directory"):
        await runtime.start(spec(*python(NAP)))


async def test_without_a_folder_it_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    runtime = ProcessRuntime(SystemClock(), base=tmp_path)
    server = spec(*python(NAP))
    await runtime.start(server)
    assert list((tmp_path / "sleeptui" / "servers").glob("a-model-*.log"))
    await runtime.stop(server, LIMIT_S)


async def test_two_starts_at_once_start_one(runtime):
    server = spec(*python(NAP))
    one, other = await asyncio.gather(runtime.start(server), runtime.start(server))
    assert one.what == other.what


async def test_one_that_cannot_be_killed_is_said(runtime, monkeypatch):
    server = spec(*python(DEAF + NAP))
    await runtime.start(server)
    await says(runtime, server, "up")
    monkeypatch.setattr(process_runtime, "KILL_LIMIT_S", 0.1)
    monkeypatch.setattr(family, "kill", lambda members: None)
    with pytest.raises(ProcessError, match="a model has not ended: process"):
        await runtime.stop(server, 0.0)
    monkeypatch.undo()
    assert (await runtime.state(server)).is_running


async def test_one_of_another_user_is_said(runtime, monkeypatch):
    server = spec(*python(NAP))
    await runtime.start(server)

    def refused(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(family, "tell", refused)
    with pytest.raises(ProcessError, match="it belongs to another user"):
        await runtime.stop(server, 0.0)
    monkeypatch.undo()
