"""Everything that goes wrong, seen by the operator of the real program in a pseudo-terminal.

Each fault gets one clear sentence, and the rest goes on: a well server beside the bad ones is put
to sleep and woken all the same, the panel ends at once, and the terminal is as it was.
"""

import os
import pty
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from support.bad_servers import LONG_NAME, TITLE, bad_servers, closed_port
from support.nvml import Machine, environment, own_library
from support.processes import Processes, free_port, wait_until
from support.terminal import Terminal

from sleeptui.sim.faults import Fault, FaultSetting

pytestmark = pytest.mark.timeout(180)
END_S = 10.0
"""The panel ends at once; a busy machine is no failure."""


@pytest.fixture
def home(tmp_path):
    """No configuration and no log of the person who runs the tests."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}


@pytest.fixture(scope="module")
def bad():
    with bad_servers() as servers:
        yield servers


@contextmanager
def opened(arguments, home, **fields) -> Iterator[Terminal]:
    """The panel until the block ends; then it has ended well, and the terminal is as it was."""
    given = {"columns": 170, "rows": 60, **fields}
    extra = given.pop("environment", {})
    with Terminal(arguments, environment={**home, **extra}, **given) as panel:
        yield panel
        panel.press("q")
        assert panel.ended(END_S) == 0
        assert panel.is_restored
        assert b"Traceback" not in panel.raw


def cursor_to(panel, name):
    """Move the cursor to a server, by the filter."""
    panel.shows("s Sleep", name)
    panel.press("/")
    panel.until(lambda text: "s Sleep" not in text, "the filter")
    panel.type(name)
    panel.press("enter")
    panel.shows("s Sleep")
    panel.until(
        lambda text: any(
            line.startswith("▶") and f" {name} " in line for line in text.splitlines()
        ),
        f"the cursor on {name}",
    )


def all_rows(panel):
    """Take the filter away; the next key would be one with alt, were it sent at once."""
    panel.press("escape")
    panel.until(lambda text: "· filter" not in text, "no filter")


def cycle(panel, name="healthy"):
    """Put the well server to sleep and wake it: the rest goes on."""
    cursor_to(panel, name)
    panel.press("s")
    panel.row_shows(name, "ASLEEP L1")
    panel.press("w")
    panel.row_shows(name, "AWAKE")
    all_rows(panel)


STATES = {
    "refuses": "DOWN",
    "hangs": "UNKNOWN",
    "drips": "UNKNOWN",
    "web-page": "DOWN",
    "another": "DOWN",
    "ssh": "DOWN",
    "hangs-up": "DOWN",
    "half-json": "SUSPECT",
    "huge": "AWAKE",
    "mad": "AWAKE",
    "back": "AWAKE",
    "cut": "AWAKE",
    "wild": "AWAKE",
    "long": "AWAKE",
    "wide": "AWAKE",
}
SENTENCES = {
    "refuses": "down: nothing listens on 127.0.0.1:",
    "hangs": "unknown: no answer in time from 127.0.0.1:",
    "drips": "unknown: no answer in time from 127.0.0.1:",
    "web-page": "down: answers /is_sleeping with an HTML page",
    "another": "is not vLLM, /is_sleeping answered 404",
    "ssh": "does not speak HTTP",
    "hangs-up": "broke the connection",
    "half-json": "suspect: answers /is_sleeping with half a JSON",
    "huge": "its queue is not known: answers more than 8 MiB of metrics",
    "back": "was restarted",
}


def test_each_bad_server_gets_one_sentence_and_the_others_go_on(bad, home):
    """All at once, and with a proxy in the environment that would swallow every request."""
    proxy = f"http://127.0.0.1:{closed_port()}"
    names = [name for name in bad.urls if name not in ("dies", "dies-asleep")]
    with opened(
        bad.arguments(*names), home, environment={"HTTP_PROXY": proxy, "http_proxy": proxy}
    ) as panel:
        for name, state in STATES.items():
            panel.row_shows(f"■ {name}", state)
        cycle(panel)
        panel.press("2")
        for name, sentence in SENTENCES.items():
            panel.row_shows(f" {name} ", sentence)
        panel.row_shows("healthy", "sleep L1 done")
        panel.row_shows("healthy", "wake done")
        said = panel.text.splitlines()
        assert sum("refuses" in line for line in said) == 1
        # Once as unknown; on a machine that stands still for seconds once more as stale.
        assert sum(" hangs " in line and "stale" not in line for line in said) == 1
        assert sum(" huge " in line and "queue" in line for line in said) == 1
        panel.press("escape")
        for name, state in STATES.items():
            panel.row_shows(f"■ {name}", state)


def test_what_cannot_be_asked_is_refused_with_the_reason(bad, home):
    with opened(bad.arguments("healthy", "hangs", "refuses", "web-page"), home) as panel:
        panel.row_shows("■ web-page", "DOWN")
        panel.row_shows("■ hangs", "UNKNOWN")
        for name, reason in (
            ("refuses", "nothing listens on"),
            ("web-page", "HTML page"),
            ("hangs", "no answer in time"),
        ):
            cursor_to(panel, name)
            panel.press("s")
            panel.shows("Not now", f"{name} is", reason)
            all_rows(panel)
        cycle(panel)


def test_a_server_that_dies_and_one_that_dies_of_our_sleep(bad, home):
    arguments = bad.arguments("healthy", "dies", "dies-asleep", "cut")
    with opened(arguments, home) as panel:
        panel.row_shows("■ dies ", "AWAKE")
        panel.row_shows("■ dies-asleep", "AWAKE")
        bad.do(bad.fleet.machine.host("dies").set_fault(FaultSetting(fault=Fault.DEATH)))
        panel.row_shows("■ dies ", "DOWN")
        cursor_to(panel, "dies-asleep")
        panel.press("s")
        panel.row_shows("■ dies-asleep", "DOWN")
        panel.shows("sleep of dies-asleep failed", "engine lost", "restart it")
        all_rows(panel)

        cursor_to(panel, "cut")
        panel.press("t")
        panel.shows("Send")
        panel.press("ctrl+j")
        panel.shows("half an ans", "the connection broke")
        panel.press("escape")
        panel.shows("s Sleep", "· filter")
        all_rows(panel)
        cycle(panel)


def test_control_sequences_and_markup_never_reach_the_terminal(bad, home):
    with opened(bad.arguments("healthy", "wild", "long", "wide"), home) as panel:
        panel.row_shows("■ wild", "AWAKE")
        panel.row_shows("■ long · long", "AWAKE")
        panel.row_shows("■ wide · 模型", "AWAKE")
        cursor_to(panel, "wild")
        panel.shows("wild[red]red[/red]")
        panel.press("t")
        panel.shows("Send")
        panel.press("ctrl+j")
        panel.shows("dear [red]red[/red] [/]", "length")
        panel.press("escape")
        panel.shows("s Sleep", "· filter")
        all_rows(panel)
        cursor_to(panel, "long")
        panel.shows(LONG_NAME[:20], "…")
        all_rows(panel)
        cycle(panel)
    for evil in (TITLE, "owned", "\x9b", "\u202e"):
        assert evil.encode() not in panel.raw


def test_names_of_servers_that_are_found_are_made_safe(home, tmp_path):
    """Nothing configured: they are called as they call themselves."""
    processes = Processes(tmp_path)
    try:
        for name in ("\x1b]0;owned\x07found[bold]me[/bold]", "模型" * 150, "x" * 300):
            processes.serve(free_port(), f"--served-model-name={name}")
        with opened([], home, cwd=tmp_path) as panel:
            panel.shows("found[bold]me", "模型", "x" * 10)
        assert b"owned" not in panel.raw
    finally:
        processes.end_all()


class TestGpu:
    @pytest.fixture
    def machine(self, tmp_path):
        machine = Machine(tmp_path / "machine")
        machine.gpu(0)
        machine.gpu(1)
        return machine

    @pytest.fixture
    def standin(self, tmp_path, machine):
        """The environment in which the stand-in is the system's NVML."""
        made = environment(own_library(tmp_path), machine)
        return {key: value for key, value in made.items() if os.environ.get(key) != value}

    def test_one_is_lost_in_the_middle_and_comes_back(self, bad, home, machine, standin):
        with opened(bad.arguments("healthy"), home, environment=standin) as panel:
            panel.row_shows("0 H200", "3.0/140.0 GiB")
            panel.row_shows("■ healthy", "AWAKE")
            machine.fail("nvmlDeviceGetMemoryInfo_v2", 15, gpu=0)
            panel.shows("The GPU is lost, it has fallen off the bus")
            cycle(panel)
            machine.mend("nvmlDeviceGetMemoryInfo_v2")
            panel.until(lambda text: text.count("fallen off") <= 1, "the GPU again")

    def test_the_driver_is_not_loaded(self, bad, home, machine, standin):
        machine.unload_driver()
        with opened(bad.arguments("healthy"), home, environment=standin) as panel:
            panel.shows("driver")
            cycle(panel)


class TestDocker:
    """It is named where a server is not found; the others need it not."""

    def test_it_is_not_there(self, bad, home):
        address = f"127.0.0.1:{closed_port()}"
        gone = {"DOCKER_HOST": f"tcp://{address}"}
        with opened(bad.arguments("healthy", "refuses"), home, environment=gone) as panel:
            panel.shows(f"Docker is not running: nothing answers at tcp://{address}")
            cycle(panel)

    def test_it_hangs(self, bad, home, tmp_path):
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(tmp_path / "d.sock"))
            deaf.listen(64)
            hanging = {"DOCKER_HOST": f"unix://{tmp_path}/d.sock"}
            with opened(bad.arguments("healthy", "refuses"), home, environment=hanging) as panel:
                panel.row_shows("■ healthy", "AWAKE")
                cycle(panel)
                panel.shows("Docker has not answered in")


@pytest.mark.parametrize(
    "wrong",
    [
        {"TERM": "linux", "COLORTERM": "", "LANG": "C", "LC_ALL": "C"},
        {"TERM": "vt100", "COLORTERM": "", "HOME": "/proc/nowhere"},
        {"TERM": "screen", "COLORTERM": "", "LANG": "xx_YY.bogus", "TMPDIR": "/nowhere"},
    ],
    ids=lambda wrong: wrong["TERM"],
)
def test_poor_terminals_locales_and_homes(bad, home, wrong):
    arguments = bad.arguments("healthy", "refuses")
    with opened(arguments, home, environment=wrong, columns=80, rows=24) as panel:
        panel.row_shows("refuses", "DOWN")
        cycle(panel)


def test_a_home_that_is_not_set(bad):
    with opened(bad.arguments("healthy"), {"HOME": ""}) as panel:
        cycle(panel)


def test_a_terminal_that_shrinks_to_nothing_in_the_middle(bad, home):
    with opened(bad.arguments("healthy", "hangs"), home, columns=120, rows=36) as panel:
        panel.row_shows("healthy", "AWAKE")
        panel.resize(20, 5)
        panel.shows("too small", "60")
        panel.resize(1, 1)
        panel.pump_for(0.3)
        panel.resize(120, 36)
        panel.row_shows("healthy", "AWAKE")
        panel.press("?")
        panel.shows("Help")
        panel.resize(20, 5)
        panel.pump_for(0.3)
        panel.resize(120, 36)
        panel.press("escape")
        panel.row_shows("healthy", "AWAKE")
        cycle(panel)


@pytest.mark.parametrize("has_signal", [True, False], ids=["hang-up", "no signal"])
def test_a_terminal_that_is_closed_in_the_middle(bad, home, has_signal):
    """It ends by itself, also where the kernel signals another session only."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (36, 120))
    owner = ["setsid", "--ctty"] if has_signal else []
    child = subprocess.Popen(
        [*owner, sys.executable, "-m", "sleeptui", *bad.arguments("healthy", "hangs")],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **home},
        start_new_session=not has_signal,  # else setsid would fork, and nobody wait for its child
    )
    os.close(theirs)
    seen = bytearray()

    def read():
        with suppress(OSError):  # closed under it
            while b"AWAKE" not in seen:
                seen.extend(os.read(ours, 1 << 16))

    try:
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        wait_until(lambda: b"AWAKE" in seen, what="the panel")
        reader.join()
        os.close(ours)
        assert child.wait(END_S) == 129
    finally:
        child.kill()
        child.wait()


def shell(line, **streams):
    """The program as a shell starts it, with its streams led elsewhere."""
    return subprocess.run(
        ["sh", "-c", f'"$0" -m sleeptui {line}', sys.executable],
        capture_output=not streams,
        text=True,
        check=False,
        timeout=60,
        **streams,
    )


def test_output_that_cannot_be_written():
    done = shell("--version > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("sleeptui: no space is left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["0<&-", "1>&-"])
def test_a_stream_that_is_closed_is_no_terminal(closed):
    done = shell(f"--demo {closed}")
    assert done.returncode == 2
    assert "the panel needs a terminal" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_screen_that_would_be_drawn_into_a_file():
    ours, theirs = pty.openpty()
    try:
        done = shell("--demo", stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 2
    assert "draws on standard error, and that is no terminal" in done.stderr
