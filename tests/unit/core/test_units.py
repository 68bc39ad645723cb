"""Numbers to text: unknown is --, units are binary, widths stay small."""

import pytest

from sleeptui.core import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "--"),
        (0.0042, "4 ms"),
        (0.375, "0.38 s"),
        (12.1, "12.1 s"),
        (125, "2 m 05 s"),
        (12000, "3 h 20 m"),
        (200000, "2 d 07 h"),
    ],
)
def test_duration(value, text):
    assert units.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "--"), (0, "0 MiB"), (-9, "0 MiB"), (412 << 20, "412 MiB"), (4139253760, "3.9 GiB")],
)
def test_memory(value, text):
    assert units.memory(value) == text


def test_gib():
    assert units.gib(93685547008) == "87.3"
    assert units.gib(None) == "--"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "--"), (-1, "0.0 s"), (0.44, "0.4 s"), (12.7, "13 s"), (90, "1 m 30 s")],
)
def test_elapsed(value, text):
    assert units.elapsed(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "--"), (0, "0"), (999, "999"), (1234, "1.2k"), (3.4e6, "3.4M")]
)
def test_count(value, text):
    assert units.count(value) == text


def test_rate():
    assert units.rate(None) == "--"
    assert units.rate(0) == "0"
    assert units.rate(3.21) == "3.2"
    assert units.rate(480.2) == "480"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "--"), (0, "0 %"), (0.075, "7.5 %"), (0.834, "83 %"), (1, "100 %")]
)
def test_percent(value, text):
    assert units.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(-1.0, "00:00:00"), (59.9, "00:00:59"), (727, "00:12:07"), (360_061, "100:01:01")],
)
def test_clock(value, text):
    assert units.clock(value) == text
