"""The configuration: what is right becomes settings, what is wrong becomes one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.config import (
    Flags,
    checked_url,
    find_file,
    folder_of,
    load_settings,
    parse,
    parse_server,
)
from sleeptui.core.errors import ConfigError
from sleeptui.core.settings import RecordingDefaults, Settings

FULL = """\
theme = "nord"
ascii = true
readonly = true

[sampling]
interval_s = 1.0
stale_after_s = 8

[thresholds]
settled_mib = 64

[timeouts]
wake_s = 300

[prompt]
text = "hi"
max_tokens = 8

[recording]
folder = "/data/sessions"
at_start = true
text = true
gpu_interval_s = 0.2
report = false

[keymap]
"server.sleep" = "f2"

[[server]]
name = "summarize"
url = "http://127.0.0.1:8001/"
gpus = [0, 1]
level = 2
pinned = true
runtime = { docker = "vllm-a" }

[[server]]
name = "code"
url = "https://box:8002/prefix"
api_key_env = "CODE_KEY"
runtime = { compose = "code" }
[server.timeouts]
sleep_s = 30
"""


def load(text=None, tmp_path=None, flags=None, **environment):
    if text is not None:
        (tmp_path / "sleeptui.toml").write_text(text)
    return load_settings(flags or Flags(), {"HOME": "/nonexistent", **environment}, tmp_path)


def test_a_full_file(tmp_path):
    settings = load(FULL, tmp_path)
    summarize, code = settings.servers
    assert (summarize.url, summarize.gpus, summarize.level) == ("http://127.0.0.1:8001", (0, 1), 2)
    assert (summarize.container, summarize.pinned) == ("vllm-a", True)
    assert (code.api_key_env, code.compose) == ("CODE_KEY", "code")
    assert (code.timeouts.sleep_s, code.timeouts.wake_s) == (30, 300)
    assert settings.sampling.interval_s == 1.0
    assert settings.thresholds.settled_bytes == 64 << 20
    assert (settings.theme, settings.ascii, settings.readonly) == ("nord", True, True)
    assert settings.recording == RecordingDefaults(
        folder="/data/sessions", at_start=True, text=True, gpu_interval_s=0.2, report=False
    )
    assert settings.keymap == {"server.sleep": "f2"}
    assert settings.source.endswith("sleeptui.toml")


def test_what_starts_a_server(tmp_path):
    text = """
[timeouts]
start_s = 1200
[[server]]
name = "summarize"
url = "http://127.0.0.1:8001"
runtime = { command = ["vllm", "serve", "m"], env = { VLLM_SERVER_DEV_MODE = "1" }, cwd = "x" }
weights = "~/models/m"
compile_cache = "caches/m"
[server.timeouts]
stop_s = 90
"""
    (server,) = load(text, tmp_path).servers
    assert server.command == ("vllm", "serve", "m")
    assert (server.environment, server.cwd) == ({"VLLM_SERVER_DEV_MODE": "1"}, "x")
    assert (server.weights, server.compile_cache) == ("~/models/m", "caches/m")
    assert (server.timeouts.start_s, server.timeouts.stop_s) == (1200, 90)


def test_a_gpu_bank_lies_beside_the_file(tmp_path):
    settings = load('gpu_bank = "bank"', tmp_path)
    assert settings.gpu_bank == str(tmp_path / "bank")
    assert folder_of(settings) == tmp_path
    assert load('gpu_bank = "/run/bank"', tmp_path).gpu_bank == "/run/bank"


def test_without_a_file_the_working_directory_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_of(Settings()) == tmp_path


def test_an_empty_file_is_the_defaults(tmp_path):
    assert load("", tmp_path).sampling == Settings().sampling


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[sampling]\nintervall_s = 1",
            ["line 2", "[sampling] has no key “intervall_s”", "“interval_s”"],
        ),
        ("colour = 1", ["line 1", "the top level has no key “colour”", "Known here"]),
        (
            '[[server]]\nname="a"\nurl="http://h:1"\n\n[[server]]\nname="b"\nur="x"',
            ["line 7", "“ur”", "“url”"],
        ),
        ('[[server]]\nname = "a"', ["line 1", "lacks “url”", "Add url = …"]),
        (
            '[[server]]\nname = "a"\nurl = "http://h:1"\nlevel = 3',
            ["line 4", "server[0].level", "<= 2"],
        ),
        (
            '[[server]]\nname = "a"\nurl = "http://h:1"\ngpus = ["x"]',
            ["line 4", "server[0].gpus", "expected int"],
        ),
        ('[[server]]\nname = "a"\nurl = "h:1"', ["line 2", "a: “h:1” is not an http URL"]),
        (
            '[[server]]\nname = "a"\nurl = "http://u:secret@h:1"',
            ["user or password", "api_key_env"],
        ),
        (
            '[[server]]\nname="a"\nurl="http://h:1"\n[[server]]\nname="a"\nurl="http://h:2"',
            ["line 5", "two servers named “a”"],
        ),
        ('[[server]]\nname="a\\u001b[31m"\nurl="http://h:1"', ["control characters"]),
        (
            '[[server]]\nname="a"\nurl="http://h:1"\nruntime={dokcer="x"}',
            ["line 4", "“dokcer”", "“docker”"],
        ),
        (
            '[[server]]\nname="a"\nurl="http://h:1"\nruntime={docker="x", command=["y"]}',
            ["line 2", "a: runtime names more than one of docker, compose and command"],
        ),
        (
            '[[server]]\nname="a"\nurl="http://h:1"\nruntime={docker="x", cwd="y"}',
            ["line 2", "env or cwd, which belong to a command"],
        ),
        (
            '[[server]]\nname="a"\nurl="http://h:1"\nruntime={command=[]}',
            ["line 4", "length >= 1"],
        ),
        ("[server]\nname = 1", ["line 1", "server", "expected array"]),
        ("interval = = 1", ["not TOML", "line 1"]),
        ("[sampling]\ninterval_s = 0.001", ["line 2", "sampling.interval_s", ">= 0.1"]),
        ('[keymap]\n"server.slep" = "f2"', ["no command “server.slep”", "“server.sleep”"]),
        ('[keymap]\n"server.sleep" = "no key"', ["“no key” is not a key"]),
        (
            '[keymap]\n"server.sleep" = "w"',
            ["the key w is taken by both server.sleep and server.wake"],
        ),
    ],
)
def test_each_mistake_is_one_sentence_with_its_place(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load(text, tmp_path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "secret" not in sentence
    for word in words:
        assert word in sentence, sentence


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-is-called-so/a.toml"])
def test_a_name_that_no_file_can_have(tmp_path, name):
    with pytest.raises(ConfigError, match="there is no such file"):
        find_file(Flags(fleet=name), {}, tmp_path)


def test_a_missing_file_that_was_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file. Check --fleet"):
        load(None, tmp_path, Flags(fleet="nowhere.toml"))
    with pytest.raises(ConfigError, match="Check SLEEPTUI_FLEET"):
        load(None, tmp_path, SLEEPTUI_FLEET="nowhere.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * (1 << 21)], ids=["binary", "huge"])
def test_a_file_that_is_no_configuration(tmp_path, content):
    path = tmp_path / "sleeptui.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="Is it the right file"):
        load(None, tmp_path)


def test_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(ConfigError, match="it is not a file. Check --fleet"):
        load(None, tmp_path, Flags(fleet=str(tmp_path)))


def test_where_the_file_is_looked_for(tmp_path):
    config = tmp_path / "xdg" / "sleeptui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('theme = "dracula"')
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert find_file(Flags(), environment, tmp_path) == config
    local = tmp_path / "sleeptui.toml"
    local.write_text("")
    assert find_file(Flags(), environment, tmp_path) == local
    home = tmp_path / "home" / ".config" / "sleeptui" / "config.toml"
    home.parent.mkdir(parents=True)
    home.write_text("")
    assert find_file(Flags(), {"HOME": str(tmp_path / "home")}, tmp_path / "xdg") == home
    assert find_file(Flags(), {"HOME": "/nonexistent"}, tmp_path / "xdg") is None


def test_flags_go_before_environment_before_file(tmp_path):
    text = 'theme = "nord"\nreadonly = false\n[sampling]\ninterval_s = 1.0'
    settings = load(
        text, tmp_path, SLEEPTUI_THEME="gruvbox", SLEEPTUI_INTERVAL="2", SLEEPTUI_READONLY="1"
    )
    assert (settings.theme, settings.sampling.interval_s, settings.readonly) == (
        "gruvbox",
        2.0,
        True,
    )
    flags = Flags(theme="dracula", interval_s=3.0, readonly=False)
    settings = load(
        text,
        tmp_path,
        flags,
        SLEEPTUI_THEME="gruvbox",
        SLEEPTUI_INTERVAL="2",
        SLEEPTUI_READONLY="1",
    )
    assert (settings.theme, settings.sampling.interval_s, settings.readonly) == (
        "dracula",
        3.0,
        False,
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLEEPTUI_INTERVAL", "soon", "not a number"),
        ("SLEEPTUI_INTERVAL", "99", "out of range"),
        ("SLEEPTUI_INTERVAL", "nan", "out of range"),
        ("SLEEPTUI_READONLY", "perhaps", "neither 1 nor 0"),
    ],
)
def test_a_wrong_environment(tmp_path, name, value, words):
    with pytest.raises(ConfigError, match=words):
        load(None, tmp_path, **{name: value})


def test_servers_by_flag_come_after_and_in_place_of_those_of_the_file(tmp_path):
    text = '[[server]]\nname="a"\nurl="http://h:1"\n[[server]]\nname="b"\nurl="http://h:2"'
    settings = load(text, tmp_path, Flags(servers=("a=http://h:9", "http://c:3")))
    assert [(server.name, server.url) for server in settings.servers] == [
        ("b", "http://h:2"),
        ("a", "http://h:9"),
        ("c:3", "http://c:3"),
    ]


def test_a_name_twice_by_flag(tmp_path):
    with pytest.raises(ConfigError, match="two servers named “a”"):
        load(None, tmp_path, Flags(servers=("a=http://h:1", "a=http://h:2")))


@pytest.mark.parametrize(
    "text",
    ["", "a", "=http://h:1", "a=", "a=ftp://h", "a=http://", "a=http://h:99999", "a=http://[::1"],
)
def test_a_server_flag_that_makes_no_sense(text):
    with pytest.raises(ConfigError):
        parse_server(text)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://h:1/", "http://h:1"),
        ("https://h/x/y/", "https://h/x/y"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_urls(url, base):
    assert checked_url(url, "here", "a") == base


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_our_error(text):
    try:
        parse(text, "file")
    except ConfigError as error:
        assert "\n" not in error.message


@given(
    st.recursive(
        st.one_of(st.integers(-5, 5), st.text(max_size=4), st.booleans()),
        lambda inner: st.lists(inner, max_size=3),
    ),
    st.sampled_from(["theme", "server", "sampling", "keymap", "timeouts", "gpus"]),
)
def test_no_value_of_a_wrong_kind_raises_anything_but_our_error(value, key):
    import json

    try:
        parse(f"{key} = {json.dumps(value)}", "file")
    except ConfigError as error:
        assert error.message.startswith("file")


def test_a_name_on_the_command_line_that_would_drive_the_terminal(tmp_path):
    with pytest.raises(ConfigError, match="--server x=http://h:1: the name has control characters"):
        load_settings(Flags(servers=("x\x1b[2J=http://h:1",)), {}, tmp_path)


def test_where_sessions_go_and_that_they_are_recorded(tmp_path):
    assert load(None, tmp_path).recording == RecordingDefaults()
    bare = load(None, tmp_path, Flags(record="")).recording
    assert (bare.at_start, bare.folder) == (True, None)
    named = load(None, tmp_path, Flags(record="/data", record_text=True)).recording
    assert (named.at_start, named.folder, named.text) == (True, "/data", True)
    environment = load(None, tmp_path, SLEEPTUI_SESSIONS="/env").recording
    assert (environment.at_start, environment.folder) == (False, "/env")
    assert (
        load(None, tmp_path, Flags(record="/data"), SLEEPTUI_SESSIONS="/env").recording.folder
        == "/data"
    )
    file = '[recording]\nfolder = "~/sessions"\n'
    folder = load(file, tmp_path).recording.folder
    assert folder.endswith("/sessions")
    assert "~" not in folder
    assert load(file, tmp_path, Flags(record="")).recording.folder == folder
