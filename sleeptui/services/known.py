"""How it is known that an operation has done what it was asked: a line a measurement. Pure."""

from sleeptui.core.canary import Reference, Verification
from sleeptui.core.evidence import said_by_canary, said_by_server
from sleeptui.core.model import Observation, ServerView
from sleeptui.core.units import MIB, duration, memory
from sleeptui.services.places import gpus_text
from sleeptui.services.settle import Weight


def state_lines(seen: Observation, *, confirmed_s: float) -> tuple[str, ...]:
    """What the server says of its state; ``confirmed_s``: how long after its answer it said so."""
    return (*said_by_server(seen), f"confirmed {duration(confirmed_s)} after the answer")


def level_line(view: ServerView, seen: Observation, level: int) -> str:
    """Whether anything but our own request says that it sleeps at this level."""
    if seen.metrics is None:
        return f"level {level}: not confirmed, its metrics could not be read"
    if seen.metrics.sleep_metric is not None:
        return f"level {level}: confirmed by engine_sleep_state"
    if not view.facts.features.sleep_state_metric:
        return f"level {level}: not confirmed, this version has no engine_sleep_state"
    return f"level {level}: not confirmed, engine_sleep_state is not in its metrics"


def memory_lines(before: Weight, after: Weight) -> tuple[str, ...]:
    """GPU memory before and after, of the GPUs and of the server's own processes."""
    if before.used_bytes is None or after.used_bytes is None:
        return ("GPU memory: not measured, its GPUs cannot be read or are not known",)
    where = f" of {gpus_text(sorted(before.gpus))}" if before.gpus else ""
    rest = "settled" if after.is_settled else "not settled"
    used = (
        f"GPU memory{where}: {memory(before.used_bytes)} before,"
        f" {memory(after.used_bytes)} after, {rest} after {duration(after.settling_s)}"
    )
    if before.held_bytes is None or after.held_bytes is None:
        return used, "held by its processes: not visible"
    held, left = memory(before.held_bytes), memory(after.held_bytes)
    return used, f"held by its processes: {held} before, {left} after"


def host_line(taken_bytes: int | None) -> str:
    """Host memory that went or came; "" where it is not known."""
    if taken_bytes is None:
        return ""
    if abs(taken_bytes) < MIB:
        return "host memory: as much available on the machine as before"
    less = "less" if taken_bytes > 0 else "more"
    return (
        f"host memory: {memory(abs(taken_bytes))} {less} available on the machine,"
        " by all that runs on it"
    )


def server_line(server_s: float | None) -> str:
    """The server's own duration; "" where it tells none."""
    return "" if server_s is None else f"the server's own figure: {duration(server_s)}"


def canary_lines(
    verification: Verification, reference: Reference | None, wall_s: float
) -> tuple[str, ...]:
    """What the canary says, and what its answer was compared with."""
    took = "" if verification.took_s is None else f", in {duration(verification.took_s)}"
    return f"{said_by_canary(verification)}{took}", reference_line(reference, wall_s)


def reference_line(reference: Reference | None, wall_s: float) -> str:
    """Which reference there is, and how old it is."""
    if reference is None:
        return "reference: none from before"
    answers = len(reference.answers)
    age = duration(max(wall_s - reference.taken_wall_s, 0.0))
    return f"reference: {answers} answer{'s' if answers > 1 else ''}, {age} old"
