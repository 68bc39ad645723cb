"""Weights as files, and the page cache over them: on real files, and on odd file systems."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sleeptui.adapters import page_cache
from sleeptui.adapters.weight_files import LocalWeightFiles
from sleeptui.core.settings import ServerSpec

SIZE = (3 << 20) + 1
"""Whole pages, and one byte of another."""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("a.safetensors", "b.safetensors"):
        (folder / name).write_bytes(os.urandom(SIZE))
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def files(tmp_path):
    return LocalWeightFiles(base=tmp_path)


def spec(**fields: object) -> ServerSpec:
    return ServerSpec(name="a", url="http://127.0.0.1:1", **fields)


async def evicted(files: LocalWeightFiles, server: ServerSpec):
    after = await files.evict(server)
    if after.share is None:
        pytest.skip(f"not on this file system: {after.problem}")
    return after


async def test_out_of_the_page_cache_and_into_it_again(files, weights):
    server = spec(weights="model")
    after = await evicted(files, server)
    assert (after.total_bytes, after.resident_bytes, after.files) == (2 * SIZE, 0, 2)
    assert (await files.residency(server)).share == 0.0  # to look brings nothing in
    warm = await files.warm(server)
    assert (warm.total_bytes, warm.resident_bytes, warm.problem) == (2 * SIZE, 2 * SIZE, "")
    assert (await files.residency(server)).share == 1.0
    assert (await files.evict(server)).share == 0.0


async def test_a_part_of_it(files, weights, monkeypatch):
    monkeypatch.setattr(page_cache, "WINDOW", 1 << 20)
    server = spec(weights=str(weights / "a.safetensors"))
    await evicted(files, server)
    with (weights / "a.safetensors").open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # no reading ahead
        os.pread(file.fileno(), 1, SIZE - 1)
    found = (await files.residency(server)).resident_bytes
    assert found % page_cache._PAGE == 1  # the last page counts only as far as the file goes
    assert 1 <= found < SIZE


async def test_pages_that_a_process_uses_stay(files, weights):
    server = spec(weights=str(weights / "a.safetensors"))
    await evicted(files, server)
    import mmap

    with (
        (weights / "a.safetensors").open("rb") as file,
        mmap.mmap(file.fileno(), 1 << 20, access=mmap.ACCESS_READ) as mapped,
    ):
        for at in range(0, 1 << 20, page_cache._PAGE):
            _ = mapped[at]
        with (weights / "a.safetensors").open("rb") as other:
            other.read()
        after = await files.evict(server)
        assert 0.2 < after.share < 0.9
        assert after.problem.endswith("of the weights stay in the page cache: a process uses them")


def seen(monkeypatch, **answers: object) -> None:
    for name, answer in answers.items():
        monkeypatch.setattr(page_cache, name, answer)


async def test_a_file_system_with_a_cache_of_its_own(files, weights, monkeypatch):
    seen(monkeypatch, _kind=lambda descriptor: 0x6969)
    for look in (files.residency, files.evict, files.warm):
        found = await look(spec(weights="model"))
        assert found.share is None
        assert found.total_bytes == 2 * SIZE
        assert found.problem == ("cache state unknown: the file system NFS has a cache of its own")


async def test_weights_of_another_user(files, weights, monkeypatch):
    seen(monkeypatch, is_told_the_truth=lambda path: False)
    found = await files.residency(spec(weights="model"))
    assert "the weights belong to another user" in found.problem


async def test_pages_that_do_not_move(files, weights, monkeypatch):
    seen(monkeypatch, drop=lambda path: SIZE, resident_bytes=lambda path: SIZE)
    found = await files.evict(spec(weights="model"))
    assert found.share is None
    assert "no page of the weights could be dropped" in found.problem


async def test_an_overlay_is_believed_once_it_was_seen_to_tell_the_truth(
    files, weights, monkeypatch
):
    server = spec(weights="model")
    await evicted(files, server)
    seen(monkeypatch, is_overlay=lambda path: True)
    fresh = LocalWeightFiles(base=weights.parent)
    found = await fresh.residency(server)
    assert (found.share, found.total_bytes) == (None, 2 * SIZE)
    assert "the weights lie in an overlay" in found.problem
    for path in weights.iterdir():
        path.read_bytes()
    assert (await fresh.warm(server)).share == 1.0
    assert (await fresh.residency(server)).share == 1.0
    assert (await fresh.evict(server)).share == 0.0


async def test_what_cannot_be_read(files, weights, monkeypatch):
    def broken(path: Path) -> int:
        raise OSError(5, "Input/output error")

    seen(monkeypatch, resident_bytes=broken)
    found = await files.residency(spec(weights="model"))
    assert found.problem == ("cache state unknown: the weights cannot be read: Input/output error")


async def test_weights_that_are_not_there(files):
    for look in (files.residency, files.evict, files.warm):
        found = await look(spec())
        assert (found.share, found.total_bytes) == (None, 0)
        assert found.problem.startswith("It is not known where the weights are")


async def test_warming_stops_when_it_is_cancelled(files, weights, monkeypatch):
    reads, is_reading = [], threading.Event()
    monkeypatch.setattr(page_cache, "PIECE", 1 << 20)
    readv = os.readv

    def slow(descriptor: int, buffers: list[bytearray]) -> int:
        reads.append(descriptor)
        is_reading.set()
        wanted.wait(10)
        return readv(descriptor, buffers)

    wanted = threading.Event()
    monkeypatch.setattr(os, "readv", slow)
    task = asyncio.create_task(files.warm(spec(weights="model")))
    await asyncio.to_thread(is_reading.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wanted.set()
    count = -1
    while count != len(reads):
        count = len(reads)
        await asyncio.sleep(0.05)
    assert len(reads) == 1


def test_a_call_that_fails(monkeypatch, weights):
    class Calls:
        def fstatfs(self, *_arguments: object) -> int:
            return -1

        def mmap(self, *_arguments: object) -> None:
            return None

    monkeypatch.setattr(page_cache, "_Calls", Calls)
    path = weights / "a.safetensors"
    with pytest.raises(OSError, match="error"):
        page_cache.is_overlay(path)
    with pytest.raises(OSError, match="error"):
        page_cache.resident_bytes(path)


def test_pages_that_cannot_be_asked_about(monkeypatch, weights):
    class Calls(page_cache._Calls):
        def __init__(self) -> None:
            super().__init__()
            self.mincore = lambda *_arguments: -1

    monkeypatch.setattr(page_cache, "_Calls", Calls)
    with pytest.raises(OSError, match="error"):
        page_cache.resident_bytes(weights / "a.safetensors")


def test_an_empty_file(tmp_path):
    (tmp_path / "a.bin").touch()
    assert page_cache.resident_bytes(tmp_path / "a.bin") == 0
    assert page_cache.drop(tmp_path / "a.bin") == 0
    assert page_cache.foreign(tmp_path / "a.bin") is None
    assert isinstance(page_cache.is_overlay(tmp_path / "a.bin"), bool)


async def test_what_a_process_tree_has_read(files, weights):
    """The kernel counts what a child that has ended had read with its parent."""
    server = spec(weights="model")
    await evicted(files, server)
    before = await files.read_bytes([os.getpid()])
    if before is None:
        pytest.skip("this kernel does not count what is read")
    code = f"import pathlib; [p.read_bytes() for p in pathlib.Path({str(weights)!r}).iterdir()]"
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-IS", "-c", code], check=True, timeout=60
    )
    after = await files.read_bytes([os.getpid()])
    if after == before:
        pytest.skip("this file system does not count what is read")
    assert after - before >= 2 * SIZE


async def test_processes_that_are_gone_or_hidden(files, monkeypatch):
    import psutil

    with subprocess.Popen([sys.executable, "-IS", "-c", "pass"]) as ended:  # noqa: ASYNC220
        pass
    ours = os.getpid()
    assert await files.read_bytes([]) is None
    assert await files.read_bytes([ended.pid]) is None
    assert await files.read_bytes([ours, ended.pid]) is not None

    def hidden(self: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "io_counters", hidden)
    assert await files.read_bytes([ours]) is None


async def test_the_compile_caches_of_a_server(files, tmp_path):
    assert await files.compile_cache(spec()) == "unknown"
    assert "set compile_cache" in await files.clear_compile_cache(spec())
    server = spec(compile_cache="cache")
    assert await files.compile_cache(server) == "empty"
    (tmp_path / "cache" / "torch_compile_cache").mkdir(parents=True)
    (tmp_path / "cache" / "torch_compile_cache" / "graph").write_text("x")
    assert await files.compile_cache(server) == "populated"
    assert await files.clear_compile_cache(server) == ""
    assert await files.compile_cache(server) == "empty"
