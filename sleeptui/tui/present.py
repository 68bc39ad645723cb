"""Words and figures of one server: badge, cells of the fleet table, operations. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sleeptui.core import units
from sleeptui.core.canary import Check
from sleeptui.core.learned import LastOperation
from sleeptui.core.model import IN_TRANSITION, MemorySource, ServerView, State
from sleeptui.core.operation import Outcome, Phase
from sleeptui.core.text import one_line
from sleeptui.tui import wording
from sleeptui.tui.glyphs import UNICODE, Glyphs
from sleeptui.tui.spans import Line, Span, line
from sleeptui.tui.spark import Sparks, bars
from sleeptui.tui.tones import Tone

STATE_TONES: Mapping[State, str] = {
    State.UNKNOWN: Tone.MUTED,
    State.AWAKE: Tone.GOOD,
    State.DRAINING: Tone.BUSY,
    State.FALLING_ASLEEP: Tone.BUSY,
    State.WAKING: Tone.BUSY,
    State.VERIFYING: Tone.BUSY,
    State.RELOADING: Tone.BUSY,
    State.STARTING: Tone.BUSY,
    State.STOPPING: Tone.BUSY,
    State.ASLEEP: Tone.ASLEEP,
    State.PAUSED: Tone.WARN,
    State.PARTIAL: Tone.WARN,
    State.SUSPECT: Tone.WARN,
    State.WEDGED: Tone.BAD,
    State.NO_CONTROL: Tone.MUTED,
    State.DOWN: Tone.BAD,
    State.STALE: Tone.MUTED,
}
CHECK_TONES: Mapping[Check, str] = {
    Check.VERIFIED: Tone.GOOD,
    Check.UNVERIFIED: Tone.MUTED,
    Check.CHANGED: Tone.BAD,
}
OUTCOME_TONES: Mapping[Outcome, str] = {
    Outcome.DONE: Tone.GOOD,
    Outcome.SUSPECT: Tone.WARN,
    Outcome.FAILED: Tone.BAD,
    Outcome.UNKNOWN: Tone.WARN,
    Outcome.CANCELLED: Tone.MUTED,
}
BAD_ENDS = frozenset({Outcome.SUSPECT, Outcome.FAILED, Outcome.UNKNOWN})
"""Ends that need a sentence of explanation."""
_SHORT_WORDS: Mapping[State, str] = {
    State.FALLING_ASLEEP: "FALLING",
    State.VERIFYING: "VERIFY",
    State.NO_CONTROL: "NO CONTROL",
}
_SILENT = frozenset({State.DOWN, State.STARTING, State.UNKNOWN})
"""Nothing answers: what its queue was is not what it is."""
_DIMMED = frozenset({State.STALE, State.DOWN, State.UNKNOWN})
_ANSWERS = frozenset({State.NO_CONTROL, State.SUSPECT})
"""May answer a canary, though they are not known to be awake."""
_FEW_CELLS = 20
"""A state column narrower than this gets short words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a presenter must know beside the server itself."""

    now_s: float
    """Monotonic."""
    glyphs: Glyphs = UNICODE
    tones: Mapping[str, str] = field(default_factory=dict)
    """Server name to the tone of its colour."""
    gpu_bytes: Mapping[int, int] = field(default_factory=dict)
    """Memory of each GPU, by index: the full height of a sparkline."""
    sparks: Sparks = field(default_factory=Sparks)
    epoch_s: float = 0.0
    """Seconds since the epoch at monotonic 0."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Server name to its place in a queue, of those that wait: ``2nd in the queue of GPU 0``."""

    def tone(self, server: str | None) -> str:
        """The colour of a server; muted for one that is not in the fleet."""
        return self.tones.get(server or "", Tone.MUTED)


def badge(view: ServerView, look: Look, width: int = 22) -> Line:
    """State as glyph, word and colour, with what goes with it: level, check, elapsed time."""
    said = standing(view, look, width)
    if view.state is State.ASLEEP and view.level is not None:
        return (*said, Span(f" L{view.level}", STATE_TONES[view.state]))
    return said


def standing(view: ServerView, look: Look, width: int) -> Line:
    """The badge without the level, which has a place of its own in some tables."""
    state = view.state
    tone = STATE_TONES[state]
    word = state.value.upper()
    if width < _FEW_CELLS:
        word = _SHORT_WORDS.get(state, word)
    head = f"{look.glyphs.states[state]} {word}"
    if state is State.AWAKE or (state in _ANSWERS and view.verification is not None):
        check = Span(f" {look.glyphs.checks[view.check]}", CHECK_TONES[view.check])
        return (Span(head, tone), check)
    if state in IN_TRANSITION:
        elapsed = units.elapsed(look.now_s - began_s(view))
        if len(head) + 1 + len(elapsed) > width:
            elapsed = elapsed.replace(" ", "")
        if len(head) + 1 + len(elapsed) > width:
            head = f"{look.glyphs.states[state]} {_SHORT_WORDS.get(state, word)}"
        return (Span(head, tone), Span(f" {elapsed}"))
    if state is State.STALE and view.seen_at_s is not None:
        return line(f"{head} {units.elapsed(look.now_s - view.seen_at_s)}", tone)
    return line(head, tone)


def began_s(view: ServerView) -> float:
    """When what the badge counts began: our operation, else the state."""
    operation = view.operation
    if operation is None or operation.phase is Phase.QUEUED:
        return view.since_s
    return operation.began_s


def name(view: ServerView, look: Look, width: int) -> Line:
    """The server's name, and the model behind it where there is room."""
    shown = one_line(view.name)
    tone = Tone.MUTED if view.state in _DIMMED else Tone.STRONG
    models = view.facts.models
    if not models or width < len(shown) + 10:
        return line(shown, tone)
    model = one_line(models[0]).rsplit("/", 1)[-1]
    if model == shown:
        return line(shown, tone)
    return (Span(shown, tone), Span(f" {look.glyphs.dot} {model}", Tone.MUTED))


def gpu_memory(view: ServerView, look: Look, width: int) -> Line:
    """GPU memory now, in GiB; an estimate is marked and dim."""
    del look, width
    memory = view.memory
    if memory is None:
        return _figure(units.UNKNOWN, view)
    if memory.source is MemorySource.ESTIMATED:
        return line(f"~{units.gib(memory.total_bytes)}", Tone.MUTED)
    return _figure(units.gib(memory.total_bytes), view)


def memory_spark(view: ServerView, look: Look, width: int) -> Line:
    """GPU memory of the last two minutes, full height: all memory of its GPUs."""
    cells = look.sparks.cells(view.name, view.memory_series, width, look.now_s)
    return line(bars(cells, memory_top(view, look, cells), look.glyphs.spark), look.tone(view.name))


def running(view: ServerView, look: Look, width: int) -> Line:
    """Requests that run; marked where the figure is frozen."""
    del width
    return _queue_figure(view, look, view.metrics.running if view.metrics else None)


def waiting(view: ServerView, look: Look, width: int) -> Line:
    """Requests that wait; those parked by the sleep where they are known."""
    del width
    if view.parked:
        return line(f"{units.count(view.parked)}p", Tone.WARN)
    value = view.metrics.waiting if view.metrics else None
    if value and not view.queue_frozen and view.state not in _DIMMED | _SILENT:
        return line(units.count(value), Tone.WARN)
    return _queue_figure(view, look, value)


def kv_use(view: ServerView, look: Look, width: int) -> Line:
    """Share of the KV cache in use."""
    del look, width
    usage = view.metrics.kv_usage if view.metrics and view.state not in _SILENT else None
    return _figure(units.percent(usage), view, dim=view.queue_frozen or not usage)


def token_rate(view: ServerView, look: Look, width: int) -> Line:
    """Generated tokens a second."""
    del look, width
    rate = None if view.state in _SILENT else view.tokens_per_s
    return _figure(units.rate(rate), view, dim=not rate)


def first_token(view: ServerView, look: Look, width: int) -> Line:
    """Last first-token time."""
    del look, width
    return _figure(units.duration(view.last_ttft_s), view)


def cycles(view: ServerView, look: Look, width: int) -> Line:
    """Sleeps that ended well; marked where something grows with them."""
    del look, width
    if view.drift:
        return line(f"{units.count(view.cycles)}!", Tone.WARN)
    return _figure(units.count(view.cycles), view, dim=view.cycles == 0)


def last_operation(view: ServerView, look: Look, width: int) -> Line:
    """What runs now, with the time it is expected to take; else what ended last."""
    operation = view.operation
    if operation is not None:
        if operation.phase is Phase.QUEUED:
            return line(f"{look.glyphs.pointer} {operation.kind.value} queued", Tone.BUSY)
        said = f"{look.glyphs.pointer} {operation.kind.value}"
        if view.expected_s is not None:
            return (Span(said, Tone.BUSY), Span(f" ~{units.duration(view.expected_s)}", Tone.MUTED))
        phase, both = wording.phase(operation.phase), wording.doing(operation.kind, operation.phase)
        long = len(look.glyphs.pointer) + 1 + len(both) > width
        return line(f"{look.glyphs.pointer} {phase if long else both}", Tone.BUSY)
    last = LastOperation.of(view.history[0]) if view.history else view.learned.last
    if last is None:
        return line(units.UNKNOWN, Tone.FAINT)
    return (
        Span(look.glyphs.outcomes[last.outcome], OUTCOME_TONES[last.outcome]),
        Span(f" {last.kind.value} "),
        Span(units.duration(last.duration_s), Tone.MUTED),
    )


def _figure(text: str, view: ServerView, *, dim: bool = False) -> Line:
    if text == units.UNKNOWN:
        return line(text, Tone.FAINT)
    return line(text, Tone.FAINT if dim or view.state in _DIMMED else Tone.TEXT)


def _queue_figure(view: ServerView, look: Look, value: int | None) -> Line:
    if value is None or view.state in _SILENT:
        return line(units.UNKNOWN, Tone.FAINT)
    if view.queue_frozen:
        return line(f"{units.count(value)}{look.glyphs.frozen}", Tone.FAINT)
    return _figure(units.count(value), view, dim=value == 0)


def memory_top(view: ServerView, look: Look, values: Iterable[float | None]) -> float:
    """The full height of a curve of its memory: what the GPUs have that it is on, or was."""
    gpus = view.memory.by_gpu if view.memory is not None else view.spec.gpus or view.on_gpus
    top = sum(look.gpu_bytes.get(index, 0) for index in gpus)
    return top or max((value for value in values if value is not None), default=0.0)
