"""The state table, second half: which command is allowed in which state, and why not."""

from collections.abc import Mapping

from sleeptui.core.commands import BY_ID
from sleeptui.core.errors import NotAllowed
from sleeptui.core.model import IN_TRANSITION, ServerView, State
from sleeptui.core.operation import Kind
from sleeptui.core.version import parse

_PART_ASLEEP = frozenset({State.ASLEEP, State.PAUSED, State.PARTIAL, State.SUSPECT})
ALLOWED: Mapping[str, frozenset[State]] = {
    "server.sleep": frozenset({State.AWAKE}),
    "server.sleep_options": frozenset({State.AWAKE, State.NO_CONTROL}),
    "server.wake": _PART_ASLEEP,
    "server.switch": frozenset({State.ASLEEP, State.PARTIAL, State.PAUSED}),
    "server.prompt": frozenset({State.AWAKE, State.NO_CONTROL}),
    "server.verify": frozenset({State.AWAKE, State.NO_CONTROL}),
}
"""States in which a command makes sense; commands that are not listed need none."""
STARTABLE = frozenset({State.DOWN})
"""States from which a server can be started; it can be stopped in all of them."""
_ASKING = frozenset({"server.prompt", "server.verify"})
TRANSITIONS = frozenset({Kind.SLEEP, Kind.WAKE, Kind.SWITCH, Kind.START, Kind.STOP})
_LEVELS = range(3)


def refusal(command_id: str, view: ServerView, *, readonly: bool = False) -> NotAllowed | None:
    """Why the command is not allowed on this server now; None: it is.

    Asked by the services when an operation is submitted, which decides, and by the panel to
    grey keys, which does not.
    """
    command = BY_ID[command_id]
    if readonly and command.changes:
        return NotAllowed(
            f"{command.title} is off: the panel was started with --readonly",
            hint="start it without --readonly",
        )
    allowed = ALLOWED.get(command_id)
    if allowed is None:
        return None
    if command.changes and (refused := _taken(view)) is not None:
        return refused
    if view.state not in allowed and not (command_id in _ASKING and _may_answer(view)):
        return NotAllowed(
            f"{view.name} {_words(view)}: {_because(command_id, view)}", hint=view.advice
        )
    return None


def runtime_refusal(
    kind: Kind, view: ServerView, *, has_runtime: bool, readonly: bool = False
) -> NotAllowed | None:
    """Why a server cannot be started or stopped now; None: it can.

    Args:
        kind: START or STOP.
        view: The server.
        has_runtime: Something is known that starts and ends it.
        readonly: Nothing is changed in this run.
    """
    if readonly:
        return NotAllowed(
            f"{view.name}: nothing is started or stopped with --readonly", hint="leave it out"
        )
    if not has_runtime:
        return NotAllowed(
            f"{view.name} is started by others",
            hint="give it a runtime in the configuration: docker, compose or command",
        )
    if (refused := _taken(view)) is not None:
        return refused
    if kind is Kind.START and view.state not in STARTABLE:
        return NotAllowed(f"{view.name} {_words(view)}: {_unstartable(view)}", hint=view.advice)
    return None


def _taken(view: ServerView) -> NotAllowed | None:
    """Why nothing can be asked of a server: a transition of ours runs or waits on it."""
    operation = view.operation
    if operation is None or operation.kind not in TRANSITIONS:
        return None
    return NotAllowed(
        f"{view.name}: a {operation.kind.value} is already {_how_far(view)}",
        hint="wait for its end",
    )


def _unstartable(view: ServerView) -> str:
    match view.state:
        case State.UNKNOWN:
            return "nothing is known of it yet"
        case State.STARTING:
            return "wait until it answers, or stop it"
        case _:
            return "stop it before it is started again"


def level_refusal(view: ServerView, level: int) -> NotAllowed | None:
    """Why this server cannot be put to sleep at that level; None: it can."""
    features = view.facts.features
    if level not in _LEVELS:
        return NotAllowed(f"{level} is not a sleep level", hint="the levels are 0, 1 and 2")
    if level == 0 and not features.sleep_mode:
        return NotAllowed(
            f"{view.name}: level 0 pauses only from vLLM 0.17 on; this version would drop the"
            " weights",
            hint="use level 1",
        )
    if level > 0 and view.facts.sleep_enabled is False:
        return NotAllowed(
            f"{view.name}: sleep mode is off, level {level} would free nothing",
            hint=f"{view.facts.sleep_mode_advice}; level 0 works",
        )
    if level > 1 and parse(view.facts.version) is None:
        return NotAllowed(
            f"{view.name}: its version is not known, level 2 may have no way back",
            hint="use level 1",
        )
    if level > 1 and not features.reload_weights:
        return NotAllowed(
            f"{view.name}: this version cannot reload its weights, level 2 has no way back",
            hint="use level 1",
        )
    return None


def _may_answer(view: ServerView) -> bool:
    """It is suspect and says that it is awake: a prompt or a canary is the way to find out."""
    return view.state is State.SUSPECT and view.level is None and not view.queue_frozen


def _how_far(view: ServerView) -> str:
    operation = view.operation
    return "queued" if operation is not None and operation.phase.value == "queued" else "running"


def _words(view: ServerView) -> str:
    """What a server is, as the rest of a sentence: ``is asleep at level 1``."""
    if view.state is State.NO_CONTROL:
        return "cannot be controlled"
    if view.state is State.ASLEEP and view.level is not None:
        return f"is asleep at level {view.level}"
    return f"is {view.state.value}"


def _because(command_id: str, view: ServerView) -> str:
    if view.reason:
        return view.reason
    match command_id, view.state:
        case "server.sleep" | "server.sleep_options", State.ASLEEP:
            return "wake it first to change its level"
        case "server.wake" | "server.switch", State.AWAKE:
            return "nothing to wake"
        case "server.prompt" | "server.verify", State.ASLEEP | State.PAUSED:
            return "a prompt would hang until it wakes"
        case _, State.UNKNOWN:
            return "nothing is known of it yet"
        case _, state if state in IN_TRANSITION:
            return "wait for its end"
        case _:
            return "nothing comes of it in this state"
