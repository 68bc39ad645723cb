"""Lines of the event log and of the header, and the words of an empty panel. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from sleeptui.core import units
from sleeptui.core.model import IN_TRANSITION, FleetView, LogEntry
from sleeptui.core.recording import Recording
from sleeptui.core.text import one_line
from sleeptui.tui.arrange import URGENCY
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present import STATE_TONES, Look
from sleeptui.tui.present_recording import light
from sleeptui.tui.present_replay import Playing, lead, warnings
from sleeptui.tui.spans import BLANK, Line, Span, fit, line, width_of, wrapped
from sleeptui.tui.tones import Tone

SEVERITY_TONES: Mapping[str, str] = {
    "info": Tone.MUTED,
    "good": Tone.GOOD,
    "warning": Tone.WARN,
    "bad": Tone.BAD,
}
_LOUD = frozenset({"warning", "bad"})
_FULL = 0.95
"""Host memory in use above this share: the next sleep at level 1 may find no room for weights."""
_SERVER = 16


def server_cells(entries: Sequence[LogEntry], width: int) -> int:
    """Cells for the servers of these events, so that their texts begin in one column."""
    longest = max((cell_len(one_line(entry.server or "")) for entry in entries), default=0)
    return min(longest, _SERVER, width // 4)


def log_line(
    entry: LogEntry, look: Look, width: int, clock: Callable[[float], str], server: int = _SERVER
) -> Line:
    """One event: time, how good it is, server in its colour, text.

    Args:
        entry: The event.
        look: Glyphs and colours.
        width: Cells of the whole line.
        clock: Monotonic time to the time of day.
        server: Cells for the name of the server.
    """
    tone = SEVERITY_TONES.get(entry.severity, Tone.MUTED)
    ellipsis = look.glyphs.ellipsis
    name = line(one_line(entry.server or ""), look.tone(entry.server))
    text = tone if entry.severity in _LOUD else Tone.TEXT
    return fit(
        (
            Span(f"{clock(entry.at_s)} ", Tone.MUTED),
            Span(f"{look.glyphs.severities.get(entry.severity, ' ')} ", tone),
            *fit(name, server, ellipsis=ellipsis),
            Span(f" {one_line(entry.text)}", text),
        ),
        width,
        ellipsis=ellipsis,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What the header says beside the picture."""

    host: str
    time: str
    """Of day."""
    interval_s: float
    demo: str | None = None
    readonly: bool = False
    paused: bool = False
    filtered: str = ""
    """The filter, if there is one."""
    sort: str = ""
    """How the table is sorted, if not in fleet order."""
    selected: int = 0
    playing: Playing | None = None
    """Where a replay is; None: what is shown happens now."""
    recording: Recording | None = None
    """The one that runs, or has ended."""
    now_s: float = 0.0
    """Monotonic time, for how long it runs."""
    bench: float | None = None
    """How much of the benchmark that runs is done, 0 to 1; None: none runs."""


def header_line(view: FleetView, heading: Heading, width: int, glyphs: Glyphs) -> Line:
    """The header: the host at the left, the fleet in the middle, recording and clock at the right.

    What does not fit is left out from the end of the middle; of states, how many servers it was.
    """
    left: Line = (Span(" sleeptui ", Tone.TITLE), _place(heading, glyphs))
    shining = light(heading.recording, heading.now_s, glyphs, width)
    if heading.bench is not None:
        told = f"{glyphs.light} BENCH {int(heading.bench * 100)} %"
        shining = (Span(told, Tone.BUSY), Span("  "), *shining)
    right: Line = (*shining, Span(heading.time, Tone.TEXT), Span(" "))
    dot = Span(f" {glyphs.dot} ", Tone.FAINT)
    room = width - width_of(left) - width_of(right)
    middle = _middle(_modes(heading), _counts(view), _rest(view, heading), dot, room)
    return fit((*fit((*left, *middle), width - width_of(right), ellipsis=""), *right), width,
               ellipsis="")  # fmt: skip


def _middle(
    modes: list[Span], counts: list[tuple[int, Span]], rest: list[Span], dot: Span, room: int
) -> Line:
    """As many facts as fit in that many cells, a dot before each."""
    first = _fitting(BLANK, modes, dot, room)
    for told in range(len(counts), 0, -1):
        unsaid = sum(number for number, _ in counts[told:])
        facts = [*modes, *(span for _, span in counts[:told])]
        facts += [Span(f"+{unsaid} more", Tone.MUTED)] if unsaid else []
        found = tuple(span for fact in facts for span in (dot, fact))
        if width_of(found) < room:
            return found if unsaid else _fitting(found, rest, dot, room)
    return first if counts else _fitting(first, rest, dot, room)


def _fitting(before: Line, facts: list[Span], dot: Span, room: int) -> Line:
    """With those of the facts that fit behind it, up to the first that does not."""
    for fact in facts:
        longer = (*before, dot, fact)
        if width_of(longer) >= room:  # the clock stands apart
            break
        before = longer
    return before


def _place(heading: Heading, glyphs: Glyphs) -> Span:
    if heading.playing is not None:
        return lead(heading.playing, glyphs)
    place = f"demo {heading.demo}" if heading.demo is not None else heading.host
    return Span(f" {one_line(place)} ", Tone.STRONG)


def _modes(heading: Heading) -> list[Span]:
    told: list[Span] = [] if heading.playing is None else warnings(heading.playing)
    if heading.paused:
        told.append(Span("PICTURE PAUSED", Tone.WARN))
    if heading.readonly:
        told.append(Span("READ-ONLY", Tone.WARN))
    if heading.selected:
        told.append(Span(f"{heading.selected} selected", Tone.WARN))
    if heading.filtered:
        told.append(Span(f"filter {one_line(heading.filtered, 20)}", Tone.WARN))
    if heading.sort:
        told.append(Span(f"by {heading.sort}", Tone.WARN))
    return told


def _counts(view: FleetView) -> list[tuple[int, Span]]:
    """How many servers are in each state, in words; those that need a look first."""
    states = Counter(server.state for server in view.servers)
    told = [
        (states[state], Span(f"{states[state]} {state.value}", STATE_TONES[state]))
        for state in URGENCY
        if states[state] and state not in IN_TRANSITION
    ]
    moving = sum(states[state] for state in IN_TRANSITION)
    return [*told, (moving, Span(f"{moving} in transition", Tone.BUSY))] if moving else told


def _rest(view: FleetView, heading: Heading) -> list[Span]:
    told: list[Span] = []
    used = [gpu.sample.used_bytes for gpu in view.gpus if gpu.sample.used_bytes is not None]
    total = [gpu.sample.total_bytes for gpu in view.gpus if gpu.sample.total_bytes is not None]
    if used and total:
        told.append(Span(f"GPU {units.gib(sum(used))}/{units.gib(sum(total))} GiB", Tone.TEXT))
    if (host := view.host) is not None:
        taken = host.total_bytes - host.available_bytes
        tone = Tone.WARN if taken > _FULL * host.total_bytes else Tone.TEXT
        told.append(Span(f"RAM {units.gib(taken)}/{units.gib(host.total_bytes)} GiB", tone))
    if heading.playing is not None:
        told.append(Span(one_line(heading.playing.name), Tone.MUTED))
    else:
        told.append(Span(f"every {heading.interval_s:g} s", Tone.MUTED))
    return told


def looking_words(*, demo: bool, configured: int) -> str:
    """What goes on until the first server is watched.

    Args:
        demo: Those of the simulated fleet will be.
        configured: Servers that are watched without looking around.
    """
    if demo:
        return "The simulated fleet starts"
    if configured:
        return f"{configured} configured {'server is' if configured == 1 else 'servers are'} asked"
    return "Looking around: Docker containers, vLLM processes, ports 8000 to 8010"


def empty_lines(view: FleetView, looking: str, glyphs: Glyphs, width: int) -> list[Line]:
    """What to read when no server is watched: what was looked at, and what to do next."""
    head = f"{looking}{glyphs.ellipsis}" if view.looking else "No vLLM server is watched yet."
    lines = [BLANK, line(head, Tone.STRONG), BLANK]
    for note in view.notes:
        lines += wrapped(one_line(note), width - 4, Tone.MUTED, indent=f"{glyphs.dot} ")
    if view.notes:
        lines.append(BLANK)
    for told, shown in _HINTS:
        lines.append(line(told))
        lines += [line(f"    {row}", Tone.GOOD) for row in shown]
    return [(Span("  "), *each) for each in lines]


_HINTS: Sequence[tuple[str, Sequence[str]]] = (
    ("Watch a server:", ("sleeptui --server qwen=http://127.0.0.1:8001",)),
    ("Or list your servers in ./sleeptui.toml:", ("[[server]]", 'name = "qwen"',
                                                  'url = "http://127.0.0.1:8001"')),
    ("Or try it without a GPU, on a simulated fleet:", ("sleeptui --demo",)),
)  # fmt: skip
