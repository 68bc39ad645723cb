"""``sleeptui report`` and ``export``: what they write, what they say, how they end."""

import json
import os
import subprocess
import sys

import pytest
from golden import JOURNAL
from support import journals

from sleeptui.cli import main

NAME = journals.RUN_ID


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of sessions with one in it, and nothing of the user's own."""
    monkeypatch.setenv("SLEEPTUI_SESSIONS", str(tmp_path / "sessions"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    journals.folder(tmp_path / "sessions", data=JOURNAL.read_bytes())
    return tmp_path


def run(capfdbinary, *arguments):
    """Exit code, stdout and stderr of the command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capfdbinary.readouterr()
    return ended.value.code, said.out, said.err.decode()


def test_a_report_says_where_it_is_and_nothing_else(home, capfdbinary):
    code, out, err = run(capfdbinary, "report", "last")
    assert (code, err) == (0, "")
    assert out.decode() == f"{home}/sessions/{NAME}/report.md\n"
    assert (home / "sessions" / NAME / "charts" / "memory.svg").is_file()


def test_a_report_goes_elsewhere(home, capfdbinary):
    code, out, _ = run(capfdbinary, "report", NAME[:8], "--to", "out")
    assert (code, out) == (0, b"out/report.md\n")
    assert (home / "out" / "MANIFEST.sha256").is_file()
    assert [path.name for path in (home / "sessions" / NAME).iterdir()] == ["journal.jsonl"]


def test_exports_print_their_paths(home, capfdbinary):
    code, out, _ = run(
        capfdbinary, "export", "last", "--format", "csv", "--format", "json", "--to", "out"
    )
    assert code == 0
    assert out.decode().split() == ["out/results.csv", "out/results.json", "out/MANIFEST.sha256"]


@pytest.mark.parametrize("name", ["json", "csv", "requests", "markdown", "trace", "openmetrics"])
def test_one_file_goes_to_a_pipe_as_it_is(name, home, capfdbinary):
    code, out, err = run(capfdbinary, "export", "last", "--format", name, "--to", "-")
    assert (code, err) == (0, "")
    run(capfdbinary, "export", "last", "--format", name, "--to", "out")
    written = [path.read_bytes() for path in (home / "out").rglob("*") if path.is_file()]
    assert out in written


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("report",), 2, "Missing argument 'SESSION'"),
        (("report", "last", "--to", "-"), 2, "several files"),
        (("report", "nope"), 1, "there is no session nope"),
        (("export", "last"), 2, "no format is named"),
        (("export", "last", "--format", "pdf"), 2, "'pdf' is not one of"),
        (("export", "last", "--format", "charts", "--to", "-"), 2, "takes one file"),
        (("export", "last", "--format", "csv", "--format", "json", "--to", "-"), 2, "one file"),
    ],
)
def test_errors_are_one_sentence(arguments, code, says, home, capfdbinary):
    ended, out, err = run(capfdbinary, *arguments)
    assert (ended, out) == (code, b"")
    assert says in err
    assert err.count("\n") == 1


def test_a_newer_journal_is_refused_with_a_clear_sentence(home, capfdbinary):
    journal = home / "sessions" / NAME / "journal.jsonl"
    first, _, rest = journal.read_bytes().partition(b"\n")
    head = {**json.loads(first), "v": 2}
    journal.write_bytes(json.dumps(head).encode() + b"\n" + rest)
    code, out, err = run(capfdbinary, "report", "last")
    assert (code, out) == (1, b"")
    assert "was written by a newer sleeptui (journal version 2; this one reads 1)" in err


def test_a_folder_that_cannot_be_written_is_said(home, capfdbinary):
    (home / "out").write_text("")
    code, _, err = run(capfdbinary, "report", "last", "--to", "out")
    assert code == 1
    assert "cannot be written to out" in err


@pytest.mark.parametrize("name", ["report", "export"])
def test_help_names_what_there_is(name, home, capfdbinary):
    code, out, _ = run(capfdbinary, name, "--help")
    assert code == 0
    assert b"SESSION: its name" in out


def test_a_reader_who_goes_away_is_no_error(home):
    command = [sys.executable, "-m", "sleeptui", "export", "last", "--format", "trace", "--to", "-"]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    child.stdout.read(10)
    child.stdout.close()
    err = child.stderr.read()
    child.stderr.close()
    assert (child.wait(60), err) == (0, b"")
