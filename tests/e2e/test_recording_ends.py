"""However a panel that records ends, its journal has an end, and says what kind of end it was."""

import signal

import pytest
from support.journal_file import lines, of, the_session
from support.sim_process import simulated
from support.terminal import Terminal

from sleeptui.recorder.archive import SessionArchive

SECRETS = ("sk-in-the-key", "hunter2-in-the-environment", "my-secret-question")


@pytest.fixture(scope="module")
def fleet():
    with simulated("versions", speed=10) as running:
        running.traffic(on=False)
        yield running


@pytest.fixture
def recording(fleet, tmp_path):
    """A panel that records one server."""
    arguments = ["--record", str(tmp_path / "s"), "--server", f"a={fleet.url('no-dev-mode')}"]
    with Terminal(arguments, environment={"HOME": str(tmp_path), "XDG_STATE_HOME": ""}) as panel:
        panel.shows("● REC")
        panel.row_shows(" a ", "NO CONTROL")
        yield panel


def last_line(tmp_path):
    return lines(the_session(tmp_path / "s"))[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_aborts_it(recording, tmp_path, number):
    recording.signal(number)
    assert recording.ended() == 128 + number
    assert not (the_session(tmp_path / "s") / "report.md").exists()
    assert (last_line(tmp_path)["k"], last_line(tmp_path)["aborted"]) == ("end", True)


def test_a_terminal_that_goes_aborts_it(recording, tmp_path):
    recording.hang_up()
    assert (last_line(tmp_path)["k"], last_line(tmp_path)["aborted"]) == ("end", True)


@pytest.mark.parametrize("keys", [("q", "y"), ("r", "q")])
def test_an_end_by_keys_is_ordered(recording, tmp_path, keys):
    recording.press(keys[0])
    recording.shows("Quit while recording?" if keys[0] == "q" else "Recorded")
    recording.press(keys[1])
    assert recording.ended() == 0
    assert f"recorded to {the_session(tmp_path / 's')}" in recording.text.replace("\n", "")
    last = last_line(tmp_path)
    assert last["k"] == "end"
    assert not last.get("aborted")
    assert "making the report" in recording.text
    assert (the_session(tmp_path / "s") / "report.md").is_file()


def test_a_folder_that_cannot_be_written_is_said_before_the_panel_opens(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": ""}
    with Terminal(["--record", str(blocked / "s")], environment=home, columns=200) as panel:
        assert panel.ended() == 2
        assert "a session cannot be made in" in panel.text
        assert "--record DIR" in panel.text
        assert b"\x1b[?1049h" not in bytes(panel.raw)


def test_no_secret_is_in_any_file(fleet, tmp_path):
    key, environment_secret, question = SECRETS
    config = tmp_path / "fleet.toml"
    config.write_text(
        f'[[server]]\nname = "a"\nurl = "{fleet.url("no-dev-mode")}"\napi_key_env = "A_KEY"\n'
        f'[prompt]\ntext = "{question} {key}?"\n'
    )
    home = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": "",
        "A_KEY": key,
        "HF_TOKEN": environment_secret,
    }
    arguments = ["--record", str(tmp_path / "s"), "--fleet", str(config)]
    with Terminal(arguments, environment=home) as panel:
        panel.shows("● REC")
        panel.row_shows(" a ", "NO CONTROL")
        panel.press("t")
        panel.shows(question, "Send")
        panel.press("ctrl+j")
        panel.shows("first token", "finish")
        panel.press("escape")
        panel.shows("Fleet", "Events")
        panel.press("q")
        panel.shows("Quit while recording?")
        panel.press("y")
        assert panel.ended() == 0
    session = the_session(tmp_path / "s")
    assert of(lines(session), "req.end")[0]["fate"] == "completed"
    SessionArchive(tmp_path / "s").export(session.name, ())
    files = [path for path in session.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600, path
    for path in tmp_path.rglob("*"):  # the log and what was learnt too
        if path.is_file() and path != config:
            data = path.read_bytes()
            assert [secret for secret in SECRETS if secret.encode() in data] == [], path
    for folder in [session, *(path for path in session.rglob("*") if path.is_dir())]:
        assert folder.stat().st_mode & 0o777 == 0o700, folder
