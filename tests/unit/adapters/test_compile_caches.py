"""Compile caches are emptied only where nothing else can be lost."""

from pathlib import Path

import pytest

from sleeptui.adapters.compile_caches import clear, content


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "vllm"
    (folder / "torch_compile_cache" / "abc" / "rank_0_0").mkdir(parents=True)
    (folder / "torch_compile_cache" / "abc" / "rank_0_0" / "graph.py").write_text("x")
    (folder / "modelinfos").mkdir()
    (folder / "gpu_p2p_access_cache_for_0,1.json").write_text("{}")
    (folder / "a.lock").touch()
    return folder


def test_what_vllm_keeps_is_cleared(cache):
    assert content(cache) == "populated"
    assert clear(cache) == ""
    assert list(cache.iterdir()) == []
    assert content(cache) == "empty"
    assert clear(cache) == ""


def test_what_is_not_there_is_empty(tmp_path):
    assert content(tmp_path / "none") == "empty"
    assert clear(tmp_path / "none") == ""


def test_anything_else_keeps_all_of_it(cache):
    for name in ("photos", "thesis.tex"):
        (cache / name).mkdir() if "." not in name else (cache / name).touch()
        assert f"{name} in it is none of vLLM's caches" in clear(cache)
        assert content(cache) == "populated"
        (cache / name).rmdir() if "." not in name else (cache / name).unlink()


def test_links_are_not_followed(cache, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (cache / "triton").symlink_to(tmp_path / "mine")
    assert "triton in it is none" in clear(cache)
    (cache / "triton").unlink()
    link = tmp_path / "link"
    link.symlink_to(cache)
    assert "a part of its path is a link" in clear(link)
    assert "a part of its path is a link" in clear(link / "torch_compile_cache")
    assert content(link) == "unknown"
    # A link deep inside goes, what it leads to stays.
    (cache / "torch_compile_cache" / "out").symlink_to(tmp_path / "mine")
    assert clear(cache) == ""
    assert (tmp_path / "mine" / "file").exists()


@pytest.mark.parametrize("folder", ["/", "/tmp", "/home", "vllm", "/tmp/a/../b"])
def test_places_that_are_no_caches(folder):
    assert "are not cleared" in clear(Path(folder))


def test_the_home_and_what_is_above_it(cache, monkeypatch):
    for home in (cache, cache / "me"):
        monkeypatch.setenv("HOME", str(home))
        assert "it is no folder of caches" in clear(cache)
    assert content(cache) == "populated"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    assert "it is no folder" in clear(tmp_path / "file")
    assert content(tmp_path / "file") == "unknown"


def test_what_cannot_be_removed(cache, monkeypatch):
    def refused(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    assert clear(cache).endswith("cannot be cleared: Permission denied")
    monkeypatch.setattr(Path, "iterdir", refused)
    assert clear(cache).endswith("are not cleared: Permission denied")
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: refused(self))
    assert content(cache) == "unknown"
