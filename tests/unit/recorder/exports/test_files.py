"""Files come whole or not at all, for their owner alone."""

import os
import subprocess

import pytest

from sleeptui.core.errors import ExportError
from sleeptui.recorder.exports.files import keep, manifest, sha256, sha256_of


def modes(folder):
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.rglob("*")}


def test_files_and_folders_are_the_owners_own(tmp_path):
    old = os.umask(0)
    try:
        written = keep(tmp_path / "out", {"a.json": b"1", "charts/b.svg": b"2"})
    finally:
        os.umask(old)
    assert [os.path.relpath(path, tmp_path) for path in written] == [
        "out/a.json",
        "out/charts/b.svg",
    ]
    assert modes(tmp_path) == {
        "out": "0o700",
        "a.json": "0o600",
        "charts": "0o700",
        "b.svg": "0o600",
    }


def test_a_file_is_replaced_in_one_step(tmp_path):
    keep(tmp_path, {"a": b"old"})
    before = (tmp_path / "a").stat().st_ino
    keep(tmp_path, {"a": b"new"})
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_ino != before


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    keep(tmp_path, {"a": b"old"})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="no space left on device") as caught:
        keep(tmp_path, {"a": b"new"})
    assert "--to" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        keep(tmp_path / "out", {"a": b""})


def test_the_manifest_is_checked_by_sha256sum(tmp_path):
    files = {"b.csv": b"b", "a.csv": b"a"}
    keep(tmp_path, files)
    keep(tmp_path, {"MANIFEST.sha256": manifest({n: sha256(d) for n, d in files.items()})})
    command = ["sha256sum", "--check", "MANIFEST.sha256"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "a.csv: OK\nb.csv: OK\n"
    assert sha256_of(tmp_path / "a.csv") == sha256(b"a")
