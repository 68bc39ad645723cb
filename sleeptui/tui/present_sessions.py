"""Words of the sessions page: a row of the list, and what a chosen session comes to. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sleeptui.core import stats, units
from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, Session, SessionSummary
from sleeptui.core.text import one_line
from sleeptui.core.verdict import Word
from sleeptui.services import session_words
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_session_plot import STACKED
from sleeptui.tui.spans import BLANK, Line, Span, fit, line, wrapped
from sleeptui.tui.tones import Tone, server_tone

_TONES: Final[Mapping[str, str]] = {
    "whole": Tone.GOOD,
    "recording": Tone.BUSY,
    "partial": Tone.BAD,
    "imported": Tone.ASLEEP,
}
_SEVERITY: Final[Mapping[str, str]] = {
    "whole": "good",
    "recording": "info",
    "partial": "bad",
    "imported": "info",
}
OK: Final = "ok"
_FAILED: Final = frozenset({Word.FAIL.value, Word.INVALID.value})
_NAME: Final = 60
_STATE: Final = 10
_BEGAN: Final = 17
_LASTED: Final = 10
_KIND: Final = 10
_COUNT: Final = 6
_OTHERS: Final = 28
_MARKS_SHOWN: Final = 3


def heading(found: Sequence[SessionSummary], glyphs: Glyphs) -> str:
    """How many there are, and what is wrong with some of them."""
    counted = Counter(session_words.state(each) for each in found)
    told = [f"{len(found)} sessions" if len(found) != 1 else "1 session"]
    told += [
        f"{counted[word]} {word}" for word in ("recording", "partial", "imported") if counted[word]
    ]
    return f" {glyphs.dot} ".join(["Sessions", *told])


def row(each: SessionSummary, width: int, glyphs: Glyphs, *, marked: bool) -> Line:
    """One session of the list: state, when, how long, of what."""
    word = session_words.state(each)
    tone = _TONES[word]
    shown = word.upper() if word in {"recording", "partial"} else word
    names = session_words.servers(each) if each.servers else one_line(each.run_id, _NAME)
    spans = (
        Span(glyphs.marked if marked else " ", Tone.WARN),
        Span(f"{glyphs.severities[_SEVERITY[word]]} {shown:<{_STATE}}", tone),
        Span(f"{session_words.began(each):<{_BEGAN}}", Tone.TEXT),
        Span(f"{units.duration(each.duration_s):<{_LASTED}}", Tone.MUTED),
        Span("demo " if each.demo is not None else "", Tone.WARN),
        Span(names, Tone.TEXT),
        _told(each),
    )
    return fit(spans, width, ellipsis=glyphs.ellipsis)


def _told(each: SessionSummary) -> Span:
    """What a benchmark came to, else how many operations there were."""
    words = session_words.benchmark(each)
    if not words:
        return Span(_counted(each.operations), Tone.MUTED)
    return Span(f"  {words}", Tone.BAD if _FAILED & each.verdicts.keys() else Tone.TEXT)


def _counted(operations: int | None) -> str:
    if operations is None:
        return ""
    return f"  {operations} operation{'' if operations == 1 else 's'}"


def nothing(width: int) -> list[Line]:
    """What stands there while nothing was recorded."""
    return [
        BLANK,
        *wrapped("Nothing is recorded yet.", width, Tone.STRONG),
        BLANK,
        *wrapped("r records what happens from now on, until it is pressed again.", width),
        *wrapped("sleeptui --record records from the start.", width),
    ]


def words(
    summary: SessionSummary, session: Session | None, width: int, glyphs: Glyphs, problem: str = ""
) -> list[Line]:
    """What a session comes to.

    Args:
        summary: As the list has it.
        session: As its journal was read; None: not yet.
        width: Cells.
        glyphs: The set in use.
        problem: Why it cannot be read.
    """
    lines = [line(one_line(summary.run_id, _NAME), Tone.TITLE)]
    lines += _warnings(summary, width)
    lines += wrapped(_facts(summary, session, glyphs), width)
    if told := session_words.benchmark(summary):
        lines += wrapped(told, width, Tone.STRONG)
    if problem:
        return [*lines, BLANK, *wrapped(one_line(problem), width, Tone.BAD)]
    if session is None:
        return [*lines, line(f"reading{glyphs.ellipsis}", Tone.MUTED)]
    if session.machine.cards or session.machine.driver:
        lines += wrapped(_machine(session), width, Tone.MUTED)
    if legend := _legend(session, glyphs):
        lines.append(fit(legend, width, ellipsis=glyphs.ellipsis))
    lines += _operations(session, width, glyphs)
    lines += _moments(session, width, glyphs)
    lines += _imported(session, width, glyphs)
    return lines


def _warnings(summary: SessionSummary, width: int) -> Iterator[Line]:
    if summary.partial is not None:
        yield from wrapped(f"PARTIAL: {one_line(summary.partial)}", width, Tone.BAD)
    if summary.is_running:
        yield from wrapped("RECORDING: this is what was written until now", width, Tone.BUSY)
    if summary.demo is not None:
        demo = one_line(summary.demo, _NAME)
        yield from wrapped(f"SIMULATED ({demo}): it measures no GPU", width, Tone.WARN)
    if summary.source is not None:
        yield from wrapped(f"IMPORTED from {one_line(summary.source, _NAME)}", width, Tone.ASLEEP)


def _facts(summary: SessionSummary, session: Session | None, glyphs: Glyphs) -> str:
    told = [
        session_words.began(summary),
        units.duration(summary.duration_s),
        session_words.servers(summary),
        session_words.size(summary.size_bytes),
    ]
    if session is not None:
        lives = sum(server.lives - 1 for server in session.servers)
        told += [f"{lives} restarts"] if lives > 1 else ["1 restart"] if lives else []
    return f" {glyphs.dot} ".join(told)


def _legend(session: Session, glyphs: Glyphs) -> Line:
    """The colours of the plot of GPU memory."""
    if not session.gpus or not 0 < len(session.servers) <= STACKED:
        return BLANK
    spans: list[Span] = []
    for index, server in enumerate(session.servers):
        spans += [Span(f"{glyphs.swatch} ", server_tone(index)), Span(f"{one_line(server.name)}  ")]
    return (*spans, Span(f"{glyphs.swatch} ", Tone.OTHER), Span("other"))


def _machine(session: Session) -> str:
    cards = Counter(card.name for card in session.machine.cards)
    told = [f"{count} x {name}" if count > 1 else name for name, count in cards.items()]
    if session.machine.driver:
        told.append(f"driver {session.machine.driver}")
    versions = {one.facts.version for one in session.servers if one.facts and one.facts.version}
    told += [f"vLLM {version}" for version in sorted(versions)]
    return one_line(", ".join(told))


def _operations(session: Session, width: int, glyphs: Glyphs) -> list[Line]:
    """A line a kind: how many went well, what became of the others, how long they took."""
    by_kind: dict[str, list[Attempt]] = {}
    for attempt in session.attempts:
        by_kind.setdefault(_kind(attempt), []).append(attempt)
    if not by_kind:
        return [BLANK, line("no operations", Tone.MUTED)]
    head = f"{'':<{_KIND}}{'ok':>{_COUNT}}  {'others':<{_OTHERS}}median (of n)"
    lines = [BLANK, fit(line(head, Tone.MUTED), width, ellipsis=glyphs.ellipsis)]
    rows = (_of_kind(kind, by_kind[kind], glyphs) for kind in sorted(by_kind, key=_rank))
    return [*lines, *(fit(each, width, ellipsis=glyphs.ellipsis) for each in rows)]


def _of_kind(kind: str, attempts: Sequence[Attempt], glyphs: Glyphs) -> Line:
    classes = Counter(attempt.cls for attempt in attempts)
    good = classes.pop(OK, 0)
    others = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in classes.most_common())
    others_line = fit(line(one_line(others), Tone.WARN), _OTHERS, ellipsis=glyphs.ellipsis)
    times = [
        attempt.record.duration_s
        for attempt in attempts
        if attempt.cls == OK and attempt.record is not None
    ]
    took = f"{units.duration(stats.median(times))} ({len(times)})" if times else units.UNKNOWN
    return (
        Span(f"{kind:<{_KIND}}", Tone.TEXT),
        Span(f"{good:>{_COUNT}}", Tone.GOOD if good else Tone.MUTED),
        Span("  "),
        *others_line,
        Span(took, Tone.STRONG),
    )


def _kind(attempt: Attempt) -> str:
    """Sleeps and wakes by level: a first sleep and a staged wake are other things."""
    if attempt.kind == Kind.SLEEP and attempt.level == 1 and attempt.nth == 1:
        return "sleep L1*"
    level = f" L{attempt.level}" if attempt.level is not None else ""
    return f"{attempt.kind}{level}"


def _rank(kind: str) -> tuple[int, str]:
    order = [each.value for each in Kind]
    name = kind.partition(" ")[0]
    return (order.index(name) if name in order else len(order), kind)


def _moments(session: Session, width: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = []
    if any(_kind(attempt).endswith("*") for attempt in session.attempts):
        lines.append(line("* the first of a process: it allocates host memory", Tone.MUTED))
    marks = [moment for moment in session.moments if moment.kind == "mark"]
    if marks:
        texts = ", ".join(one_line(mark.text, _NAME) for mark in marks[:_MARKS_SHOWN])
        more = f" and {len(marks) - _MARKS_SHOWN} more" if len(marks) > _MARKS_SHOWN else ""
        count = "1 mark" if len(marks) == 1 else f"{len(marks)} marks"
        lines += wrapped(f"{count}: {texts}{more}", width)
    for moment in session.moments:
        if moment.kind == "anomaly":
            mark = glyphs.severities["warning"]
            lines += wrapped(f"{mark} {one_line(moment.text)}", width, Tone.WARN)
    dropped = sum(session.dropped.values())
    if dropped:
        lines += wrapped(f"{dropped} samples were not written", width, Tone.WARN)
    external = sum(span.by == "other" for span in session.states)
    if external:
        changes = "1 change" if external == 1 else f"{external} changes"
        lines += wrapped(f"{changes} by somebody else", width)
    return lines


def _imported(session: Session, width: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = [BLANK] if session.imported else []
    for series in session.imported:
        known = [value for value in series.values if value is not None]
        middle = f"{stats.median(known):.4g} {series.unit}" if known else units.UNKNOWN
        text = f"{one_line(series.name, _NAME)}: median {middle} (of {len(known)})"
        lines.append(fit(line(text), width, ellipsis=glyphs.ellipsis))
    return lines
