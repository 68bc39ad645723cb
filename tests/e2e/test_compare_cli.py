"""``sleeptui compare`` as it is called: exit codes, data on stdout, talk on stderr."""

import json
from pathlib import Path

import msgspec
import pytest
from support import journals

from sleeptui.cli import main
from sleeptui.recorder import lines


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three sessions, which is the usual one here."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sleeptui" / "sessions"
    folder.mkdir(parents=True)
    for name, how in {
        "20261123T093000Z-old-aaaa": {},
        "20261124T093000Z-new-bbbb": {"seed": 9, "wakes": 1.2},
        "20261125T093000Z-demo-cccc": {"demo": "default"},
    }.items():
        journals.folder(folder, journals.Sample(run_id=name, **how))
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["compare", *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_it_compares_by_parts_of_names_and_slower_is_no_failure(sessions, run):
    code, out, err = run("old", "new")
    assert (code, err) == (0, "")
    assert out.startswith("A  20261123T093000Z-old-aaaa\n")
    assert "slower *" in out
    assert "\x1b" not in out


def test_json_is_one_document(sessions, run):
    code, out, _err = run(str(sessions / "20261123T093000Z-old-aaaa"), "new", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["a"]["run_id"], document["forced"]) == ("20261123T093000Z-old-aaaa", False)


def test_unlike_things_are_refused_unless_forced(sessions, run):
    code, out, err = run("old", "last")
    assert (code, out) == (1, "")
    assert "B was recorded on a simulated fleet, A on real servers. --force" in err
    code, out, _err = run("old", "last", "--force", "--ascii")
    assert code == 0
    assert "Compared all the same" in out
    assert out.isascii()


def test_what_is_not_there_and_what_is_not_said(sessions, run):
    assert run("old", "nothing")[0] == 1
    assert run("old")[0] == 2
    code, out, _err = run("--help")
    assert code == 0
    assert "also where B is slower" in " ".join(out.split())


def test_what_is_refused_is_said_without_the_escapes_of_a_file(sessions, run):
    odd = [replace_source(line) for line in journals.lines()]
    journals.folder(sessions, journals.Sample(run_id="odd-dddd"), journals.dump(odd))
    code, _, err = run("old", "odd")
    assert code == 1
    assert "imported from bench, by hand" in err
    assert "\x1b" not in err


def replace_source(line):
    """The header says that it comes from a tool with a name for terminals."""
    if isinstance(line, lines.Header):
        return msgspec.structs.replace(line, source="bench\x1b]0;t\x07, by \x1b[31mhand")
    return line
