"""Figures of verdicts as words: counts where they were counted, units that can be read."""

import pytest
from support import benching

from sleeptui.core import verdict_words as words


def verdict(metric, unit="", *, op=">=", threshold=1.0, **fields):
    expected = benching.expectation(metric=metric, unit=unit, op=op, threshold=threshold)
    return benching.verdict(expectation=expected, **fields).verdict


def told(one):
    return words.value(one), words.interval(one), words.wanted(one.expectation)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            verdict("cold.ttft/wake.ttft", "x", threshold=5, value=107.2, low=88.0, high=125.1),
            ("107 x", "88 to 125", ">= 5 x"),
        ),
        (
            verdict("stability.cycles", value=1.0, n=10, low=0.741, high=1.0),
            ("10 of 10", "at least 74.1 %", "all"),
        ),
        (
            verdict("stability.cycles", threshold=0.95, value=0.9, n=10, low=0.55, high=0.99),
            ("9 of 10", "55 % to 99 %", ">= 95 %"),
        ),
        (
            verdict("memory.freed_frac", threshold=0.9, value=0.978, low=0.97, high=None),
            ("97.8 %", "97 % to --", ">= 90 %"),
        ),
        (
            verdict(
                "memory.residual_slope",
                "B a cycle",
                op="contains",
                threshold=0,
                value=2.0**28,
                low=0.0,
                high=2.0**31,
            ),
            ("256 MiB a cycle", "0 MiB to 2.0 GiB", "no growth"),
        ),
        (
            verdict(
                "wake.slope",
                "s a cycle",
                op="contains",
                threshold=0.01,
                value=-0.00797,
                low=-0.0121,
                high=0.004,
            ),
            ("-7.97 ms a cycle", "-12.1 ms to 4 ms", "holds 10 ms a cycle"),
        ),
        (
            verdict("wake.ttft", "s", op="<=", value=0.5, low=None, high=None),
            ("0.5 s", "", "<= 1 s"),
        ),
        (
            verdict(
                "memory.left", "B", op="<=", threshold=2.0**31, value=None, low=None, high=None
            ),
            ("--", "", "<= 2.0 GiB"),
        ),
    ],
)
def test_figures_and_thresholds(one, said):
    assert told(one) == said


def test_a_metric_that_nobody_knows_is_a_number():
    assert told(verdict("wake.colour", value=3.0)) == ("3", "38 to 44", ">= 1")
