"""The settings in force, each with where it comes from, and no secret."""

import tomllib
from pathlib import Path

from sleeptui.config import Flags, load_settings
from sleeptui.config_keys import RUNTIME, SERVER, keys
from sleeptui.config_show import Origins, shown

FILE = """theme = "nord"

[[server]]
name = "chat"
url = "http://127.0.0.1:8001"
level = 2
timeouts.wake_s = 300

[server.runtime]
command = ["vllm", "serve", "m", "--api-key", "hidden-key"]
env = { HF_TOKEN = "hf-secret-value", PLAIN = "yes" }

[[server]]
name = "code"
url = "http://127.0.0.1:8002"

[sampling]
interval_s = 1
stale_after_s = 9

[recording]
folder = "/data"

[keymap]
"server.wake" = "f2"
"""


def lines(tmp_path, text=FILE, environment=None, **flags):
    """Key to the rest of its line, by the table it stands in."""
    given, told = Flags(**flags), environment or {}
    folder = Path(tmp_path)
    path = folder / "sleeptui.toml"
    if text:
        path.write_text(text)
    settings = load_settings(given, {"HOME": str(folder), **told}, folder)
    return shown(
        Origins(
            settings=settings,
            flags=given,
            environment=told,
            path=str(path) if text else "",
            text=text,
            tree=tomllib.loads(text),
        )
    )


def source(found, start):
    """The source of the one line that begins so."""
    (line,) = [one for one in found if one.startswith(start)]
    return line.partition("  # ")[2]


def test_without_a_file_all_is_the_default(tmp_path):
    found = lines(tmp_path, "")
    assert found[0] == "# no configuration file"
    assert all(line.endswith("# default") for line in found if " = " in line)
    keyed = [one for one in found if " = " in one or "is not set" in one]
    assert len(keyed) == sum(1 for key in keys() if key.table not in (SERVER, RUNTIME)) - 1


def test_what_the_file_says_has_its_line(tmp_path):
    found = lines(tmp_path)
    assert found[0] == f"# {tmp_path}/sleeptui.toml"
    assert source(found, 'theme = "nord"') == "file, line 1"
    assert source(found, "stale_after_s = 9") == "file, line 19"
    assert source(found, '"server.wake" = "f2"') == "file, line 25"
    assert source(found, "ascii = false") == "default"
    assert source(found, "timeouts.wake_s = 300") == "file, line 3"


def test_a_variable_is_stronger_than_the_file_and_an_option_than_both(tmp_path):
    told = {
        "SLEEPTUI_THEME": "dracula",
        "SLEEPTUI_INTERVAL": "3",
        "SLEEPTUI_ASCII": "1",
        "SLEEPTUI_READONLY": "",
        "SLEEPTUI_SESSIONS": "/other",
    }
    found = lines(tmp_path, environment=told, interval_s=4.0, readonly=True)
    assert source(found, 'theme = "dracula"') == "SLEEPTUI_THEME"
    assert source(found, "interval_s = 4") == "--interval"
    assert source(found, "ascii = true") == "SLEEPTUI_ASCII"
    assert source(found, "readonly = true") == "--readonly"
    assert source(found, 'folder = "/other"') == "SLEEPTUI_SESSIONS"


def test_an_empty_switch_is_off_and_an_empty_text_says_nothing(tmp_path):
    found = lines(tmp_path, environment={"SLEEPTUI_READONLY": "", "SLEEPTUI_THEME": ""})
    assert source(found, "readonly = false") == "SLEEPTUI_READONLY"
    assert source(found, 'theme = "nord"') == "file, line 1"


def test_recording_from_the_start(tmp_path):
    found = lines(tmp_path, record="")
    assert source(found, "at_start = true") == "--record"
    assert source(found, 'folder = "/data"') == "file, line 22"
    found = lines(tmp_path, record="/here", record_text=True)
    assert source(found, 'folder = "/here"') == "--record"
    assert source(found, "text = true") == "--record-text"


def test_servers_of_the_file_and_of_options(tmp_path):
    found = lines(tmp_path, servers=("extra=http://h:1", "code=http://h:2"))
    assert [one for one in found if one.startswith("name")] == [
        'name = "chat"                                 # file, line 4',
        'name = "extra"                                # --server',
        'name = "code"                                 # --server',
    ]
    assert source(found, "level = 2") == "file, line 6"


def test_no_secret_is_shown(tmp_path):
    text = "\n".join(lines(tmp_path))
    assert "hidden-key" not in text
    assert "hf-secret-value" not in text
    assert 'env = { HF_TOKEN = "***", PLAIN = "yes" }' in text
    assert '"--api-key", "***"' in text


def test_it_is_toml_that_says_the_same(tmp_path):
    tree = tomllib.loads("\n".join(lines(tmp_path)))
    assert [server["name"] for server in tree["server"]] == ["chat", "code"]
    assert tree["sampling"] == {
        "interval_s": 1,
        "fast_interval_s": 0.05,
        "discovery_s": 5,
        "stale_after_s": 9,
    }
    assert tree["server"][0]["timeouts"] == {"wake_s": 300}
    assert tree["thresholds"]["settled_mib"] == 32


def test_a_demo_is_said(tmp_path):
    found = lines(tmp_path, "", demo="faults")
    assert found[1] == "# --demo faults: a simulated fleet in the place of servers"
