"""The panel on a disk that takes no more: operations go on, what has ended is in the journal."""

import errno
import shlex
import subprocess
from pathlib import Path

import pytest
from support.journal_file import lines, of, the_session
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
