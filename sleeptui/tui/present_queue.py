"""The queue of operations in words: who waits, in what order, for which GPUs. Pure."""

from collections.abc import Sequence

from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.operation import Operation, Phase
from sleeptui.core.text import one_line
from sleeptui.services.places import gpus_of, gpus_text, machine_of, may_share

_SHOWN = 5
_NAME_LIMIT = 24
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}
_TEENS = range(11, 14)


def queued(fleet: FleetView) -> tuple[ServerView, ...]:
    """The servers whose operation waits, in the order in which they were asked for."""
    return tuple(sorted((view for view in fleet.servers if _waits(view)), key=_number))


def places(fleet: FleetView) -> dict[str, str]:
    """Server name to its place: ``2nd in the queue of GPU 0``; only of those that wait."""
    waiting = queued(fleet)
    found: dict[str, str] = {}
    for index, view in enumerate(waiting):
        ahead = sum(may_share(view, other, fleet) for other in waiting[:index])
        gpus = gpus_of(view, fleet)
        where = f" of {gpus_text(sorted(gpus))}" if gpus else ""
        if machine := machine_of(view):
            where += f" of {one_line(machine)}"
        found[view.name] = f"{_ordinal(ahead + 1)} in the queue{where}"
    return found


def queue_words(waiting: Sequence[ServerView]) -> str:
    """All that wait, in their order: ``1 wake code, 2 sleep chat``; empty: nobody."""
    told = [
        f"{number} {view.operation.kind.value} {one_line(view.name, _NAME_LIMIT)}"
        for number, view in enumerate(waiting[:_SHOWN], start=1)
        if view.operation is not None
    ]
    rest = len(waiting) - len(told)
    return ", ".join([*told, f"{rest} more"] if rest else told)


def waits_for(operation: Operation, place: str) -> str:
    """What a queued operation waits for, with its place: one sentence, empty if unknown."""
    note = one_line(operation.note)
    _, found, where = place.rpartition(" of ")
    if found and note.endswith(f" on {where}"):
        note = note.removesuffix(f" on {where}")
    return ": ".join(part for part in (place, note) if part)


def _waits(view: ServerView) -> bool:
    return view.operation is not None and view.operation.phase is Phase.QUEUED


def _number(view: ServerView) -> int:
    return view.operation.id if view.operation is not None else 0


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in _TEENS else _ORDINALS.get(number % 10, "th")
    return f"{number}{suffix}"
