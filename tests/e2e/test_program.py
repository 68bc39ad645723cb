"""The real program in a pseudo-terminal, on the simulated fleet: the main job, key by key."""

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.processes import free_port
from support.terminal import Terminal


@pytest.fixture
def home(tmp_path):
    """No configuration and no log of the person who runs the tests."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}


@pytest.mark.timeout(180)
def test_switch_sleep_wake_prompt_and_quit(home):
    with Terminal(["--demo"], environment=home) as panel:
        panel.row_shows("summarize", "AWAKE")
        panel.row_shows("code", "ASLEEP L1")
        panel.cursor_to("code")

        panel.press("x")
        panel.row_shows("summarize", "ASLEEP", limit_s=60)
        panel.row_shows("code", "AWAKE", limit_s=60)

        panel.press("S")
        panel.shows("abort", "keep")
        panel.press("escape")
        panel.until(lambda text: "keep" not in text, "the options gone")

        panel.press("t")
        panel.shows("Send")
        panel.press("ctrl+j")
        panel.shows("first token", "length", limit_s=60)
        panel.press("escape")
        panel.shows("Fleet", "Events")

        panel.press("q")
        assert panel.ended() == 0
        assert panel.is_restored


@pytest.mark.timeout(180)
def test_s_shows_asleep_and_w_shows_awake(home):
    """``versions`` has servers without traffic: nothing is asked, ``s`` acts at once."""
    with Terminal(["--demo", "versions"], environment=home) as panel:
        panel.row_shows("keyed", "ASLEEP L1")
        panel.cursor_to("keyed")
        panel.press("w")
        panel.row_shows("keyed", "AWAKE")
        panel.press("s")
        panel.row_shows("keyed", "ASLEEP L1", limit_s=60)
        panel.press("w")
        panel.row_shows("keyed", "AWAKE")
        panel.press("q")
        assert panel.ended() == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
)
def test_a_signal_ends_it_and_restores_the_terminal(home, number, code):
    with Terminal(["--demo"], environment=home) as panel:
        panel.shows("AWAKE")
        panel.signal(number)
        assert panel.ended() == code
        assert panel.is_restored


@contextmanager
def stalled(panel: Terminal) -> Iterator[int]:
    """A terminal that takes no output, as one whose connection is lost; keys still arrive."""
    path = Path(f"/proc/{panel.pid}/fd/2").readlink()
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    termios.tcflow(terminal, termios.TCOOFF)
    try:
        for _ in range(40):  # more frames than wait for the writer
            panel.press("1", "2")
            panel.pump_for(0.05)
        yield terminal
    finally:
        os.close(terminal)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the terminal in /proc")


@on_linux
def test_a_terminal_that_takes_no_output_is_painted_anew(home):
    with Terminal(["--demo"], environment=home) as panel:
        panel.shows("AWAKE")
        with stalled(panel) as terminal:
            panel.press("1")
            panel.screen.reset()
            termios.tcflow(terminal, termios.TCOON)
        panel.shows("demo default", "summarize", "Fleet", "Events", "Quit")


@on_linux
def test_a_terminal_that_takes_no_output_does_not_stop_the_panel(home):
    with Terminal(["--demo"], environment=home) as panel:
        panel.shows("AWAKE")
        with stalled(panel):
            panel.press("q")
            assert panel.ended() == 0


@on_linux
def test_a_terminal_that_took_nothing_at_the_end_is_put_right_when_it_does(home):
    with Terminal(["--demo"], environment=home) as panel:
        panel.shows("AWAKE")
        with stalled(panel) as terminal:
            panel.press("q")
            panel.pump_for(2.0)
            termios.tcflow(terminal, termios.TCOON)
        assert panel.ended() == 0
        assert panel.is_restored


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (59, 20), (80, 15)])
def test_too_small_is_said_and_mends_itself(home, columns, rows):
    with Terminal(["--demo"], columns=columns, rows=rows, environment=home) as panel:
        panel.shows("60")
        panel.resize(80, 24)
        panel.shows("summarize", "AWAKE")
        panel.resize(columns, rows)
        panel.until(lambda text: "summarize" not in text, "too small again")
        panel.press("q")
        assert panel.ended() == 0


@pytest.mark.parametrize("keys", ["?\x1b", "2\x1b", "t\x1b", "ddv", "r"])
def test_keys_that_are_typed_before_it_stands_do_not_keep_it_from_its_work(home, keys):
    """Seen over SSH: a page that was open at the first frame and left took the work with it."""
    with Terminal(["--server", f"a=http://127.0.0.1:{free_port()}"], environment=home) as panel:
        panel.type(keys)
        panel.row_shows(" a ", "DOWN")


def test_nothing_configured_helps(home, tmp_path):
    with Terminal([], environment=home, cwd=tmp_path) as panel:
        panel.shows("--server", "--demo")
        panel.press("q")
        assert panel.ended() == 0


def test_no_colour_and_ascii(home):
    with Terminal(["--demo", "--ascii"], environment={**home, "NO_COLOR": "1"}) as panel:
        text = panel.row_shows("summarize", "AWAKE")
        assert text.isascii()
        panel.press("q")
        assert panel.ended() == 0


def test_readonly_refuses_with_a_sentence(home):
    with Terminal(["--demo", "--readonly"], environment=home) as panel:
        panel.row_shows("summarize", "AWAKE")
        panel.press("s")
        panel.shows("--readonly")
        panel.press("q")
        assert panel.ended() == 0


def test_an_unknown_theme_is_refused_with_the_list(home, tmp_path):
    with Terminal(["--theme", "no-such"], environment=home, cwd=tmp_path) as panel:
        assert panel.ended() == 2
        assert "there is no theme “no-such”" in panel.text
        assert "textual-light" in panel.text
