import re

import pytest

from sleeptui.config_expectations import BUILT_IN, parse_expectations, read_expectations
from sleeptui.core.errors import ConfigError

ONE = """\
version = 1
title = "ours"

[[expect]]
id = "fast"
question = "latency"
title = "a wake is fast"
metric = "wake.ttft"
op = "<="
threshold = 0.5
unit = "s"
level = 1
min_n = 6
min_blocks = 3
source = "a guess"
"""


def parsed(text):
    return parse_expectations(text, name="ours", where="ours.toml")


def test_those_that_come_with_it_can_be_read():
    found = read_expectations()
    assert found == read_expectations(BUILT_IN)
    assert found.name == BUILT_IN
    assert {one.question for one in found.lines} == {"latency", "memory", "in_flight", "stability"}
    assert all(one.source and one.title for one in found.lines)
    assert len({one.id for one in found.lines}) == len(found.lines)


def test_a_file(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text(ONE)
    found = read_expectations(str(path))
    (one,) = found.lines
    assert (found.name, found.title, found.text) == ("ours", "ours", ONE)
    assert (one.id, one.statistic, one.threshold, one.min_blocks) == ("fast", "median", 0.5, 3)
    assert (one.level, one.mode, one.needs_baseline) == (1, None, False)


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("version = 1", "version = 2", "line 1: expectations version 2", "reads version 1"),
        ("version = 1", 'version = "1"', "line 1: version: ", "correct the value"),
        ("version = 1", "version =", "not TOML", "correct that line"),
        ("min_n", "min_m", "has no key “min_m”", "did you mean “min_n”?"),
        ('id = "fast"', "", "[expect] lacks “id”", "add id"),
        ('"wake.ttft"', '"wake.tft"', "line 8: there is no metric “wake.tft”", "wake.ttft"),
        ('"<="', '"contains"', "line 9: wake.ttft is a median", "use >= or <="),
        ("level = 1", "needs_baseline = true", None, None),
        ('"wake.ttft"', '"stability.cycles"', "line 9: stability.cycles is a rate", "use >="),
        ("level = 1", "level = 3", "expect[0].level", "correct the value"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old, new, message, hint):
    text = ONE.replace(old, new, 1)
    if message is None:
        assert parsed(text).lines[0].needs_baseline
        return
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("threshold", ["nan", "inf", "-inf", "1e400"])
def test_a_threshold_is_a_number(threshold):
    with pytest.raises(ConfigError, match="line 10: .* is no threshold"):
        parsed(re.sub(r"(?m)^threshold = .*$", f"threshold = {threshold}", ONE))


def test_what_cannot_be():
    rate = ONE.replace('"wake.ttft"', '"stability.cycles"').replace('"<="', '">="')
    with pytest.raises(ConfigError, match="line 10: a rate is above 0"):
        parsed(rate.replace("0.5", "2"))
    with pytest.raises(ConfigError, match="not compared with a baseline"):
        parsed(rate.replace("level = 1", "needs_baseline = true"))
    with pytest.raises(ConfigError, match="nothing is expected"):
        parsed("version = 1\nexpect = []\n")
    twice = ONE + ONE.split("\n\n", 1)[1]
    with pytest.raises(ConfigError, match="line 5: the id “fast” stands there twice"):
        parsed(twice)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file of expectations"):
        read_expectations(str(tmp_path / "none.toml"))
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_expectations(str(path))
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_expectations(str(path))


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "x.toml"
    path.write_text(ONE)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_text", refuse)
    with pytest.raises(ConfigError, match="Permission denied"):
        read_expectations(str(path))
