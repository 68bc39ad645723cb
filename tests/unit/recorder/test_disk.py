"""The file of a journal: whole lines, a lock, a reserve, and nobody else's business."""

import errno
import os
import stat

import pytest
from support.disks import failing

from sleeptui.recorder.disk import (
    JOURNAL,
    RESERVE_BYTES,
    STEP_BYTES,
    JournalFile,
    is_locked,
    sync_folder,
)


def test_only_the_user_may_read_it(tmp_path):
    file = JournalFile(tmp_path)
    assert stat.S_IMODE((tmp_path / JOURNAL).stat().st_mode) == 0o600
    file.close()
    assert [one.name for one in tmp_path.iterdir()] == [JOURNAL]


def test_a_journal_that_is_there_is_never_touched(tmp_path):
    (tmp_path / JOURNAL).write_text("mine")
    with pytest.raises(FileExistsError):
        JournalFile(tmp_path)
    assert (tmp_path / JOURNAL).read_text() == "mine"


def test_nor_is_a_link_followed(tmp_path):
    (tmp_path / JOURNAL).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="File exists"):
        JournalFile(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_it_is_locked_while_it_is_open_and_a_look_disturbs_nobody(tmp_path):
    file = JournalFile(tmp_path)
    assert is_locked(tmp_path / JOURNAL)
    assert is_locked(tmp_path / JOURNAL)
    file.append(b"x\n")
    file.close()
    assert not is_locked(tmp_path / JOURNAL)
    with pytest.raises(FileNotFoundError):
        is_locked(tmp_path / "none")


def test_where_there_are_no_locks_it_is_written_all_the_same(tmp_path, monkeypatch):
    def none(_descriptor, _how):
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    monkeypatch.setattr("sleeptui.recorder.disk.fcntl.flock", none)
    JournalFile(tmp_path).close()
    assert not is_locked(tmp_path / JOURNAL)


def test_an_error_of_the_lock_leaves_no_open_file(tmp_path, monkeypatch):
    def broken(_descriptor, _how):
        raise OSError(errno.EIO, "broken")

    closed = []
    failing(monkeypatch).close = lambda descriptor: (
        closed.append(descriptor),
        os.close(descriptor),
    )
    monkeypatch.setattr("sleeptui.recorder.disk.fcntl.flock", broken)
    with pytest.raises(OSError, match="broken"):
        JournalFile(tmp_path)
    assert len(closed) == 1


def test_a_write_that_is_cut_short_is_finished(tmp_path, monkeypatch):
    fake = failing(monkeypatch)
    file = JournalFile(tmp_path)
    fake.write = lambda descriptor, data: os.write(descriptor, data[:3])
    file.append(b"0123456789\n")
    assert (tmp_path / JOURNAL).read_bytes() == b"0123456789\n"


def test_a_line_that_does_not_fit_leaves_nothing_of_itself(tmp_path, monkeypatch):
    fake = failing(monkeypatch)
    file = JournalFile(tmp_path)
    file.append(b"first\n")
    before = file.sha256
    fake.room = 3
    with pytest.raises(OSError, match="No space"):
        file.append(b"second\n")
    assert (tmp_path / JOURNAL).read_bytes() == b"first\n"
    assert file.sha256 == before
    fake.room = None
    file.append(b"third\n")
    assert (tmp_path / JOURNAL).read_bytes() == b"first\nthird\n"


def test_what_cannot_be_taken_away_at_once_is_before_the_next_line(tmp_path, monkeypatch):
    fake = failing(monkeypatch)
    file = JournalFile(tmp_path)
    file.append(b"first\n")
    fake.room, fake.cut_error = 3, errno.EIO
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            file.append(b"second\n")
    assert (tmp_path / JOURNAL).read_bytes() == b"first\nsec"
    fake.room, fake.cut_error = None, None
    file.append(b"third\n")
    assert (tmp_path / JOURNAL).read_bytes() == b"first\nthird\n"


def test_the_reserve_is_given_back_in_steps_and_only_where_that_helps(tmp_path):
    full = OSError(errno.ENOSPC, "full")
    file = JournalFile(tmp_path)
    assert file.reserve_bytes == RESERVE_BYTES
    assert not file.give(OSError(errno.EIO, "broken"))
    steps = 0
    while file.give(full):
        steps += 1
        assert file.reserve_bytes == RESERVE_BYTES - steps * STEP_BYTES
    assert steps == RESERVE_BYTES // STEP_BYTES
    assert file.has_room()
    assert file.reserve_bytes == RESERVE_BYTES
    file.close()
    assert not file.has_room()
    assert not file.give(full)


def test_the_reserve_takes_room_and_has_no_name(tmp_path, monkeypatch):
    taken = []

    def fallocate(descriptor, start, size):
        os.posix_fallocate(descriptor, start, size)
        taken.append(os.fstat(descriptor))

    failing(monkeypatch).posix_fallocate = fallocate
    file = JournalFile(tmp_path)
    (found,) = taken
    assert (found.st_nlink, stat.S_IMODE(found.st_mode)) == (0, 0o600)
    assert found.st_blocks * 512 >= RESERVE_BYTES
    assert [one.name for one in tmp_path.iterdir()] == [JOURNAL]
    file.close()


def test_a_reserve_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    fake = failing(monkeypatch)
    fake.room = 0
    file = JournalFile(tmp_path)
    assert file.reserve_bytes == 0
    assert not file.has_room()
    assert not file.give(OSError(errno.ENOSPC, "full"))
    fake.room, fake.cut_error = None, errno.EIO
    assert not file.has_room()
    assert file.reserve_bytes == 0
    file.close()


def test_nor_does_a_folder_that_takes_no_other_file_stop_it(tmp_path, monkeypatch):
    def refused(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sleeptui.recorder.disk.mkstemp", refused)
    file = JournalFile(tmp_path)
    assert not file.has_room()
    assert not file.give(OSError(errno.ENOSPC, "full"))
    file.close()


def test_what_could_not_be_written_at_all_is_abandoned(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    JournalFile(folder).abandon()
    assert not folder.exists()


def test_a_file_system_that_cannot_force_folders_is_no_error(tmp_path, monkeypatch):
    fake = failing(monkeypatch)
    told = errno.EINVAL

    def fsync(_descriptor):
        raise OSError(told, "not here")

    fake.fsync = fsync
    sync_folder(tmp_path)
    told = errno.EIO
    with pytest.raises(OSError, match="not here"):
        sync_folder(tmp_path)


def test_another_file_in_its_place_is_not_it(tmp_path):
    file = JournalFile(tmp_path)
    assert file.strayed() == ""
    (tmp_path / JOURNAL).rename(tmp_path / "other")
    (tmp_path / JOURNAL).write_text("not it")
    assert file.strayed().startswith("the journal was moved")
    file.close()
    assert file.strayed() == ""  # nobody can tell
