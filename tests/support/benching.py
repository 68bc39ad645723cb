"""Events of a benchmark, made quickly: what is not said has a sensible default."""

from typing import Any

from sleeptui.core.bench import BenchPhase, BenchPlanned, PhaseBegan, PhaseKind, VerdictReached
from sleeptui.core.verdict import Expectation, Verdict, Word


def planned(at_s: float = 1.0, **fields: Any) -> BenchPlanned:
    """The begin of a benchmark."""
    values = {
        "plan": "quick",
        "plan_toml": 'name = "quick"\n',
        "expectations_toml": "version = 1\n",
        "seed": 7,
        "steps": 12,
        "estimate_s": 90.0,
        **fields,
    }
    return BenchPlanned(at_s=at_s, **values)


def phase(
    number: int = 1, kind: PhaseKind = PhaseKind.CYCLE, *, at_s: float = 2.0, **fields: Any
) -> PhaseBegan:
    """A phase begins."""
    done, left_s = fields.pop("done", 0), fields.pop("left_s", None)
    values = {"title": f"qwen: {kind.value} {number}", "server": "qwen", **fields}
    one = BenchPhase(id=number, kind=kind, **values)
    return PhaseBegan(at_s=at_s, phase=one, done=done, left_s=left_s)


def expectation(name: str = "q1.wake-l1", **fields: Any) -> Expectation:
    """A line of an expectations file."""
    values = {
        "question": "latency",
        "title": "a wake is much faster than a cold start",
        "metric": "cold.ttft/wake.ttft",
        "op": ">=",
        "threshold": 5.0,
        **fields,
    }
    return Expectation(id=name, **values)


def verdict(word: Word = Word.PASS, *, at_s: float = 3.0, **fields: Any) -> VerdictReached:
    """An expectation was judged."""
    expected = fields.pop("expectation", expectation())
    values = {"server": "qwen", "value": 41.0, "low": 38.0, "high": 44.0, "n": 24, **fields}
    one = Verdict(expectation=expected, word=word, **values)
    return VerdictReached(at_s=at_s, verdict=one)
