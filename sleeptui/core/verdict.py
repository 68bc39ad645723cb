"""Expectations, and what measurements say of them. Values only; ``core.judge`` decides."""

from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """What can be said of an expectation."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    """The interval lies on both sides of the threshold, or there are too few values."""
    INVALID = "INVALID"
    """A check of validity failed: no figure is shown as a result."""
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of an expectations file."""

    id: str
    """``q1.wake-l1``"""
    question: str
    """latency, memory, in_flight, stability"""
    title: str
    """What is expected, in words."""
    metric: str
    """Name in the table of metrics of ``core.judge``: ``cold.ttft/wake.ttft``."""
    statistic: str = "median"
    """median, slope, rate, maximum: what is compared with the threshold."""
    op: str
    """>=, <=, contains (an interval that holds the threshold: a slope of 0)"""
    threshold: float
    unit: str = ""
    level: int | None = None
    mode: str | None = None
    min_n: int = 1
    min_blocks: int = 1
    needs_baseline: bool = False
    source: str = ""
    """Where the threshold comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An expectation beside what was measured, for one server."""

    expectation: Expectation
    server: str
    word: Word
    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.0
    n: int = 0
    blocks: int = 0
    reason: str = ""
    """Why not PASS: what is missing, what failed; of a pass what it does not tell."""
