"""Moments in words."""

import time

import pytest

from sleeptui.tui.times import moment, time_of_day

NOON = 1_790_000_000.0 // 86_400 * 86_400 + 43_200


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_time_of_day():
    assert time_of_day(NOON + 61) == "12:01:01"


@pytest.mark.parametrize(
    ("ago_s", "said"),
    [
        (0, "12:00:00"),
        (43_200, "00:00:00"),
        (43_201, "2026-09-20 23:59"),
        (-43_200, "2026-09-22 00:00"),
    ],
)
def test_a_moment_of_another_day_has_its_date(ago_s, said):
    assert moment(NOON - ago_s, NOON) == said
