"""The archive: sessions by name, their files in their folder or elsewhere."""

import fcntl
from pathlib import Path

import pytest
from golden import JOURNAL
from support import journals

from sleeptui.core.errors import ExportError, JournalError
from sleeptui.recorder import archive as module
from sleeptui.recorder.archive import SessionArchive
from sleeptui.recorder.exports import files as on_disk
from sleeptui.recorder.folder import default_folder

USUAL = {
    "MANIFEST.sha256", "charts", "journal.jsonl", "report.md", "requests.csv", "results.csv",
    "results.json", "trace.json",
}  # fmt: skip


@pytest.fixture
def home(tmp_path):
    journals.folder(tmp_path, data=JOURNAL.read_bytes())
    return tmp_path


@pytest.fixture
def archive(home):
    return SessionArchive(str(home))


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_sessions_are_listed_and_read(archive):
    (summary,) = archive.sessions()
    assert summary.run_id == journals.RUN_ID
    assert archive.read("last").run_id == archive.read("2026").run_id == journals.RUN_ID


def test_a_session_that_is_not_there_is_said(archive):
    with pytest.raises(JournalError, match="there is no session nope"):
        archive.export("nope", ())


def test_what_is_still_being_recorded_is_not_told_as_cut_off(home, archive):
    journal = home / journals.RUN_ID / "journal.jsonl"
    whole = journal.read_bytes()
    with journal.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert archive.read("last").partial is None  # it has its end: the lock is about to go
        writer.truncate(whole.rindex(b"\n", 0, -1) + 1)
        told = archive.read("last").partial
        assert told == "it is still being recorded: this is what was written until now"
        archive.export("last", ("markdown",))
        assert "still being recorded" in (journal.parent / "report.md").read_text()
    assert "cut off" in archive.read("last").partial


def test_a_journal_that_is_gone_meanwhile_is_said(home, archive, monkeypatch):
    found = home / journals.RUN_ID
    monkeypatch.setattr(module, "find", lambda *_: found / "gone")
    with pytest.raises(JournalError, match="there is no journal at"):
        archive.read("last")


def test_everything_is_made_in_its_folder_and_the_same_again(home, archive):
    written = archive.export("last", ())
    folder = home / journals.RUN_ID
    assert names(folder) == USUAL
    assert all(Path(path).exists() for path in written)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    archive.export("last", ())
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    listed = (folder / "MANIFEST.sha256").read_text()
    assert "journal.jsonl" in listed
    assert "charts/memory.svg" in listed


def test_the_hashes_of_earlier_files_stay_in_the_list(home, archive):
    archive.export("last", ("json",))
    archive.export("last", ("csv",))
    listed = (home / journals.RUN_ID / "MANIFEST.sha256").read_text()
    assert [line.split()[1] for line in listed.splitlines()] == [
        "journal.jsonl",
        "results.csv",
        "results.json",
    ]


def test_another_folder_takes_the_files_and_nothing_goes_into_the_sessions(home, archive, tmp_path):
    archive.export("last", ("openmetrics",), str(tmp_path / "out"))
    assert names(tmp_path / "out") == {"session.prom", "MANIFEST.sha256"}
    assert names(home / journals.RUN_ID) == {"journal.jsonl"}


def test_one_file_as_bytes(archive):
    assert archive.text("last", "csv").startswith(b"run_id,")
    with pytest.raises(ExportError, match="several files"):
        archive.text("last", "charts")


def test_a_format_that_there_is_not_is_refused_before_anything_is_read(archive):
    with pytest.raises(ExportError, match="no format pdf") as caught:
        archive.export("nope", ("pdf",))
    assert "json, csv" in caught.value.hint


def test_a_session_by_hand_has_no_plan(home, archive, tmp_path):
    before = names(home / journals.RUN_ID)
    with pytest.raises(ExportError, match="has nothing for plan") as caught:
        archive.export("last", ("plan",), str(tmp_path / "elsewhere"))
    assert caught.value.hint == "it is of no benchmark"
    assert not (tmp_path / "elsewhere").exists()
    assert names(home / journals.RUN_ID) == before


def test_a_benchmark_has_its_plan_in_the_list_of_hashes(tmp_path):
    sample = journals.BenchSample(blocks=1, stability=1)
    data = journals.dump(journals.bench_lines(sample))
    folder = journals.folder(tmp_path, journals.Sample(run_id=sample.run_id), data)
    archive = SessionArchive(str(tmp_path))
    written = [Path(one).name for one in archive.export("last", ("plan",))]
    assert written == ["plan.toml", "expectations.toml", "MANIFEST.sha256"]
    assert (folder / "plan.toml").read_text() == sample.plan
    archive.export("last", ("csv",))
    told = (folder / "MANIFEST.sha256").read_text()
    assert all(f"  {name}\n" in told for name in ("plan.toml", "expectations.toml", "results.csv"))


def test_files_that_cannot_be_hashed_are_said(archive, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("sleeptui.recorder.archive.sha256_of", broken)
    with pytest.raises(ExportError, match="Input/output error"):
        archive.export("last", ("json",))
    assert on_disk.MANIFEST not in names(archive._folder / journals.RUN_ID)


@pytest.mark.parametrize("how", [{"end": False}, {"aborted": True}])
def test_a_session_that_is_not_whole_says_partial_in_its_files(tmp_path, how):
    lines = journals.lines()[:900]
    journals.folder(tmp_path, data=journals.dump(lines, **how))
    archive = SessionArchive(str(tmp_path))
    assert b"**PARTIAL.**" in archive.text("last", "markdown")
    assert b'"partial": null' not in archive.text("last", "json")
    assert b'partial="true"' in archive.text("last", "openmetrics")
    assert b'"partial": ""' not in archive.text("last", "trace")


def test_a_torn_session_says_so(tmp_path):
    journals.folder(tmp_path, data=journals.torn(journals.lines()[:900]))
    text = SessionArchive(str(tmp_path)).text("last", "markdown")
    assert b"Its last line is torn" in text


def test_a_simulated_session_says_so(tmp_path):
    sample = journals.Sample(demo="two-gpus")
    journals.folder(tmp_path, sample)
    assert b"**SIMULATED.**" in SessionArchive(str(tmp_path)).text("last", "markdown")


@pytest.mark.parametrize("lacks", ["has_env", "has_facts", "has_gpus"])
def test_a_session_that_lacks_a_part_is_exported(tmp_path, lacks):
    journals.folder(tmp_path, journals.Sample(**{lacks: False}))
    written = SessionArchive(str(tmp_path)).export("last", ())
    assert any(path.endswith("report.md") for path in written)


def test_without_a_folder_it_is_the_usual_one():
    assert SessionArchive(None)._folder == default_folder()
