"""TOML files of all three kinds: right and wrong values, and bytes that are no TOML at all."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.fuzzing import HOSTILE, fuzz, is_clean, mangled, mutated

from sleeptui.config import parse, read_file
from sleeptui.config_expectations import parse_expectations, read_expectations
from sleeptui.config_plan import parse_plan, read_plan
from sleeptui.core.errors import ConfigError
from sleeptui.core.settings import Settings

ROOT = Path(__file__).parents[2]
WHERE = "fleet.toml"
FLEETS = [(ROOT / "compose/exp1" / f"{name}.toml").read_text() for name in ("fleet", "process")] + [
    """
theme = "nord"
readonly = true
[[server]]
name = "qwen"
url = "http://127.0.0.1:8000"
gpus = [0, 1]
weights = "~/models/qwen"
runtime = {command = ["vllm", "serve", "m"], env = {VLLM_LOGGING_LEVEL = "INFO"}, cwd = "."}
[server.timeouts]
wake_s = 90.0
[server.canary]
prompt = "1 2 3"
[[server]]
name = "phi"
url = "https://gpu:8443/v"
level = 2
[sampling]
interval_s = 0.5
[thresholds]
residual_mib = 900
[recording]
folder = "~/sessions"
[keymap]
"server.sleep" = "f2"
"""
]
PLANS = [read_plan(name).text for name in ("quick", "standard", "careful")]
EXPECTATIONS = [read_expectations().text]
READERS = {
    "fleet": (FLEETS, lambda text: parse(text, WHERE)),
    "plan": (PLANS, lambda text: parse_plan(text, name="mine", where=WHERE)),
    "expectations": (
        EXPECTATIONS,
        lambda text: parse_expectations(text, name="mine", where=WHERE),
    ),
}
BAD_VALUES = (
    "9" * 5000,
    "0x" + "f" * 5000,
    "-0b1",
    "nan",
    "-inf",
    "1e400",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "[[[[1]]]]",
    "{a.b.c = 1}",
    '"\\u0000"',
    '"\\ud800"',
    '"\\u001b[2J"',
    "[" * 3000,
    "true",
    '"""\nmany\nlines"""',
)


def toml(value: object) -> str:
    """A tree as TOML, in one line a key of the top level."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return '"' + "".join(_letter(one) for one in value) + '"'
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            inside = ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items())
            return "{" + inside + "}"
        case _:
            return '"None"'


def _letter(one: str) -> str:
    return one if one.isalnum() and one.isascii() else f"\\U{ord(one):08x}"


def lines(tree: object) -> str:
    if not isinstance(tree, dict):
        return toml(tree)
    return "".join(f"{toml(key)} = {toml(value)}\n" for key, value in tree.items())


@st.composite
def written(draw, text: str):
    """The text of a file in which a value is another one, on its own line."""
    kept = text.splitlines()
    places = [at for at, line in enumerate(kept) if "=" in line]
    at = draw(st.sampled_from(places))
    key, _, _ = kept[at].partition("=")
    kept[at] = f"{key}= {draw(st.sampled_from(BAD_VALUES))}"
    return "\n".join(kept)


def texts(given_: list[str]) -> st.SearchStrategy[str]:
    known = st.sampled_from(given_)
    return st.one_of(
        known.flatmap(lambda text: mutated(tomllib.loads(text))).map(lines),
        known.flatmap(written),
        known.flatmap(lambda text: mangled(text.encode())).map(
            lambda data: data.decode(errors="replace")
        ),
        HOSTILE,
    )


@pytest.mark.parametrize("kind", READERS)
@fuzz(62)
@given(data=st.data())
def test_a_text_is_read_or_told_what_is_wrong_with_it(kind, data):
    known, read = READERS[kind]
    text = data.draw(texts(known))
    check(kind, read, text)


def check(kind, read, text):
    try:
        found = read(text)
    except ConfigError as error:
        assert error.message.startswith(WHERE)
        assert is_clean(error.message, error.hint), repr(error)
        assert len(error.message) < 1500
    else:
        if isinstance(found, Settings):
            assert all(is_clean(server.name) for server in found.servers)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("value", BAD_VALUES, ids=range(len(BAD_VALUES)))
@pytest.mark.parametrize("key", ["version", "theme", "server", "seed", "expect", "x"])
def test_values_of_any_kind_at_the_top(kind, key, value):
    _, read = READERS[kind]
    check(kind, read, f"{key} = {value}\n")


@fuzz(37)
@given(
    st.one_of(
        st.binary(max_size=200), st.sampled_from(FLEETS).flatmap(lambda one: mangled(one.encode()))
    )
)
@example(b"\xef\xbb\xbftheme = 1")
@example(b'theme = "\xff"')
def test_any_bytes_in_a_file(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / WHERE
    path.write_bytes(content)
    try:
        read_file(path)
    except ConfigError as error:
        assert str(path) in error.message
        assert is_clean(error.message.replace(str(path), ""), error.hint)


@pytest.mark.parametrize("kind", READERS)
@fuzz(20)
@given(data=st.data())
def test_the_line_of_a_wrong_value_is_told(kind, data):
    known, read = READERS[kind]
    kept = data.draw(st.sampled_from(known)).splitlines()
    table = [
        at
        for at, line in enumerate(kept)
        if line.startswith(("name", "url", "blocks", "cycles", "op ="))
    ]
    assume(table)
    at = data.draw(st.sampled_from(table))
    kept[at] = f"{kept[at].partition('=')[0]}= {data.draw(st.sampled_from(['true', '[]', '{}']))}"
    with pytest.raises(ConfigError, match=f"line {at + 1}:"):
        read("\n".join(kept))
