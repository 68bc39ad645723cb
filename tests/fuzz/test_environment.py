"""What a shell hands over: variables, flags, and addresses of servers in them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import HOSTILE, fuzz, is_clean, is_told

from sleeptui.adapters.vllm_wire import Wire
from sleeptui.config import ENVIRONMENT, Flags, checked_url, load_settings, parse_server
from sleeptui.config_expectations import read_expectations
from sleeptui.config_plan import read_plan
from sleeptui.core.commands import BY_ID
from sleeptui.core.errors import ConfigError
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.tui.keymap import keys_of, rows

WORDS = HOSTILE.map(lambda text: text.replace("\0", ""))
"""No variable and no argument has a zero byte."""
PARTS = st.sampled_from(
    [
        "http",
        "https",
        "ftp",
        "://",
        ":",
        "//",
        "@",
        "/",
        "?",
        "#",
        "[",
        "]",
        "::1",
        "%25eth0",
        "localhost",
        "127.0.0.1",
        "gpu-7",
        "8000",
        "99999",
        "-1",
        "0",
        "a b",
        "münchen",
        "xn--",
        "qwen",
        "=",
        "user",
        ".",
        "..",
        "\u2100",
        "\u3002",
        "%00",
        "%zz",
        "[::1]",
        "[v1.x]",
        "[::1%1]",
    ]
)
URLS = st.one_of(
    st.lists(PARTS, max_size=8).map("".join),
    st.tuples(st.just("http://"), st.lists(PARTS, max_size=6).map("".join)).map("".join),
    st.tuples(st.just("http://h:8000"), WORDS).map("".join),
)
NAMES = st.one_of(WORDS, st.just("qwen"), st.just("a=b"))
TEXTS = st.one_of(
    WORDS,
    st.sampled_from(
        ["1", "0", "on", "nan", "inf", "-1", "1e400", "0.5", "~nobody-here/x", "~", "/"]
    ),
    st.binary(min_size=1, max_size=6).map(
        lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    ),
    st.just("x" * 5000),
)


@fuzz(100)
@given(URLS)
@example("http://[::1")
@example("http://h:99999999")
@example("http://xn--:80")
@example("http://XN--.de")
@example("http://a b")
@example("http://h/" + "x" * 70_000)
@example("http://\u2100.com")
@example("http://a\u3002.b..c")
def test_an_address_can_be_asked_or_is_refused(url):
    try:
        checked = checked_url(url, "--server", "qwen")
    except ConfigError as error:
        assert is_told(error)
    else:
        assert Wire(ServerSpec(name="qwen", url=checked)).address


@fuzz(100)
@given(st.one_of(URLS, st.tuples(NAMES, st.just("="), URLS).map("".join)))
@example("http://[::1")
@example("//[")
def test_a_server_of_the_command_line(text):
    try:
        server = parse_server(text)
    except ConfigError as error:
        assert is_told(error)
    else:
        assert server.name
        assert is_clean(server.name, server.url)


@fuzz(75)
@given(
    st.dictionaries(st.sampled_from([*ENVIRONMENT, "HOME", "XDG_CONFIG_HOME"]), TEXTS), st.data()
)
@example({"SLEEPTUI_SESSIONS": "~nobody-here/x"}, None)
@example({"XDG_CONFIG_HOME": "~nobody-here/x"}, None)
def test_variables(tmp_path_factory, environment, data):
    folder = tmp_path_factory.getbasetemp()
    flags = Flags()
    if data is not None:
        flags = Flags(
            fleet=data.draw(st.none() | TEXTS),
            interval_s=data.draw(st.none() | st.floats()),
            theme=data.draw(st.none() | TEXTS),
            record=data.draw(st.none() | TEXTS),
        )
    try:
        found = load_settings(flags, environment, folder)
    except ConfigError as error:
        assert is_told(error)
    else:
        assert 0.1 <= found.sampling.interval_s <= 10


@pytest.mark.parametrize("read", [read_plan, read_expectations])
@fuzz(25)
@given(name=TEXTS)
def test_names_of_files(read, name):
    try:
        read(name)
    except ConfigError as error:
        assert is_told(error)


KEYS = st.lists(
    st.one_of(
        st.sampled_from(
            ["f2", "ctrl+s", "S", ",", "+", "ctrl++", "", " ", "q", "é", "ctrl+ctrl+a"]
        ),
        WORDS,
    ),
    max_size=3,
).map(",".join)


@fuzz(62)
@given(st.dictionaries(st.one_of(st.sampled_from(sorted(BY_ID)), WORDS), KEYS, max_size=3))
def test_keys(keymap):
    from sleeptui.config import _check_keymap

    settings = Settings(keymap=keymap, source="fleet.toml")
    try:
        _check_keymap(settings)
    except ConfigError as error:
        assert is_told(error)
        return
    assert all(is_clean(*keys_of(command, keymap)) for command in BY_ID.values())
    assert rows(keymap)
