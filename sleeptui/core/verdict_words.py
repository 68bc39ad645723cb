"""The figures of a verdict as words, for terminal, panel and report alike. Pure."""

from typing import Final

from sleeptui.core.judge_metrics import METRICS
from sleeptui.core.units import UNKNOWN, memory
from sleeptui.core.verdict import Expectation, Verdict

_BYTES: Final = ("B", "bytes")
_A_CYCLE: Final = " a cycle"
_HUNDRED: Final = 100
_WHOLE: Final = 1.0
_MS: Final = 1000


def value(one: Verdict) -> str:
    """What was measured, with its unit: ``93.1 x``, ``97.8 %``, ``0 MiB a cycle``, ``58 of 59``."""
    if one.value is None:
        return UNKNOWN
    if is_rate(one.expectation):
        return f"{round(one.value * one.n)} of {one.n}"
    return _with_unit(one.value, one.expectation)


def interval(one: Verdict) -> str:
    """Where it lies: ``88.2 to 97.4``; without an exception ``at least 95 %``; or ""."""
    if one.low is None and one.high is None:
        return ""
    ends = (one.low, one.high)
    low, high = (UNKNOWN if end is None else _figure(end, one.expectation) for end in ends)
    if is_rate(one.expectation) and one.high is not None and one.high >= _WHOLE:
        return f"at least {low}"
    return f"{low} to {high}"


def wanted(expected: Expectation) -> str:
    """The threshold: ``>= 5 x``, ``all``, ``no growth``."""
    if is_rate(expected) and expected.threshold >= _WHOLE:
        return "all"
    if expected.op == "contains":
        return "no growth" if expected.threshold == 0 else f"holds {_threshold(expected)}"
    return f"{expected.op} {_threshold(expected)}"


def is_rate(expected: Expectation) -> bool:
    """Whether it is about how often something holds."""
    metric = METRICS.get(expected.metric)
    return metric is not None and metric.statistic == "rate"


def _threshold(expected: Expectation) -> str:
    if is_rate(expected):
        return _figure(expected.threshold, expected)
    return _with_unit(expected.threshold, expected)


def _with_unit(number: float, expected: Expectation) -> str:
    """Seconds and bytes bring their own."""
    figure, unit = _figure(number, expected), expected.unit
    if unit.endswith(_A_CYCLE):
        return f"{figure}{_A_CYCLE}"
    return figure if not unit or unit in _BYTES else f"{figure} {unit}"


def _figure(number: float, expected: Expectation) -> str:
    unit = expected.unit.removesuffix(_A_CYCLE)
    if unit in _BYTES:
        return memory(number)
    if unit == "s" and expected.unit.endswith(_A_CYCLE):
        return f"{_three(number * _MS)} ms"
    if is_rate(expected) or expected.metric.endswith("_frac"):
        return f"{_three(number * _HUNDRED)} %"
    return _three(number)


def _three(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= _HUNDRED else f"{number:.3g}"
