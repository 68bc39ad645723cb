"""What was done with a server, newest first: how it ended, how that is known, what to do. Pure."""

from collections.abc import Callable, Mapping

from rich.cells import cell_len

from sleeptui.core import units
from sleeptui.core.canary import Check
from sleeptui.core.model import ServerView
from sleeptui.core.operation import InFlight, Kind, OperationRecord, Outcome, Phase
from sleeptui.core.text import one_line
from sleeptui.tui import present, wording
from sleeptui.tui.present import Look
from sleeptui.tui.present_proof import check_line
from sleeptui.tui.spans import Line, Span, width_of, wrapped
from sleeptui.tui.tones import Tone

_OPERATIONS = 8
_INDENT = "  "
_ENDS: Mapping[str, str] = {"stop": "completed", "length": "completed", "abort": "aborted"}
"""vLLM's reasons for the end of a request, in our words."""
_CHECKED = frozenset({Kind.WAKE, Kind.SWITCH, Kind.VERIFY, Kind.START})


def operation_lines(
    view: ServerView, look: Look, width: int, clock: Callable[[float], str]
) -> list[Line]:
    """What runs now, then what has ended; the newest but prompts in full.

    Args:
        view: The server.
        look: Time, glyphs and colours.
        width: Cells to wrap at.
        clock: Monotonic time to the time of day.
    """
    lines: list[Line] = []
    operation = view.operation
    if operation is not None:
        elapsed = units.elapsed(look.now_s - operation.began_s)
        what = operation.kind.value
        if operation.phase is not Phase.VERIFYING or operation.kind is not Kind.VERIFY:
            what = wording.doing(operation.kind, operation.phase)
        expected = view.expected_s
        of_about = "" if expected is None else f" of about {units.duration(expected)}"
        lines.append(
            (
                Span(f"{clock(operation.began_s)} ", Tone.MUTED),
                Span(f"{look.glyphs.pointer} {what} {elapsed}", Tone.BUSY),
                Span(of_about, Tone.MUTED),
            )
        )
    newest = next((record for record in view.history if record.kind is not Kind.PROMPT), None)
    for record in view.history[:_OPERATIONS]:
        lines.append(_summary(record, look, width, clock))
        if record is newest:
            lines += _in_full(record, look, width, said=view.advice)
        elif record.outcome in present.BAD_ENDS:
            lines += _why(record, look, width)
    return lines


def in_flight_words(flight: InFlight) -> str:
    """``8 in flight: 8 aborted; ours: 2 frozen``; empty where there was nothing."""
    total = flight.total
    ends: dict[str, int] = {}
    for reason, count in flight.finished.items():
        word = _ENDS.get(reason, one_line(reason))
        ends[word] = ends.get(word, 0) + count
    ours = {fate.value: count for fate, count in flight.ours.items()}
    if total == 0 and not any(ends.values()) and not any(ours.values()):
        return ""
    head = "requests in flight not known" if total is None else f"{total} in flight"
    told = ", ".join(f"{count} {word}" for word, count in ends.items() if count)
    own = ", ".join(f"{count} {word}" for word, count in ours.items() if count)
    sentence = f"{head}: {told}" if told else head
    return f"{sentence}; ours: {own}" if own else sentence


def _summary(
    record: OperationRecord, look: Look, width: int, clock: Callable[[float], str]
) -> Line:
    """When, what, how long, and of the result as much as there is room for: no half figures."""
    tone = present.OUTCOME_TONES[record.outcome]
    glyph = look.glyphs.outcomes[record.outcome]
    level = f" L{record.level}" if record.kind is Kind.SLEEP and record.level is not None else ""
    spans = [
        Span(f"{clock(record.began_s)} ", Tone.MUTED),
        Span(f"{glyph} ", tone),
        Span(f"{record.kind.value}{level}".ljust(9)),
        Span(f"{units.duration(record.duration_s):>6} ", Tone.STRONG),
    ]
    dot = f" {look.glyphs.dot} "
    checked = record.verification
    between = ""
    if checked is not None and (record.kind in _CHECKED or checked.check is Check.CHANGED):
        spans += check_line(checked, look)
        between = dot
    for part in _result(record):
        if width_of(spans) + cell_len(between + part) > width:
            break
        spans.append(Span(between + part, Tone.MUTED))
        between = dot
    return tuple(spans)


def _result(record: OperationRecord) -> list[str]:
    told: list[str] = []
    if record.freed_bytes is not None:
        told.append(f"freed {units.memory(record.freed_bytes)}")
    if record.kind is Kind.SLEEP and record.residual_bytes is not None:
        told.append(f"holds {units.memory(record.residual_bytes)}")
    if record.first_token_s is not None:
        told.append(f"TTFT {units.duration(record.first_token_s)}")
    if record.cold is not None and record.cold.kind.value != "cold_unknown":
        told.append(record.cold.kind.value.replace("_", " "))
    if record.tokens_per_s is not None:
        told.append(f"{units.rate(record.tokens_per_s)} tok/s")
    if record.is_forced:
        told.insert(0, "forced")
    if record.outcome is not Outcome.DONE:
        told.insert(0, record.outcome.value)
    if record.kind is Kind.SWITCH or not (told or record.verification):
        parts = record.parts
        told += [f"{one_line(part.name)} {units.duration(part.duration_s)}" for part in parts]
    return told


def _in_full(record: OperationRecord, look: Look, width: int, *, said: str) -> list[Line]:
    """Everything that the record says: what is true, how it is known, what to do.

    Args:
        record: The operation.
        look: Glyphs.
        width: Cells to wrap at.
        said: What the state above tells to do: not told twice.
    """
    lines = _why(record, look, width, said=said)
    facts = [one_line(told) for told in record.known]
    if record.in_flight is not None and not any(told.startswith("request") for told in facts):
        facts.insert(0, in_flight_words(record.in_flight))
    for fact in facts:
        lines += wrapped(fact, width, Tone.MUTED, indent=f"{_INDENT}{look.glyphs.dot} ")
    return lines


def _why(record: OperationRecord, look: Look, width: int, *, said: str = "") -> list[Line]:
    bad = record.outcome in present.BAD_ENDS
    tone = present.OUTCOME_TONES[record.outcome] if bad else Tone.TEXT
    lines = wrapped(one_line(record.message), width, tone, indent=_INDENT)
    hint = "" if record.hint == said else record.hint
    return lines + wrapped(one_line(hint), width, indent=f"{_INDENT}{look.glyphs.arrow} ")
