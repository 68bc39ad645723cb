"""Reading a TOML file of ours: one sentence for each thing that can be wrong with it."""

import pytest

from sleeptui.config_toml import file_of, tables_of, text_of
from sleeptui.core.errors import ConfigError


def test_a_file_and_its_tables(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('title = "ü"\n[one]\ntwo = 3\n', encoding="utf-8")
    assert tables_of(text_of(file), "a") == {"title": "ü", "one": {"two": 3}}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe", "not UTF-8"), (b"#" * ((1 << 20) + 1), "larger than 1 MiB")],
    ids=["not-utf-8", "too-large"],
)
def test_what_is_no_file_of_ours(tmp_path, content, words):
    file = tmp_path / "a.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        text_of(file)


def test_a_folder_and_nothing_at_all(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigError, match=str(path)):
            text_of(path)


@pytest.mark.parametrize(
    "name", ["x" * 5000, "~nobody-is-called-so/a.toml", "a\0b", "missing", "."]
)
def test_names_of_no_file(name):
    assert file_of(name) is None


@pytest.mark.parametrize("text", ["a = ", "[" * 5000])
def test_what_is_no_toml(text):
    with pytest.raises(ConfigError, match=r"^there, by me: not TOML") as caught:
        tables_of(text, "there, by me")
    assert "\n" not in caught.value.message
