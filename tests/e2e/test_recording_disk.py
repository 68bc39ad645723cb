"""The panel on a disk that takes no more: operations go on, what has ended is in the journal."""

import errno
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.journal_file import lines, of, the_session
from support.processes import wait_until
from support.sim_process import simulated
from support.terminal import Terminal

from sleeptui.recorder.archive import SessionArchive

STEP = b"x" * 4096
NAMESPACE = ("unshare", "--map-root-user", "--mount", "sh", "-c")


@pytest.fixture
def fleet():
    with simulated(speed=10) as running:
        running.traffic(on=False)
        yield running


@pytest.fixture
def home(tmp_path):
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": ""}


def small_disk(disk, saved):
    """A command that gives the program a disk of two megabytes, and saves what is on it."""
    try:
        script = f"mount -t tmpfs -o size=2m tmpfs {shlex.quote(str(disk))}"
        subprocess.run([*NAMESPACE, script], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no small disk may be mounted here")
    copy = f"cp -rp {shlex.quote(str(disk))}/. {shlex.quote(str(saved))}"
    return (*NAMESPACE, f'{script} && "$@"; code=$?; {copy}; exit $code', "sh")


def fill(disk):
    """Leave no room on the disk."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(STEP) == len(STEP):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


def ended(found):
    return [(line["name"], line["s"], line["outcome"]) for line in of(found, "op.end")]


def sleep_and_wake(panel, name):
    panel.press("s")
    panel.row_shows(name, "○ ASLEEP")
    panel.press("w")
    panel.row_shows(name, "● AWAKE")


@pytest.mark.timeout(180)
def test_a_full_disk_costs_samples_and_no_operation(fleet, home, tmp_path):
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    saved.mkdir()
    wrapper = small_disk(disk, saved)
    arguments = ["--record", str(disk), "--server", f"summarize={fleet.url('summarize')}"]
    with Terminal(arguments, environment=home, wrapper=wrapper) as panel:
        panel.shows("● REC")
        panel.row_shows("summarize", "AWAKE")
        sleep_and_wake(panel, "summarize")
        fill(Path(f"/proc/{panel.pid}/root{disk}"))
        panel.shows("! REC", "no space left", "samples are dropped")
        sleep_and_wake(panel, "summarize")
        sleep_and_wake(panel, "summarize")
        panel.press("q")
        panel.shows("Quit while recording?")
        panel.press("y")
        assert panel.ended() == 0
    session = the_session(saved)
    found = lines(session)
    assert ended(found) == [
        (name, "summarize", "done") for name in ("sleep", "wake", "sleep", "wake", "sleep", "wake")
    ]
    assert [line["code"] for line in of(found, "anomaly")][:1] == ["disk_full"]
    assert found[-1]["k"] == "end"
    assert found[-1]["dropped"]["gpu"] > 0
    made = SessionArchive(saved).export(str(session), ["markdown"], str(tmp_path / "to"))
    (report,) = (path for path in made if path.endswith("report.md"))
    first = Path(report).read_text().partition("## ")[0]
    assert "PARTIAL" in first
    assert "could not be written" in first


@pytest.mark.timeout(180)
def test_a_file_that_may_not_grow_costs_no_operation_and_exports_say_partial(fleet, home, tmp_path):
    """A limit on the size of files: here nothing can be held in reserve."""
    folder = tmp_path / "sessions"
    wrapper = ("sh", "-c", 'ulimit -f 20; exec "$@"', "sh")
    arguments = [
        "--record",
        str(folder),
        "--interval",
        "0.1",
        "--server",
        f"summarize={fleet.url('summarize')}",
    ]
    with Terminal(arguments, environment=home, wrapper=wrapper) as panel:
        panel.shows("● REC")
        panel.row_shows("summarize", "AWAKE")
        sleep_and_wake(panel, "summarize")
        panel.shows("! REC", "file too large", limit_s=60)
        sleep_and_wake(panel, "summarize")
        panel.press("q")
        panel.shows("Quit while recording?")
        panel.press("y")
        assert panel.ended() == 0
    found = lines(the_session(folder))
    assert ended(found)[0] == ("sleep", "summarize", "done")
    made = SessionArchive(folder).export(str(the_session(folder)), ["markdown"])
    (report,) = (path for path in made if path.endswith("report.md"))
    assert "PARTIAL" in Path(report).read_text()


PLAN = """version = 1
title = "cycles"
models = ["summarize"]
[latency]
blocks = 0
cycles = 12
levels = [1]
dwell_s = [1]
warm_up = 1
steady = 1
settle_s = 0
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("command", ["bench", "record"])
def test_a_full_disk_ends_no_command(command, fleet, home, tmp_path):
    """Without a screen: what has ended is in the journal, and the end says that it is not whole."""
    disk, saved, plan = tmp_path / "disk", tmp_path / "saved", tmp_path / "plan.toml"
    disk.mkdir()
    saved.mkdir()
    plan.write_text(PLAN)
    own = {"bench": ["--yes", str(plan), "--to", str(disk)], "record": ["--to", str(disk)]}[command]
    arguments = [
        "--interval",
        "0.1",
        command,
        *own,
        "--server",
        f"summarize={fleet.url('summarize')}",
    ]
    child = subprocess.Popen(
        [*small_disk(disk, saved), sys.executable, "-m", "sleeptui", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], **home},
    )
    try:
        inside = Path(f"/proc/{child.pid}/root{disk}")
        wait_until(lambda: list(inside.glob("*/journal.jsonl")), what="the journal")
        journal = next(inside.glob("*/journal.jsonl"))
        if command == "bench":
            wait_until(lambda: '"op.end"' in journal.read_text(), what="the first operation")
        fill(inside)
        if command == "record":
            wait_until(lambda: '"disk_full"' in journal.read_text(), what="a full disk")
            (program,) = psutil.Process(child.pid).children()
            program.send_signal(signal.SIGTERM)
        said = child.communicate(timeout=150)
    finally:
        child.kill()
        child.wait()
    found = lines(the_session(saved))
    assert found[-1]["k"] == "end"
    assert "no space left" in said[1]
    assert "Traceback" not in said[1]
    assert child.returncode == 1, said
    if command == "record":
        assert [line["code"] for line in of(found, "anomaly")][:1] == ["disk_full"], said
    else:  # what is held in reserve may do for all of it
        done = [one for one in ended(found) if one[2] == "done"]
        assert len([name for name, _, _ in done if name == "wake"]) >= 12
