"""How often something did what it should: what a rate of an expectation counts. Pure.

What we stopped ourselves is not counted; what was disturbed did what it should.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from sleeptui.core.bench import ENDED_EARLY, PhaseKind, Question
from sleeptui.core.canary import Check
from sleeptui.core.fates import BROKEN, Class
from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.judge_figures import Facts, Figure, Missing, Rate
from sleeptui.core.memory_proof import Proof
from sleeptui.core.operation import Cause, Kind
from sleeptui.core.places import phases_of
from sleeptui.core.session import Attempt, PhaseSeen
from sleeptui.core.trials import Trial
from sleeptui.core.verdict import Expectation

_GOOD = (OK, DISTURBED)
_STOPPED = ENDED_EARLY | {"invalid:refused", "invalid:gone", "skipped"}
"""Classes of cycles that say nothing of the server."""
_DEAD = "engine_dead"
_MOVES = (Kind.SLEEP, Kind.WAKE, Kind.START)


def proof_by_use(facts: Facts, server: str, expected: Expectation) -> Figure:
    """Another server woke in the space that this one has freed, and answers as before."""
    those = [one for one in facts.proofs if one.server == server and _is_at(one.level, expected)]
    valid = [one for one in those if not one.invalid]
    if not valid:
        found = _none(one.invalid for one in those)
        is_told = all(one.is_unasked or one.is_ended_early for one in those)
        return replace(found, is_invalid=not is_told)
    failed = [one for one in valid if not one.holds]
    note = next((one.note for one in valid if one.holds and one.note), "")
    return Rate(
        k=len(valid) - len(failed), n=len(valid), failed=_first(map(_told, failed)), note=note
    )


def _told(proof: Proof) -> str:
    return f"{proof.partner or 'the other server'} at level {proof.level}: {proof.note}"


def expected(facts: Facts, server: str, expected: Expectation) -> Figure:
    """Requests in flight became what the mode of the sleep promises."""
    those = _trials(facts, server, expected)
    k, n = sum(one.expected for one in those), sum(len(one.counted) for one in those)
    if not n:
        return _none((one.invalid for one in those), (one.cls for one in those))
    classes = Counter(
        flight.cls.value for one in those for flight in one.counted if not flight.is_expected
    )
    notes = (_not_counted(those), _by_ties(those, k))
    return Rate(k=k, n=n, failed=_counts(classes), note="; ".join(filter(None, notes)))


def _by_ties(those: Iterable[Trial], expected: int) -> str:
    """How many of those that went on did so with another text: of their text little is proven.

    Beside other requests answers of a model with many near ties differ without a sleep too.
    """
    ties = sum(
        one.is_expected and one.cls is Class.RESUMED_DIFFERS
        for trial in those
        for one in trial.counted
    )
    return f"{ties} of {expected} with another text from two as likely tokens on" if ties else ""


def answered(facts: Facts, server: str, expected: Expectation) -> Figure:
    """No request around a sleep was lost, hung, refused, cut off or failed; of all cohorts."""
    those = _trials(facts, server, expected)
    n = sum(len(one.around) for one in those)
    if not n:
        return _none((one.invalid for one in those), (one.cls for one in those))
    broken = Counter(
        flight.cls.value for one in those for flight in one.around if flight.cls in BROKEN
    )
    return Rate(k=n - broken.total(), n=n, failed=_counts(broken), note=_not_counted(those))


def cycles(facts: Facts, server: str, expected: Expectation) -> Figure:
    """Cycles in a row: it slept, woke, and answered as before."""
    those = [
        seen
        for seen in phases_of(facts.session, PhaseKind.CYCLE)
        if seen.phase.server == server
        and facts.places.question(seen.phase.id) is Question.STABILITY
        and _is_at(seen.phase.level, expected)
    ]
    counted = [seen for seen in those if seen.cls not in _STOPPED and not _was_held_up(facts, seen)]
    if not counted:
        return _none((seen.note or seen.cls for seen in those), (seen.cls for seen in those))
    good = {seen.phase.id for seen in counted if _is_whole(facts, seen)}
    failed = [seen for seen in counted if seen.phase.id not in good]
    return Rate(
        k=len(good),
        n=len(counted),
        failed=_first(f"cycle {seen.phase.nth}: {seen.note or seen.cls}" for seen in failed),
    )


def _was_held_up(facts: Facts, seen: PhaseSeen) -> bool:
    """Nothing was sent while this program stood still: its server has nothing to do with that."""
    return any(
        one.phase == seen.phase.id
        and one.sent_ns is None
        and one.record is not None
        and one.record.has_stood_still
        for one in facts.session.attempts
    )


def _is_whole(facts: Facts, seen: PhaseSeen) -> bool:
    """Its operations ended well too: an answer that is another than before is in the wake."""
    own = [one for one in facts.session.attempts if one.phase == seen.phase.id]
    return seen.cls in _GOOD and bool(own) and all(one.cls in _GOOD for one in own)


def canaries(facts: Facts, server: str, expected: Expectation) -> Figure:
    """Wakes after which its answers are those from before."""
    counts: Counter[str] = Counter()
    for one in _moves(facts, server, expected, Kind.WAKE):
        found = one.record.verification if one.record else None
        if found is not None and not found.is_inconclusive and found.verdict.grade is not None:
            is_good = found.check is Check.VERIFIED
            counts["" if is_good else found.verdict.grade.value] += 1
    good, n = counts.pop("", 0), counts.total()
    if not good + n:
        return Missing()
    return Rate(k=good, n=good + n, failed=_counts(counts))


def alive(facts: Facts, server: str, expected: Expectation) -> Figure:
    """Operations that the engine has survived, of the whole session."""
    those = _moves(facts, server, expected, *_MOVES)
    if not those:
        return Missing()
    dead = [one for one in those if one.cls == _DEAD or _is_lost(one)]
    first = _first(f"{one.kind} at level {one.level}" for one in dead)
    return Rate(k=len(those) - len(dead), n=len(those), failed=first)


def _is_lost(one: Attempt) -> bool:
    return one.record is not None and one.record.cause is Cause.ENGINE_LOST


def _moves(facts: Facts, server: str, expected: Expectation, *kinds: Kind) -> list[Attempt]:
    """Operations that were sent in a phase of the benchmark."""
    return [
        one
        for one in facts.session.attempts
        if one.server == server
        and one.kind in kinds
        and one.sent_ns is not None
        and one.cls not in _STOPPED
        and facts.places.phase(one.phase) is not None
        and _is_at(one.level, expected)
    ]


def _trials(facts: Facts, server: str, expected: Expectation) -> list[Trial]:
    return [
        one
        for one in facts.trials
        if one.server == server
        and expected.mode in (None, one.mode)
        and _is_at(one.level, expected)
    ]


def _is_at(level: int | None, expected: Expectation) -> bool:
    return expected.level in (None, level)


def _none(reasons: Iterable[str], classes: Iterable[str] = ()) -> Missing:
    """Nothing counts; without a reason it was not measured at all.

    Args:
        reasons: Why each does not count.
        classes: Of their phases: where all were ended early nothing is invalid.
    """
    told = Counter(reason for reason in reasons if reason)
    if not told:
        return Missing()
    reason, count = told.most_common(1)[0]
    words = f"none of {told.total()} counts: {count} x {reason}"
    seen = set(classes)
    return Missing(reason=words, is_invalid=not (seen and seen <= ENDED_EARLY))


def _not_counted(those: list[Trial]) -> str:
    out = sum(bool(one.invalid) for one in those)
    return f"{out} of {len(those)} trials do not count" if out else ""


def _first(told: Iterable[str]) -> str:
    """The first one, and how many there are besides."""
    every = list(told)
    if len(every) < 2:  # noqa: PLR2004 - one needs no count
        return every[0] if every else ""
    return f"{every[0]} (and {len(every) - 1} more)"


def _counts(classes: Counter[str]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(classes.items()))
