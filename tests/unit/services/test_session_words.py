"""What lists say of a session."""

import time

import pytest

from sleeptui.core.session import SessionSummary
from sleeptui.services import session_words as words


def summary(**fields):
    return SessionSummary(**{"run_id": "a-7f3c", "path": "/sessions/a-7f3c", **fields})


@pytest.mark.parametrize(
    ("fields", "word", "shown"),
    [
        ({}, "whole", "whole"),
        ({"source": "guidellm"}, "imported", "imported"),
        ({"partial": "it has no end"}, "partial", "PARTIAL"),
        ({"is_running": True}, "recording", "RECORDING"),
        ({"demo": "default"}, "whole", "whole, simulated"),
        ({"demo": "default", "partial": "torn"}, "partial", "PARTIAL, simulated"),
    ],
)
def test_what_it_is_in_a_word(fields, word, shown):
    assert words.state(summary(**fields)) == word
    assert words.states(summary(**fields)) == shown


def test_when_it_began_is_local(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert words.began(summary(wall_ns=1_795_426_200 * 10**9)) == "2026-11-23 09:30"
    assert words.began(summary()) == "--"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 KiB"), (1, "1 KiB"), (2048, "2 KiB"), (26 << 20, "26 MiB")]
)
def test_sizes(size, text):
    assert words.size(size) == text


def test_names_of_servers_are_cut_and_cleaned():
    assert words.servers(summary(servers=("a\x1b[31m", "b"))) == "a, b"
    assert len(words.servers(summary(servers=("long",) * 99), 20)) == 20
    assert words.servers(summary()) == "--"


def test_json_has_null_for_what_is_not_known():
    made = words.as_json(summary(partial="its first line cannot be read"))
    assert made["began_wall_s"] is None
    assert made["operations"] is None
    assert made["state"] == "partial"
    known = words.as_json(summary(wall_ns=2 * 10**9, duration_s=3.0, servers=("a",)))
    assert (known["began_wall_s"], known["duration_s"], known["servers"]) == (2.0, 3.0, ["a"])


def test_what_a_benchmark_came_to():
    assert words.benchmark(summary()) == ""
    assert words.benchmark(summary(plan="quick")) == "benchmark quick: no verdict"
    judged = summary(plan="standard", verdicts={"PASS": 11, "INCONCLUSIVE": 1})
    assert words.benchmark(judged) == "benchmark standard: 11 PASS, 1 INCONCLUSIVE"
    made = words.as_json(judged)
    assert (made["plan"], made["verdicts"]) == ("standard", {"PASS": 11, "INCONCLUSIVE": 1})
    assert (words.as_json(summary())["plan"], words.as_json(summary())["verdicts"]) == (None, {})
