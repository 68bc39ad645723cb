"""The unit for ``sleeptui record``: systemd takes it, our command line does, it ends whole."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
from support.journal_file import lines, of, the_session
from support.packaging import ROOT
from support.processes import wait_until
from support.sim_process import simulated

from sleeptui.cli import cli

UNIT = ROOT / "compose" / "systemd" / "sleeptui-record.service"
TEXT = UNIT.read_text()


def settings(key: str) -> list[str]:
    """All values of a setting, in order."""
    return re.findall(rf"^{key}=(.*)$", TEXT, re.MULTILINE)


@pytest.fixture
def words() -> list[str]:
    """What follows the program in ExecStart."""
    (line,) = settings("ExecStart")
    program, *rest = shlex.split(line)
    assert program.endswith("/bin/sleeptui")
    return rest


def test_systemd_takes_it(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    # It wants the program to exist.
    unit = tmp_path / UNIT.name
    (line,) = settings("ExecStart")
    unit.write_text(TEXT.replace(line.split()[0], sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    # What it says of other units of this machine is not ours.
    own = [line for line in done.stderr.splitlines() if UNIT.stem in line]
    assert (done.returncode, own) == (0, []), done.stderr


def test_our_command_line_takes_it(words):
    with cli.make_context("sleeptui", words) as context:
        rest = [*context._protected_args, *context.args]
        name, command, arguments = cli.resolve_command(context, rest)
        assert name == "record"
        with command.make_context(name, arguments, parent=context) as made:
            assert made.params["duration_s"] == 86400
            assert made.params["no_report"]


def test_it_ends_as_it_says(words, tmp_path):
    """The environment, the signals and the folders of the unit, in another place."""
    places = {"%S": str(tmp_path / "lib"), "/etc": str(tmp_path / "etc")}
    variables = dict(pair.split("=", 1) for pair in settings("Environment")[0].split())
    for old, new in places.items():
        variables = {key: value.replace(old, new) for key, value in variables.items()}
    for folder in settings("StateDirectory")[0].split():
        (tmp_path / "lib" / folder).mkdir(parents=True, mode=0o700)
    with simulated("versions", speed=10) as fleet:
        fleet.traffic(on=False)
        (tmp_path / "etc" / "sleeptui").mkdir(parents=True)
        (tmp_path / "etc" / "sleeptui" / "config.toml").write_text(
            f'[[server]]\nname = "a"\nurl = "{fleet.url("no-dev-mode")}"\n'
        )
        child = subprocess.Popen(
            [sys.executable, "-m", "sleeptui", *words],
            env={"PATH": os.environ["PATH"], **variables},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        sessions = tmp_path / "lib" / "sleeptui" / "sessions"
        try:
            wait_until(lambda: b'"k":"prom"' in written(sessions), what="the answers of a server")
            child.send_signal(signal.SIGUSR1)
            wait_until(lambda: b'"k":"mark"' in written(sessions), what="the mark")
            child.send_signal(getattr(signal, settings("KillSignal")[0]))
            out, err = child.communicate(timeout=int(settings("TimeoutStopSec")[0]))
        finally:
            child.kill()
            child.communicate()
    assert (child.returncode, out) == (0, f"{the_session(sessions)}\n"), err
    found = lines(the_session(sessions))
    assert [line["text"] for line in of(found, "mark")] == ["mark 1"]
    assert (found[-1]["k"], found[-1].get("aborted")) == ("end", None)
    before = written(sessions).splitlines(keepends=True)[:-1]
    assert found[-1]["sha256"] == hashlib.sha256(b"".join(before)).hexdigest()


def written(sessions) -> bytes:
    """The journal so far."""
    return b"".join(path.read_bytes() for path in sessions.glob("*/journal.jsonl"))


def test_a_mistake_is_not_tried_again_and_again():
    """2 is our code for usage and configuration."""
    assert settings("RestartPreventExitStatus") == ["2"]
    assert settings("Restart") == ["always"]


def test_what_it_has_to_look_at_is_not_hidden():
    for hiding in ("PrivateDevices", "PrivateNetwork", "ProtectProc", "ProcSubset"):
        assert not settings(hiding), hiding
    assert "char-nvidia* rw" in settings("DeviceAllow")
    families = settings("RestrictAddressFamilies")[0].split()
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} <= set(families)
