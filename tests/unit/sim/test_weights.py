"""Weights as real bytes, and where they come from."""

import pytest

from sleeptui.core.errors import SimError
from sleeptui.core.units import MIB
from sleeptui.sim import weights
from sleeptui.sim.spec import EngineSpec

SPEC = EngineSpec(name="tiny", root="acme/tiny", params_b=0.1)


def test_they_are_made_once(tmp_path):
    path = tmp_path / "models" / "tiny.safetensors"
    weights.ready(path, SPEC)
    assert path.stat().st_size == 4 * MIB
    made = path.stat().st_mtime_ns
    weights.ready(path, SPEC)
    assert path.stat().st_mtime_ns == made
    assert [one.name for one in path.parent.iterdir()] == ["tiny.safetensors"]


def test_what_was_just_written_comes_from_the_page_cache(tmp_path):
    path = tmp_path / "tiny.safetensors"
    weights.ready(path, SPEC)
    assert weights.read(path) == 0.0


def test_what_the_kernel_has_read_is_the_share_from_the_disk(tmp_path, monkeypatch):
    path = tmp_path / "tiny.safetensors"
    weights.ready(path, SPEC)
    told = iter([10, 10 + 3 * MIB, 0, 99 * MIB])
    monkeypatch.setattr(weights, "_read_physically", lambda: next(told))
    assert weights.read(path) == 0.75
    assert weights.read(path) == 1.0


def test_a_kernel_that_does_not_say(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_COUNTERS", tmp_path / "none")
    assert weights._read_physically() == 0
    (tmp_path / "none").write_text("rchar: 1\nread_bytes: 4096\n")
    assert weights._read_physically() == 4096


def test_an_empty_file(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert weights.read(tmp_path / "empty") == 0.0


def test_files_that_cannot_be_had(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SimError, match="cannot be written"):
        weights.ready(tmp_path / "file" / "tiny", SPEC)
    with pytest.raises(SimError, match="cannot be read"):
        weights.read(tmp_path / "nothing")
