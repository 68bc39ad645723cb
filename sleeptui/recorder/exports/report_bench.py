"""The report of a benchmark: verdicts, cold starts against wakes, what each started from."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sleeptui.core import verdict_words
from sleeptui.core.cold import ColdStart
from sleeptui.core.interval import OK, Interval
from sleeptui.core.measure import Comparison
from sleeptui.core.operation import Kind, Part
from sleeptui.core.places import Places
from sleeptui.core.session import Attempt, PhaseSeen, Session
from sleeptui.core.units import UNKNOWN, duration
from sleeptui.core.verdict import Expectation, Verdict, Word
from sleeptui.recorder.exports.cold_words import KINDS
from sleeptui.recorder.exports.digits import between, gib, percent, three, whole
from sleeptui.recorder.exports.markdown import code, section, table, text
from sleeptui.recorder.exports.measured import Measured

HEADLINE = "cold.ttft/wake.ttft"
_MOST = 60
_QUESTIONS = {
    "latency": "wake against cold start",
    "memory": "memory in sleep",
    "in_flight": "requests in flight",
    "stability": "stability",
}


def verdicts(session: Session) -> list[str]:
    """What was expected, beside what was measured."""
    plan = session.bench
    if plan is None:
        return []
    if not session.verdicts:
        why = "The benchmark did not come to its verdicts."
        return section("Verdicts", [why])
    rows = map(_verdict, session.verdicts)
    heads = (
        "verdict", "server", "what is expected", ">measured", ">interval", ">sure, %", ">wanted",
        ">n", ">blocks", "why",
    )  # fmt: skip
    counted = ", ".join(f"**{count} {word}**" for word, count in count(session.verdicts).items())
    return section(
        "Verdicts",
        [f"{counted}. PASS and FAIL stand only where the whole interval lies on one side."],
        _by_question(session.verdicts),
        table(heads, rows),
    )


def _by_question(every: Sequence[Verdict]) -> list[str]:
    """How each part came out, before the reader is among its many lines."""
    heads = ("question", *(f">{word.value}" for word in Word))
    rows = []
    for question in dict.fromkeys(one.expectation.question for one in every):
        counts = count(one for one in every if one.expectation.question == question)
        name = _QUESTIONS.get(question, text(question))
        rows.append([name, *(str(counts.get(word.value, "")) for word in Word)])
    return table(heads, rows)


def count(those: Iterable[Verdict]) -> dict[str, int]:
    """How many there are of each word, in the order of the words."""
    counted = Counter(one.word for one in those)
    return {word.value: counted[word] for word in Word if counted[word]}


def _verdict(one: Verdict) -> list[str]:
    expected = one.expectation
    is_bold = one.word in (Word.FAIL, Word.INVALID)
    return [
        f"**{one.word.value}**" if is_bold else one.word.value,
        text(one.server),
        text(expected.title),
        verdict_words.value(one),
        verdict_words.interval(one),
        f"{one.confidence * 100:.1f}" if one.confidence else "",
        text(wanted(expected)),
        whole(one.n) if one.n else "",
        whole(one.blocks) if one.blocks else "",
        text(one.reason),
    ]


def wanted(expected: Expectation) -> str:
    """The threshold, with the sign of mathematics."""
    return verdict_words.wanted(expected).replace(">=", "≥").replace("<=", "≤")


def headline(measured: Measured) -> list[str]:
    """How much sooner a server answers after a wake than after a cold start."""
    those = [one for one in measured.ratios if one.id == HEADLINE]
    heads = (
        "server", ">level", "started from", ">cold start to first token, s",
        ">wake to first token, s", ">cold over wake", "95 % interval", ">n, cold / wake",
        ">blocks, cold / wake", "note",
    )  # fmt: skip
    return section(
        "Cold start against wake",
        ["Medians, and their ratio with its interval, which counts blocks and not wakes."]
        if those
        else [],
        table(heads, map(_against, those)) if those else [],
    )


def _against(one: Comparison) -> list[str]:
    ratio = one.ratio
    return [
        text(one.server),
        "" if one.level is None else str(one.level),
        KINDS.get(one.arm, text(one.arm)),
        _median(one.above),
        _median(one.below),
        f"**{three(ratio.value)}**",
        between(ratio.low, ratio.high),
        f"{one.above.n} / {one.below.n}",
        f"{ratio.blocks[0]} / {ratio.blocks[1]}",
        text(ratio.note),
    ]


def _median(one: Interval) -> str:
    return three(one.median)


def cold_starts(session: Session) -> list[str]:
    """Each start, from what it started, and how that is known."""
    places = Places(session)
    starts = [one for one in session.attempts if one.kind == Kind.START]
    rows = (_start(one, places) for one in starts[:_MOST])
    heads = (
        "server", ">block", "class", "prepared", "proven", ">in the page cache, %", ">read, GiB",
        ">weights, GiB", "compile cache", "healthy after, s", ">first token after, s", "how known",
    )  # fmt: skip
    lines = table(heads, rows) if starts else []
    if len(starts) > _MOST:
        lines += ["", f"{len(starts) - _MOST} more are in `results.json`."]
    return section("Cold starts, one by one", lines)


def _start(one: Attempt, places: Places) -> list[str]:
    record, phase = one.record, places.phase(one.phase)
    cold = record.cold if record and record.cold else ColdStart()
    health_s = next((part.duration_s for part in _parts(one) if part.name == "health"), None)
    return [
        text(one.server),
        str(phase.block) if phase and phase.block else "",
        code(one.cls),
        KINDS[cold.asked.value] if cold.asked else "",
        KINDS[cold.kind.value] if one.record else "",
        percent(cold.resident_before),
        gib(cold.read_bytes),
        gib(cold.weight_bytes),
        text(cold.compile_cache),
        _healthy(cold, one, health_s),
        three(record.first_token_s if record else None),
        text(cold.proof),
    ]


def _parts(one: Attempt) -> Sequence[Part]:
    return one.record.parts if one.record else ()


def _healthy(cold: ColdStart, one: Attempt, health_s: float | None) -> str:
    """Between the last look that found nothing and the first good one, since its launch."""
    if health_s is None:
        return UNKNOWN
    if cold.last_bad_s is None:
        return f"at most {three(health_s)}"
    launched_ns = one.began_ns if one.sent_ns is None else one.sent_ns
    return f"{max(cold.last_bad_s - launched_ns / 1e9, 0.0):.2f} to {health_s:.2f}"


def broken_phases(session: Session) -> list[str]:
    """Phases that did not end well, and what was left out."""
    bad = [one for one in session.phases if one.cls != OK]
    rows = (
        [
            f"{(one.began_ns - session.began_ns) / 1e9:.1f}",
            text(one.phase.title),
            code(one.cls),
            _lasted(one),
            text(one.note),
        ]
        for one in bad[:_MOST]
    )
    lines = table((">at, s", "phase", "class", ">took", "why"), rows) if bad else []
    if len(bad) > _MOST:
        lines += ["", f"{len(bad) - _MOST} more are in the journal."]
    notes = session.bench.notes if session.bench else ()
    left_out = [f"- {text(one)}" for one in notes]
    return section("What did not go by the plan", lines, left_out)


def _lasted(one: PhaseSeen) -> str:
    return "" if one.ended_ns is None else duration((one.ended_ns - one.began_ns) / 1e9)
