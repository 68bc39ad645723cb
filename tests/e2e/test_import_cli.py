"""``sleeptui import`` as it is called, and what the other commands make of its sessions."""

from pathlib import Path

import pytest

from sleeptui.cli import main

DATA = Path(__file__).parents[1] / "data" / "imports"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_each_file_becomes_a_session_in_the_usual_folder(run, tmp_path):
    files = sorted(DATA.glob("*.json"))
    code, out, err = run("import", *files)
    folders = [Path(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert len(folders) == len(files) == 4
    assert {folder.parent for folder in folders} == {tmp_path / "data" / "sleeptui" / "sessions"}
    listed = run("sessions")[1]
    assert all(folder.name in listed for folder in folders)


def test_two_imports_of_one_tool_can_be_compared(run):
    report = DATA / "guidellm-0.8.1.json"
    a, b = run("import", report, report)[1].splitlines()
    code, out, _err = run("compare", a, b)
    assert code == 0
    assert "ttft [concurrent streams 1]" in out
    serve = run("import", DATA / "vllm-0.32.0-serve-detailed.json")[1].strip()
    code, _out, err = run("compare", a, serve)
    assert code == 1
    assert "imported from guidellm, B was imported from vllm bench serve" in err


def test_the_report_of_an_import_says_that_it_is_one(run, tmp_path):
    folder = run("import", DATA / "vllm-0.32.0-startup.json", "--to", tmp_path / "there")[1].strip()
    assert Path(folder).parent == tmp_path / "there"
    code, out, _err = run("report", folder)
    assert code == 0
    text = Path(out.strip()).read_text()
    assert "vllm bench startup" in text
    assert "cold" in text


def test_nothing_is_written_where_one_file_is_not_known(run, tmp_path):
    odd = tmp_path / "odd.json"
    odd.write_text("{}")
    code, out, err = run("import", DATA / "vllm-0.32.0-startup.json", odd, "--to", tmp_path / "to")
    assert (code, out) == (1, "")
    assert "odd.json is no result that is known" in err
    assert not (tmp_path / "to").exists()


def test_usage(run):
    assert run("import")[0] == 2
    code, out, _err = run("import", "--help")
    assert code == 0
    assert "vllm bench startup" in out
