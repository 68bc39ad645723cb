"""Judges what was expected of a session by what was measured in it. Pure.

PASS and FAIL only where the whole interval lies on one side of the threshold, and there are
values enough. What has to hold always (a rate of 100 %) fails with the first exception, and
passes when there were enough without one: k of n say how sure that is (Clopper and Pearson).
A slope fails when its interval lies above 0 and the growth is more than the noise of measuring.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, log

from sleeptui.core.bench import PhaseKind
from sleeptui.core.judge_figures import Estimate, Facts, Figure, Missing, Rate
from sleeptui.core.judge_metrics import METRICS, Metric
from sleeptui.core.memory_figures import Growth
from sleeptui.core.session import Session
from sleeptui.core.stats import binomial
from sleeptui.core.units import duration, memory
from sleeptui.core.verdict import Expectation, Verdict, Word

NO_BASELINE = "there is no session to compare with: --baseline names one"
_LEAST = 0.90
"""Confidence below which an interval is none: five values have 94 %, three 75 %."""
_MANY = 200
"""More values than this are no advice."""
_WHOLE = 1.0
_IMPORTANT = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A word with its reason, and the interval that it is of."""

    word: Word
    reason: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.0
    n: int = 0
    blocks: int = 0


def judge(
    expectations: Sequence[Expectation], session: Session, baseline: Session | None = None
) -> tuple[Verdict, ...]:
    """The verdicts: each expectation with each server that was measured.

    What is compared with a baseline that is not there gets one line, without a server.

    Args:
        expectations: In the order of the verdicts.
        session: What was measured.
        baseline: What it is compared with, if anything.
    """
    facts = Facts(session, baseline)
    servers = list(dict.fromkeys(seen.phase.server for seen in session.phases if seen.phase.server))
    return tuple(
        _verdict(facts, server, each)
        for expected in expectations
        for server in (servers if baseline or not expected.needs_baseline else []) or [""]
        for each in _at_levels(facts, server, expected)
    )


def _at_levels(facts: Facts, server: str, expected: Expectation) -> Iterator[Expectation]:
    """With its level; one that names none is judged at each that was measured."""
    metric = METRICS.get(expected.metric)
    if metric is None or not metric.has_level or expected.level is not None or not server:
        yield expected
        return
    seen = {one.phase.level for one in facts.session.phases if one.phase.server == server}
    levels = [level for level in _IMPORTANT if level in seen] or [1]
    for level in levels:
        yield replace(expected, level=level)


def _verdict(facts: Facts, server: str, expected: Expectation) -> Verdict:
    metric = METRICS.get(expected.metric)
    if metric is None:
        said = _Said(word=Word.NOT_RUN, reason=f"there is no metric {expected.metric}")
    elif not server:
        said = _Said(word=Word.NOT_RUN, reason=_unasked(facts))
    else:
        said = _judged(expected, metric.take(facts, server, expected))
        if said.word is Word.NOT_RUN and not said.reason:
            said = replace(said, reason=_left_out(facts, server, metric, expected))
    return Verdict(
        expectation=expected,
        server=server,
        word=said.word,
        value=said.value,
        low=said.low,
        high=said.high,
        confidence=said.confidence,
        n=said.n,
        blocks=said.blocks,
        reason=said.reason,
    )


def _unasked(facts: Facts) -> str:
    if not facts.session.phases:
        return "nothing of a plan was carried out"
    return NO_BASELINE


def _left_out(facts: Facts, server: str, metric: Metric, expected: Expectation) -> str:
    """Why nothing of it was measured: the plan's notes, what broke first, or the plan itself."""
    notes = facts.session.bench.notes if facts.session.bench else ()
    about = expected.mode or metric.about
    for note in notes:
        is_own = note.startswith((f"{server}:", f"{server} ")) or metric.about in note[:20]
        if about and about in note and is_own:
            return note
    at = f" at level {expected.level}" if expected.level is not None else ""
    how = f" with {expected.mode}" if expected.mode else ""
    why = _broke(facts, server, expected) or "not in the plan, or not reached"
    return f"nothing was measured{how}{at}: {why}"


def _broke(facts: Facts, server: str, expected: Expectation) -> str:
    """The first phase that should have measured it and did not end well, and why; or ""."""
    for seen in facts.session.phases:
        phase = seen.phase
        is_meant = phase.question is not None and phase.question.value == expected.question
        is_there = (phase.server, phase.level or expected.level) == (server, expected.level)
        if is_meant and is_there and seen.note and phase.kind is not PhaseKind.BLOCK:
            return f"{phase.title}: {seen.note}"
    return ""


def _judged(expected: Expectation, figure: Figure) -> _Said:
    match figure:
        case Missing():
            word = Word.INVALID if figure.is_invalid else Word.NOT_RUN
            return _Said(word=word, reason=figure.reason)
        case Rate():
            return _rate(expected, figure)
        case Growth():
            return _growth(expected, figure)
        case _:
            return _estimate(expected, figure)


def _estimate(expected: Expectation, figure: Estimate) -> _Said:
    said = _Said(
        word=Word.INCONCLUSIVE,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        confidence=figure.confidence,
        n=figure.n,
        blocks=figure.blocks,
    )
    missing = _too_few(expected, figure.n, figure.blocks)
    if missing:
        return replace(said, reason=missing)
    if figure.low is None or figure.high is None or figure.confidence < _LEAST:
        return replace(said, reason="too few values for an interval")
    good, bad = figure.low >= expected.threshold, figure.high < expected.threshold
    if expected.op == "<=":
        good, bad = figure.high <= expected.threshold, figure.low > expected.threshold
    if good:
        return replace(said, word=Word.PASS, reason=figure.note)
    if bad:
        return replace(said, word=Word.FAIL, reason=figure.note)
    return replace(said, reason=_straddles(expected, figure))


def _too_few(expected: Expectation, n: int, blocks: int) -> str:
    told = []
    if n < expected.min_n:
        told.append(f"{n} of {expected.min_n} values: {_more(expected.min_n - n)} needed")
    if blocks < expected.min_blocks:
        more = _more(expected.min_blocks - blocks)
        told.append(f"{blocks} of {expected.min_blocks} starts of the server: {more} needed")
    return "; ".join(told)


def _more(count: int) -> str:
    return f"{count} more {'is' if count == 1 else 'are'}"


def _straddles(expected: Expectation, figure: Estimate) -> str:
    """About how many more would tell: an interval narrows with the root of their number."""
    where = f"the interval lies on both sides of {expected.threshold:g}"
    low, high = figure.low or 0.0, figure.high or 0.0
    ends = (low, high, figure.value, expected.threshold)
    if figure.is_factor and min(ends) > 0:
        low, high, value, threshold = map(log, ends)
    else:
        _, _, value, threshold = ends
    apart, half = abs(value - threshold), (high - low) / 2
    is_blocked = figure.blocks > 1
    units, what = (figure.blocks, "start of the server") if is_blocked else (figure.n, "value")
    more = ceil(units * ((half / apart) ** 2 - 1)) if apart > 0 else _MANY + 1
    if more > _MANY:
        return f"{where}, and the value is too near to it to tell"
    many = what.replace("start", "starts").replace("value", "values")
    return f"{where}: about {max(more, 1)} more {what if more <= 1 else many} would tell"


def _rate(expected: Expectation, figure: Rate) -> _Said:
    bounds = binomial(figure.k, figure.n)
    said = _Said(
        word=Word.INCONCLUSIVE,
        value=figure.k / figure.n,
        low=bounds.at_least if figure.k == figure.n else bounds.low,
        high=bounds.high,
        confidence=bounds.confidence,
        n=figure.n,
    )
    if expected.threshold >= _WHOLE:
        if figure.k < figure.n:
            return replace(said, word=Word.FAIL, reason=_failed(figure))
        return _passed_if_enough(expected, figure, said)
    if bounds.high < expected.threshold:
        return replace(said, word=Word.FAIL, reason=_failed(figure))
    if bounds.low >= expected.threshold or (said.low or 0.0) >= expected.threshold:
        return _passed_if_enough(expected, figure, said)
    return replace(said, reason="too few to tell")


def _passed_if_enough(expected: Expectation, figure: Rate, said: _Said) -> _Said:
    if figure.n < expected.min_n:
        more = expected.min_n - figure.n
        reason = f"{more} more without a failure would do"
        return replace(said, reason=reason)
    return replace(said, word=Word.PASS, reason=figure.note)


def _failed(figure: Rate) -> str:
    told = f": {figure.failed}" if figure.failed else ""
    return f"{figure.n - figure.k} of {figure.n} did not{told}"


def _growth(expected: Expectation, figure: Growth) -> _Said:
    """Growth from ``threshold`` on is none; what shrinks does not leak."""
    show = memory if figure.unit == "B" else duration
    said = _Said(
        word=Word.INCONCLUSIVE,
        value=figure.slope.value,
        low=figure.slope.low,
        high=figure.slope.high,
        confidence=figure.confidence,
        n=figure.cycles,
        blocks=figure.lives,
    )
    grown = ""
    if figure.is_notable and figure.slope.low > expected.threshold:
        grown = f"it has grown by {show(figure.grown)} over {figure.span + 1:.0f} cycles"
    missing = _too_few(expected, figure.cycles, figure.lives)
    if missing:
        return replace(said, reason=f"{grown}; {missing}" if grown else missing)
    if grown:
        return replace(said, word=Word.FAIL, reason=grown)
    most = max(figure.slope.high * figure.span, figure.least)
    unseen = f"less than {show(most)} over {figure.span + 1:.0f} cycles would not be seen"
    return replace(said, word=Word.PASS, reason=unseen)
