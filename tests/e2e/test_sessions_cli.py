"""``sessions`` and ``replay`` as processes: tables, JSON, exit codes, a replay in a terminal."""

import json
import os
import subprocess
import sys

import pytest
from support import journals
from support.terminal import Terminal

from sleeptui.recorder import lines as kinds


def run(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "sleeptui", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "TZ": "UTC", **environment},
        timeout=60,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("sessions")
    journals.folder(root)
    torn = journals.Sample(run_id="20261122T101500Z-summarize-code-11aa", demo="default")
    journals.folder(root, torn, journals.torn(journals.lines(torn)))
    header = kinds.Header(t=1, run_id="20261101T000000Z-serve-0000", wall_ns=1, tool="t",
                          source="vllm bench serve")  # fmt: skip
    imported = journals.Sample(run_id=header.run_id)
    journals.folder(root, imported, journals.dump(journals.numbered([header])))
    return root


def test_the_table_has_the_newest_first(folder):
    done = run("sessions", str(folder), cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    heading, *rows = done.stdout.splitlines()
    assert heading.split()[:4] == ["NAME", "BEGAN", "DURATION", "STATE"]
    assert [row.split()[0] for row in rows] == [
        journals.RUN_ID,
        "20261122T101500Z-summarize-code-11aa",
        "20261101T000000Z-serve-0000",
    ]
    assert "whole" in rows[0]
    assert "summarize, code" in rows[0]
    assert "PARTIAL, simulated" in rows[1]
    assert "imported" in rows[2]


def test_json_has_a_schema(folder):
    done = run("sessions", "--json", str(folder), cwd=folder)
    document = json.loads(done.stdout)
    assert (document["schema"], document["v"]) == ("sleeptui.sessions", 1)
    assert [one["state"] for one in document["sessions"]] == ["whole", "partial", "imported"]
    assert document["sessions"][0]["operations"] > 50


def test_the_usual_folder_is_that_of_the_settings(folder):
    done = run("sessions", cwd=folder, SLEEPTUI_SESSIONS=str(folder))
    assert journals.RUN_ID in done.stdout


def test_an_empty_folder_says_how_to_record(tmp_path):
    done = run("sessions", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "record one" in done.stderr
    done = run("sessions", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["sessions"] == []


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_narrow_terminal_keeps_names_and_states(folder, width):
    with Terminal(["sessions", str(folder)], columns=width) as terminal:
        assert terminal.ended() == 0
        for words in (journals.RUN_ID, "PARTIAL"):
            assert words in terminal.text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sessions", "nowhere"], 1, ["there is no folder nowhere"]),
        (["replay"], 2, ["SESSION"]),
        (["replay", "nothing"], 1, ["there is no session nothing"]),
        (["replay", "last", "--speed", "0.1"], 2, ["--speed", "0.25"]),
        (["replay", "last", "--at", "soon"], 2, ["“soon” is no place", "op:31"]),
        (["replay", "last", "--at", "1:00:00"], 1, ["behind the end"]),
        (["replay", "last", "--at", "op:999"], 1, ["has no operation 999", "It has 1 to"]),
        (["replay", "last", "--at", "mark:9"], 1, ["has no mark 9", "It has 2"]),
        (["replay", "last", "--at", "mark:0"], 1, ["has no mark 0"]),
        (["replay", "20261101"], 1, ["was imported from vllm bench serve"]),
        (["replay", "last"], 2, ["needs a terminal"]),
        (["replay", "last", "--at", "1:30"], 2, ["needs a terminal"]),
        (["replay", "last", "--at", "op:5"], 2, ["needs a terminal"]),
        (["replay", "last", "--at", "mark:1"], 2, ["needs a terminal"]),
    ],
)
def test_each_mistake_is_one_line(folder, arguments, code, words):
    done = run(*arguments, cwd=folder, SLEEPTUI_SESSIONS=str(folder))
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_session_without_operations_and_marks_says_so(tmp_path):
    only = [line for line in journals.lines() if isinstance(line, kinds.Header)]
    journals.folder(tmp_path, data=journals.dump(only))
    for place, words in (("op:1", "no operation began"), ("mark:1", "It has none")):
        done = run("replay", "last", "--at", place, cwd=tmp_path, SLEEPTUI_SESSIONS=str(tmp_path))
        assert done.returncode == 1
        assert words in done.stderr


@pytest.mark.parametrize("command", ["sessions", "replay"])
def test_help_is_data(tmp_path, command):
    done = run(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Examples:" in done.stdout


def test_a_replay_in_a_terminal(folder):
    arguments = ["replay", journals.RUN_ID, "--speed", "8", "--at", "mark:1"]
    with Terminal(arguments, environment={"SLEEPTUI_SESSIONS": str(folder)}) as terminal:
        terminal.shows("REPLAY", "8 00:01:", "before the level 2 cycles", "summarize")
        terminal.press("p")
        terminal.shows("HELD")
        terminal.press("s")
        terminal.shows("This is a replay")
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.is_restored


def test_a_torn_session_is_replayed_and_says_so(folder):
    arguments = ["replay", "20261122", "--ascii"]
    with Terminal(arguments, environment={"SLEEPTUI_SESSIONS": str(folder)}) as terminal:
        terminal.shows("REPLAY x1", "PARTIAL", "SIMULATED")
        terminal.press("q")
        assert terminal.ended() == 0


def test_a_session_is_replayed_over_the_panel_that_goes_on_watching(folder):
    with Terminal(["--demo"], environment={"SLEEPTUI_SESSIONS": str(folder)}) as terminal:
        terminal.shows("AWAKE")
        terminal.press("4")
        terminal.shows("Sessions", "3 sessions", "0.33 s (13)")
        terminal.press("enter")
        terminal.shows("REPLAY", "/ 00:04:25")
        terminal.press("q")
        terminal.shows("Sessions", "3 sessions", "0.33 s (13)")
        terminal.press("1")
        terminal.shows("demo default", "AWAKE")
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.is_restored


def test_a_benchmark_is_listed_with_its_verdicts(tmp_path):
    sample = journals.BenchSample(blocks=1, stability=1)
    data = journals.dump(journals.bench_lines(sample))
    journals.folder(tmp_path, journals.Sample(run_id=sample.run_id), data)
    done = run("sessions", str(tmp_path), cwd=tmp_path, COLUMNS="200")
    heading, row = done.stdout.splitlines()
    assert heading.endswith("BENCHMARK")
    assert row.endswith("standard: 5 PASS, 1 FAIL, 1 INCONCLUSIVE, 1 NOT RUN")
    told = json.loads(run("sessions", "--json", str(tmp_path), cwd=tmp_path).stdout)
    assert told["sessions"][0]["plan"] == "standard"
    assert told["sessions"][0]["verdicts"]["PASS"] == 5
