"""An imported file becomes a session: a whole journal, the file beside it, for this user alone."""

from hashlib import sha256
from pathlib import Path

import pytest

from sleeptui.core.errors import JournalError
from sleeptui.core.session import ImportedSeries
from sleeptui.recorder import fold
from sleeptui.recorder.disk import JOURNAL
from sleeptui.recorder.imports import keep as keep_module
from sleeptui.recorder.imports.foreign import Foreign
from sleeptui.recorder.imports.keep import keep
from sleeptui.recorder.writer import Writer

TTFT = ImportedSeries(name="ttft", unit="s", values=(0.5, None), stats={"mean": 0.5}, note="n")
FOUND = Foreign(
    source="vllm bench serve",
    model="org/Model 7B",
    began_s=1_795_426_200.0,
    duration_s=2.5,
    plan={"request_rate": 8.0},
    series=(TTFT,),
    notes=("mind this",),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"api_key": "mine"}')
    return path


def kept(file: Path, found: Foreign = FOUND) -> Path:
    return keep(found, file.read_bytes(), file, file.parent / "sessions")


def test_the_session_says_all_that_the_file_says(file):
    folder = kept(file)
    session = fold.read(folder / JOURNAL)
    assert folder.name.startswith("20261123T093000Z-vllm-bench-serve-org-model-7b-")
    assert (session.source, session.partial) == ("vllm bench serve", None)
    assert session.wall_ns == 1_795_426_200 * 10**9
    assert session.duration_s == 2.5
    assert session.plan == {"request_rate": 8.0}
    assert session.imported == (TTFT,)
    assert [server.model for server in session.servers] == ["org/Model 7B"]
    texts = [moment.text for moment in session.moments]
    assert texts[1:] == ["mind this"]
    assert f"sha256 {sha256(file.read_bytes()).hexdigest()}, is kept as original.jsonl" in texts[0]


def test_the_file_lies_beside_it_and_nobody_else_may_read(file):
    folder = kept(file)
    original = folder / "original.jsonl"
    assert original.read_bytes() == file.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "mine" not in (folder / JOURNAL).read_text()


def test_other_endings_are_not_taken_over(file):
    odd = file.rename(file.with_suffix(".\x1bsh"))
    assert (kept(odd) / "original.json").is_file()


@pytest.mark.parametrize("began_s", [None, -1.0, 1e300])
def test_a_file_without_a_date_has_that_of_the_file(file, began_s):
    bare = Foreign(source="x", began_s=began_s, duration_s=-1.0, series=(TTFT,))
    session = fold.read(kept(file, bare) / JOURNAL)
    assert session.wall_ns == pytest.approx(file.stat().st_mtime_ns, abs=1000)
    assert (session.duration_s, session.servers) == (0.0, ())
    assert "tells no date" in session.moments[-1].text


def test_a_duration_beyond_reason_is_cut(file):
    endless = Foreign(source="x", began_s=0.0, duration_s=1e300, series=(TTFT,))
    assert fold.read(kept(file, endless) / JOURNAL).duration_s < 1e9


def test_a_file_that_is_gone_meanwhile(file):
    content = file.read_bytes()
    file.unlink()
    bare = Foreign(source="x", series=(TTFT,))
    with pytest.raises(JournalError, match="cannot be read: No such file"):
        keep(bare, content, file, file.parent / "sessions")


def test_a_folder_that_cannot_be_written(file, monkeypatch):
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keep_module.os, "fsync", full)
    with pytest.raises(JournalError, match="original.jsonl cannot be written: No space left"):
        keep_module._copy(file.parent / "original.jsonl", b"x")


def test_a_journal_that_is_not_whole_is_said(file, monkeypatch):
    monkeypatch.setattr(Writer, "problem", property(lambda _self: "the disk is full"))
    with pytest.raises(JournalError, match="is not whole: the disk is full"):
        kept(file)
