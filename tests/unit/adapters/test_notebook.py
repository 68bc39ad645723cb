import asyncio
import errno
import fcntl
import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from support.builders import GIB, reference, token
from support.clock import ManualClock

from sleeptui.adapters import notebook
from sleeptui.adapters.notebook import KEPT, FileNotebook, MemoryNotebook, state_path
from sleeptui.core.canary import Token
from sleeptui.core.errors import NotebookError
from sleeptui.core.learned import Cycle, Learned

LEARNED = Learned(
    awake_by_gpu={0: 40 * GIB, 1: 39 * GIB},
    awake_in_s=1_790_000_000.123456,
    times={"sleep 1": (0.1, 0.30000000000000004), "first sleep 1": (12.1,)},
    cycles=(
        Cycle(process_start_s=1_790_000_000.123456, level=1, freed_bytes=38 * GIB),
        Cycle(process_start_s=None, level=2, residual_bytes=0, host_bytes=3),
    ),
    reference=reference((token(1), Token(id=None, text="é\x1b"))),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "sleeptui" / "learned.json"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def kept(path, clock):
    return FileNotebook(path, clock)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_is_written_is_read_by_the_next_run(kept, path, clock):
    assert await kept.read("a") is None
    assert not path.parent.exists()
    await kept.write("a", LEARNED)
    await kept.write("b", Learned())
    after = FileNotebook(path, clock)
    assert await after.read("a") == LEARNED
    assert await after.read("b") == Learned()
    assert await after.read("c") is None


async def test_the_newest_counts(kept):
    await kept.write("a", LEARNED)
    await kept.write("a", Learned(times={"wake 1": (0.5,)}))
    assert await kept.read("a") == Learned(times={"wake 1": (0.5,)})


async def test_only_its_owner_can_read_it(kept, path):
    before = os.umask(0)
    try:
        await kept.write("a", LEARNED)
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert {mode(one) for one in path.parent.iterdir()} == {0o600}


async def test_nothing_else_is_left_in_the_folder(kept, path):
    await kept.write("a", LEARNED)
    await kept.write("b", LEARNED)
    assert {one.name for one in path.parent.iterdir()} == {"learned.json", "learned.json.lock"}


async def test_those_written_last_are_kept(kept, clock):
    for number in range(KEPT + 3):
        clock.move(1)
        await kept.write(f"server {number}", Learned(awake_in_s=float(number)))
        if number == KEPT - 1:
            clock.move(1)
            await kept.write("server 0", LEARNED)
    assert await kept.read("server 0") == LEARNED
    assert [await kept.read(f"server {number}") for number in (1, 2, 3)] == [None] * 3
    assert await kept.read("server 4") is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'{"version": "1"}',
        b'{"version": 1, "servers": []}',
        b'{"version": 1, "servers": {"\xff": {}}}',
        b'{"version": 1, "servers": ' + b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
async def test_a_broken_file_is_moved_aside_and_told_once(kept, path, data):
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(NotebookError, match="is broken: what was learnt earlier is lost") as told:
        await kept.read("a")
    assert "learned.json.broken" in told.value.hint
    assert path.with_name("learned.json.broken").read_bytes() == data
    assert not path.exists()
    assert await kept.read("a") is None
    await kept.write("a", LEARNED)
    assert await kept.read("a") == LEARNED


async def test_one_that_breaks_before_a_write_is_told_too_and_the_write_is_kept(kept, path):
    await kept.write("a", LEARNED)
    path.write_bytes(b"half")
    with pytest.raises(NotebookError, match="is broken"):
        await kept.write("b", LEARNED)
    assert await kept.read("b") == LEARNED
    assert path.with_name("learned.json.broken").read_bytes() == b"half"


NO_ANSWER = {"model": "a", "prompt": "b", "max_tokens": 1, "taken_wall_s": 1.0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cycles", "many"),
        ("reference", {**NO_ANSWER, "answers": []}),
        ("reference", {**NO_ANSWER, "answers": [[]]}),
    ],
)
async def test_one_broken_entry_costs_only_itself(kept, path, field, value):
    await kept.write("a", LEARNED)
    await kept.write("b", LEARNED)
    content = json.loads(path.read_text())
    content["servers"]["a"]["learned"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(NotebookError, match="says of a cannot be read"):
        await kept.read("a")
    assert await kept.read("b") == LEARNED
    await kept.write("a", LEARNED)
    assert await kept.read("a") == LEARNED


async def test_fields_of_later_versions_of_the_same_format_are_passed_over(kept, path):
    await kept.write("a", LEARNED)
    content = json.loads(path.read_text())
    content["note"] = content["servers"]["a"]["learned"]["note"] = "from the future"
    path.write_text(json.dumps(content))
    assert await kept.read("a") == LEARNED


async def test_the_file_of_a_newer_version_is_left_alone(kept, path):
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 2, "pages": 1}')
    for attempt in (kept.read("a"), kept.write("a", LEARNED)):
        with pytest.raises(NotebookError, match="a newer sleeptui") as told:
            await attempt
        assert told.value.hint.startswith("update sleeptui")
    assert path.read_text() == '{"version": 2, "pages": 1}'
    assert {one.name for one in path.parent.iterdir()} == {"learned.json", "learned.json.lock"}


async def test_a_folder_that_cannot_be_made_is_told(tmp_path, clock):
    (tmp_path / "file").write_text("")
    kept = FileNotebook(tmp_path / "file" / "learned.json", clock)
    with pytest.raises(NotebookError, match=r"learned.json cannot be read: Not a directory"):
        await kept.read("a")
    with pytest.raises(NotebookError, match=r"learned.json cannot be written: "):
        await kept.write("a", LEARNED)


async def test_a_full_disk_is_told_and_harms_nothing(kept, path, monkeypatch):
    await kept.write("a", LEARNED)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(notebook.os, "fsync", full)
    with pytest.raises(NotebookError, match="cannot be written: No space left on device") as told:
        await kept.write("a", Learned())
    assert "forgotten" in told.value.hint
    assert {one.name for one in path.parent.iterdir()} == {"learned.json", "learned.json.lock"}
    assert await kept.read("a") == LEARNED


async def test_a_lock_that_is_held_is_waited_for_and_not_for_ever(kept, path, monkeypatch):
    await kept.write("a", Learned())
    with Path(f"{path}.lock").open("w") as held:  # noqa: ASYNC230 - the lock of another program
        fcntl.flock(held, fcntl.LOCK_EX)
        writing = asyncio.create_task(kept.write("a", LEARNED))
        await asyncio.sleep(0.1)
        assert not writing.done()
        fcntl.flock(held, fcntl.LOCK_UN)
        await writing
        assert await kept.read("a") == LEARNED
        monkeypatch.setattr(notebook, "LOCK_LIMIT_S", 0.1)
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NotebookError, match="another program holds its lock"):
            await kept.write("a", Learned())


def _write_many(path, name):
    async def work():
        kept = FileNotebook(path, ManualClock())
        for number in range(20):
            await kept.write(f"{name} {number}", Learned(awake_in_s=float(number)))

    asyncio.run(work())


async def test_two_panels_do_not_lose_each_other_what_they_write(kept, path):
    fresh = multiprocessing.get_context("spawn")
    panels = [fresh.Process(target=_write_many, args=(path, name)) for name in ("one", "two")]
    for panel in panels:
        panel.start()
    for panel in panels:
        await asyncio.to_thread(panel.join, 60)
        assert panel.exitcode == 0
    for name in ("one", "two"):
        for number in range(20):
            assert await kept.read(f"{name} {number}") == Learned(awake_in_s=float(number))


async def test_a_demo_remembers_nothing_beyond_itself():
    kept = MemoryNotebook()
    assert await kept.read("a") is None
    await kept.write("a", LEARNED)
    assert await kept.read("a") == LEARNED


def test_it_is_in_the_folder_for_state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_path() == tmp_path / "sleeptui" / "learned.json"
