"""A comparison as lines of text, at most 79 columns where names are not longer. Pure.

Differences around the sessions come first: they are what may explain all that follows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from sleeptui.core.compare import Comparison, Lone
from sleeptui.core.compare_pairs import MemoryPair, ReliabilityPair, TimePair, Verdict
from sleeptui.core.interval import Interval
from sleeptui.core.measure_fates import Reliability
from sleeptui.core.session import Session
from sleeptui.core.text import clean, one_line
from sleeptui.core.units import UNKNOWN, duration, memory, percent

_LABEL: Final = 26
_SIDE: Final = 24
_VALUE_LIMIT: Final = 60
_MINUTE: Final = 60
_RATIO_DIGITS: Final = 5
TITLE, WARNING, BETTER, WORSE, PLAIN = "title", "warning", "better", "worse", ""
_TONES = {Verdict.FASTER: BETTER, Verdict.SLOWER: WORSE}
_STARTS = "* for these starts of the servers: too few restarts to say more"


class Said(NamedTuple):
    """One line, and what it is."""

    text: str
    tone: str = PLAIN
    """title, warning, better, worse; empty: none of them."""


def lines(comparison: Comparison) -> Iterator[Said]:
    """All of it."""
    yield from _sides(comparison)
    yield Said("")
    yield from _differences(comparison)
    if comparison.times:
        yield Said("")
        yield from _times(comparison.times)
    if comparison.memory:
        yield Said("")
        yield from _memory(comparison.memory)
    if comparison.reliability:
        yield Said("")
        yield from _reliability(comparison.reliability)
    if comparison.lone:
        yield Said("")
        yield from _lone(comparison.lone)
    if not (comparison.times or comparison.memory or comparison.reliability):
        yield Said("")
        yield Said("Nothing was measured in both of them.", WARNING)


def _sides(comparison: Comparison) -> Iterator[Said]:
    for side, session in (("A", comparison.a), ("B", comparison.b)):
        yield Said(f"{side}  {one_line(session.run_id)}", TITLE)
        began = datetime.fromtimestamp(session.wall_ns / 1e9).astimezone()
        origin = session.tool if session.source is None else f"from {session.source}"
        yield Said(f"   {began:%Y-%m-%d %H:%M}, {duration(session.duration_s)}, {one_line(origin)}")
        yield from (Said(f"   {words}", WARNING) for words in _warnings(session))
    if comparison.a.run_id == comparison.b.run_id:
        yield Said("A and B are the same session.", WARNING)
    yield from (Said(f"Compared all the same: {clean(why)}.", WARNING) for why in comparison.unlike)


def _warnings(session: Session) -> Iterator[str]:
    if session.partial is not None:
        yield f"PARTIAL: {one_line(session.partial)}"
    if session.demo is not None:
        yield f"SIMULATED: the fleet “{one_line(session.demo)}” is no measurement of a GPU"


def _differences(comparison: Comparison) -> Iterator[Said]:
    if not comparison.differences:
        yield Said("Around them nothing differs that is known.", TITLE)
        return
    yield Said(f"{'Different around them':<{_LABEL}} {'A':<{_SIDE}} B", TITLE)
    for model, rows in groupby(comparison.differences, key=lambda row: row.model):
        if model is not None:
            yield Said(f"  {one_line(model)}")
        indent = "  " if model is None else "    "
        for row in rows:
            what, a, b = (one_line(text, _VALUE_LIMIT) for text in (row.what, row.a, row.b))
            if len(indent + what) <= _LABEL and max(len(a), len(b)) <= _SIDE:
                yield Said(f"{indent + what:<{_LABEL}} {a:<{_SIDE}} {b}")
                continue
            yield Said(f"{indent}{what}")
            yield Said(f"{indent}  A  {a}")
            yield Said(f"{indent}  B  {b}")


def _times(pairs: Iterable[TimePair]) -> Iterator[Said]:
    heads = f"{'n A/B':>7} {'A median':>8} {'B median':>8} {'B/A':>5} {'interval':>11}"
    yield Said(f"{'Times':<{_LABEL}} {heads}", TITLE)
    reasons: dict[str, None] = {}
    has_note = False
    for model, those in groupby(pairs, key=lambda pair: pair.model):
        yield Said(f"  {_model(model)}")
        for pair in those:
            has_note |= bool(_mark(pair))
            reasons |= {pair.why: None} if pair.why else {}
            if len(_label(pair)) > _LABEL:
                yield Said(_label(pair))
            yield _time(pair)
    yield from (Said(f"  unclear: {why}") for why in reasons)
    if has_note:
        yield Said(f"  {_STARTS}")


def _time(pair: TimePair) -> Said:
    numbers = f"{pair.a.n}/{pair.b.n}"
    a, b = _value(pair.a), _value(pair.b)
    between = UNKNOWN
    if pair.ratio and pair.ratio.low is not None and pair.ratio.high is not None:
        between = f"{_ratio(pair.ratio.low)}–{_ratio(pair.ratio.high)}"  # noqa: RUF001 - from, to
    figures = f"{numbers:>7} {a:>8} {b:>8} {_ratio(pair.change):>5} {between:>11}"
    label = _label(pair) if len(_label(pair)) <= _LABEL else ""
    words = f"{label:<{_LABEL}} {figures} {pair.verdict.value}{_mark(pair)}"
    return Said(words, _TONES.get(pair.verdict, PLAIN))


def _label(pair: TimePair) -> str:
    unit = "" if pair.a.unit == "s" else f" {pair.a.unit}"
    level = _level(None if "_l2" in pair.id else pair.level)
    return f"    {one_line(f'{pair.id}{level}{unit}', _VALUE_LIMIT)}"


def _mark(pair: TimePair) -> str:
    """A star where the interval holds for these starts of the servers only."""
    has_claim = pair.verdict is not Verdict.UNCLEAR
    return " *" if has_claim and pair.ratio and pair.ratio.note else ""


def _memory(pairs: Iterable[MemoryPair]) -> Iterator[Said]:
    yield Said(
        f"{'Memory, median of cycles':<{_LABEL}} {'n A/B':>7} {'A':>9} {'B':>9} {'B - A':>10}",
        TITLE,
    )
    for model, those in groupby(pairs, key=lambda pair: pair.model):
        yield Said(f"  {_model(model)}")
        for pair in those:
            if not (pair.a_bytes or pair.b_bytes):
                continue
            label = f"    {pair.what}{_level(pair.level)}"
            numbers = f"{pair.a_cycles}/{pair.b_cycles}"
            a, b, change = map(memory, (pair.a_bytes, pair.b_bytes, pair.b_bytes - pair.a_bytes))
            word = "differs" if pair.is_notable else "same"
            text = f"{label:<{_LABEL}} {numbers:>7} {a:>9} {b:>9} {change:>10} {word}"
            yield Said(text, WARNING if pair.is_notable else PLAIN)


def _reliability(pairs: Iterable[ReliabilityPair]) -> Iterator[Said]:
    yield Said(f"{'Done, at least (95 %)':<{_LABEL}} {'A':>14} {'B':>14}", TITLE)
    by_model: dict[str, list[ReliabilityPair]] = defaultdict(list)
    for pair in pairs:
        by_model[pair.model].append(pair)
    for model, those in by_model.items():
        yield Said(f"  {_model(model)}")
        for pair in those:
            label = f"    {one_line(pair.kind)}{_level(pair.level)}"
            word = "differs" if pair.is_notable else "no difference shown"
            text = f"{label:<{_LABEL}} {_rate(pair.a):>14} {_rate(pair.b):>14} {word}"
            yield Said(text, WARNING if pair.is_notable else PLAIN)


def _rate(one: Reliability) -> str:
    if one.rate is None:
        return "not tried"
    return f"{one.rate.k}/{one.rate.n} {percent(one.rate.at_least):>5}"


def _lone(lone: Iterable[Lone]) -> Iterator[Said]:
    for side, those in groupby(lone, key=lambda one: one.side):
        yield Said(f"Only in {side}", TITLE)
        for one in those:
            yield Said(
                f"    {one_line(one.id)}{_level(one.level)} of {_model(one.model)} ({one.n})"
            )


def _level(level: int | None) -> str:
    return "" if level is None else f" L{level}"


def _model(model: str) -> str:
    return one_line(model) or "a model that is not named"


def _value(one: Interval) -> str:
    """Three digits that count."""
    value = one.median
    if value is None:
        return UNKNOWN
    if one.unit != "s":
        return f"{value:.4g}"
    if value >= _MINUTE:
        return duration(value)
    return f"{value:#.3g} s" if value >= 1 else f"{value * 1000:#.3g}".rstrip(".") + " ms"


def _ratio(value: float | None) -> str:
    """Five characters, for all that can be read as a ratio."""
    if value is None:
        return UNKNOWN
    for digits in (3, 2, 1):
        text = f"{value:.{digits}f}"
        if len(text) <= _RATIO_DIGITS:
            return text
    return f"{value:.1e}"
