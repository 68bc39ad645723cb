"""Processes that are killed and disks that are full: what was told as written is there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.filling import OPERATIONS

from sleeptui.recorder.lines import Anomaly, End, OpEnd, Prom
from sleeptui.recorder.reader import Reading
from sleeptui.recorder.summaries import summary

TESTS = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS)}
TIMES = 20


def run(*words, wrapper=()):
    return subprocess.run(
        [*wrapper, sys.executable, "-m", *map(str, words)],
        capture_output=True,
        check=True,
        env=ENVIRONMENT,
        cwd=TESTS.parent,
    ).stdout


def small_disk(folder):
    """A command that gives the process behind it a disk of two megabytes, its own."""
    script = f'mount -t tmpfs -o size=2m tmpfs {folder} && exec "$@"'
    wrapper = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    try:
        subprocess.run([*wrapper, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no small disk may be mounted here")
    return wrapper


def read(journal):
    reading = Reading(journal)
    lines = list(reading)
    return lines, reading


def operations(lines):
    return [line.op for line in lines if isinstance(line, OpEnd)]


def test_killed_at_any_moment_it_has_all_that_was_told(tmp_path):
    for told in map(json.loads, run("support.crashing", tmp_path, TIMES).splitlines()):
        lines, reading = read(Path(told["folder"]) / "journal.jsonl")
        found = operations(lines)
        assert found == list(range(len(found)))
        assert found[-1] >= told["told"]
        assert reading.findings == []
        assert reading.partial.endswith("it has no end: the recording was cut off")
        listed = summary(Path(told["folder"]))
        assert (listed.is_running, listed.operations) == (False, len(found))
    assert len(list(tmp_path.iterdir())) == TIMES


def filled(tmp_path, how, *, is_small):
    folder = tmp_path / "disk"
    folder.mkdir()
    wrapper = small_disk(folder) if is_small else ()
    said, _, journal = run("support.filling", folder, how, wrapper=wrapper).partition(b"\n")
    copy = tmp_path / "journal.jsonl"
    copy.write_bytes(journal)
    return json.loads(said), *read(copy)


def test_a_disk_that_gets_room_again_has_cost_samples_only(tmp_path):
    said, lines, reading = filled(tmp_path, "freed", is_small=True)
    assert said["problems"][0] == ""
    assert any("no space left on" in one for one in said["problems"])
    assert said["problems"][-1] == said["last"] == ""
    assert operations(lines) == list(range(OPERATIONS))
    assert reading.partial.endswith("could not be written")
    end = lines[-1]
    assert end.dropped["prom"] + end.counts["prom"] == OPERATIONS * 30 + 1
    assert [type(line) for line in lines[-3:]] == [Anomaly, Prom, End]
    assert sum(isinstance(line, Anomaly) for line in lines) >= 2


@pytest.mark.parametrize("how", ["full", "limit"])
def test_a_disk_that_stays_full_has_what_it_took(tmp_path, how):
    said, lines, reading = filled(tmp_path, how, is_small=how == "full")
    taken = said["taken"]
    assert 0 < len(taken) <= OPERATIONS
    assert operations(lines)[: len(taken)] == taken
    assert len(operations(lines)) >= len(taken)
    assert reading.torn_bytes == 0
    assert said["last"] != ""
    if how == "limit":
        assert "it has no end" in reading.partial
    else:  # the reserve took all operations and the end
        assert len(taken) == OPERATIONS
        assert lines[-1].dropped.keys() == {"prom"}
        assert reading.partial.endswith("could not be written")
