"""The configuration as text: what is written can be read, and says what the code says."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import spec

from sleeptui.config import parse
from sleeptui.config_keys import RUNTIME, SERVER, field_docstrings, keys
from sleeptui.config_write import name, new_file, value
from sleeptui.core.settings import ServerSpec, Settings


def uncommented(text):
    """The text with every key set; of the three ways to start a server the command is kept."""
    lines = []
    for line in text.splitlines():
        is_key = re.match(r'#(\[\[server\]\]|[\w."]+ = )', line)
        is_other = line.startswith(("#runtime.docker", "#runtime.compose"))
        lines.append(line[1:] if is_key and not is_other else line)
    return "\n".join(lines)


class TestKeys:
    def test_every_key_has_a_meaning_and_a_default_or_an_example(self):
        assert len(keys()) > 40
        for key in keys():
            assert key.meaning.endswith("."), key
            if key.default is None:
                given_name = (key.table, key.name)
                assert key.example is not None or key.is_required, given_name

    def test_every_key_is_one_of_the_settings(self):
        for key in keys():
            of_server = key.table in (SERVER, RUNTIME)
            one = ServerSpec(name="a", url="b") if of_server else Settings()
            if key.table in ("timeouts", "canary"):
                one = getattr(ServerSpec(name="a", url="b"), key.table)
            elif key.table and not of_server:
                one = getattr(one, key.table)
            assert hasattr(one, key.field), key

    def test_defaults_are_in_the_unit_of_the_file(self):
        by_name = {(key.table, key.name): key.default for key in keys()}
        assert by_name["thresholds", "settled_mib"] == 32
        assert by_name["timeouts", "start_s"] == 900
        assert by_name["canary", "enabled"] is True
        assert by_name["", "keymap"] is None

    def test_the_meaning_is_the_docstring(self):
        (theme,) = [key for key in keys() if key.name == "theme"]
        assert theme.meaning == field_docstrings(Settings)["theme"]


class TestValue:
    @pytest.mark.parametrize(
        ("of", "text"),
        [
            (True, "true"),
            (3, "3"),
            (0.05, "0.05"),
            (900.0, "900"),
            ('say "hi"', '"say \\"hi\\""'),
            ([1, 2], "[1, 2]"),
            ((), "[]"),
            ({"A-1": "x", "b.c": 1}, '{ A-1 = "x", "b.c" = 1 }'),
            ({}, "{}"),
        ],
    )
    def test_toml(self, of, text):
        assert value(of) == text

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_text_comes_back(self, text):
        assert tomllib.loads(f"a = {value(text)}") == {"a": text}
        assert tomllib.loads(f"{name(text)} = 1") == {text: 1}

    @given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9)))
    def test_any_table_comes_back(self, table):
        assert tomllib.loads(f"a = {value(table)}") == {"a": table}


class TestNewFile:
    def test_as_it_is_it_changes_nothing(self):
        read = parse(new_file(()), "new.toml")
        assert read == Settings(source="new.toml")

    def test_with_every_key_set_it_is_well(self):
        text = uncommented(new_file(()))
        read = parse(text, "new.toml")
        (server,) = read.servers
        assert (server.name, server.api_key_env, server.gpus) == ("chat", "CHAT_API_KEY", (0,))
        assert server.command[0] == "vllm"
        assert read.keymap == {"server.wake": "w,f2"}
        assert tomllib.loads(text)["timeouts"]["start_s"] == 900

    def test_every_key_stands_in_it_with_its_meaning(self):
        text = new_file(())
        joined = " ".join(re.sub(r"^# ?", "", line) for line in text.splitlines())
        for key in keys():
            assert re.search(rf"\b{key.name}\b", text), key
            assert key.meaning.replace("``", "") in joined, key

    def test_servers_are_set_and_only_the_first_is_explained(self):
        found = (
            spec("chat", container="vllm-chat", level=2),
            spec("code", url="http://127.0.0.1:8002", gpus=(0, 1), pinned=True),
        )
        text = new_file(found)
        read = parse(text, "new.toml")
        assert read.servers == found
        assert text.count("# Unique in the fleet.") == 0
        assert text.count("Sleep level when none is chosen") == 0, "it is set"
        assert text.count("#weights") == 1

    def test_a_name_that_needs_quotes(self):
        found = (spec('a "b" \\ c'),)
        assert parse(new_file(found), "new.toml").servers == found

    def test_no_line_is_long(self):
        assert max(len(line) for line in new_file(()).splitlines()) <= 100
