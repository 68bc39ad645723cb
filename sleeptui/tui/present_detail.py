"""Words of the detail of one server: what it is, how its state is known, what was done. Pure."""

from collections.abc import Callable

from sleeptui.core import units
from sleeptui.core.model import MemorySource, ServerView, State
from sleeptui.core.operation import Kind, OperationRecord, Outcome, Phase
from sleeptui.core.text import one_line
from sleeptui.tui import present
from sleeptui.tui.present import Look
from sleeptui.tui.spans import BLANK, Line, Span, fit, line, wrapped
from sleeptui.tui.theme import Tone

_OPERATIONS = 8
_LABEL = 9
_INDENT = "  "


def detail_lines(
    view: ServerView, look: Look, width: int, clock: Callable[[float], str]
) -> list[Line]:
    """The whole text, each line at most ``width`` cells.

    Args:
        view: The server.
        look: Time, glyphs and colours.
        width: Cells.
        clock: Monotonic time to the time of day.
    """
    lines = [*_state(view, look, width), *_facts(view, look, width)]
    if view.history or view.operation is not None:
        lines += [
            BLANK,
            line("Last operations", Tone.TITLE),
            *_operations(view, look, width, clock),
        ]
    if view.evidence:
        lines += [BLANK, line("How the state is known", Tone.TITLE)]
        for told in view.evidence:
            lines += wrapped(one_line(told), width, Tone.MUTED, indent=f"{look.glyphs.dot} ")
    ellipsis = look.glyphs.ellipsis
    return [fit(each, width, ellipsis=ellipsis) for each in lines]


def _state(view: ServerView, look: Look, width: int) -> list[Line]:
    since = units.elapsed(look.now_s - view.since_s) if view.since_s else None
    first = present.badge(view, look)
    if since and view.state not in (State.STALE, State.UNKNOWN) and not _counts(view):
        first = (*first, Span(f"  for {since}", Tone.MUTED))
    if view.before_stale is not None and view.state is State.STALE:
        first = (*first, Span(f"  before: {view.before_stale.value}", Tone.MUTED))
    lines = [first]
    if view.reason:
        lines += wrapped(one_line(view.reason), width, Tone.WARN, indent=_INDENT)
    if view.advice:
        lines += wrapped(one_line(view.advice), width, indent=f"{look.glyphs.arrow} ")
    operation = view.operation
    if operation is not None and operation.phase is Phase.QUEUED and operation.note:
        lines += wrapped(one_line(operation.note), width, Tone.BUSY, indent=_INDENT)
    return lines


def _counts(view: ServerView) -> bool:
    """The badge itself shows a running time."""
    return present.STATE_TONES[view.state] == Tone.BUSY


def _facts(view: ServerView, look: Look, width: int) -> list[Line]:
    dot = f" {look.glyphs.dot} "
    facts = view.facts
    version = f"vLLM {one_line(facts.version)}" if facts.version else "version not known"
    models = ", ".join(one_line(model) for model in facts.models) or units.UNKNOWN
    rows = [("model", models), ("server", dot.join([one_line(view.spec.url), version]))]
    where = _home(view)
    if where:
        rows.append(("runs in", dot.join(where)))
    rows.append(("memory", dot.join(_memory(view))))
    if view.queue_frozen or view.parked:
        rows.append(("queue", dot.join(_queue(view))))
    ellipsis = look.glyphs.ellipsis
    return [
        (
            Span(f"{label:<{_LABEL}}", Tone.MUTED),
            *fit(line(said), width - _LABEL, ellipsis=ellipsis),
        )
        for label, said in rows
    ]


def _home(view: ServerView) -> list[str]:
    home = view.home
    if home is None:
        return []
    where: list[str] = []
    if home.container is not None:
        state = f" ({one_line(home.container_state)})" if home.container_state else ""
        where.append(f"container {one_line(home.container)}{state}")
    elif home.pids:
        count = len(home.pids)
        more = f" and {count - 1} more" if count > 1 else ""
        where.append(f"process {min(home.pids)}{more}")
    if home.restarts:
        where.append(f"{home.restarts} restarts")
    if home.host_bytes is not None:
        where.append(f"{units.memory(home.host_bytes)} RAM")
    return where


def _memory(view: ServerView) -> list[str]:
    told: list[str] = []
    memory = view.memory
    if memory is None:
        told.append("not known")
    else:
        gpus = ", ".join(str(index) for index in sorted(memory.by_gpu))
        how = "estimated" if memory.source is MemorySource.ESTIMATED else "measured"
        told.append(f"{units.memory(memory.total_bytes)} on GPU {gpus}, {how}")
    if view.residual_bytes is not None:
        told.append(f"asleep {units.memory(view.residual_bytes)}")
    return told


def _queue(view: ServerView) -> list[str]:
    told: list[str] = []
    if view.parked:
        one = view.parked == 1
        told.append(f"{view.parked} request{'' if one else 's'} parked until the wake")
    if view.queue_frozen:
        told.append("figures frozen")
    return told


def _operations(
    view: ServerView, look: Look, width: int, clock: Callable[[float], str]
) -> list[Line]:
    lines: list[Line] = []
    operation = view.operation
    if operation is not None:
        elapsed = units.elapsed(look.now_s - operation.began_s)
        what = f"{operation.kind.value} {operation.phase.value}"
        lines.append(
            (
                Span(f"{clock(operation.began_s)} ", Tone.MUTED),
                Span(f"{look.glyphs.pointer} {what} {elapsed}", Tone.BUSY),
                Span(_expected(view), Tone.MUTED),
            )
        )
    for record in view.history[:_OPERATIONS]:
        lines.append(_record(record, look, clock))
        if record.outcome in present.BAD_ENDS:
            lines += _why(record, width)
    return lines


def _expected(view: ServerView) -> str:
    return "" if view.expected_s is None else f" of about {units.duration(view.expected_s)}"


def _record(record: OperationRecord, look: Look, clock: Callable[[float], str]) -> Line:
    tone = present.OUTCOME_TONES[record.outcome]
    glyph = look.glyphs.outcomes[record.outcome]
    level = f" L{record.level}" if record.kind is Kind.SLEEP and record.level is not None else ""
    what = f"{record.kind.value}{level}"
    return (
        Span(f"{clock(record.began_s)} ", Tone.MUTED),
        Span(f"{glyph} ", tone),
        Span(f"{what:<9}"),
        Span(f"{units.duration(record.duration_s):>6} ", Tone.STRONG),
        Span(_result(record, f" {look.glyphs.dot} "), Tone.MUTED),
    )


def _result(record: OperationRecord, dot: str) -> str:
    told: list[str] = []
    if record.freed_bytes is not None:
        told.append(f"freed {units.memory(record.freed_bytes)}")
    if record.kind is Kind.SLEEP and record.residual_bytes is not None:
        told.append(f"holds {units.memory(record.residual_bytes)}")
    if record.first_token_s is not None:
        told.append(f"TTFT {units.duration(record.first_token_s)}")
    if record.tokens_per_s is not None:
        told.append(f"{units.rate(record.tokens_per_s)} tok/s")
    if record.outcome is not Outcome.DONE:
        told.insert(0, record.outcome.value)
    if record.kind is Kind.SWITCH or not told:
        parts = record.parts
        told += [f"{one_line(part.name)} {units.duration(part.duration_s)}" for part in parts]
    return dot.join(told)


def _why(record: OperationRecord, width: int) -> list[Line]:
    tone = present.OUTCOME_TONES[record.outcome]
    lines = wrapped(one_line(record.message), width, tone, indent=_INDENT)
    return lines + wrapped(one_line(record.hint), width, indent=_INDENT)
