"""What the sleep options say: levels, modes, and the fate of the requests in flight; no Textual."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sleeptui.core import lifecycle, units
from sleeptui.core.model import ServerView, SleepLevel, SleepMode
from sleeptui.core.operation import Kind, Outcome
from sleeptui.services.busy import Queue, counts, queue_of
from sleeptui.tui.present_operations import in_flight_words

LEVEL_WORDS: Final = {
    SleepLevel.PAUSE: ("pause", "frees nothing; goes on at once"),
    SleepLevel.OFFLOAD: ("offload", "weights to host memory, KV cache dropped; a quick wake"),
    SleepLevel.DISCARD: ("discard", "weights and KV cache dropped; the wake reads from disk"),
}
MODE_WORDS: Final = {
    SleepMode.WAIT: ("wait", "let the running requests finish, then sleep"),
    SleepMode.ABORT: ("abort", "cut all requests off, sleep at once"),
    SleepMode.KEEP: ("keep", "freeze the requests, they go on after the wake"),
}
_NAMES_SHOWN: Final = 3
_ENDED_WELL: Final = frozenset({Outcome.DONE, Outcome.SUSPECT})


class SleepChoice(NamedTuple):
    """What was chosen in the sleep options."""

    level: SleepLevel
    mode: SleepMode | None
    """None: the server has no modes; it is drained by waiting."""


def usual_level(view: ServerView) -> SleepLevel:
    """The level of our last sleep that went through, else the configured one."""
    for record in view.history:
        went_through = record.outcome in _ENDED_WELL
        if record.kind is Kind.SLEEP and went_through and record.level in _LEVELS:
            return SleepLevel(record.level)
    return SleepLevel(view.spec.level) if view.spec.level in _LEVELS else SleepLevel.OFFLOAD


_LEVELS: Final = frozenset(level.value for level in SleepLevel)


def level_refusal(views: Sequence[ServerView], level: SleepLevel) -> str:
    """Why the level cannot be used on all of them; empty: it can."""
    for view in views:
        refused = lifecycle.level_refusal(view, level)
        if refused is not None:
            return refused.message
    return ""


def mode_refusal(views: Sequence[ServerView], mode: SleepMode) -> str:
    """Why the mode cannot be used on all of them; empty: it can. Waiting always can."""
    if mode is SleepMode.WAIT:
        return ""
    for view in views:
        if not view.facts.features.sleep_mode:
            version = view.facts.version or "of unknown version"
            return f"{view.name}: vLLM {version} has no modes, they came with 0.17"
    return ""


def sent_mode(view: ServerView, mode: SleepMode | None) -> SleepMode | None:
    """What is sent to this server: nothing where the version would ignore it."""
    return mode if view.facts.features.sleep_mode else None


def fate(views: Sequence[ServerView], mode: SleepMode) -> str:
    """One live sentence: what happens to the requests in flight."""
    queue = queue_of(views)
    if queue.unknown:
        return f"The queue of {names(queue.unknown)} cannot be read: {_UNKNOWN_FATE[mode]}."
    if not queue.is_busy:
        return "No requests are in flight: nothing is lost."
    match mode:
        case SleepMode.ABORT:
            return f"{counts(queue)} cut off now; their clients get finish_reason abort."
        case SleepMode.KEEP:
            return f"{counts(queue)} frozen; they go on after the wake, clients wait meanwhile."
        case SleepMode.WAIT:
            return _drain_sentence(views, queue)


def last_time(views: Sequence[ServerView], level: SleepLevel, mode: SleepMode) -> str:
    """How the last such sleep of the one server went; empty where there is none to tell of."""
    if len(views) != 1:
        return ""
    for record in views[0].history:
        same = record.kind is Kind.SLEEP and record.level == level and record.mode == mode
        if same and record.outcome in _ENDED_WELL:
            told = [units.duration(record.duration_s)]
            if record.freed_bytes is not None:
                told.append(f"freed {units.memory(record.freed_bytes)}")
            if record.in_flight is not None:
                told.append(in_flight_words(record.in_flight))
            return f"Last time: {', '.join(part for part in told if part)}."
    return ""


_UNKNOWN_FATE: Final = {
    SleepMode.ABORT: "whatever is in flight is cut off",
    SleepMode.KEEP: "whatever is in flight is frozen until the wake",
    SleepMode.WAIT: "whatever runs is finished first",
}


def names(servers: Sequence[str]) -> str:
    """Names for a sentence: the first three, and how many more."""
    shown = list(servers[:_NAMES_SHOWN])
    rest = len(servers) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    if len(shown) > 1:
        return f"{', '.join(shown[:-1])} and {shown[-1]}"
    return "".join(shown)


def _drain_sentence(views: Sequence[ServerView], queue: Queue) -> str:
    bound = units.duration(max(view.spec.timeouts.drain_s for view in views))
    if all(view.facts.features.sleep_mode for view in views):
        return f"{counts(queue)} in flight: running ones finish first, waiting ones stay queued."
    return f"{counts(queue)} in flight: all must end within {bound}, else nothing is sent."
