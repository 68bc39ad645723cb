"""Words of the detail of one server: what it is, how its state is known, what was done. Pure."""

from collections.abc import Callable

from sleeptui.core import units
from sleeptui.core.model import MemorySource, ServerView, State
from sleeptui.core.operation import Phase
from sleeptui.core.text import one_line
from sleeptui.tui import present
from sleeptui.tui.present import Look
from sleeptui.tui.present_cycles import cycle_line, drift_lines
from sleeptui.tui.present_operations import operation_lines
from sleeptui.tui.present_proof import proof_rows
from sleeptui.tui.present_queue import waits_for
from sleeptui.tui.spans import BLANK, Line, Span, fit, line, wrapped
from sleeptui.tui.tones import Tone

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
    lines = [*_state(view, look, width), *_facts(view, look, width, clock)]
    if view.history or view.operation is not None:
        lines += [
            BLANK,
            line("Last operations", Tone.TITLE),
            *operation_lines(view, look, width, clock),
        ]
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
    lines += drift_lines(view, width, indent=_INDENT)
    operation = view.operation
    if operation is not None and operation.phase is Phase.QUEUED:
        told = waits_for(operation, look.places.get(view.name, ""))
        lines += wrapped(told, width, Tone.BUSY, indent=_INDENT)
    return lines


def _counts(view: ServerView) -> bool:
    """The badge itself shows a running time."""
    return present.STATE_TONES[view.state] == Tone.BUSY


def _facts(view: ServerView, look: Look, width: int, clock: Callable[[float], str]) -> list[Line]:
    dot = f" {look.glyphs.dot} "
    facts = view.facts
    version = f"vLLM {one_line(facts.version)}" if facts.version else "version not known"
    models = ", ".join(one_line(model) for model in facts.models) or units.UNKNOWN
    room = max(width - _LABEL, 1)
    rows = [
        *_row("answers", *proof_rows(view, look, room, clock)),
        *_row("known by", *wrapped(_evidence(view, dot), room, Tone.MUTED)),
        *_row("memory", line(dot.join(_memory(view)))),
        *_row("cycles", cycle_line(view, look)),
        *_row("queue", line(dot.join(_queue(view)))),
        *_row("model", line(models)),
        *_row("server", line(dot.join([one_line(view.spec.url), version]))),
        *_row("runs in", line(dot.join(_home(view)))),
    ]
    ellipsis = look.glyphs.ellipsis
    return [(head, *fit(said, width - _LABEL, ellipsis=ellipsis)) for head, said in rows]


def _row(label: str, *told: Line) -> list[tuple[Span, Line]]:
    """A fact with its label, on as many lines as it takes; nothing for no text."""
    said = [each for each in told if any(span.text for span in each)]
    heads = [f"{label if number == 0 else '':<{_LABEL}}" for number in range(len(said))]
    return [(Span(head, Tone.MUTED), each) for head, each in zip(heads, said, strict=True)]


def _evidence(view: ServerView, dot: str) -> str:
    """What each signal said of the state; the canary's words have a row of their own."""
    told = [one_line(each) for each in view.evidence]
    return dot.join(each for each in told if not each.startswith("canary: "))


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
    if view.residual_bytes is not None and (view.state is not State.ASLEEP or memory is None):
        told.append(f"asleep {units.memory(view.residual_bytes)}")
    awake = sum(view.learned.awake_by_gpu.values())
    if awake and view.state is not State.AWAKE:
        told.append(f"awake {units.memory(awake)}")
    return told


def _queue(view: ServerView) -> list[str]:
    told: list[str] = []
    if view.parked:
        one = view.parked == 1
        told.append(f"{view.parked} request{'' if one else 's'} parked until the wake")
    if view.queue_frozen:
        told.append("figures frozen")
    return told
