"""Whether a wake has room, and who makes it, in words; pure."""

from typing import Final

from sleeptui.core import units
from sleeptui.core.model import FleetView, ServerView, State
from sleeptui.core.text import one_line
from sleeptui.services.places import gpus_text
from sleeptui.services.room import givers, need_of, shortfall
from sleeptui.tui import sleeping

_NAME_LIMIT: Final = 40
RISK: Final = (
    "A wake without room fails; vLLM before 0.28 does not come back from it. x makes room first."
)


def missing(view: ServerView, fleet: FleetView) -> str:
    """What a wake of this server lacks, empty where there is room or it cannot be known."""
    need = need_of(view, fleet) if view.state is State.ASLEEP else None
    short = shortfall(need, [gpu.sample for gpu in fleet.gpus]) if need else None
    if need is None or not short:
        return ""
    index = max(short, key=lambda gpu: short[gpu])
    free = next(gpu.sample.free_bytes for gpu in fleet.gpus if gpu.sample.index == index)
    about = "" if need.is_measured else "up to "
    return (
        f"{one_line(view.name, _NAME_LIMIT)} needs {about}{units.memory(need.by_gpu[index])} on"
        f" {gpus_text([index])}, {units.memory(free)} are free."
    )


def of_switch(view: ServerView, fleet: FleetView) -> str:
    """What a switch that was just asked for waits for, or who may have to make room."""
    operation = view.operation
    if operation is not None and operation.note:
        return f"It {operation.note}."
    others = [one_line(giver.name, _NAME_LIMIT) for giver in givers(view, fleet)]
    if not others:
        return "Nothing has to make room."
    return f"{sleeping.names(others)} may have to sleep first, once running requests end."
