"""Who must go to sleep to make room on the GPUs: pure policy, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sleeptui.core.memory import last_freed
from sleeptui.core.model import FleetView, MemorySource, ServerView, State
from sleeptui.core.restart import life_of
from sleeptui.services.drain import in_flight
from sleeptui.services.places import Gpus, may_share, seen_gpus_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Giver:
    """An awake server that could be put to sleep."""

    name: str
    busy: bool
    gives: Mapping[int, int] | None
    """Bytes by GPU that its sleep frees; None: not known."""

    @property
    def total_bytes(self) -> int:
        """What it gives on all its GPUs, 0 where not known."""
        return sum(self.gives.values()) if self.gives else 0


def givers(target: ServerView, fleet: FleetView) -> tuple[Giver, ...]:
    """Awake servers that are not pinned and share a GPU with the target, in fleet order."""
    return tuple(
        Giver(
            name=view.name,
            busy=bool(in_flight(view.metrics)),
            gives=_gives(view, seen_gpus_of(view, fleet)),
        )
        for view in fleet.servers
        if view.name != target.name
        and view.state is State.AWAKE
        and not view.spec.pinned
        and may_share(target, view, fleet)
    )


def next_to_go(short: Mapping[int, int] | None, left: Sequence[Giver]) -> Giver | None:
    """Who goes to sleep next; None: nobody must, or nobody is left.

    Idle servers first, then the smallest that is enough alone, else the largest. Asked again
    after each sleep with the memory as measured then, so that a wrong estimate costs one more
    sleep and never a wake into a full card.

    Args:
        short: Bytes by GPU that are missing; None: not known, then all go, the cheapest first.
        left: Those who could still go.
    """
    if short is None:
        return min(left, key=lambda giver: (giver.busy, giver.total_bytes), default=None)
    useful = [giver for giver in left if giver.gives is None or short.keys() & giver.gives.keys()]
    if not short or not useful:
        return None
    idle = [giver for giver in useful if not giver.busy]
    pool = idle if _covers(idle, short) else useful
    enough = [giver for giver in pool if _covers([giver], short)]
    if enough:
        return min(enough, key=lambda giver: giver.total_bytes)
    return min(pool, key=lambda giver: (giver.busy, -giver.total_bytes))


def _covers(those: Sequence[Giver], short: Mapping[int, int]) -> bool:
    return all(
        sum((giver.gives or {}).get(index, 0) for giver in those) >= missing
        for index, missing in short.items()
    )


def _gives(view: ServerView, gpus: Gpus) -> Mapping[int, int] | None:
    """What its last sleep freed, spread as it holds its memory now; else all that it holds."""
    if view.memory is not None and view.memory.source is MemorySource.MEASURED:
        held, total = view.memory.by_gpu, view.memory.total_bytes
        last = last_freed(view.learned.cycles_of(life_of(view)))
        freed = total if last is None else min(last.freed_bytes or 0, total)
        return {index: there * freed // total for index, there in held.items()} if total else held
    last = last_freed(view.learned.cycles)
    if last is None or not gpus:
        return None
    return dict.fromkeys(gpus, (last.freed_bytes or 0) // len(gpus))
