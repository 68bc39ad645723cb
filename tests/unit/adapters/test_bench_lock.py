"""One benchmark at a time on a server."""

import errno
import fcntl
import multiprocessing
import os

import pytest
from support.builders import spec

from sleeptui.adapters import bench_lock
from sleeptui.adapters.bench_lock import check_free, holding, lock_folder
from sleeptui.core.errors import ConfigError, NotAllowed

CODE, CHAT = spec("code", url="http://127.0.0.1:8001"), spec("chat", url="http://box:8002/v")


def hold(servers, folder, about="process 7: plan quick"):
    return holding(servers, about, folder=folder)


def test_a_second_one_on_a_server_is_told_which_runs(tmp_path):
    with (
        hold([CODE, CHAT], tmp_path),
        pytest.raises(NotAllowed, match="on chat already: process 7: plan quick"),
        hold([CHAT], tmp_path, "process 8"),
    ):
        pass
    with hold([CHAT], tmp_path), hold([CODE], tmp_path):  # each after the other, or on others
        pass


def test_this_machine_has_one_name(tmp_path):
    other = spec("same", url="http://localhost:8001/")
    with hold([CODE], tmp_path), pytest.raises(NotAllowed), hold([other], tmp_path):
        pass


def test_whether_one_runs_can_be_found_out_without_keeping_anything(tmp_path):
    check_free([CODE, CHAT], folder=tmp_path / "none")
    with hold([CHAT], tmp_path):
        check_free([CODE], folder=tmp_path)
        with pytest.raises(NotAllowed, match="on chat already: process 7: plan quick"):
            check_free([CODE, CHAT], folder=tmp_path)
    check_free([CODE, CHAT], folder=tmp_path)
    with hold([CODE, CHAT], tmp_path):
        pass


def test_who_gets_not_all_holds_none(tmp_path):
    with hold([CHAT], tmp_path):
        with pytest.raises(NotAllowed), hold([CODE, CHAT], tmp_path):
            pass
        with hold([CODE], tmp_path):
            pass


def _die_with_it(folder):
    lock = hold([CODE], folder)
    lock.__enter__()
    os._exit(0)


def test_it_ends_with_its_program(tmp_path):
    child = multiprocessing.get_context("spawn").Process(target=_die_with_it, args=(tmp_path,))
    child.start()
    child.join(30)
    with hold([CODE], tmp_path):
        pass


def test_files_are_for_their_owner_alone(tmp_path):
    folder = tmp_path / "state" / "bench"
    with hold([CODE], folder):
        (lock,) = folder.iterdir()
        assert lock.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="cannot be kept"),
        hold([CODE], tmp_path / "file" / "bench"),
    ):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks_is_borne(tmp_path, monkeypatch, number):
    def failing(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(bench_lock.fcntl, "flock", failing)
    if number == errno.ENOLCK:
        with hold([CODE], tmp_path):
            pass
    else:
        with pytest.raises(ConfigError, match="Input/output"), hold([CODE], tmp_path):
            pass


def test_whoever_says_nothing_is_another_program(tmp_path):
    with hold([CODE], tmp_path):
        pass
    (lock,) = tmp_path.iterdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(NotAllowed, match="by another program"), hold([CODE], tmp_path):
            pass


def test_the_folder_is_that_of_the_state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert lock_folder() == tmp_path / "sleeptui" / "bench"
