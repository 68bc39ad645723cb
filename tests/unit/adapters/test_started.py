"""The files of servers that were started as processes."""

import fcntl
from dataclasses import replace

import pytest

from sleeptui.adapters import started as module
from sleeptui.adapters.started import Started, StartedServer, recipe
from sleeptui.core.errors import ProcessError
from sleeptui.core.settings import ServerSpec

SPEC = ServerSpec(name="Qwen/3 8B", url="http://127.0.0.1:8001", command=("vllm", "serve", "m"))
STARTED = Started(pid=5, ticks=7, boot_id="b", started_wall_s=1.5, recipe="r")


@pytest.fixture
def server(tmp_path):
    server = StartedServer(tmp_path / "servers", SPEC)
    with server.alone():
        pass
    return server


def test_what_is_written_is_read(server):
    assert server.read() is None
    server.write(STARTED)
    assert server.read() == STARTED
    assert (STARTED.root.pid, STARTED.root.ticks, STARTED.root.boot_id) == (5, 7, "b")
    server.forget()
    server.forget()
    assert server.read() is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"version": 1}', b"[]"])
def test_a_file_that_is_torn_is_nothing(server, content):
    server._state.write_bytes(content)
    assert server.read() is None


def test_a_file_of_a_newer_version_is_nothing(server):
    server.write(STARTED)
    server._state.write_bytes(server._state.read_bytes().replace(b'"version":1', b'"version":2'))
    assert server.read() is None


def test_names_that_are_no_file_names(tmp_path):
    for name in ("../../etc/passwd", "a\nb", "", "é" * 300, "x" * 300):
        server = StartedServer(tmp_path, ServerSpec(name=name, url="u"))
        assert server.log.parent == tmp_path
        assert len(server.log.name) < 60
        assert server.log.name.isascii()


def test_the_recipe_changes_with_what_is_started(tmp_path):
    one = recipe(SPEC, tmp_path)
    assert one == recipe(SPEC, tmp_path)
    assert one != recipe(SPEC, tmp_path / "x")
    assert "vllm" not in one


def test_somebody_else_is_at_it(server, monkeypatch):
    monkeypatch.setattr(module, "_LOCK_LIMIT_S", 0.1)
    with server._lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            pytest.raises(ProcessError, match="another sleeptui is starting it"),
            server.alone(),
        ):
            pass


def test_no_output_yet(server):
    assert server.output() == ()


def test_a_folder_that_is_gone(server):
    server._lock.unlink()
    server._folder.rmdir()
    with pytest.raises(ProcessError, match="No such file"):
        server.write(STARTED)
    with pytest.raises(ProcessError, match="No such file"):
        server.new_log()


def test_output_tells_no_secret_that_it_was_started_with(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "inherited-token")
    spec = replace(
        SPEC,
        command=("vllm", "serve", "m", "--api-key", "key-of-the-command"),
        environment={"MY_PASSWORD": "of-the-configuration"},
    )
    server = StartedServer(tmp_path, spec)
    server.log.write_text("a key-of-the-command\nof-the-configuration b\ninherited-token m\n")
    assert server.output() == ["a ***", "*** b", "*** m"]
    server.log.write_text("")
    assert server.output() == ()
