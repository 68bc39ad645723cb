"""The result of a benchmark as JSON, field by field."""

from collections.abc import Sequence
from typing import TypedDict

from sleeptui.core.verdict import Verdict, Word
from sleeptui.services import as_json


class VerdictJson(TypedDict):
    """An expectation beside what was measured, for one server."""

    id: str
    question: str
    title: str
    server: str
    word: str
    """PASS, FAIL, INCONCLUSIVE, INVALID, NOT RUN"""
    metric: str
    statistic: str
    op: str
    threshold: float
    unit: str
    level: int | None
    mode: str | None
    value: float | None
    low: float | None
    high: float | None
    """Of the interval."""
    confidence: float
    n: int
    blocks: int
    reason: str
    source: str


class BenchJson(TypedDict):
    """How a benchmark ended."""

    session: str
    """Its folder."""
    plan: str
    seed: int
    ended: str
    """ok, user_abort, time_over"""
    steps: int
    done: int
    failed: int
    skipped: int
    left: list[str]
    """Servers that are not as they were found."""
    counts: dict[str, int]
    """Verdicts by word."""
    verdicts: list[VerdictJson]


def of_verdict(one: Verdict) -> VerdictJson:
    """One verdict."""
    wanted = one.expectation
    return VerdictJson(
        id=wanted.id,
        question=wanted.question,
        title=wanted.title,
        server=one.server,
        word=one.word.value,
        metric=wanted.metric,
        statistic=wanted.statistic,
        op=wanted.op,
        threshold=wanted.threshold,
        unit=wanted.unit,
        level=wanted.level,
        mode=wanted.mode,
        value=one.value,
        low=one.low,
        high=one.high,
        confidence=one.confidence,
        n=one.n,
        blocks=one.blocks,
        reason=one.reason,
        source=wanted.source,
    )


def counts(every: Sequence[Verdict]) -> dict[str, int]:
    """Verdicts by word, those that are not there too."""
    return {word.value: sum(one.word is word for one in every) for word in Word}


def text(document: BenchJson) -> str:
    """The whole document."""
    return as_json.text("bench", document)
